"""Faults planted one by one, to show that the tests catch each: `python -m tests.faults`."""
