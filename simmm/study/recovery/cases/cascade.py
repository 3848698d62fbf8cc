"""E4 in markets where nothing happens, and in cascades seen by one trigger only."""

from __future__ import annotations

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.cascade import Cascade, Market, drawn

QUIET = Market()
CLUSTERED = Market(branching=0.7, decay=2.0)
HEAVY = Market(branching=0.7, decay=2.0, freedom=3.0)
BURST = Cascade(flow=10.0, fall=0.015)
OPEN_INTEREST = Cascade(open_interest=0.06)
REFERENCE = Cascade(reference_fall=0.02)


def quiet(seed: int) -> World:
    """Poisson aggressors, normal returns."""
    return drawn(seed, QUIET)


def clustered(seed: int) -> World:
    """Aggressors of a Hawkes process, with right beliefs of it."""
    return drawn(seed, CLUSTERED)


def heavy(seed: int) -> World:
    """The same, with changes of mids of Student's law of 3 degrees of freedom."""
    return drawn(seed, HEAVY)


def burst(seed: int) -> World:
    """Liquidations: sellers ten times as many, a fall of 1.5 % in 15 s."""
    return drawn(seed, CLUSTERED, BURST)


def open_interest(seed: int) -> World:
    """Open interest falls by 6 % in 15 s, told every 3 s."""
    return drawn(seed, QUIET, OPEN_INTEREST)


def reference(seed: int) -> World:
    """A reference market falls by 2 % in 15 s."""
    return drawn(seed, QUIET, REFERENCE)


_SIGMA = ("sigma_effective",)
CASES: tuple[Case, ...] = (
    Case(
        "quiet",
        "quiet",
        quiet,
        _SIGMA,
        "20 minutes: two Poisson aggressors a second, normal returns, a reference market",
        alarm="cascade",
    ),
    Case(
        "clustered flow",
        "quiet",
        clustered,
        _SIGMA,
        "the same, but aggressors come in clusters: branching ratio 0.7",
        alarm="cascade",
    ),
    Case(
        "heavy tails",
        "violated",
        heavy,
        _SIGMA,
        "clusters, and changes of mids of Student's law with 3 degrees of freedom",
        alarm="cascade",
    ),
    Case(
        "burst of liquidations",
        "changing",
        burst,
        _SIGMA,
        "sellers ten times as many, mid -1.5 % in 15 s; sigma times 4, its excess halved each 90 s",
        alarm="cascade",
        within=0.5,
    ),
    Case(
        "open interest",
        "changing",
        open_interest,
        _SIGMA,
        "open interest -6 % in 15 s, told every 3 s; sigma times 4, its excess halved each 90 s",
        alarm="cascade",
        within=0.5,
    ),
    Case(
        "reference market",
        "changing",
        reference,
        _SIGMA,
        "a reference market -2 % in 15 s; sigma times 4, its excess halved each 90 s",
        alarm="cascade",
        within=0.5,
    ),
)
