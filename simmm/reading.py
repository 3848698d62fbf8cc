"""Reading the engine's window: rows, packets and arrivals by their absolute numbers.

They lie in the window's rings, at their number modulo the ring's length; where a chunk is lent,
those from the window's `..._base` on lie in it, where the reader left them (feed.py). Single values
are read by `..._of`; loops over many take *lines*: addresses and a count of what lies in one
straight piece of memory, which ends where the ring turns, the chunk begins, or nothing more is
known.
"""

import ctypes
from typing import Any

import numpy as np

from simmm.jit import compiled_as, kernel
from simmm.pointers import byte_at, word_at
from simmm.records import INFO_MARKET_SHIFT

_STRIDE = 8  # packets looked at together


def word(address: int, number: int) -> int:
    """Return the int64 that lies `number` words after an address."""
    return ctypes.c_int64.from_address(int(address + 8 * number)).value


@compiled_as(word)
def _word(address: int, number: int) -> int:
    return int(word_at(address, number))


def octet(address: int, number: int) -> int:
    """Return the byte that lies `number` bytes after an address, as a whole number."""
    return ctypes.c_uint8.from_address(int(address + number)).value


@compiled_as(octet)
def _octet(address: int, number: int) -> int:
    return int(byte_at(address, number))


# --------------------------------------------------------------------------------- single values


@kernel
def tag_of(window: Any, row: int) -> Any:
    """Return the tag of a row."""
    if window.lent and row >= window.row_base:
        return octet(window.tag_at, row - window.row_base)
    return np.int64(window.tag[row & (window.tag.size - 1)])


@kernel
def px_of(window: Any, row: int) -> int:
    """Return the price of a row, quanta."""
    if window.lent and row >= window.row_base:
        return word(window.px_at, row - window.row_base)
    return window.px[row & (window.px.size - 1)]


@kernel
def qty_of(window: Any, row: int) -> int:
    """Return the size of a row, lots."""
    if window.lent and row >= window.row_base:
        return word(window.qty_at, row - window.row_base)
    return window.qty[row & (window.qty.size - 1)]


@kernel
def packet_ts_of(window: Any, packet: int) -> int:
    """Return a packet's exchange time, ns."""
    if window.lent and packet >= window.packet_base:
        return word(window.packet_ts_at, packet - window.packet_base)
    return window.packet_ts[packet & (window.packet_ts.size - 1)]


@kernel
def packet_info_of(window: Any, packet: int) -> int:
    """Return a packet's kind, end and market."""
    if window.lent and packet >= window.packet_base:
        return word(window.packet_info_at, packet - window.packet_base)
    return window.packet_info[packet & (window.packet_info.size - 1)]


@kernel
def packet_row_of(window: Any, packet: int) -> int:
    """Return a packet's first row; of the packet after the last known, the number of rows."""
    if packet >= window.packet_hi:
        return window.row_hi
    if window.lent and packet >= window.packet_base:
        return word(window.packet_row_at, packet - window.packet_base)
    return window.packet_row[packet & (window.packet_row.size - 1)]


@kernel
def arrival_ts_of(window: Any, arrival: int) -> int:
    """Return when an arrival happens, ns."""
    if window.lent and arrival >= window.arrival_base:
        return word(window.arrival_ts_at, arrival - window.arrival_base)
    return window.arrival_ts[arrival & (window.arrival_ts.size - 1)]


@kernel
def arrival_packet_of(window: Any, arrival: int) -> int:
    """Return which packet arrives."""
    if window.lent and arrival >= window.arrival_base:
        return word(window.arrival_packet_at, arrival - window.arrival_base)
    return window.arrival_packet[arrival & (window.arrival_packet.size - 1)]


# ----------------------------------------------------------------------------------------- lines


@kernel
def row_line(window: Any, row: int, end: int) -> tuple[int, int, int, int]:
    """Return where tags, prices and sizes from `row` on lie, and how many up to `end`."""
    if window.lent and row >= window.row_base:
        k = row - window.row_base
        return window.tag_at + k, window.px_at + 8 * k, window.qty_at + 8 * k, end - row
    k = row & (window.tag.size - 1)
    last = min(end, window.row_base) if window.lent else end
    count = min(last - row, window.tag.size - k)
    return (
        window.tag.ctypes.data + k,
        window.px.ctypes.data + 8 * k,
        window.qty.ctypes.data + 8 * k,
        count,
    )


@kernel
def packet_line(window: Any, packet: int) -> tuple[int, int, int]:
    """Return where times and infos from `packet` on lie, and how many."""
    if window.lent and packet >= window.packet_base:
        k = packet - window.packet_base
        count = window.packet_hi - packet
        return window.packet_ts_at + 8 * k, window.packet_info_at + 8 * k, count
    k = packet & (window.packet_ts.size - 1)
    last = window.packet_base if window.lent else window.packet_hi
    count = min(last - packet, window.packet_ts.size - k)
    return window.packet_ts.ctypes.data + 8 * k, window.packet_info.ctypes.data + 8 * k, count


@kernel
def arrival_line(window: Any, arrival: int) -> tuple[int, int, int]:
    """Return where times and packets of the arrivals from `arrival` on lie, and how many."""
    if window.lent and arrival >= window.arrival_base:
        k = arrival - window.arrival_base
        count = window.arrival_hi - arrival
        return window.arrival_ts_at + 8 * k, window.arrival_packet_at + 8 * k, count
    k = arrival & (window.arrival_ts.size - 1)
    last = window.arrival_base if window.lent else window.arrival_hi
    count = min(last - arrival, window.arrival_ts.size - k)
    return window.arrival_ts.ctypes.data + 8 * k, window.arrival_packet.ctypes.data + 8 * k, count


@kernel
def pass_due(window: Any, packet: int, limit: int) -> int:
    """Return the first packet from `packet` on that is later than `limit` or of another market."""
    while packet < window.packet_hi:
        times, infos, count = packet_line(window, packet)
        k = 0
        while k + _STRIDE <= count:
            # Without a branch for each, so that several are compared at once.
            others = 0
            for j in range(k, k + _STRIDE):
                others |= (word(times, j) > limit) | (word(infos, j) >> INFO_MARKET_SHIFT != 0)
            if others:
                break
            k += _STRIDE
        while k < count:
            if word(times, k) > limit or word(infos, k) >> INFO_MARKET_SHIFT != 0:
                return packet + k
            k += 1
        packet += count
    return packet


@kernel
def pass_in_order(window: Any, arrival: int, until: int) -> int:
    """Return the first arrival from `arrival` on that ends a run.

    A run are arrivals up to local time `until` of packets of the traded market that follow each
    other as those before `arrival` do.
    """
    ahead = arrival_packet_of(window, arrival - 1) - (arrival - 1)
    while arrival < window.arrival_hi and arrival + ahead < window.packet_hi:
        seen, packets, count = arrival_line(window, arrival)
        _, infos, known = packet_line(window, arrival + ahead)
        count = min(count, known)
        expected = arrival + ahead
        k = 0
        while k + _STRIDE <= count:
            others = 0
            for j in range(k, k + _STRIDE):
                others |= (
                    (word(seen, j) > until)
                    | (word(packets, j) != expected + j)
                    | (word(infos, j) >> INFO_MARKET_SHIFT != 0)
                )
            if others:
                break
            k += _STRIDE
        while k < count:
            if (
                word(seen, k) > until
                or word(packets, k) != expected + k
                or word(infos, k) >> INFO_MARKET_SHIFT != 0
            ):
                return arrival + k
            k += 1
        arrival += count
    return arrival
