"""Lines of raw websocket captures: when each was received, and the message itself.

A line is ``<receive time> <json>`` or a JSON object with a field for the receive time. Files may
be compressed (gzip, LZ4, Zstandard) and cut short, as a recorder leaves them that was killed.
"""

import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO

import msgspec
import pyarrow as pa

from simmm.errors import TapeError

_BLOCK = 1 << 20
_SAMPLE_LINES = 50
_MAGIC = {b"\x1f\x8b": "gzip", b"\x04\x22\x4d\x18": "lz4", b"\x28\xb5\x2f\xfd": "zstd"}
#: ns per unit of a bare number, by the least number that is read so: they lie far apart.
_UNITS = ((10**17, 1), (10**14, 1_000), (10**11, 1_000_000), (0, 1_000_000_000))
_TIMES = (
    "recv_ns", "receive_ns", "recv_ts", "receive_ts", "received_at", "local_ts", "local_time",
    "local_timestamp", "ts", "time", "timestamp",
)  # fmt: skip
_BODIES = ("raw", "message", "msg", "frame", "payload")
_Wrapped = msgspec.defstruct(
    "_Wrapped",
    [(name, int | float | str | None, None) for name in _TIMES]
    + [(name, msgspec.Raw, msgspec.Raw()) for name in _BODIES],
)
_wrapped = msgspec.json.Decoder(_Wrapped)


class CaptureLines:
    """Iterates over the messages of capture files, one after the other.

    Each item is the receive time (ns) and the message's JSON. `bad` is for the caller to report
    what can't be used of the line at hand.

    Parameters
    ----------
    counts
        Gets what was dropped.
    skip_bad
        Drop and count lines that can't be read; else the first is an error.
    """

    def __init__(self, paths: Sequence[Path], counts: dict[str, int], *, skip_bad: bool) -> None:
        self.paths = list(paths)
        self.counts = counts
        self.place = ""  # file and line at hand, for messages
        self._path = Path()
        self._number = 0
        self._unfinished = False  # the line at hand ends with the file, without a line feed
        self._skip_bad = skip_bad

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        for path in self.paths:
            self._path = path
            self._number = 0
            for line in self._lines():
                self._number += 1
                item = self._split(line.strip())
                if item is not None:
                    yield item
            if self._number == 0:
                raise TapeError(f"{path}: the file is empty")

    def bad(self, reason: str) -> None:
        """Report that the line at hand can't be used: drop and count it, or raise `TapeError`."""
        if self._unfinished:
            self.count("unfinished_last_lines_dropped")
        elif self._skip_bad:
            self.count("bad_lines_dropped")
        else:
            raise TapeError(
                f"{self._path}: line {self._number}: {reason}; --skip-bad-lines drops and counts "
                "such lines"
            )

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count."""
        self.counts[name] = self.counts.get(name, 0) + number

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        self._unfinished = False
        for block in self._blocks():
            *whole, rest = (rest + block).split(b"\n")
            yield from whole
        if rest:
            self._unfinished = True
            yield rest

    def _blocks(self) -> Iterator[bytes]:
        try:
            yield from _content(self._path)
        except EOFError:
            self.count("compressed_files_cut")

    def _split(self, line: bytes) -> tuple[int, bytes] | None:
        if not line:
            return None
        if line[0] == 0x7B:  # an opening brace
            return self._unwrap(line)
        stamp, *body = line.split(None, 1)
        received = _time_ns(stamp.decode("ascii", "replace"))
        if received is None or not body:
            self.bad(f"expected `<receive time> <json>`, found {_shown(line)}")
            return None
        return received, body[0]

    def _unwrap(self, line: bytes) -> tuple[int, bytes] | None:
        found = _unwrapped(line)
        if isinstance(found, str):
            self.bad(found)
            return None
        return found


def sample(path: Path) -> list[bytes]:
    """Return the first messages of a file, none where it is no capture; never raises."""
    text = b""
    try:
        for block in _content(path):
            text += block
            if text.count(b"\n") >= _SAMPLE_LINES:
                break
            if not block.isascii() or len(text) > 8 * _BLOCK:
                break
    except (OSError, EOFError, TapeError):
        pass
    bodies = []
    for line in text.split(b"\n")[:_SAMPLE_LINES]:
        if line.startswith(b"{"):
            found = _unwrapped(line)
            # A message without a receive time is told as such when it is converted.
            bodies.append(line if isinstance(found, str) else found[1])
        else:
            stamp, *body = line.split(None, 1) or [b""]
            if body and _time_ns(stamp.decode("ascii", "replace")) is not None:
                bodies += body
    return bodies


def _unwrapped(line: bytes) -> tuple[int, bytes] | str:
    """Return receive time and message of a line that is one JSON object, or what is wrong."""
    try:
        fields = _wrapped.decode(line)
    except msgspec.DecodeError as error:
        return f"no JSON ({error})"
    times = (getattr(fields, name) for name in _TIMES)
    stamp = next((value for value in times if value is not None), None)
    received = None if stamp is None else _time_ns(str(stamp))
    if received is None:
        return f"no receive time (`<receive time> <json>`, or a field such as {_TIMES[0]})"
    bodies = (bytes(getattr(fields, name)) for name in _BODIES)
    body = next((value for value in bodies if value), line)
    if body.startswith(b'"'):
        body = msgspec.json.decode(body, type=str).encode()
    return received, body


def _time_ns(text: str) -> int | None:
    """Return a time in ns: an ISO text in UTC or a number of s, ms, us or ns; None if neither."""
    if text.isdigit():
        number = int(text)
        return number * next(unit for least, unit in _UNITS if number >= least)
    if "T" in text:
        return _iso_ns(text)
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or value < 0:
        return None
    return int(value * next(unit for least, unit in _UNITS if value >= least))


def _iso_ns(text: str) -> int | None:
    """Return an ISO time in ns; more than six digits of a second are kept."""
    whole, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))] if dot else ""
    zone = rest[len(digits) :] if dot else ""
    try:
        moment = datetime.fromisoformat(whole + zone)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000 + int(f"{digits:0<9}"[:9])


def _shown(line: bytes) -> str:
    text = line[:40].decode("utf-8", "replace")
    return repr(text + ("…" if len(line) > 40 else ""))


def _content(path: Path) -> Iterator[bytes]:
    """Yield a file's content, decompressed.

    Raises
    ------
    EOFError
        Where compressed content ends before its end, after all there is.
    TapeError
        Where the file can't be read, or compressed content is damaged.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            codec = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), "")
            if codec == "gzip":
                yield from _inflated(file)
            elif codec:
                with pa.CompressedInputStream(pa.PythonFile(file, "r"), codec) as stream:
                    yield from _read(stream)
            else:
                yield from _read(file)
    except (zlib.error, pa.ArrowInvalid) as error:
        raise TapeError(f"{path}: damaged compressed file ({error})") from None
    except OSError as error:
        raise TapeError(f"{path}: cannot be read ({error.strerror or error})") from None


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _inflated(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what gzip members hold, also of the last one where it is cut."""
    inflate = zlib.decompressobj(31)
    whole = True
    for block in _read(file):
        left = block
        while left:
            whole = False
            yield inflate.decompress(left)
            left = b""
            if inflate.eof:
                left = inflate.unused_data.lstrip(b"\0")  # some writers pad
                inflate = zlib.decompressobj(31)
                whole = True
    if not whole:
        yield inflate.flush()
        raise EOFError
