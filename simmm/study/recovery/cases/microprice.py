"""Worlds of E16: books whose next move depends on the imbalance, or not, by known functions."""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np

from simmm.estimators.observation import ASK, BID
from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.volatility import on_clock

START = 1e6  # quanta
STEP = 10.0  # quanta
TICKS = 3000
BINS, SPREADS = 10, 3
MOVES = 0.3  # share of ticks with a move
FOLLOWS = math.exp(-1.0 / 5.0)  # discount of a second at the default horizon
AT_ONCE = {"persistence_s": 0.0}


def _chain(meaning: float) -> tuple[np.ndarray, np.ndarray]:
    """Return transitions of 3 x 10 cells, and the mean move in each, steps."""
    near = np.abs(np.subtract.outer(np.arange(BINS), np.arange(BINS)))
    bins = 0.6 * (near == 0) + 0.15 * (near == 1) + 0.1 / BINS
    bins[[0, -1], [0, -1]] += 0.15
    spreads = 0.9 * np.eye(SPREADS) + 0.1 / SPREADS
    tilt = np.multiply.outer([1.0, 0.7, 0.4], (np.arange(BINS) - 4.5) / 4.5)
    return np.kron(spreads, bins), MOVES * 0.8 * meaning * tilt.ravel()


def _bound(moves: np.ndarray, links: np.ndarray, coming: np.ndarray) -> np.ndarray:
    """Deviation of the best estimate of each cell's correction, steps.

    A cell and its mirror image are one. Of n visits to each and noise of variance v the correction
    has variance A^-1 (n v) A^-T with A = n (1 - discounted signed transitions).
    """
    square = (
        MOVES
        + FOLLOWS**2 * links @ coming**2
        - coming**2
        + 2.0 * FOLLOWS * moves * (links @ coming)
    )
    values, vectors = np.linalg.eig(links.T)
    often = np.abs(np.real(vectors[:, np.argmax(np.real(values))]))
    visits = TICKS * often / often.sum()
    mirror = np.arange(SPREADS * BINS).reshape(SPREADS, BINS)[:, ::-1].ravel()
    upper = np.flatnonzero(np.arange(SPREADS * BINS) % BINS >= BINS // 2)
    signed = (links - links[:, mirror])[np.ix_(upper, upper)]
    inverse = np.linalg.inv(np.eye(len(upper)) - FOLLOWS * signed)
    variance = inverse**2 @ (square[upper] / (2.0 * visits[upper]))
    bound = np.zeros(SPREADS * BINS)
    bound[upper] = bound[mirror[upper]] = np.sqrt(variance)
    return bound


def _world(seed: int, meaning: float) -> World:
    rng = np.random.default_rng(seed)
    links, moves = _chain(meaning)
    coming = np.linalg.solve(np.eye(SPREADS * BINS) - FOLLOWS * links, moves)
    ladder = np.minimum(np.cumsum(links, axis=1), 1.0)[:, :-1].tolist()
    walk = [0]
    for draw in rng.random(TICKS - 1).tolist():
        walk.append(bisect_right(ladder[walk[-1]], draw))
    cells = np.array(walk)
    up = rng.random(TICKS) < 0.5 + 0.5 * moves[cells] / MOVES
    change = np.where(rng.random(TICKS) < MOVES, np.where(up, 1.0, -1.0), 0.0)
    mid = START + STEP * np.concatenate([[0.0], np.cumsum(change)[:-1]])
    where = (cells % BINS + rng.uniform(0.05, 0.95, TICKS)) / BINS
    seen = _books(mid, 1 + cells // BINS, where)
    last = int(cells[-1])
    truth = float(mid[-1] + STEP * coming[last])
    bound = float(STEP * _bound(moves, links, coming)[last])
    return World(seen, {"microprice": truth}, ideal_sd={"microprice": bound})


def _books(mid: np.ndarray, spread: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Observations with spreads in steps and the share of the bid in the lots at the touch."""
    seen = on_clock(mid)
    seen["step"] = STEP / mid
    seen["half_spread"] = 0.5 * spread * STEP / mid
    seen["touch_lots"][:, BID] = 100.0 * share
    seen["touch_lots"][:, ASK] = 100.0 * (1.0 - share)
    return seen


def _meaning(seed: int) -> World:
    return _world(seed, 1.0)


def _meaningless(seed: int) -> World:
    return _world(seed, 0.0)


def _hidden(seed: int) -> World:
    """Pressure up, none or down lasts 20 s on average; the imbalance shows it with much noise."""
    rng = np.random.default_rng(seed)
    stays = 0.95
    links = stays * np.eye(3) + (1.0 - stays) / 3.0
    moves = MOVES * 0.6 * np.array([-1.0, 0.0, 1.0])
    coming = np.linalg.solve(np.eye(3) - FOLLOWS * links, moves)
    shows = 0.1 + 0.04 * np.outer([-1.0, 0.0, 1.0], (np.arange(BINS) - 4.5) / 4.5)
    expected = coming @ shows / shows.sum(axis=0)  # given the bin alone
    anew = rng.random(TICKS) >= stays
    anew[0] = True
    drawn = rng.integers(0, 3, TICKS)
    state = drawn[np.maximum.accumulate(np.where(anew, np.arange(TICKS), 0))]
    ladder = np.cumsum(shows, axis=1)[state]
    bins = np.minimum(np.sum(rng.random(TICKS)[:, None] > ladder, axis=1), BINS - 1)
    up = rng.random(TICKS) < 0.5 + 0.5 * moves[state] / MOVES
    change = np.where(rng.random(TICKS) < MOVES, np.where(up, 1.0, -1.0), 0.0)
    mid = START + STEP * np.concatenate([[0.0], np.cumsum(change)[:-1]])
    seen = _books(mid, np.ones(TICKS), (bins + rng.uniform(0.05, 0.95, TICKS)) / BINS)
    return World(seen, {"microprice": float(mid[-1] + STEP * expected[bins[-1]])})


TOLD = ("microprice",)
CASES = (
    Case(
        "imbalance tells",
        "assumed",
        _meaning,
        TOLD,
        "3,000 s; up moves from 10 to 90 % by imbalance, less in wide spreads",
        AT_ONCE,
    ),
    Case("imbalance is noise", "assumed", _meaningless, TOLD, "the same without a tilt", AT_ONCE),
    Case(
        "hidden pressure",
        "violated",
        _hidden,
        TOLD,
        "a state of 20 s moves the mid, the imbalance is a noisy sign of it",
        AT_ONCE,
    ),
    Case(
        "hidden pressure, full trace",
        "violated",
        _hidden,
        TOLD,
        "the same with a trace decay of 1, which asks for the cell's mean alone",
        AT_ONCE | {"trace_decay": 1.0},
    ),
)
