"""What a session is: all that its maker's decisions follow from, besides the events."""

from __future__ import annotations

import difflib
import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from simmm import __version__
from simmm.backtest import LARGEST_WINDOW
from simmm.decoding import ready
from simmm.errors import RunError, SimmmError
from simmm.market import MarketRules
from simmm.records import ALO, BOOK_WINDOW, GTC, NEVER
from simmm.scenario.schema import MAX_REFERENCES
from simmm.session.journal import END, FILE_NAME, HEADER, STEP, JournalReader, Record, cut_step
from simmm.simulation import Settings, Simulation
from simmm.strategy.load import Strategy, load_strategy
from simmm.venue.queue import MODELS
from simmm.venue_records import DRAWS

FORMAT = 1
SOURCES = "strategy"  # folder of a session with the strategy's files as they were


class StrategyFacts(msgspec.Struct, frozen=True):
    """Which strategy ran."""

    path: str
    digest: str
    files: dict[str, str]  # SHA-256, in hex, by name


class Ending(msgspec.Struct, frozen=True):
    """Last record of a journal."""

    end_ns: int
    interrupted: bool
    packets: int
    responses: int
    intents: int
    records: int  # before this one
    chain_maker: str  # hash chain over intents, hex
    chain_venue: str  # over fills and account, hex


class Header(msgspec.Struct, frozen=True):
    """First record of a journal."""

    format: int
    simmm_version: str
    created: str
    code_digest: str
    config_digest: str
    scenario: str
    origins: dict[str, str]  # where each value of the scenario came from
    feed: str
    tape_digests: list[list[str]]
    markets: list[MarketRules]
    settings: Settings
    params: dict[str, float | int]
    book_window: int
    strategy: StrategyFacts


def make_header(
    simulation: Simulation,
    markets: list[MarketRules],
    params: np.ndarray,
    book_window: int,
    **facts: Any,
) -> Header:
    """Return the header of a session about to begin."""
    strategy = simulation.strategy
    return Header(
        format=FORMAT,
        simmm_version=__version__,
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        code_digest=simulation.code_digest,
        markets=markets,
        settings=simulation.settings,
        params={name: params[name][0].item() for name in strategy.params.fields},
        book_window=book_window,
        strategy=StrategyFacts(
            str(strategy.path),
            strategy.digest,
            {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in strategy.files},
        ),
        **facts,
    )


def read_header(folder: Path) -> Header:
    """Read the header of the journal in a session's folder.

    Raises
    ------
    RunError
        If there is no journal, or it does not begin with a header that is understood.
    """
    path = folder / FILE_NAME
    for record in JournalReader(path):
        if record.kind != HEADER:
            break
        try:
            header = msgspec.json.decode(record.payload, type=Header)
        except msgspec.DecodeError as error:
            raise RunError(
                f"{path}: its header isn't understood ({error}); the session was made by another "
                "version of simmm"
            ) from None
        if header.format != FORMAT:
            raise RunError(
                f"{path}: format {header.format} isn't that of this simmm ({FORMAT}); the session "
                f"was made by version {header.simmm_version}"
            )
        wrong = _impossible(header)
        if wrong:
            raise RunError(f"{path}: its header was altered: {wrong}")
        return header
    raise RunError(
        f"{path}: has no whole header, the session ended before it began; remove {folder} and "
        "start anew"
    )


def last_moment(path: Path) -> int:
    """Return the time up to which a journal's last step knew everything, ns.

    `NEVER` if the session is over: then there is nothing to end.
    """
    last = NEVER
    for record in JournalReader(path):
        if record.kind == STEP:
            fields = cut_step(record.payload).fields
            last = NEVER if fields[8] else fields[0]
        elif record.kind == END:
            return NEVER
    return last


def read_ending(path: Path, record: Record) -> Ending:
    """Return the journal's last record."""
    try:
        return msgspec.json.decode(record.payload, type=Ending)
    except msgspec.DecodeError as error:
        raise RunError(f"{path}: record {record.number}: not an end ({error})") from None


def _impossible(header: Header) -> str:
    """Name what in a header no session can have; an engine given it would not come back."""
    settings, window = header.settings, header.book_window
    if not header.markets or len(header.markets) > 1 + MAX_REFERENCES:
        return "markets"
    if window < BOOK_WINDOW or window > LARGEST_WINDOW or window & (window - 1):
        return "book_window"
    for name in ("requote_ns", "sample_ns", "clock_ns", "max_position_lots"):
        if not 0 < getattr(settings, name) < NEVER:
            return f"settings.{name}"
    for name in ("t0_ns", "quote_start_ns", "end_ns", "clock_t0_ns", "hold_back_ns"):
        if not 0 <= getattr(settings, name) < NEVER:
            return f"settings.{name}"
    for line in (settings.entry, settings.cancel, settings.modify, settings.response):
        if line is not None and line.problem():
            return f"settings: a latency's {line.problem()}"
    if settings.queue not in MODELS or settings.time_in_force not in (ALO, GTC):
        return "settings: the exchange"
    wrong = settings.exchange.impossible()
    if wrong or not 0 <= settings.queue_draws <= DRAWS:
        return f"settings.exchange: {wrong}"
    return ""


def simulation_of(header: Header, strategy: Strategy) -> Simulation:
    """Return a simulation as a header says; also what `verify` starts from."""
    return Simulation(
        header.markets,
        strategy,
        strategy.params.filled(header.params),
        header.settings,
        book_window=header.book_window,
    )


def keep_sources(strategy: Strategy, folder: Path) -> None:
    """Copy the strategy's files into a session's folder."""
    (folder / SOURCES).mkdir(exist_ok=True)
    for file in strategy.files:
        shutil.copyfile(file, folder / SOURCES / file.name)


def altered_copy(header: Header, folder: Path) -> str:
    """Name a file of the strategy that the session kept and that isn't what it was."""
    for name, digest in header.strategy.files.items():
        file = folder / SOURCES / name
        try:
            content = file.read_bytes()
        except OSError:
            return f"{file} is gone"
        if hashlib.sha256(content).hexdigest() != digest:
            return f"{file}, the session's own copy, was altered"
    return ""


def load_same_strategy(header: Header, folder: Path, *, kept: bool = False) -> tuple[Strategy, str]:
    """Return the strategy of a session and, if it has changed since, where.

    The file that ran is looked for first, then the session's own copy; with `kept` only that.
    """
    path = Path(header.strategy.path)
    copies = folder / SOURCES
    if kept or not path.is_file():
        path = copies / path.name
    try:
        strategy = load_strategy(path)
    except SimmmError as error:
        change = _first_change(path.parent, copies, header)
        raise RunError(f"{error}" + (f"; since the session {change}" if change else "")) from error
    if strategy.digest == header.strategy.digest:
        return strategy, ""
    return strategy, _first_change(path.parent, copies, header) or f"{path} is not what ran"


def _first_change(now: Path, kept: Path, header: Header) -> str:
    """Say in which line a strategy first differs from what the session ran."""
    for name, digest in header.strategy.files.items():
        file, copy = now / name, kept / name
        try:
            content = file.read_bytes()
        except OSError:
            return f"{file} is gone"
        if hashlib.sha256(content).hexdigest() == digest:
            continue
        try:
            before = copy.read_bytes()
        except OSError:
            before = b""
        if hashlib.sha256(before).hexdigest() != digest:
            return f"{file} has changed"
        lines, was = content.decode().splitlines(), before.decode().splitlines()
        for code, at, _, into, end in difflib.SequenceMatcher(
            None, was, lines, autojunk=False
        ).get_opcodes():
            if code != "equal":
                new = lines[into].strip() if into < end else "(nothing)"
                old = was[at].strip() if at < len(was) and code != "insert" else "(nothing)"
                return f"{file}:{into + 1} has changed: `{new}`, it was `{old}`"
        return f"{file} has changed in its line ends"
    return ""


ready(Header, Ending)
