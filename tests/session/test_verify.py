"""What was altered in a journal is named."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simmm.output_records import IntentRow
from simmm.records import Response
from simmm.session.journal import END, FILE_NAME, MAGIC, NOTE, STEP
from simmm.session.verify import verify
from tests.session.journals import (
    ODD,
    Alteration,
    Record,
    changed,
    copied,
    find,
    offsets,
    packet_with,
    raised,
    records,
    refused,
    rewrite,
    step_of,
    with_row,
)
from tests.session.resumed import partial

# ------------------------------------------------------------------------- one altered byte


def _place(reason: str) -> tuple[int, int]:
    """Return record and byte that a reason names."""
    named = re.search(r"record (\d+)(?: at|, then|, byte)? ?(?:byte )?(\d+)?", reason)
    assert named, reason
    return int(named.group(1)), int(named.group(2) or -1)


def _bytes_of_records(folder: Path) -> list[tuple[int, int]]:
    """Return positions in all parts of some records, each with its record's number."""
    draw, starts = random.Random(1), offsets(folder)
    found = []
    last = len(starts) - 2
    for number in (0, 1, 300, last):
        start, end = starts[number], starts[number + 1]
        inside = [start + 5, start + 6, end - 17, end - 16, end - 1, (start + end) // 2]
        found += [(at, number) for at in (*range(start, start + 5), *inside)]
    for _ in range(40):
        at = draw.randrange(len(MAGIC), starts[-1])
        found.append((at, int(np.searchsorted(starts, at, "right")) - 1))
    return found


def test_any_altered_byte_is_named_by_its_record(run: Path) -> None:
    """Head, header, payload, chain, last record: nothing before it is suspected."""
    path = run / FILE_NAME
    content = path.read_bytes()
    for at, number in _bytes_of_records(run):
        altered = bytearray(content)
        altered[at] ^= 1 << at % 8
        path.write_bytes(altered)
        reason = refused(run)
        record, _ = _place(reason) if number or "header" not in reason else (0, 0)
        # A length that reaches beyond the end of the file looks like a cut after the one before.
        assert record == number or (record == number - 1 and "was cut" in reason), (at, reason)


def test_an_altered_magic_is_another_format(run: Path) -> None:
    path = run / FILE_NAME
    content = path.read_bytes()
    for at in range(len(MAGIC)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert "is no journal of this version" in refused(run)


def test_an_altered_byte_is_never_taken_for_a_torn_record(broken_off: Path, tmp_path: Path) -> None:
    """A session that was broken off: a length that can't be isn't the end of the file."""
    folder = copied(partial(broken_off), tmp_path / "run.partial")
    path = folder / FILE_NAME
    content, starts = path.read_bytes(), offsets(folder)
    for number in (1, 250, len(starts) - 2):
        for at in range(5):
            altered = bytearray(content)
            altered[starts[number] + at] ^= 0x40 if at == 3 else 0x80
            path.write_bytes(altered)
            assert _place(refused(folder))[0] == number, at


# ---------------------------------------------------------------- alterations with new chains


def _response(field: str, value: int | None = None) -> Alteration:
    """Give a response another figure: one more, or `value`."""

    def alter(content: list[Record]) -> list[Record]:
        n = find(content, lambda step: bool(step.heard), 20)
        raw = step_of(content[n]).heard
        new = int(np.frombuffer(raw, Response)[field][0]) + 1 if value is None else value
        content[n] = changed(content[n], heard=with_row(raw, Response, field, new))
        return content

    return alter


def _field(name: str, change: Callable[[int], int]) -> Alteration:
    """Change a step's own figure."""

    def alter(content: list[Record]) -> list[Record]:
        step = step_of(content[300])
        content[300] = changed(content[300], **{name: change(getattr(step, name))})
        return content

    return alter


def _without(number: int) -> Alteration:
    def alter(content: list[Record]) -> list[Record]:
        del content[number]
        return content

    return alter


def _swapped(content: list[Record]) -> list[Record]:
    content[300], content[301] = content[301], content[300]
    return content


def _without_intents(content: list[Record]) -> list[Record]:
    del content[find(content, lambda step: bool(step.intents), 10)]
    return content


def _intents_lost(content: list[Record]) -> list[Record]:
    n = find(content, lambda step: bool(step.intents), 10)
    content[n] = changed(content[n], intents=b"")
    return content


def _end(payload: bytes) -> Alteration:
    return lambda content: [*content[:-1], (END, payload)]


def _plus(by: int) -> Callable[[int], int]:
    return lambda value: value + by


def _first(values: np.ndarray) -> np.ndarray:
    return values[:1]


HERE = "record 300"
ALTERED: dict[str, tuple[Alteration, str]] = {
    "price of the first row": (packet_with(px=raised(0)), HERE),
    "price of the last row": (packet_with(px=raised(-1)), HERE),
    "size of a row": (packet_with(qty=raised(0)), HERE),
    "tag of a row": (packet_with(tag=lambda tag: tag ^ 8), HERE),
    "rows removed": (
        packet_with(tag=lambda v: v[:1], px=lambda v: v[:1], qty=lambda v: v[:1]),
        HERE,
    ),
    "exch_ts": (packet_with(exch_ts=_plus(-1)), HERE),
    "order": (packet_with(order=_plus(1)), HERE),
    "local_ts": (packet_with(local_ts=_plus(1)), r"record 30[01]"),
    "bound far": (_field("bound_ts", lambda _: ODD), r"record 30[01]"),
    "bound negative": (_field("bound_ts", lambda _: -5), r"record 30[01]"),
    "final": (_field("final", lambda _: True), r"record 30[01]"),
    "chains": (_field("chains", lambda c: c._replace(seen=c.seen + 1)), HERE),
    "one removed": (_without(300), r"record 30[01]"),
    "last step removed": (_without(-2), "end|last record"),
    "one twice": (lambda c: [*c[:301], *c[300:]], r"record 30[01]"),
    "note in the middle": (lambda c: [*c[:300], (NOTE, b"{}"), *c[300:]], "its end tells of"),
    "two headers": (lambda c: [*c[:300], c[0], *c[300:]], "record 300 is out of its place"),
    "two ends": (lambda c: [*c, c[-1]], "comes after the end"),
    "note after the end": (lambda c: [*c, (NOTE, b"{}")], "comes after the end"),
    **{
        f"response's {name}": (_response(name), r"record \d+")
        for name in Response.names or ()
        if name != "arrival_ts"
    },
    "response's arrival": (_response("arrival_ts"), r"record \d+"),
    **{
        f"response's wild {name}": (_response(name, ODD), r"record \d+")
        for name in Response.names or ()
        if name != "arrival_ts"
    },
    "response out of order": (_response("arrival_ts", ODD), r"record \d+.* responses"),
    "two swapped": (_swapped, HERE),
    "one with intents removed": (_without_intents, r"record \d+"),
    "intents removed": (_intents_lost, r"record \d+, intent \d+: the session sent nothing"),
    "end removed": (lambda content: content[:-1], "was cut after record"),
    "both ends removed": (lambda content: content[:-2], "was cut after record"),
    "step after the end": (lambda c: [*c, c[300]], "comes after the end"),
    "end is no JSON": (_end(b"garbage"), "end|last record|isn't understood"),
    "end says nothing": (_end(b"{}"), "end|last record|isn't understood"),
    "end is a list": (_end(b"[1]"), "end|last record|isn't understood"),
    "step cut": (
        lambda c: [*c[:300], (STEP, c[300][1][:-1]), *c[301:]],
        "record 300: a step's sizes do not add up",
    ),
    "step empty": (lambda c: [*c[:300], (STEP, b""), *c[301:]], "record 300: a step is too short"),
    "no header": (lambda content: content[1:], "has no whole header"),
    "nothing": (lambda content: [], "has no whole header"),
}


@pytest.mark.parametrize("name", ALTERED)
def test_alterations_with_new_chains(name: str, run: Path) -> None:
    alter, expected = ALTERED[name]
    rewrite(run, alter(records(run)))
    reason = refused(run)
    assert re.search(expected, reason), reason
    assert str(run / FILE_NAME) in reason


@pytest.mark.parametrize("field", [name for name in IntentRow.names or () if name != "arrival_ts"])
def test_an_altered_intent_is_named(field: str, run: Path) -> None:
    """Whichever of its figures it is, with the maker's state around it."""
    content = records(run)
    n = find(content, lambda step: bool(step.intents), 10)
    before = sum(
        len(step_of(record).intents) // IntentRow.itemsize
        for record in content[1:n]
        if record[0] == STEP
    )
    raw = step_of(content[n]).intents
    value = int(np.frombuffer(raw, IntentRow)[field][0])
    content[n] = changed(content[n], intents=with_row(raw, IntentRow, field, value + 1))
    rewrite(run, content)
    verdict = verify(run)
    assert f"record {n}, intent {before}: the session sent " in verdict.reason
    assert any("touch" in line for line in verdict.state)
    assert any("own order" in line for line in verdict.state)


def test_nothing_altered_and_written_anew_is_the_same(run: Path) -> None:
    """The rewriting itself is not what the other tests find."""
    rewrite(run, records(run))
    assert verify(run).same


def test_chains_alone_give_it_away(run: Path) -> None:
    """A change that nothing hangs on, but run.json knows the last chain."""
    content = records(run)
    end = json.loads(content[-1][1])
    content[-1] = (END, json.dumps({**end, "interrupted": True}).encode())
    rewrite(run, content, admitted=False)
    reason = refused(run)
    assert "run.json" in reason
    assert "digest" in reason


def test_a_cut_of_a_finished_run(run: Path) -> None:
    starts = offsets(run)
    for number, more in ((300, 0), (300, 20), (1, 0), (len(starts) - 2, 0)):
        copy = copied(run, run.with_name(f"cut-{number}-{more}"))
        os.truncate(copy / FILE_NAME, starts[number] + more)
        reason = refused(copy)
        assert f"was cut after record {number - 1}, byte {starts[number]}" in reason


def test_bytes_after_the_end(run: Path) -> None:
    with (run / FILE_NAME).open("ab") as file:
        file.write(b"\x05\x00\x00\x00\x03more")
    assert "follow its end" in refused(run) or "was altered" in refused(run)
