"""simmm: the market maker's wind tunnel.

What is here is all that a Python session needs (docs/python.md)::

    import simmm

    run = simmm.backtest("cascade", set={"venue.queue.model": "pessimistic"})
    run.fills, run.orders, run.equity  # polars frames
    run.report.profit.net.value
    run.show()

Each name is loaded when it is first asked for, so that the import itself costs nothing.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from simmm.errors import (
    GoldenError,
    RunError,
    ScenarioError,
    SimmmError,
    StrategyError,
    TapeError,
    VenueError,
)

if TYPE_CHECKING:
    from simmm import tape as tape
    from simmm.api import golden as golden
    from simmm.api.backtest import backtest as backtest
    from simmm.api.compare import Compared as Compared
    from simmm.api.compare import compare as compare
    from simmm.api.picture import Picture as Picture
    from simmm.api.run import Run as Run
    from simmm.api.run import open_run as open_run
    from simmm.api.session import Verdict as Verdict
    from simmm.api.session import paper as paper
    from simmm.api.session import verify as verify
    from simmm.api.study import StudiedFills as StudiedFills
    from simmm.api.study import study_fills as study_fills
    from simmm.api.tapes import dataset as dataset
    from simmm.exchange import Exchange as Exchange
    from simmm.report.schema import Report as Report

__version__ = "0.1.0"

#: Public name -> module, and the name in it; without one, the module itself is meant.
_LATER = {
    "Compared": "simmm.api.compare:Compared",
    "Exchange": "simmm.exchange:Exchange",
    "Picture": "simmm.api.picture:Picture",
    "Report": "simmm.report.schema:Report",
    "Run": "simmm.api.run:Run",
    "StudiedFills": "simmm.api.study:StudiedFills",
    "Verdict": "simmm.api.session:Verdict",
    "backtest": "simmm.api.backtest:backtest",
    "compare": "simmm.api.compare:compare",
    "dataset": "simmm.api.tapes:dataset",
    "golden": "simmm.api.golden",
    "open_run": "simmm.api.run:open_run",
    "paper": "simmm.api.session:paper",
    "study_fills": "simmm.api.study:study_fills",
    "tape": "simmm.tape",
    "verify": "simmm.api.session:verify",
}

__all__ = [
    "Compared",
    "Exchange",
    "GoldenError",
    "Picture",
    "Report",
    "Run",
    "RunError",
    "ScenarioError",
    "SimmmError",
    "StrategyError",
    "StudiedFills",
    "TapeError",
    "VenueError",
    "Verdict",
    "__version__",
    "backtest",
    "compare",
    "dataset",
    "golden",
    "open_run",
    "paper",
    "study_fills",
    "tape",
    "verify",
]


if not TYPE_CHECKING:  # a checker knows all names from above, and misses none

    def __getattr__(name: str) -> Any:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, _, member = _LATER[name].partition(":")
        found: Any = import_module(module)
        if member:
            found = getattr(found, member)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps public functions from being hidden by the modules they are named like.

    Whoever imports the module `simmm.backtest` makes Python write it into this package, over the
    function of that name. The module is still found by ``from simmm.backtest import ...``.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        own = f"{__name__}.{name}"
        is_own_module = isinstance(value, ModuleType) and value.__name__ == own
        if not is_own_module or _LATER.get(name, own) == own:
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
