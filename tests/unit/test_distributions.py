"""Quantiles and probabilities against SciPy, exact decimals where SciPy is not exact, and ends."""

import decimal
import math
from decimal import Decimal

import numpy as np
import pytest
from scipy import special

from simmm import distributions as known
from simmm.jit import INTERPRETED, compiled

N = 60 if INTERPRETED else 6000
rng = np.random.default_rng(20_261_121)


def _spread(low: float, high: float, n: int = N) -> np.ndarray:
    return 10.0 ** rng.uniform(math.log10(low), math.log10(high), n)


def _chances(n: int = N) -> np.ndarray:
    """Probabilities from 1e-6 to 1 - 1e-6, as many in the tails as between."""
    small = _spread(1e-6, 0.999, n)
    return np.where(rng.uniform(size=n) < 0.5, small, 1.0 - small)


def _all(function, *arguments):
    found = np.zeros(len(arguments[0]))
    if len(arguments) == 1:

        def run(x, out):
            for i in range(x.size):
                out[i] = function(x[i])
    elif len(arguments) == 2:

        def run(x, y, out):
            for i in range(x.size):
                out[i] = function(x[i], y[i])
    else:

        def run(x, y, z, out):
            for i in range(x.size):
                out[i] = function(x[i], y[i], z[i])

    (run if INTERPRETED else compiled(run))(*arguments, found)
    return found


def test_normal_quantile() -> None:
    p = np.concatenate([_chances(), _spread(1e-290, 1e-6)])
    assert _all(known.normal_quantile, p) == pytest.approx(special.ndtri(p), rel=1e-13)


def test_gamma_functions() -> None:
    x = _spread(1e-5, 1e9)
    found = _all(known.log_gamma, x)
    assert found == pytest.approx(special.gammaln(x), rel=1e-13, abs=1e-13)
    assert _all(known.digamma, x) == pytest.approx(special.digamma(x), rel=1e-13, abs=1e-13)
    assert _all(known.trigamma, x) == pytest.approx(special.polygamma(1, x), rel=1e-13)


@pytest.mark.parametrize(("low", "high"), [(0.05, 1.0), (1.0, 24.0), (24.0, 1e3), (1e3, 1e5)])
def test_gamma_distribution(low: float, high: float) -> None:
    shape, p = _spread(low, high), _chances()
    x = special.gammaincinv(shape, p)
    assert _all(known.gamma_quantile, shape, p) == pytest.approx(x, rel=1e-9)
    assert _all(known.gamma_cdf, shape, x) == pytest.approx(p, abs=1e-12)
    far = _spread(1e-3, 1e7)
    assert _all(known.gamma_cdf, shape, far) == pytest.approx(
        special.gammainc(shape, far), abs=1e-12
    )


@pytest.mark.parametrize(("low", "high"), [(0.05, 1.0), (1.0, 300.0), (300.0, 1e6), (0.05, 1e6)])
def test_beta_distribution(low: float, high: float) -> None:
    a, b, p = _spread(low, high), _spread(low, high), _chances()
    x = special.betaincinv(a, b, p)
    usable = x > 1e-290
    found = _all(known.beta_quantile, a, b, p)
    assert found[usable] == pytest.approx(x[usable], rel=1e-9)
    assert _all(known.beta_cdf, a, b, x) == pytest.approx(special.betainc(a, b, x), abs=1e-12)
    x = rng.uniform(size=N)
    assert _all(known.beta_cdf, a, b, x) == pytest.approx(special.betainc(a, b, x), abs=1e-12)


def test_student_distribution() -> None:
    freedom, p = _spread(0.05, 1e6), _chances()
    x = special.stdtrit(freedom, p)
    assert _all(known.student_quantile, freedom, p) == pytest.approx(x, rel=1e-9)
    assert _all(known.student_cdf, freedom, x) == pytest.approx(p, abs=1e-12)
    assert known.student_quantile(5.0, 0.5) == 0.0


def _exact_gamma_cdf(shape: float, x: float) -> float:
    """The power series in 40 digits; SciPy's own value is 3e-11 off at these shapes."""
    with decimal.localcontext() as context:
        context.prec = 40
        a, y = Decimal(shape), Decimal(x)
        term = total = 1 / a
        k = a
        while term > Decimal("1e-30") * total:
            k += 1
            term *= y / k
            total += term
        two_pi = Decimal("6.283185307179586476925286766559005768")
        stirling = 1 / (12 * a) - 1 / (360 * a**3) + 1 / (1260 * a**5)
        level = (a - Decimal("0.5")) * a.ln() - a + two_pi.ln() / 2 + stirling
        return float((a * y.ln() - y - level).exp() * total)


@pytest.mark.parametrize("z", [-4.7, -2.0, 0.1, 3.0])
@pytest.mark.parametrize("shape", [2e4, 9.6e5])
def test_gamma_distribution_of_large_shape(shape: float, z: float) -> None:
    x = shape + z * math.sqrt(shape)
    p = _exact_gamma_cdf(shape, x)
    assert known.gamma_cdf(shape, x) == pytest.approx(p, abs=1e-14, rel=1e-10)
    assert known.gamma_quantile(shape, p) == pytest.approx(x, rel=1e-12)


WILD = (0.0, -1.0, math.nan, 1e300, -1e300, 1e-300, 0.5, 1.0, 17.0, math.inf, -math.inf)


def test_finite_for_anything() -> None:
    one = (known.normal_quantile, known.log_gamma, known.digamma, known.trigamma)
    two = (known.gamma_cdf, known.gamma_quantile, known.student_cdf, known.student_quantile)
    for x in WILD:
        assert all(math.isfinite(f(x)) for f in one)
        for y in WILD:
            assert all(math.isfinite(f(x, y)) for f in two)
            for z in WILD:
                assert math.isfinite(known.beta_cdf(x, y, z))
                assert math.isfinite(known.beta_quantile(x, y, z))


@pytest.mark.skipif(INTERPRETED, reason="there is nothing compiled to compare with")
def test_compiled_and_interpreted_agree_bit_for_bit() -> None:
    n = 60
    a, b, p = _spread(0.05, 1e6, n), _spread(0.05, 1e6, n), _chances(n)
    for f in (known.gamma_quantile, known.student_quantile):
        assert (
            _all(f, a, p).tobytes() == np.array([f(*x) for x in zip(a, p, strict=True)]).tobytes()
        )
    found = _all(known.beta_quantile, a, b, p)
    plain = [known.beta_quantile(*x) for x in zip(a, b, p, strict=True)]
    assert found.tobytes() == np.array(plain).tobytes()
