"""Generated tapes by name."""

from pathlib import Path

from simmm.api.progress import teller
from simmm.backtest import building
from simmm.datasets import tape_path
from simmm.scenario.tapes import find_dataset


def dataset(name: str, *, seed: int | None = None, progress: bool | None = None) -> Path:
    """Return the tape of a dataset; it is generated if it is not there yet.

    Parameters
    ----------
    name
        As ``simmm datasets list`` shows it: of the project that the current folder lies in, or of
        those that ship with simmm.
    seed
        Of the generator, in place of the manifest's.
    progress
        True for a line on standard error.

    Raises
    ------
    ScenarioError
        There is no such dataset.
    TapeError
        What was generated is not what the manifest says.
    RunError
        The cache folder can't be written.

    Examples
    --------
    >>> import simmm
    >>> tape = simmm.dataset("cascade_hl_btc")
    >>> simmm.tape.info(tape).market.symbol, simmm.tape.info(tape).rows
    ('BTC', 326416)
    """
    found = find_dataset(name)
    with teller(progress, name) as told:
        shown = told.progress

        def built(done: int, total: int) -> None:
            if shown is not None:
                shown("tape", done, total)

        with building:
            return tape_path(found, seed=seed, progress=built)
