"""What every structured dtype of the core must keep to (the rules at the top of records.py)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from simmm import maker_records, output_records, records, venue_records, window_records
from simmm.venue.queue import published, queue_model


def _dtypes() -> dict[str, np.dtype]:
    found = {
        name: value
        for module in (records, venue_records, maker_records, output_records)
        for name, value in vars(module).items()
        if isinstance(value, np.dtype)
    }
    found["book"] = records.book_dtype(16)
    found["window"] = window_records.window_dtype(16)
    found["queue state"] = published.State
    found["venue"] = venue_records.venue_dtype(queue_model("power").state)
    return found


def _fields(dtype: np.dtype, place: str) -> Iterator[tuple[str, str, np.dtype]]:
    """Yield (place, name, base dtype) of all fields, nested ones too."""
    for name in dtype.names or ():
        base = dtype[name].base
        yield place, name, base
        if base.names:
            yield from _fields(base, f"{place}.{name}")


DTYPES = _dtypes()


def test_the_dtypes_are_found() -> None:
    assert {"Mail", "Maker", "Market", "Outputs", "venue", "book"} <= set(DTYPES)


@pytest.mark.parametrize("name", DTYPES)
def test_no_field_carries_a_name_that_numpy_records_have_taken(name: str) -> None:
    """In plain Python `record.flags` would be NumPy's attribute, not the field of that name."""
    taken = [
        f"{place}.{field}"
        for place, field, _ in _fields(DTYPES[name], name)
        if hasattr(np.record, field) or hasattr(np.recarray, field)
    ]
    assert taken == []


@pytest.mark.parametrize("name", DTYPES)
def test_numbers_have_eight_bytes_except_bytes_per_row(name: str) -> None:
    narrow = {
        f"{place}.{field}"
        for place, field, base in _fields(DTYPES[name], name)
        if not base.names and base.str not in ("<i8", "<u8", "<f8")
    }
    assert narrow <= {"window.tag", "window.unseen"}


@pytest.mark.parametrize("name", DTYPES)
def test_records_are_aligned(name: str) -> None:
    dtype = DTYPES[name]
    assert dtype.isalignedstruct
    wide = [field for field in dtype.names if dtype[field].base.itemsize >= 8]
    assert all(dtype.fields[field][1] % 8 == 0 for field in wide)


def test_sizes_of_rings_are_powers_of_two() -> None:
    for size in (records.RING, records.BLOCKS, records.BOOK_WINDOW, records.WINDOW_ROWS):
        assert size & (size - 1) == 0


def test_codes_and_names_go_together() -> None:
    assert records.KIND_NAMES[records.TRADE] == "trade"
    assert records.KIND_NAMES[records.GAP] == "gap"
    assert records.REQUEST_NAMES[records.MODIFY] == "modify"
    assert records.TIF_NAMES[records.ALO] == "alo"
    assert records.RESPONSE_NAMES[records.EXPIRED] == "expired"
    assert records.REASON_NAMES[records.OUT_OF_WINDOW] == "price too far from the market"
    assert (
        len(records.REASON_NAMES)
        == venue_records.venue_dtype(published.State)["rejections"].shape[0]
    )
    assert len(records.KIND_RANK) == len(records.KIND_NAMES) <= records.KIND_MASK + 1


def test_bits_of_a_tag_do_not_overlap() -> None:
    bits = (
        records.KIND_MASK,
        records.BUY,
        records.PACKET_END,
        records.FIRST,
        records.AGGRESSOR_END,
        records.LIQUIDATION,
    )
    assert sum(bits) == 255


def test_fill_flags_do_not_overlap() -> None:
    flags = (records.CROSSED, records.THROUGH, records.UNSEEN, records.TAKER, records.STALE_MID)
    assert sum(flags) == 2 ** len(flags) - 1
