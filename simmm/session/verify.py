"""Proves a session: its journal fed to the maker again gives the same intents, or says where not.

Only the maker runs, without a venue: what it heard is given to it as it was heard. So the proof is
about decisions, whichever exchange answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simmm.backtest import compile_notice
from simmm.decoding import ready
from simmm.errors import RunError
from simmm.output_records import IntentRow
from simmm.records import NEVER, REQUEST_NAMES, TIF_NAMES, Response
from simmm.run_folder import partial_folder
from simmm.scenario.times import iso
from simmm.session.header import (
    Ending,
    Header,
    altered_copy,
    load_same_strategy,
    read_ending,
    read_header,
    simulation_of,
)
from simmm.session.journal import (
    END,
    FILE_NAME,
    HEADER,
    NOTE,
    STEP,
    Chains,
    JournalReader,
    Step,
    unpack_step,
)
from simmm.session.steps import Steps

Progress = Callable[[int, int], None]
_GIVEN = {"seen": "its packet is", "heard": "its responses are", "sent": "its intents are"}


@dataclass(frozen=True)
class Verdict:
    """What came of a verification.

    Attributes
    ----------
    same
        All intents came out as they were written, and nothing was altered.
    reason
        Where and how not, in one line; empty if the same.
    state
        The maker's state around the first difference, a line each.
    packets, responses, intents, records
        What was fed and compared.
    digest
        The maker's hash chain over its intents, in hex.
    notes
        What else is worth knowing, a line each.
    """

    same: bool
    reason: str
    state: tuple[str, ...]
    packets: int
    responses: int
    intents: int
    records: int
    digest: str
    notes: tuple[str, ...]


def verify(
    run: str | Path,
    *,
    kept: bool = False,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
) -> Verdict:
    """Feed the journal of a session to its maker again and compare the intents.

    Parameters
    ----------
    run
        A session's folder, over or broken off.
    kept
        Prove it with the session's own copy of the strategy; else with the file that ran, where
        that is still there, so that a change of it is told.
    progress
        Called with bytes read and bytes in all.
    notify
        Gets a line before anything slow that happens once.

    Raises
    ------
    RunError
        Where there is no journal that could be fed: none at all, or one of another version.
    """
    folder = Path(run)
    if not folder.exists() and partial_folder(folder).is_dir():
        folder = partial_folder(folder)
    if not folder.is_dir():
        raise RunError(f"{folder}: there is no such run")
    if not (folder / FILE_NAME).is_file():
        raise RunError(f"{folder}: has no {FILE_NAME}; only paper sessions keep a journal")
    header = read_header(folder)
    strategy, change = load_same_strategy(header, folder, kept=kept)
    change = change or altered_copy(header, folder)
    compile_notice(notify or (lambda line: None))
    settings = replace(header.settings, remote=True)
    simulation = simulation_of(msgspec.structs.replace(header, settings=settings), strategy)
    return _Proof(folder, header, Steps(simulation, _nowhere), change, progress).run()


class _ToldSession(msgspec.Struct):
    journal: dict[str, Any]


class _Told(msgspec.Struct):
    """What of `run.json` must agree with the journal."""

    session: _ToldSession
    final: dict[str, Any]
    counts: dict[str, Any]
    code_digest: str
    strategy: dict[str, Any]
    tape: dict[str, Any]


class _Proof:
    def __init__(
        self,
        folder: Path,
        header: Header,
        steps: Steps,
        change: str,
        progress: Progress | None,
    ) -> None:
        self._folder = folder
        self._path = folder / FILE_NAME
        self._header = header
        self._steps = steps
        self._change = change
        self._progress = progress
        self._packets = self._responses = self._intents = 0
        self._records = 1
        self._notes: list[str] = []
        self._end: Ending | None = None
        self._final_ns: int | None = None  # where the last step said that the session ends

    def run(self) -> Verdict:
        """Feed all of it."""
        if self._steps.simulation.code_digest != self._header.code_digest:
            self._notes.append(
                "simmm or the strategy's code is not that of the session "
                f"({self._header.simmm_version}): what is proved is what they decide now"
            )
        reader = JournalReader(self._path)
        try:
            difference = self._feed(reader)
        except RunError as error:
            return self._verdict(str(error), ())
        if difference is not None:
            return self._verdict(*difference)
        reason = self._ending(reader)
        if not reason and self._change:
            reason = f"{self._change}; yet all {self._intents} intents come out the same"
        return self._verdict(reason, ())

    def _feed(self, reader: JournalReader) -> tuple[str, tuple[str, ...]] | None:
        size = self._path.stat().st_size
        for record in reader:
            self._records = record.number + 1
            place = f"{self._path}: record {record.number}"
            if self._end is not None:
                return f"{place} comes after the end", ()
            if (record.kind == HEADER) != (record.number == 0):
                return f"{place} is out of its place", ()
            if self._final_ns is not None and record.kind != END:
                return f"{place} comes after the last step", ()
            if record.kind == STEP:
                try:
                    step = unpack_step(record.payload, len(self._header.markets))
                except ValueError as error:
                    return f"{place}: {error}", ()
                difference = self._step(record.number, step)
                if difference is not None:
                    return difference
                if self._progress is not None and record.number % 1024 == 0:
                    self._progress(record.offset, size)
            elif record.kind == NOTE:
                self._notes.append(f"the session was taken up again at record {record.number}")
            elif record.kind == END:
                self._end = read_ending(self._path, record)
        return None

    def _step(self, number: int, step: Step) -> tuple[str, tuple[str, ...]] | None:
        steps = self._steps
        simulation = steps.simulation
        heard = np.frombuffer(step.heard, Response)
        bound_ts = NEVER if step.final else step.bound_ts
        if heard.size and not _in_order(heard, simulation.mails[0]):
            return f"{self._path}: record {number}: responses are out of order", ()
        simulation.hear(heard, bound_ts)
        self._responses += heard.size
        if step.final:
            self._final_ns = step.bound_ts
            _, intents = steps.end(step.bound_ts)
        elif step.packet is None:
            _, intents = steps.wait(step.bound_ts)
        else:
            if step.packet.local_ts < steps.bound_ts:
                return f"{self._path}: record {number}: its packet comes before the one before", ()
            self._packets += 1
            _, intents = steps.hear(step.packet)
        written = np.frombuffer(step.intents, IntentRow)
        found = np.frombuffer(intents, IntentRow)
        if intents == step.intents:
            self._intents += written.size
            return self._given(number, step)
        first = 0
        while first < min(written.size, found.size) and _decided(written[first]) == _decided(
            found[first]
        ):
            first += 1
        if first == written.size == found.size:
            self._intents += written.size
            # When a request reaches the exchange is not the maker's decision.
            return self._given(number, step)
        at = self._intents + first
        was = _tell(written[first]) if first < written.size else "nothing"
        now = _tell(found[first]) if first < found.size else "nothing"
        reason = (
            f"{self._path}: record {number}, intent {at}: the session sent {was}, now the maker "
            f"sends {now}"
        )
        if self._change:
            reason += f"; {self._change}"
        return reason, self._state()

    def _given(self, number: int, step: Step) -> tuple[str, tuple[str, ...]] | None:
        """Compare what the maker was given, which its own chains tell."""
        chains = self._steps.chains
        for name, now, then in zip(Chains._fields, chains, step.chains, strict=True):
            if now != then:
                reason = (
                    f"{self._path}: record {number}: {_GIVEN[name]} not what the maker had {name} "
                    "in the session: the record, or one before it, was altered"
                )
                return reason, self._state()
        return None

    def _ending(self, reader: JournalReader) -> str:
        """Say what is wrong with how the journal ends; nothing if it ends well."""
        finished = self._folder / "run.json"
        chain = f"{int(self._steps.simulation.makers['chain'][0]):016x}"
        if self._end is None:
            if finished.is_file():
                return (
                    f"{self._path}: was cut after record {self._records - 1}, byte "
                    f"{reader.place.offset}: the run is over, its journal has no end"
                )
            torn = f", then {reader.torn_bytes} bytes of a torn record" if reader.torn_bytes else ""
            self._notes.append(f"the session was broken off: whole up to record "
                               f"{self._records - 1}{torn}")  # fmt: skip
            return ""
        if reader.torn_bytes:
            return f"{self._path}: {reader.torn_bytes} bytes follow its end"
        told = (self._end.packets, self._end.responses, self._end.intents, self._end.records,
                self._end.chain_maker, self._end.end_ns)  # fmt: skip
        found = (self._packets, self._responses, self._intents, self._records - 1, chain,
                 self._final_ns)  # fmt: skip
        if told != found:
            return (
                f"{self._path}: its end tells of {told[0]} packets, {told[1]} responses, {told[2]} "
                f"intents with digest {told[4]} in {told[3]} records; there are {found[0]}, "
                f"{found[1]}, {found[2]} with {found[4]} in {found[3]}"
            )
        if not finished.is_file():
            self._notes.append(
                "there is no run.json: the session's figures are not there to compare"
            )
            return ""
        return self._against(finished, reader.place.chain.hex())

    def _against(self, finished: Path, digest: str) -> str:
        """Compare what the run's folder says of itself with header, end and proof."""
        assert self._end is not None
        header = self._header
        try:
            told = msgspec.json.decode(finished.read_bytes(), type=_Told)
        except (OSError, msgspec.DecodeError) as error:
            return f"{finished}: can't be read as that of a session ({error})"
        for what, found, proved in (
            ("session.journal.digest", told.session.journal.get("digest"), digest),
            ("final.chain_maker", told.final.get("chain_maker"), self._end.chain_maker),
            ("final.chain_venue", told.final.get("chain_venue"), self._end.chain_venue),
            ("counts.intents", told.counts.get("intents"), self._end.intents),
            ("code_digest", told.code_digest, header.code_digest),
            ("strategy.digest", told.strategy.get("digest"), header.strategy.digest),
            ("tape.digest", told.tape.get("digest"), " ".join(header.tape_digests[0])),
        ):
            if found != proved:
                return f"{finished}: {what} is {found}, the journal says {proved}"
        table = self._folder / "intents.parquet"
        try:
            rows = pq.read_metadata(table).num_rows
        except (OSError, pa.ArrowException) as error:
            return f"{table}: can't be read ({error})"
        if rows != self._end.intents:
            return f"{table}: has {rows} intents, the journal {self._end.intents}"
        return ""

    def _state(self) -> tuple[str, ...]:
        """Describe the maker where it stands."""
        maker = self._steps.simulation.makers[0]
        rules = self._header.markets[0]
        quantum, lot = float(rules.price_quantum), float(rules.lot_size)
        record = maker["record"]
        lines = [
            f"maker's time {iso(int(maker['now']))}, position {int(maker['position']) * lot:g}, "
            f"{int(maker['sequence'])} requests sent",
            f"touch {record['bid_px'] * quantum:.10g} / {record['ask_px'] * quantum:.10g}, sigma "
            f"{record['sigma']:.4g}, kappa {record['kappa']:.6g}, arrival {record['arrival']:.4g}",
        ]
        for side, name in ((0, "bid"), (1, "ask")):
            for k in range(int(maker["n_targets"][side])):
                lines.append(
                    f"wanted {name} {int(maker['target_px'][side][k]) * quantum:.10g} x "
                    f"{int(maker['target_lots'][side][k]) * lot:g}"
                )
        for order in maker["orders"][: int(maker["n_orders"])]:
            lines.append(
                f"own order {int(order['id'])}: {'bid' if order['side'] > 0 else 'ask'} "
                f"{int(order['px']) * quantum:.10g} x {int(order['leaves']) * lot:g}"
            )
        return tuple(lines)

    def _verdict(self, reason: str, state: tuple[str, ...]) -> Verdict:
        return Verdict(
            same=not reason,
            reason=reason,
            state=state,
            packets=self._packets,
            responses=self._responses,
            intents=self._intents,
            records=self._records,
            digest=f"{int(self._steps.simulation.makers['chain'][0]):016x}",
            notes=tuple(self._notes),
        )


def _in_order(heard: np.ndarray, mail: Any) -> bool:
    """Return whether responses come no earlier than those before."""
    times = heard["arrival_ts"]
    tail = int(mail["response_tail"])
    last = int(mail["responses"][(tail - 1) % len(mail["responses"])]["arrival_ts"]) if tail else 0
    return bool((np.diff(times) >= 0).all() and times[0] >= last)


def _decided(row: np.void) -> tuple[int, ...]:
    """What the maker decides of an intent: all but when it reaches the exchange."""
    return tuple(int(row[name]) for name in IntentRow.names or () if name != "arrival_ts")


def _tell(row: np.void) -> str:
    kind = REQUEST_NAMES[row["kind"]] if 0 <= row["kind"] < 3 else str(row["kind"])
    side = "bid" if row["side"] > 0 else "ask"
    tif = TIF_NAMES[row["tif"]] if 0 <= row["tif"] < 3 else str(row["tif"])
    return (
        f"{kind} {side} of {int(row['quantity'])} lots at {int(row['px'])} quanta ({tif}, order "
        f"{int(row['id'])}) at {iso(int(row['ts']))}"
    )


def _nowhere(table: str, rows: np.ndarray) -> None:
    pass


ready(_Told)
