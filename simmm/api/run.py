"""A finished run: its report, its tables as frames, and where it lies."""

import html
import os
import shutil
import weakref
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from simmm.api.frames import FRAMES, PERHAPS, TIME, Units
from simmm.errors import RunError, ScenarioError
from simmm.market import MarketRules
from simmm.report import Report, load
from simmm.report.words import amount, duration

if TYPE_CHECKING:
    from simmm.api.picture import Picture

PathLike = str | os.PathLike[str]
_HORIZON_S = 5.0


class Run:
    """A finished run, as `simmm.backtest` and `simmm.open_run` return it.

    Frames are read when they are first asked for. Their columns, with units, are listed in
    docs/python.md; `raw` gives the integers they are made of.

    Parameters
    ----------
    folder
        The run's folder.
    notes
        What the run said: orders that were too small, values that were left out.
    temporary
        A folder to remove along with this object.

    Attributes
    ----------
    folder : Path
        Where the run lies: tables, ``run.json``, ``report.json`` and ``scenario.yaml``.
    notes : tuple of str
    report : Report
        Verdict, P&L, risk, markouts and the rest, as ``report.json`` holds them.

    Raises
    ------
    RunError
        The folder is not that of a finished run, or a table of it can't be read.
    """

    def __init__(
        self, folder: PathLike, *, notes: tuple[str, ...] = (), temporary: Path | None = None
    ) -> None:
        self.folder = Path(folder)
        self.notes = notes
        if not (self.folder / "run.json").is_file():
            raise RunError(
                f"{self.folder}: no run.json in it; it is no run folder, or the run did not finish"
            )
        self.report: Report = load(self.folder)
        self._remove: weakref.finalize[..., Run] | None = None
        if temporary is not None:
            self._remove = weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)

    # ------------------------------------------------------------------------------- tables

    @cached_property
    def fills(self) -> pl.DataFrame:
        """One row a fill."""
        return self._frame("fills")

    @cached_property
    def orders(self) -> pl.DataFrame:
        """One row an order, at its end."""
        return self._frame("orders")

    @cached_property
    def intents(self) -> pl.DataFrame:
        """One row a request of the maker."""
        return self._frame("intents")

    @cached_property
    def equity(self) -> pl.DataFrame:
        """One row a sample of the account: cash, position, equity, own quotes and the touch."""
        return self._frame("equity")

    @cached_property
    def beliefs(self) -> pl.DataFrame:
        """One row a sample of what the maker believed."""
        return self._frame("beliefs")

    @cached_property
    def estimates(self) -> pl.DataFrame:
        """One row an interval of all that the maker believed, with intervals and ages."""
        return self._frame("estimates")

    @cached_property
    def mids(self) -> pl.DataFrame:
        """One row a change of the exchange's mid."""
        return self._frame("mids")

    @cached_property
    def memory(self) -> pl.DataFrame:
        """One row a sample of the strategy's recorded memory; only `time` if it records nothing."""
        if not (self.folder / "memory.parquet").exists():
            return pl.DataFrame({"time": pl.Series([], dtype=TIME)})
        return self._frame("memory")

    @cached_property
    def funding(self) -> pl.DataFrame:
        """One row a funding payment; empty where none was made."""
        return self._frame("funding")

    @cached_property
    def predictions(self) -> pl.DataFrame:
        """One row a print that reached an own order's level; empty without `venue.queue.draws`."""
        return self._frame("predictions")

    def raw(self, table: str) -> pl.DataFrame:
        """Return a table as it is stored: integers of ns, quanta, lots, money quanta, and codes.

        Parameters
        ----------
        table
            ``fills``, ``orders``, ``intents``, ``equity``, ``beliefs``, ``estimates``, ``mids``,
            ``memory``, ``funding`` or ``predictions``.
            Its rows are those of the frame of that name, in the same order.
        """
        if table not in FRAMES:
            raise ScenarioError(f"{table!r} is no table of a run; there are: {', '.join(FRAMES)}")
        path = self.folder / f"{table}.parquet"
        if not path.exists() and table in PERHAPS:
            return pl.DataFrame(np.zeros(0, PERHAPS[table]))
        if not path.exists():
            why = "the strategy records nothing" if table == "memory" else "the folder was changed"
            raise RunError(f"{path}: there is no such table; {why}")
        try:
            return pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _unreadable(path, error) from None

    def _frame(self, table: str) -> pl.DataFrame:
        try:
            return FRAMES[table](self.raw(table), self._units)
        except pl.exceptions.PolarsError as error:
            raise _unreadable(self.folder / f"{table}.parquet", error) from None

    @cached_property
    def market(self) -> MarketRules:
        """Rules of the market traded: quantum, lot, fees, and the conversions between them."""
        return msgspec.convert(self.report.run.market, MarketRules)

    @cached_property
    def _units(self) -> Units:
        return Units(self.market)

    # ------------------------------------------------------------------------------- in short

    @property
    def digest(self) -> str:
        """Both hash chains in hex: over fills and account, then over intents.

        Two runs with the same digest had the same fills, account and requests, bit for bit.
        """
        return self.report.run.chain_venue + self.report.run.chain_maker

    def summary(self) -> dict[str, Any]:
        """Return the figures that runs are compared by, one a name: a row of a study.

        Money in the quote currency, volume in base units; `net_low` and `net_high` are the 95 %
        interval; None where something can't be said.
        """
        report = self.report
        markout = [m.edge.value for m in report.markouts
                   if m.horizon_s == _HORIZON_S and m.side == "all"]  # fmt: skip
        return {
            "scenario": report.run.scenario,
            "strategy": Path(str(report.run.strategy.get("file", ""))).stem,
            "outcome": report.verdict.outcome,
            "hours": report.run.hours,
            "net": report.profit.net.value,
            "net_low": report.profit.net.low,
            "net_high": report.profit.net.high,
            **{part.name: part.amount for part in report.profit.parts},
            "sharpe_day": report.risk.sharpe_day,
            "drawdown": report.risk.drawdown,
            "fills": report.fills.count,
            "volume": report.profit.volume,
            "notional": report.profit.notional,
            "markout_5s_bps": markout[0] if markout else None,
            "position": report.inventory.final,
            "digest": self.digest,
        }

    def page(self, width: int = 80) -> str:
        """Return the report as the terminal shows it, as plain text of `width` columns."""
        import io

        from rich.console import Console

        from simmm.report.terminal import render

        text = io.StringIO()
        render(
            self.report,
            Console(file=text, width=width, color_system=None, force_jupyter=False),
            self.folder,
        )
        return text.getvalue()

    def show(self) -> "Picture":
        """Return a picture: the price with own fills, position and equity, and the verdict.

        A notebook shows it where it is the last value of a cell; `Picture.save` writes it.
        """
        from simmm.api.picture import draw

        return draw(self)

    def save(self, folder: PathLike) -> Path:
        """Copy the run into `folder`, which must not exist yet, and return that.

        From then on it is the run's own folder; a temporary one is removed.

        Raises
        ------
        RunError
            The folder is there already or can't be written; nothing is left behind.
        """
        target = Path(folder).absolute()
        partial = target.with_name(target.name + ".partial")
        if target.exists() or partial.exists():
            there = target if target.exists() else partial
            raise RunError(f"{there}: exists already; give another name or remove it")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(self.folder, partial)
            partial.rename(target)
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            if isinstance(error, OSError):
                reason = error.strerror or str(error).splitlines()[0]
                raise RunError(f"{target}: can't be written ({reason})") from None
            raise
        self.folder = target
        if self._remove is not None:
            self._remove()
        return target

    def __fspath__(self) -> str:
        """Return the folder, so that whatever takes a run's folder takes the run."""
        return os.fspath(self.folder)

    def __repr__(self) -> str:
        report = self.report
        run, net = report.run, report.profit.net
        told = f"{net.value:,.2f}" if net.value is not None else "?"
        if net.low is not None and net.high is not None:
            told += f" ({net.low:,.2f} to {net.high:,.2f})"
        strategy = Path(str(run.strategy.get("file", ""))).stem
        return (
            f"<Run {run.scenario}: {strategy} on {run.symbol}, {duration(run.hours * 3600)}, "
            f"net {told} {run.quote}, {report.fills.count:,} fills of "
            f"{amount(report.profit.notional)} {run.quote}>"
        )

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return self.show()._repr_html_() + notes


def open_run(folder: PathLike | None = None) -> Run:
    """Open a finished run.

    Parameters
    ----------
    folder
        A run's folder, or its name under ``runs/``; without it, the last one under ``runs/``.

    Raises
    ------
    RunError
        There is none, or it is not the folder of a finished run.
    """
    runs = Path("runs")
    if folder is None:
        found = sorted(path for path in runs.glob("*") if (path / "run.json").is_file())
        if not found:
            raise RunError("no run under runs/; name a run folder, as in open_run('runs/mine')")
        return Run(found[-1].absolute())
    for candidate in (Path(folder), runs / folder):
        if candidate.is_dir():
            return Run(candidate.absolute())
    if Path(folder).is_file():
        raise RunError(f"{folder} is a file; name the folder of a run")
    raise RunError(f"{folder}: there is no such run folder, nor {runs / folder}")


def _unreadable(path: Path, error: Exception) -> RunError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return RunError(f"{path}: cannot be read as a table ({first}); run the backtest again")
