"""Compiles the estimator stack into the cache: `python -m simmm.estimators.compile`."""

from simmm.estimators.native import stack_entry
from simmm.pointers import address_of_verb

if __name__ == "__main__":
    address_of_verb(stack_entry())
