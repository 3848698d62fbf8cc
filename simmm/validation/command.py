"""`simmm validate fills` behind its options: find the truth, score, say what it stood on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np

from simmm.errors import RunError, ScenarioError, TapeError
from simmm.nearest import suggestion
from simmm.records import TRADE
from simmm.tape.schema import SCHEMA_VERSION, read_info
from simmm.tape.sources.conversion import tapes_folder
from simmm.tape.sources.registry import SourceOptions
from simmm.validation.models import DEFAULT_MODELS
from simmm.validation.result import Validation
from simmm.validation.rows import Rows, load
from simmm.validation.run import Settings, score, time_of
from simmm.validation.sources import own_fills
from simmm.validation.sources.market_by_order import build, write_truth
from simmm.validation.sources.order_rows import NAMES, Layout
from simmm.validation.truth import read_orders

_BUILDER = 1  # raise it when market-by-order rows give another tape or truth
#: Orders that rest before the truth begins take some of what is traded, not half of it.
LEAST_SHARE = 0.5
Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]


def run(
    *,
    tape: Path | None,
    truth: Path | None,
    orders: Path | None,
    fills: Sequence[Path],
    own_in_tape: bool | None,
    models: str | None,
    draws: int,
    start: str | None,
    end: str | None,
    images: float | None,
    seed: int,
    refit: str | None,
    columns: Sequence[str],
    time_unit: str,
    symbol: str,
    tick: str,
    lot: str,
    out: Path | None,
    notify: Say,
    progress: Progress | None,
) -> Validation:
    """Score queue models by one kind of truth; the options are those of the command.

    Raises
    ------
    TapeError
        Where tape or truth can't be used, or don't belong together.
    ScenarioError
        Where an option is wrong.
    VenueError
        Where too few orders are left for a conclusion.
    """
    if images is not None and not 1.0 <= images <= 86_400_000.0:
        raise ScenarioError(f"--images {images}: must lie between 1 ms and a day")
    if seed < 0:
        raise ScenarioError(f"--seed {seed}: must be 0 or more")
    settings = Settings(
        models=_names(models),
        draws=draws,
        start=start,
        end=end,
        seed=seed,
        images_ns=0 if images is None else max(round(images * 1e6), 1),
    )
    if refit is not None:
        settings = settings._replace(refit=_share(refit))
    if orders is not None:
        layout = Layout(columns=_columns(columns), time_unit=cast(Any, time_unit))
        options = SourceOptions(symbol=symbol, price_quantum=tick, lot_size=lot)
        made, truth = tape_and_truth(orders, layout, options, out, notify)
        settings = settings._replace(truth_kind="market-by-order")
        result = _by_orders(made, truth, settings, notify, progress)
        said = [*result.remarks, *_stood_out(made)]
        return msgspec.structs.replace(result, tape=str(orders), truth=str(orders), remarks=said)
    assert tape is not None
    if fills:
        return _by_own_fills(tape, fills, own_in_tape, time_unit, settings, notify, progress)
    assert truth is not None
    return _by_orders(tape, truth, settings, notify, progress)


def _by_orders(
    tape: Path, truth: Path, settings: Settings, notify: Say, progress: Progress | None
) -> Validation:
    rows = load(tape, notify=notify)
    orders = read_orders(truth, rows)
    require_whole(orders, rows, truth)
    return score(rows, orders, str(tape), str(truth), settings, progress=progress)


def require_whole(orders: np.ndarray, rows: Rows, truth: Path) -> None:
    """Refuse a truth that leaves out much of the market: what is read off it would be wrong.

    Raises
    ------
    TapeError
        If its orders were filled by much less than the tape traded.
    """
    prints = (rows.kind == TRADE) & (rows.ts >= orders["add_ts"].min())
    traded, filled = int(rows.lots[prints].sum()), int(orders["filled"].sum())
    if filled < LEAST_SHARE * traded:
        raise TapeError(
            f"{truth}: tells of {filled / traded:.0%} of what the tape traded; it must hold every "
            "order of the market (an account's own orders are scored by --fills)"
        )


def _by_own_fills(
    tape: Path,
    fills: Sequence[Path],
    in_tape: bool | None,
    time_unit: str,
    settings: Settings,
    notify: Say,
    progress: Progress | None,
) -> Validation:
    from simmm.validation.run import score_populations

    rows = load(tape, notify=notify)
    own = own_fills.read_own(fills, rows, in_tape=in_tape, time_unit=time_unit)
    from_ts = time_of(settings.start, rows, rows.start_ts)
    to_ts = time_of(settings.end, rows, rows.end_ts + 1)
    return score_populations(
        rows,
        [own_fills.population(own, rows, from_ts, to_ts)],
        str(tape),
        ", ".join(str(path) for path in fills),
        settings._replace(truth_kind="fills", complete=False),
        remarks=own_fills.remarks(own),
        progress=progress,
    )


def tape_and_truth(
    orders: Path, layout: Layout, options: SourceOptions, out: Path | None, notify: Say
) -> tuple[Path, Path]:
    """Return tape and truth of market-by-order rows, made once and kept in the cache folder."""
    if out is not None:
        tape, truth = out, out.with_name(f"{out.stem}-truth.parquet")
    else:
        stem = f"{orders.stem}-{_digest(orders, layout, options)}"
        tape = tapes_folder() / f"{stem}.parquet"
        truth = tapes_folder() / f"{stem}-truth.parquet"
        if tape.exists() and truth.exists():
            try:
                read_info(tape)
                return tape, truth
            except TapeError:
                pass  # of another version, or damaged: made anew
        try:
            tape.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"{tape.parent}: cannot be written ({error.strerror}); set SIMMM_CACHE to a "
                "writable folder"
            ) from None
    notify(f"making tape and truth of {orders.name} (once; kept in {tape.parent})")
    done = build(orders, tape, layout=layout, options=options, overwrite=out is None)
    write_truth(done.truth, truth)
    parts = [f"{done.info.rows:,} rows", f"{done.truth.height:,} orders that joined"]
    parts += [f"{name.replace('_', ' ')}: {count:,}" for name, count in done.counts.items()]
    parts += [f"assumed {name.replace('_', ' ')}: {what}" for name, what in done.assumed.items()]
    notify(f"{orders.name}: {'; '.join(parts)}")
    return tape, truth


_COUNTS = {
    "fills_out_of_turn": "fills went to an order that wasn't the oldest at its price: places in "
    "the queue aren't by time alone there",
    "moments_parted": "moments were parted, because a fill followed another row of the same time",
    "local_ts_raised": "events were seen before they happened, or before an earlier one; they "
    "count as seen then",
    "trade_rows_left_out": "rows `trade` were left out; the fills say the same",
}


def _stood_out(tape: Path) -> list[str]:
    """Return what was counted when a tape was made from market-by-order rows."""
    counts = read_info(tape).source.get("counts", {})
    return [f"{counts[name]:,} {words}." for name, words in _COUNTS.items() if counts.get(name)]


def _digest(path: Path, layout: Layout, options: SourceOptions) -> str:
    """What the tape and the truth of a file depend on."""
    digest = hashlib.sha256(f"simmm orders {_BUILDER} {SCHEMA_VERSION}\n".encode())
    digest.update(msgspec.json.encode((layout, options), order="sorted"))
    try:
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise TapeError(f"{path}: cannot be read ({what})") from None
    return digest.hexdigest()[:24]


def _names(text: str | None) -> Sequence[str]:
    if text is None:
        return DEFAULT_MODELS
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ScenarioError("--models: names no model")
    return names


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0.0 < share < 1.0:
        raise ScenarioError(f"--refit: {text!r} must be a share of the tape, between 0 and 1")
    return share


def _columns(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        field, equals, name = text.partition("=")
        if not equals or not name:
            raise ScenarioError(f"--columns {text}: give FIELD=NAME, such as px=Price")
        if field not in NAMES:
            hint = suggestion(field, NAMES)
            raise ScenarioError(f"--columns {text}: {field} is no field{hint}")
        found[field] = name
    return found
