"""Errors, divided by whose fault they are.

::

    SimmmError                      one clear line: what, where, what to do
    ├── TapeError                   the data: unreadable, foreign, unsorted, off-grid, crossed
    ├── ScenarioError               the scenario or the call: unknown key, wrong or impossible value
    ├── StrategyError               the strategy: does not load, compile, or stay within limits
    ├── VenueError                  the exchange, simulated or real, refused to go on
    ├── RunError                    the run or its folder: unwritable, already there, half-written
    └── GoldenError                 the results moved away from the golden reports

The command line prints the message alone and ends with `exit_code`; `--debug` shows the traceback.
"""


class SimmmError(Exception):
    """Base of all errors that are told to people in one line."""

    exit_code = 1


class TapeError(SimmmError):
    """A tape or another data file cannot be used as it is."""

    exit_code = 2


class ScenarioError(SimmmError):
    """A scenario, option or argument is wrong; nothing was run."""

    exit_code = 2


class StrategyError(SimmmError):
    """A strategy file cannot be loaded (exit code 2) or broke a rule while running (1)."""

    def __init__(self, message: str, *, running: bool = False) -> None:
        super().__init__(message)
        self.exit_code = 1 if running else 2


class VenueError(SimmmError):
    """The exchange cannot go on."""


class RunError(SimmmError):
    """A run could not be finished, or its folder could not be read or written."""


class GoldenError(SimmmError):
    """A golden comparison found a difference."""
