"""Compiles the estimator stack into the cache: `python -m simmm.compile_estimators`.

Of several processes that want it at the same time one compiles, and the others wait for it.
"""

import fcntl

from simmm.estimator_entry import stack_entry
from simmm.jit import cache_folder
from simmm.pointers import address_of_verb

if __name__ == "__main__":
    cache_folder().mkdir(parents=True, exist_ok=True)
    with open(cache_folder() / "stack.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        address_of_verb(stack_entry())
