"""The whole study: tapes in, one run of each, comparisons, JSON and pages out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from simmm.errors import RunError, TapeError
from simmm.report.files import write_whole
from simmm.study.estimates.compare import comparisons
from simmm.study.estimates.data import Recorded
from simmm.study.estimates.events import at_events
from simmm.study.estimates.found import SCHEMA, EstimatesStudy, TapeFound
from simmm.study.files import read_study, write_study
from simmm.study.runs import Told, run_all, variant
from simmm.tape import TapeInfo, convert, info

FILE_NAME = "estimates.json"
FOLDER = Path("runs/study-estimates")
NOTIONAL = 1000.0  # of an order, quote currency
ORDERS = 10  # that the position may hold
LONG_S = 6 * 3600.0
_SCENARIO = """\
description: Small orders at the touch of a recorded tape, so that estimators hear fills too.
run: {warm_up_s: 5}
venue:
  latency:
    entry: {form: lognormal, ms: 60, scale_ms: 70, shape: 0.8, cap_ms: 5000}
    response: {form: lognormal, ms: 20, scale_ms: 50, shape: 0.8, cap_ms: 5000}
maker: {max_position: 1}
strategy: {file: symmetric, order_size: 1, offset_steps: 0}
"""
Say = Callable[[str], None]


def study_estimates(
    tapes: Sequence[Path], *, out: Path = FOLDER, told: Told, say: Say
) -> tuple[EstimatesStudy, Path]:
    """Run quotes at the touch of each tape and score what was believed; write and return that.

    Parameters
    ----------
    tapes
        Tapes, or recordings that `simmm tape convert` knows; those are converted into `out`.
        Without any the study that `out` holds is read again.
    out
        Folder of the study. Finished runs in it are kept.
    told, say
        Hear of runs, and of what is at work.

    Returns
    -------
    tuple of EstimatesStudy and Path
        The study, and the folder with `estimates.json` and a page for each tape.

    Raises
    ------
    SimmmError
        A tape can't be used, a run failed, or the folder can't be written.
    """
    if not tapes:
        return load_estimates(out), out
    found = []
    for path in tapes:
        say(f"{path.name}")
        tape = as_tape(path, out)
        folder = made(tape, out, told)
        one, data = measured(folder, tape)
        found.append(one)
        from simmm.study.estimates.page import page

        write_whole(out / f"{one.name}.html", page(one, data).encode())
    study = EstimatesStudy(SCHEMA, found)
    write_study(out / FILE_NAME, study)
    return study, out


def load_estimates(folder: Path) -> EstimatesStudy:
    """Read `estimates.json` of a study's folder.

    Raises
    ------
    RunError
        There is none, or it is of another version.
    """
    return read_study(
        folder / FILE_NAME, EstimatesStudy, SCHEMA, "; name tapes to make the study of"
    )


def as_tape(path: Path, out: Path) -> Path:
    """Return the tape itself, or where the recording was converted to.

    A recording is converted again each time: it takes seconds, and an older one might be of
    another file.
    """
    try:
        info(path)
    except TapeError:
        target = out / "tapes" / f"{path.name.split('.')[0]}.parquet"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"{out}: can't be written ({error.strerror}); give another --out"
            ) from error
        convert(path, target, overwrite=True)
        return target
    return path


def order_size(about: TapeInfo) -> float:
    """Base units of an order of about `NOTIONAL`: whole lots, at least one."""
    market = about.market
    mid = (about.px_low + about.px_high) / 2 * float(market.price_quantum)
    lot = float(market.lot_size)
    of_lot = mid * lot * float(market.contract_multiplier)
    return max(1, round(NOTIONAL / of_lot)) * lot


def made(tape: Path, out: Path, told: Told) -> Path:
    """Make the run of a tape, or find it made; return its folder."""
    about = info(tape)
    size = order_size(about)
    seconds = (about.last_ts - about.first_ts) / 1e9
    scenario = out / "scenario.yaml"
    try:
        out.mkdir(parents=True, exist_ok=True)
        scenario.write_text(_SCENARIO, "utf-8")
    except OSError as error:
        raise RunError(f"{out}: can't be written ({error.strerror}); give another --out") from error
    sets = {
        "maker.max_position": ORDERS * size,
        "strategy.order_size": size,
        "estimators.record_s": 5.0 if seconds >= LONG_S else 1.0,
    }
    one = variant(tape.stem, str(scenario), {"tape": [str(tape)]}, sets)
    return run_all([one], out, scenario=str(scenario), jobs=1, told=told)[one.name]


def measured(folder: Path, tape: Path) -> tuple[TapeFound, Recorded]:
    """Score the beliefs of a run."""
    data = Recorded(folder, tape)
    events, words = at_events(data)
    run = data.run
    found = TapeFound(
        name=tape.stem,
        symbol=run.market.symbol,
        venue=run.market.venue,
        hours=data.seconds / 3600.0,
        start_ns=run.info.period.t0_ns,
        end_ns=run.info.period.end_ns,
        aggressors=len(data.aggressors.heard),
        fills=len(run.fills["ts"]),
        order_size=order_size(info(tape)),
        record_s=data.every,
        comparisons=[*comparisons(data), *events],
        facts=words,
    )
    return found, data
