"""The journal of a session: what the maker was given and what it sent, append-only.

Layout: 16 bytes of magic, then records. A record is its payload's length (u4) and kind (u1), the
payload, and 16 bytes of BLAKE2b over the chain so far, length, kind and payload. So whatever was
written can be read up to the last whole record, however the session ended, and no byte can be
changed without the next chain value telling. Integers are little-endian.

Payloads: `HEADER` is JSON (`header.Header`); `STEP` is twelve int64 (`STEP_FIELDS`), then px, qty
(int64) of the packet's rows, responses heard (`records.Response`), intents (`records.IntentRow`)
and the rows' tags (u1); `NOTE` and `END` are JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from simmm.errors import RunError
from simmm.output_records import IntentRow
from simmm.records import INFO_MARKET_SHIFT, KIND_MASK, KIND_NAMES, KIND_RANK, NEVER, Response

MAGIC = b"simmm journal 2\n"
HEADER, STEP, NOTE, END = range(1, 5)
PLANNED, INTERRUPTED = 1, 2  # how a session ended
KINDS = {HEADER: "header", STEP: "step", NOTE: "note", END: "end"}
FILE_NAME = "journal.bin"

_HEAD = struct.Struct("<IB")
_CHAIN = 16
_LARGEST = 1 << 30
_LONGEST_TEXT = 1 << 20
#: A packet holds rows of one rank: which tags are of it.
_TAGS_OF_RANK = [
    bytes(
        tag
        for tag in range(256)
        if tag & KIND_MASK < len(KIND_RANK) and KIND_RANK[tag & KIND_MASK] == rank
    )
    for rank in range(max(KIND_RANK) + 1)
]
_BLOCK = 1 << 20
#: Of a step. `rows` is -1 where no packet came; `bound_ts`: unknown packets arrive then or later;
#: `final` is `PLANNED` or `INTERRUPTED` in the last step of a session, whose end is `bound_ts`. The
#: chains are the maker's own, over all it has seen, heard and sent so far: they can't be rebuilt
#: without running it.
STEP_FIELDS = ("bound_ts", "local_ts", "exch_ts", "info", "order", "rows", "heard", "intents",
               "final", "seen_chain", "heard_chain", "sent_chain")  # fmt: skip
_STEP = struct.Struct("<12q")


class Packet(NamedTuple):
    """One packet as it arrives; the arrays are read-only."""

    local_ts: int  # ns
    exch_ts: int  # ns
    info: int  # kind | INFO_END | market << INFO_MARKET_SHIFT
    order: int  # causal order among packets of equal time and kind
    tag: np.ndarray
    px: np.ndarray
    qty: np.ndarray


class Chains(NamedTuple):
    """The maker's hash chains after a step, as int64."""

    seen: int
    heard: int
    sent: int


class Step(NamedTuple):
    """What the maker was given at once, and what it answered."""

    bound_ts: int
    packet: Packet | None
    heard: bytes
    intents: bytes
    final: int  # 0 or `PLANNED` or `INTERRUPTED`
    chains: Chains


class StepParts(NamedTuple):
    """A step's payload in parts."""

    fields: tuple[int, ...]  # as `STEP_FIELDS`
    px: bytes
    qty: bytes
    heard: bytes
    intents: bytes
    tag: bytes


class Place(NamedTuple):
    """A position between records."""

    offset: int  # bytes
    records: int
    chain: bytes


class Record(NamedTuple):
    """One whole record: where it lies, and what it holds."""

    number: int  # from 0
    offset: int
    kind: int
    payload: bytes


START = Place(len(MAGIC), 0, hashlib.blake2b(MAGIC, digest_size=_CHAIN).digest())


def pack_step(step: Step) -> bytes:
    """Return a step's payload."""
    packet = step.packet
    heard, intents = len(step.heard) // Response.itemsize, len(step.intents) // IntentRow.itemsize
    if packet is None:
        head = _STEP.pack(step.bound_ts, 0, 0, 0, 0, -1, heard, intents, step.final,
                          *step.chains)  # fmt: skip
        return head + step.heard + step.intents
    head = _STEP.pack(
        step.bound_ts, packet.local_ts, packet.exch_ts, packet.info, packet.order,
        len(packet.tag), heard, intents, step.final, *step.chains,
    )  # fmt: skip
    rows = (packet.px.tobytes(), packet.qty.tobytes())
    return b"".join((head, *rows, step.heard, step.intents, packet.tag.tobytes()))


def cut_step(payload: bytes) -> StepParts:
    """Cut a step's payload into its parts, without a look into them.

    Raises
    ------
    ValueError
        If the sizes it gives are not its own.
    """
    if len(payload) < _STEP.size:
        raise ValueError("a step is too short")
    fields = _STEP.unpack_from(payload)
    sizes = _sizes(*fields[5:8])
    if min(sizes) < 0 or _STEP.size + sum(sizes) != len(payload):
        raise ValueError("a step's sizes do not add up")
    at = _STEP.size
    parts = []
    for size in sizes:
        parts.append(payload[at : at + size])
        at += size
    return StepParts(fields, *parts)


def unpack_step(payload: bytes, markets: int) -> Step:
    """Return the step of a payload, safe to be given to the engine of so many markets.

    Raises
    ------
    ValueError
        If the payload is not one.
    """
    fields, px, qty, heard, intents, tag = cut_step(payload)
    bound, local, exch, info, order, rows, _, _, final, *chains = fields
    packet = None
    if final not in (0, PLANNED, INTERRUPTED) or (final and rows >= 0):
        raise ValueError("whether it is the last step can't be told")
    if rows >= 0:
        packet = Packet(
            local, exch, info, order,
            np.frombuffer(tag, np.uint8),
            np.frombuffer(px, np.int64),
            np.frombuffer(qty, np.int64),
        )  # fmt: skip
        _check(packet, tag, markets)
        if bound != local:
            raise ValueError("its packet and what is known do not end at one time")
    return Step(bound, packet, heard, intents, final, Chains(*chains))


def _sizes(rows: int, heard: int, intents: int) -> tuple[int, ...]:
    """Bytes of a step's px, qty, responses, intents and tags."""
    count = max(rows, 0)
    return (
        8 * count,
        8 * count,
        heard * Response.itemsize,
        intents * IntentRow.itemsize,
        count,
    )


def _could_be_torn(head: bytes) -> bool:
    """Whether the beginning of a record at the end of a file is that of one that was cut.

    Else its length was altered: what follows then only seems to be missing.
    """
    if len(head) < _HEAD.size:
        return True
    length, kind = _HEAD.unpack_from(head)
    if kind == STEP and len(head) >= _HEAD.size + _STEP.size:
        fields = _STEP.unpack_from(head, _HEAD.size)
        return bool(_STEP.size + sum(_sizes(*fields[5:8])) == length)
    return kind in KINDS and (kind == STEP or length <= _LONGEST_TEXT)


def _is_lost(file: IO[bytes], rest: bytes) -> bool:
    """Whether only zeros follow: after a power loss a file may have its size without its end."""
    while not rest.strip(b"\0"):
        rest = file.read(_BLOCK)
        if not rest:
            return True
    return False


def _check(packet: Packet, tags: bytes, markets: int) -> None:
    kind = packet.info & KIND_MASK
    if not 0 <= packet.info >> INFO_MARKET_SHIFT < markets or kind >= len(KIND_NAMES):
        raise ValueError("its packet is of a market or kind that there isn't")
    if not 0 <= packet.exch_ts <= packet.local_ts < NEVER:
        raise ValueError("its packet's times can't be")
    if not tags or tags.translate(None, _TAGS_OF_RANK[KIND_RANK[kind]]):
        raise ValueError("its packet's rows are not of its kind")


class JournalWriter:
    """Appends records, each in one write that is done when the call returns.

    Raises
    ------
    RunError
        Where the file can't be written; what was written before is whole.
    """

    def __init__(self, path: Path, place: Place | None = None) -> None:
        self._path = path
        flags = os.O_WRONLY | (os.O_CREAT | os.O_EXCL if place is None else 0)
        try:
            self._file = os.open(path, flags, 0o644)
            if place is None:
                self.place = Place(0, 0, b"")
                self._append(MAGIC, START)
            else:
                os.ftruncate(self._file, place.offset)
                os.lseek(self._file, 0, os.SEEK_END)
                self.place = place
        except OSError as error:
            raise self._failed(error) from error

    def write(self, kind: int, payload: bytes) -> None:
        """Append one record."""
        head = _HEAD.pack(len(payload), kind)
        chain = _next_chain(self.place.chain, head, payload)
        content = b"".join((head, payload, chain))
        offset, records, _ = self.place
        self._append(content, Place(offset + len(content), records + 1, chain))

    def write_json(self, kind: int, content: Any) -> None:
        """Append a record of JSON."""
        self.write(kind, json.dumps(content, allow_nan=False).encode())

    def _append(self, content: bytes, after: Place) -> None:
        try:
            written = os.write(self._file, content)
            while written < len(content):
                written += os.write(self._file, content[written:])
        except OSError as error:
            try:
                os.ftruncate(self._file, self.place.offset)
            except OSError:
                pass  # the reader stops at the last whole record by itself
            raise self._failed(error) from error
        self.place = after

    def _failed(self, error: OSError) -> RunError:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return RunError(
            f"{self._path}: can't be written ({reason}); the session stopped, what was written "
            "is whole"
        )

    def sync(self) -> None:
        """Bring what was written to the disk, so that it outlasts the machine."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Bring the file to the disk and close it."""
        if self._file >= 0:
            try:
                self.sync()
            finally:
                os.close(self._file)
                self._file = -1


class JournalReader:
    """Reads whole records, checking the chain.

    Attributes
    ----------
    place
        After the last record that was read.
    torn_bytes
        Once the records are read: bytes after the last whole one.
    """

    def __init__(self, path: Path, place: Place = START) -> None:
        self._path = path
        self.place = place
        self.torn_bytes = 0

    def __iter__(self) -> Iterator[Record]:
        """Yield records up to the last whole one.

        Raises
        ------
        RunError
            At the first record that was altered, by its number and place.
        """
        try:
            with self._path.open("rb") as file:
                yield from self._read(file)
        except FileNotFoundError:
            raise RunError(
                f"{self._path}: there is no journal; only paper sessions keep one"
            ) from None
        except OSError as error:
            raise RunError(f"{self._path}: can't be read ({error.strerror})") from error

    def _read(self, file: Any) -> Iterator[Record]:
        magic = file.read(len(MAGIC))
        if len(magic) < len(MAGIC):
            raise RunError(
                f"{self._path}: is empty, the session ended before it began; remove "
                f"{self._path.parent} and start anew"
            )
        if magic != MAGIC:
            raise RunError(f"{self._path}: is no journal of this version of simmm")
        file.seek(self.place.offset)
        held, at = b"", 0
        while True:
            needed = _HEAD.size
            if len(held) - at >= needed:
                needed += _HEAD.unpack_from(held, at)[0] + _CHAIN
                if needed > _LARGEST:
                    raise self._altered("its length can't be")
                if (
                    needed == _HEAD.size + _CHAIN
                    and held[at + 4] == 0
                    and _is_lost(file, held[at:])
                ):
                    self.torn_bytes = self._path.stat().st_size - self.place.offset
                    return
            if len(held) - at < needed:
                more = file.read(max(_BLOCK, needed))
                if not more:
                    if not _could_be_torn(held[at:]):
                        raise self._altered("its length can't be")
                    self.torn_bytes = len(held) - at
                    return
                held, at = held[at:] + more, 0
                continue
            _, kind = _HEAD.unpack_from(held, at)
            payload = held[at + _HEAD.size : at + needed - _CHAIN]
            chain = _next_chain(self.place.chain, held[at : at + _HEAD.size], payload)
            if chain != held[at + needed - _CHAIN : at + needed] or kind not in KINDS:
                if _is_lost(file, held[at + needed - _CHAIN :]):
                    self.torn_bytes = self._path.stat().st_size - self.place.offset
                    return
                raise self._altered("its hash does not follow from what was written")
            offset, number, _ = self.place
            self.place = Place(offset + needed, number + 1, chain)
            at += needed
            yield Record(number, offset, kind, payload)

    def _altered(self, why: str) -> RunError:
        return RunError(
            f"{self._path}: record {self.place.records} at byte {self.place.offset} was altered: "
            f"{why}"
        )


def _next_chain(chain: bytes, head: bytes, payload: bytes) -> bytes:
    digest = hashlib.blake2b(chain, digest_size=_CHAIN)
    digest.update(head)
    digest.update(payload)
    return digest.digest()
