"""Records with fields as attributes, as compiled code has them, for the same source run by Python.

NumPy's record arrays do so too, but look each field up by failing to find an attribute: that was
most of the time of an interpreted run. Here a dtype gets a class whose properties fetch
them. Values and rules of assignment are NumPy's.
"""

from __future__ import annotations

from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np


def record_view(array: np.ndarray) -> np.ndarray:
    """Return a view of a structured array; its elements, at any depth, have fields as attributes.

    >>> point = np.zeros(1, [("at", "i8"), ("size", "f8", (2,))])
    >>> record_view(point)[0].size[1] = 2.5
    >>> point["size"]
    array([[0. , 2.5]])
    """
    return array.view(_with_attributes(array.dtype))


@cache
def _with_attributes(dtype: np.dtype) -> np.dtype:
    """Return the dtype with a class of its own for its elements, and for those inside."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((_with_attributes(base), shape))
    if dtype.names is None or dtype.fields is None:
        return dtype
    places = [(name, *dtype.fields[name][:2]) for name in dtype.names]
    inside = {name: _with_attributes(field) for name, field, _ in places}
    layout = np.dtype(
        {
            "names": list(inside),
            "formats": list(inside.values()),
            "offsets": [offset for _, _, offset in places],
            "itemsize": dtype.itemsize,
            "aligned": dtype.isalignedstruct,
        }
    )
    fields = {name: _field(name) for name in inside}
    return np.dtype((type("Record", (np.void,), {"__slots__": (), **fields}), layout))


def _field(name: str) -> property:
    def store(record: Any, value: Any) -> None:
        record[name] = value

    return property(itemgetter(name), store)
