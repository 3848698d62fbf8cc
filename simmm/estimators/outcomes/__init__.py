"""Outcomes of own fills: what the price did after them, and which to expect to go wrong."""
