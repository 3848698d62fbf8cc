"""GLFT's closed form against its own limits, the exact problem, and reference figures."""

import math

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal

from simmm.quoting.glft import arrival_after_fee, distances, half_spread_and_skew
from tests import outside


@pytest.fixture(scope="module")
def oracle():
    return outside.oracle("a_glft")


def test_reference_sets(oracle):
    """Half spread, slope, and the quotes at every inventory, to 1e-9."""
    for name, case in oracle["sets"].items():
        p = case["params"]
        c, slope = half_spread_and_skew(p["sigma"], p["k"], p["A"], p["gamma"], 1.0, p["gamma"])
        assert (c, slope) == pytest.approx((case["c1"], case["slope"]), abs=1e-9), name
        rows = zip(case["q"], case["bid_closed"], case["ask_closed"], strict=True)
        for q, bid, ask in rows:
            assert distances(c, slope, 1.0, q) == pytest.approx((bid, ask), abs=1e-9), (name, q)


def test_reference_order_sizes(oracle):
    p = oracle["sets"]["crypto_bps (bp,s)"]["params"]
    for size, form, c1, skew, bid, ask in oracle["sized"]:
        xi = p["gamma"] if form == "CARA" else 0.0
        c, slope = half_spread_and_skew(p["sigma"], p["k"], p["A"], p["gamma"], size, xi)
        assert (c, slope) == pytest.approx((c1, skew), abs=1e-9)
        assert distances(c, slope, size, 0.0) == pytest.approx((bid, ask), abs=1e-9)


def test_reference_unit_invariance(oracle):
    """Basis points, fractions and dollars, seconds and milliseconds: the same quotes."""
    p = oracle["sets"]["crypto_bps (bp,s)"]["params"]
    for unit, sigma, arrival, kappa, gamma, bid, ask, _exact_bid, _exact_ask in oracle[
        "unit_invariance"
    ]:
        c, slope = half_spread_and_skew(sigma, kappa, arrival, gamma, 1.0, gamma)
        in_bps = p["k"] and kappa / p["k"]
        quotes = [x * in_bps for x in distances(c, slope, 1.0, 3.0)]
        assert quotes == pytest.approx([bid, ask], abs=1e-9), unit


def test_reference_of_another_implementation(oracle):
    case = oracle["hftbacktest_notebook"]
    c, slope = half_spread_and_skew(
        case["sigma"], case["k"], case["A"], case["gamma"], 1.0, case["gamma"]
    )
    assert c + 0.5 * slope == pytest.approx(case["half_spread"], abs=1e-9)
    assert slope == pytest.approx(case["skew"], abs=1e-9)


@pytest.mark.parametrize(
    ("sigma", "kappa", "arrival", "gamma", "half_spread", "slope"),
    [
        # Worked out from the formula with 50 decimal digits.
        (0.3, 0.3, 0.9, 0.01, 3.2789822822990873, 0.0678658325308838),
        (1.0, 0.2, 0.5, 0.005, 4.9385225180743, 0.26230661611698397),
        (2.0, 1.5, 140.0, 0.1, 0.6453852113757117, 0.051717216121966),
        (4e-5, 17_000.0, 0.6, 1_000.0, 5.7158413839948615e-05, 1.4813482239857368e-05),
    ],
)
def test_own_vectors(sigma, kappa, arrival, gamma, half_spread, slope):
    found = half_spread_and_skew(sigma, kappa, arrival, gamma, 1.0, gamma)
    assert found[0] == pytest.approx(half_spread, rel=1e-12)
    assert found[1] == pytest.approx(slope, rel=1e-12)


def _exact_quotes(sigma, kappa, arrival, gamma, limit):
    """Stationary optimal distances at each inventory, from the problem's ground state.

    The transformed value function obeys a linear system whose slowest mode gives the quotes.
    """
    q = np.arange(-limit, limit + 1)
    alpha = kappa * gamma * sigma**2 / 2.0
    eta = arrival * (1.0 + gamma / kappa) ** (-(1.0 + kappa / gamma))
    _, vectors = eigh_tridiagonal(
        alpha * q**2.0, np.full(len(q) - 1, -eta), select="i", select_range=(0, 0)
    )
    v = np.abs(vectors[:, 0])
    base = math.log1p(gamma / kappa) / gamma
    return {int(k): math.log(v[i] / v[i + 1]) / kappa + base for i, k in enumerate(q[:-1])}


def test_close_to_the_exact_solution():
    sigma, kappa, arrival, gamma = 0.3, 0.3, 0.9, 0.01
    exact = _exact_quotes(sigma, kappa, arrival, gamma, 30)
    c, slope = half_spread_and_skew(sigma, kappa, arrival, gamma, 1.0, gamma)
    for q in range(-10, 11):
        bid, ask = distances(c, slope, 1.0, q)
        assert bid == pytest.approx(exact[q], rel=2e-3)
        assert ask == pytest.approx(exact[-q], rel=2e-3)


def test_small_aversion_tends_to_one_over_kappa():
    for gamma in (1e-9, 1e-13, 1e-300, 0.0):
        c, slope = half_spread_and_skew(1e-4, 2000.0, 0.5, gamma, 1.0, gamma)
        assert c == pytest.approx(1.0 / 2000.0, rel=1e-9)
        limit = 1e-4 * math.sqrt(gamma * math.e / (2.0 * 2000.0 * 0.5))
        assert slope == pytest.approx(limit, rel=1e-9)


def test_gamma_in_the_wrong_unit_would_be_inert():
    """Why gamma's unit is stated: per basis point, against kappa per fraction, it does nothing."""
    right, _ = half_spread_and_skew(1e-4, 2000.0, 0.5, 50.0, 1.0, 50.0)
    wrong, _ = half_spread_and_skew(1e-4, 2000.0, 0.5, 0.005, 1.0, 0.005)
    assert wrong == pytest.approx(1.0 / 2000.0, rel=1e-5)
    assert right < 0.99 * wrong


def test_fee_is_the_same_problem_shifted():
    """Maximising the rate times what is left after the fee gives 1/kappa + fee."""
    kappa, fee = 2000.0, 1.5e-4
    c, _ = half_spread_and_skew(1e-4, kappa, arrival_after_fee(0.5, kappa, fee), 0.0, 1.0, 0.0)
    grid = np.linspace(0.0, 3e-3, 300_001)
    best = grid[np.argmax(np.exp(-kappa * grid) * (grid - fee))]
    assert c + fee == pytest.approx(best, abs=2e-8)


@pytest.mark.parametrize(
    "arguments",
    [
        (1e-4, 0.0, 0.5, 1.0, 1.0, 1.0),
        (1e-4, -1.0, 0.5, 1.0, 1.0, 1.0),
        (1e-4, 2000.0, 0.0, 1.0, 1.0, 1.0),
        (math.nan, 2000.0, 0.5, 1.0, 1.0, 1.0),
        (1e-4, math.nan, 0.5, 1.0, 1.0, 1.0),
        (1e-4, 2000.0, 0.5, -1.0, 1.0, 1.0),
        (1e-4, 2000.0, 0.5, 1.0, 0.0, 1.0),
        (math.inf, 2000.0, 0.5, 1.0, 1.0, 1.0),
        (1e300, 1e-300, 1e-300, 1e300, 1.0, 1e300),
    ],
)
def test_arguments_without_sense_give_zero(arguments):
    assert half_spread_and_skew(*arguments) == (0.0, 0.0)
