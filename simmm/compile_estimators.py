"""Compiles the estimator stack into the cache: `python -m simmm.compile_estimators`.

Of several processes that want it at the same time one compiles, and the others wait for it, but not
for ever: it may have been stopped.
"""

import fcntl
import time
from pathlib import Path

from simmm.estimator_entry import stack_entry
from simmm.jit import cache_folder
from simmm.pointers import address_of_verb

PATIENCE_S = 120.0
LOOK_S = 0.2


def compile_stack(folder: Path, patience_s: float = PATIENCE_S) -> None:
    """Compile it, once nobody else in this cache does, or after a while."""
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + patience_s
    with open(folder / "stack.lock", "w") as lock:
        while time.monotonic() < end:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(LOOK_S)
        address_of_verb(stack_entry())


if __name__ == "__main__":
    compile_stack(cache_folder())
