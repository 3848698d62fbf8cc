"""Worlds of E11: sources whose errors are one, or independent; a change; flow that dries up."""

from __future__ import annotations

import numpy as np

from simmm.estimators.observation import CLOCK
from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.own_quotes import clocks, fills_at

KAPPA = 2000.0
CVS = {"own_kappa": 0.15, "book_kappa": 0.2, "robust_kappa": 0.1, "market_kappa": 0.1}
ONLY = ("kappa",)
TICKS = 120  # of 1 s
FILLS = 10


def _told(errors: dict[str, float], level: float | np.ndarray = KAPPA) -> dict:
    given: dict[str, float | np.ndarray] = {"exposure_fills": float(FILLS)}
    for name, cv in CVS.items():
        value = level * np.exp(cv * errors[name])
        given |= {name: value, f"{name}_sd": cv * value, f"{name}_age_ns": 0}
    given["cascade_kappa_factor_age_ns"] = -1
    return given


def _quoted(ticks: int, fill_times: np.ndarray, tick_s: float = 1.0) -> np.ndarray:
    fills = fills_at(fill_times, np.zeros(fill_times.size), np.full(fill_times.size, 5e-4), tick_s)
    rows = np.concatenate([clocks(ticks, tick_s), fills])
    return rows[np.argsort(rows["now"], kind="stable")]


def _one_error(seed: int) -> World:
    z = float(np.random.default_rng(seed).standard_normal())
    rows = _quoted(TICKS, np.arange(FILLS) + 0.5)
    ideal = 0.5 * CVS["own_kappa"] + 0.5 * (0.2 * CVS["book_kappa"] + 0.8 * CVS["robust_kappa"])
    truth = {"kappa": KAPPA}
    return World(rows, truth, _told(dict.fromkeys(CVS, z)), ideal_sd={"kappa": KAPPA * ideal})


def _before_fills(seed: int) -> World:
    z = float(np.random.default_rng(seed).standard_normal())
    return World(_quoted(TICKS, np.zeros(0)), {"kappa": KAPPA}, _told(dict.fromkeys(CVS, z)))


def _independent(seed: int) -> World:
    errors = dict(zip(CVS, np.random.default_rng(seed).standard_normal(len(CVS)), strict=True))
    rows = _quoted(TICKS, np.arange(FILLS) + 0.5)
    return World(rows, {"kappa": KAPPA}, _told({k: float(z) for k, z in errors.items()}))


def _biased_book(seed: int) -> World:
    """The book says half of what it should, and is as sure of it."""
    z = float(np.random.default_rng(seed).standard_normal())
    given = _told(dict.fromkeys(CVS, z))
    given["book_kappa"] = 0.5 * given["book_kappa"]
    given["book_kappa_sd"] = 0.5 * given["book_kappa_sd"]
    return World(_quoted(TICKS, np.arange(FILLS) + 0.5), {"kappa": KAPPA}, given)


def _halved(seed: int) -> World:
    z = float(np.random.default_rng(seed).standard_normal())
    rows = _quoted(2 * TICKS, np.arange(FILLS) + 0.5)
    level = np.where(rows["now"] < rows["now"][0] + TICKS * 10**9, KAPPA, 0.5 * KAPPA)
    given = _told(dict.fromkeys(CVS, 0.1 * z), level)
    return World(rows, {"kappa": level}, given, change=int(np.argmax(level < KAPPA)))


def _fill_times(rng: np.random.Generator, hours: float, per_hour: float) -> np.ndarray:
    """In ticks of 5 s."""
    drawn: np.ndarray = np.sort(rng.uniform(0.0, 720.0 * hours, rng.poisson(per_hour * hours)))
    return drawn


def _fed(seed: int) -> World:
    rows = _quoted(2881, _fill_times(np.random.default_rng(seed), 4.0, 20.0), 5.0)
    return World(rows, {"kappa": KAPPA}, _told(dict.fromkeys(CVS, 0.0)))


def _drying(seed: int) -> World:
    rows = _quoted(2881, _fill_times(np.random.default_rng(seed), 2.0, 20.0), 5.0)
    dry = rows["now"] >= rows["now"][0] + 7200 * 10**9
    given = _told(dict.fromkeys(CVS, 0.0))
    return World(
        rows, {"kappa": KAPPA}, given, change=int(np.argmax(dry & (rows["kind"] == CLOCK)))
    )


CASES = (
    Case("one error", "assumed", _one_error, ONLY, "all sources err alike; 10 own fills"),
    Case("before fills", "assumed", _before_fills, ONLY, "all sources err alike; no own fill"),
    Case("independent", "violated", _independent, ONLY, "each source errs by itself: too wide"),
    Case("biased book", "violated", _biased_book, ONLY, "the book's kappa is half of what it is"),
    Case("halved", "changing", _halved, ONLY, "all sources fall from 2,000 to 1,000 after 120 s"),
    Case(
        "fed", "quiet", _fed, ONLY, "20 own fills an hour, the least being 6", alarm="fill_starved"
    ),
    Case(
        "drying",
        "changing",
        _drying,
        ONLY,
        "no fills after 2 h of 20 an hour",
        alarm="fill_starved",
    ),
)
