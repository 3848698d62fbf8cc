"""Accuracy against 60 decimal digits, ends of the range, and equal bits everywhere."""

import decimal
import math
import os
import platform
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

from simmm import jit
from simmm import math as smath
from simmm.math_tables import STEP_HIGH

ROOT = Path(smath.__file__).parents[1]
INF, NAN = math.inf, math.nan
decimal.getcontext().prec = 60

rng = np.random.default_rng(20_240_611)


def worst_ulp(
    function: Callable[[float], float], exact: Callable[[Decimal], Decimal], xs: Iterable[float]
) -> float:
    """Largest error of `function` in units in the last place of the exact value."""
    worst = 0.0
    for x in map(float, xs):
        value = exact(Decimal(x))
        error = abs(Decimal(function(x)) - value) / Decimal(math.ulp(float(value)))
        worst = max(worst, float(error))
    return worst


def spread(low: float, high: float, n: int) -> np.ndarray:
    """Numbers of either sign whose exponents fill a range evenly."""
    return np.exp(rng.uniform(math.log(low), math.log(high), n)) * rng.choice([-1.0, 1.0], n)


def positive(n: int) -> np.ndarray:
    """Numbers drawn from all positive bit patterns."""
    bits = rng.integers(1, 0x7FF0_0000_0000_0000, n)
    return bits.view(np.float64)


# -------------------------------------------------------------------------------------- accuracy


def test_exp_is_within_one_ulp() -> None:
    edges = np.arange(-4, 5) * STEP_HIGH / 2.0  # where the table's entry changes
    xs = np.concatenate(
        [rng.uniform(-708.0, 709.78, 1500), rng.uniform(-1.0, 1.0, 1000), spread(1e-17, 1e-2, 300),
         edges, np.nextafter(edges, INF)]
    )  # fmt: skip
    assert worst_ulp(smath.exp, Decimal.exp, xs) < 0.6
    assert worst_ulp(smath.exp, Decimal.exp, rng.uniform(-745.1, -708.0, 300)) < 1.0


def test_log_is_within_two_ulp() -> None:
    assert worst_ulp(smath.log, Decimal.ln, positive(1500)) < 1.2
    assert worst_ulp(smath.log, Decimal.ln, 1.0 + spread(1e-16, 0.3, 1500)) < 1.2
    assert worst_ulp(smath.log, Decimal.ln, np.arange(88, 177) / 128.0 + 1e-9) < 1.2
    assert worst_ulp(smath.log, Decimal.ln, rng.integers(1, 2**52, 200).view(np.float64)) < 1.2


def test_log1p_and_expm1_keep_small_arguments() -> None:
    xs = np.concatenate([spread(1e-18, 0.9, 1500), rng.uniform(0.0, 50.0, 300), positive(100)])
    assert worst_ulp(smath.log1p, lambda x: (1 + x).ln(), xs[np.abs(xs) > 1e-19]) < 2.0
    xs = np.concatenate([spread(1e-18, 0.03, 1000), rng.uniform(-45.0, 45.0, 1000)])
    assert worst_ulp(smath.expm1, lambda x: x.exp() - 1, xs) < 3.0


@pytest.mark.parametrize("y", [0.5, 2.5, -1.7, 40.0, 17.0, -33.3, 1e-3])
def test_power_is_within_two_ulp(y: float) -> None:
    xs = np.concatenate([spread(1e-7, 1e7, 150), 1.0 + spread(1e-9, 0.2, 150)])
    error = worst_ulp(lambda x: smath.power(x, y), lambda x: x ** Decimal(y), np.abs(xs))
    assert error < 2.0


@pytest.mark.parametrize("y", [*range(-6, 7), 16])
def test_power_of_small_whole_numbers(y: int) -> None:
    xs = spread(1e-8, 1e8, 100)
    assert worst_ulp(lambda x: smath.power(x, y), lambda x: x**y, xs) < 9.0
    assert smath.power(3.0, 4) == 81.0


def test_power_at_the_ends() -> None:
    cases = [
        (0.0, 0.0, 1.0), (0.0, 2.0, 0.0), (0.0, 0.5, 0.0), (0.0, -1.0, INF), (0.0, -0.5, INF),
        (INF, 0.5, INF), (INF, -0.5, 0.0), (INF, 2.0, INF), (2.0, INF, INF), (2.0, -INF, 0.0),
        (0.5, INF, 0.0), (0.5, -INF, INF), (1.0, INF, 1.0), (1e300, 1.5, INF), (1e-300, 1.5, 0.0),
        (-2.0, 3.0, -8.0), (1e200, 1e300, INF), (1e-200, 1e300, 0.0), (NAN, 0.0, 1.0),
    ]  # fmt: skip
    for x, y, result in cases:
        assert smath.power(x, y) == result, (x, y)
    for x, y in [(-2.0, 0.5), (NAN, 0.5), (2.0, NAN), (NAN, 2.0)]:
        assert math.isnan(smath.power(x, y)), (x, y)


def test_ends_of_the_range() -> None:
    assert smath.exp(0.0) == smath.exp(-0.0) == 1.0
    assert smath.exp(709.782712893384) == pytest.approx(sys.float_info.max, rel=1e-12)
    assert smath.exp(709.7827128933841) == INF
    assert smath.exp(-745.13321910194) == 5e-324
    assert smath.exp(-745.1332191019413) == smath.exp(-INF) == smath.exp(-1e308) == 0.0
    assert smath.exp(INF) == smath.exp(1e308) == INF
    assert smath.log(1.0) == 0.0
    assert smath.log(0.0) == smath.log(-0.0) == smath.log1p(-1.0) == -INF
    assert smath.log(INF) == smath.log1p(INF) == smath.expm1(INF) == INF
    assert smath.expm1(-INF) == smath.expm1(-800.0) == -1.0
    assert smath.log1p(5e-324) == smath.expm1(5e-324) == 5e-324
    for nan in (
        smath.exp(NAN), smath.log(NAN), smath.log(-1.0), smath.log(-INF), smath.log1p(-1.1),
        smath.log1p(NAN), smath.expm1(NAN), smath.sqrt(-1.0), smath.sqrt(NAN),
        smath.normal_cdf(NAN),
    ):  # fmt: skip
        assert math.isnan(nan)
    assert smath.sqrt(2.0) == math.sqrt(2.0)
    assert [smath.is_finite(x) for x in (0.0, 1e308, INF, -INF, NAN)] == [True, True, *[False] * 3]


def test_normal_cdf() -> None:
    xs = np.concatenate([rng.uniform(-8.0, 8.0, 1000), [0.0, 2.5, -2.5, 2.4999999999999996]])
    mine = np.array([smath.normal_cdf(x) for x in xs])
    np.testing.assert_allclose(mine, special.ndtr(xs), rtol=2e-13, atol=0.0)
    tail = rng.uniform(-37.0, -8.0, 300)
    logs = np.log([smath.normal_cdf(x) for x in tail])
    np.testing.assert_allclose(logs, special.log_ndtr(tail), rtol=1e-14)
    assert (smath.normal_cdf(INF), smath.normal_cdf(-INF)) == (1.0, 0.0)


# -------------------------------------------------------------------------------------- rounding


def test_rounding_to_integers() -> None:
    xs = [-2.5, -1.5, -0.5, -0.2, 0.0, 0.2, 0.5, 1.5, 2.5, 0.49999999999999994, 4503599627370495.5]
    assert [smath.floor_int(x) for x in xs] == [math.floor(x) for x in xs]
    assert [smath.ceil_int(x) for x in xs] == [math.ceil(x) for x in xs]
    halves_away = [-3, -2, -1, 0, 0, 0, 1, 2, 3, 0, 4503599627370496]
    assert [smath.round_int(x) for x in xs] == halves_away
    assert [smath.floor(x) for x in (*xs, 1e300, -INF)] == [*map(math.floor, xs), 1e300, -INF]
    assert math.isnan(smath.floor(NAN))
    for function in (smath.floor_int, smath.ceil_int, smath.round_int):
        assert function(2.0**63) == function(INF) == 2**63 - 1
        assert function(-INF) == function(NAN) == function(-1e300) == -(2**63)
        assert function(2.0**62 + 1024) == 2**62 + 1024


def test_minimum_maximum_clip() -> None:
    assert (smath.minimum(1, 2), smath.maximum(1, 2)) == (1, 2)
    assert [smath.clip(x, -1.0, 1.0) for x in (-3.0, 0.5, 3.0)] == [-1.0, 0.5, 1.0]
    assert math.isnan(smath.clip(NAN, -1.0, 1.0))
    assert math.isnan(smath.minimum(NAN, 1.0))
    assert smath.minimum(1.0, NAN) == smath.maximum(1.0, NAN) == 1.0


def test_products_larger_than_64_bits() -> None:
    @jit.compiled
    def both(a, b, c, out):  # type: ignore[no-untyped-def]
        for i in range(a.size):
            out[i, 0] = smath.mul_div_floor(a[i], b[i], c[i])
            out[i, 1] = smath.mul_div_trunc(a[i], b[i], c[i])

    n = 20_000
    a = rng.integers(-9 * 10**18, 9 * 10**18, n)
    a[::3] = rng.integers(-(10**6), 10**6, a[::3].size)
    a[:4] = 2**63 - 1, -(2**63) + 1, 0, -1
    c = rng.choice(np.array([1_000_000_000, 1, 7, 999_999_937]), n)
    b = rng.integers(-1_000_000_000, 1_000_000_000, n) % c * rng.choice([-1, 1], n)
    out = np.zeros((n, 2), np.int64)
    both(a, b, c, out)
    for x, y, z, (down, cut) in zip(*map(np.ndarray.tolist, (a, b, c, out)), strict=True):
        assert down == x * y // z
        assert cut == abs(x * y) // z * (1 if x * y >= 0 else -1)


# --------------------------------------------------------------------------------- random numbers


def test_draws_never_change() -> None:
    """Tapes and golden reports rest on these values."""
    key = smath.stream_key(7, "latency")
    assert key == 2217923729380587589
    assert [smath.mix(0, 0), smath.mix(key, 12)] == [8147104208329303767, 5734282247354975387]
    assert smath.chain(smath.chain(0, 0), -1) == 4547494004674235815
    assert smath.uniform(key, 3).hex() == "0x1.f9684fc58801dp-1"
    assert smath.exponential(key, 3).hex() == "0x1.a8a977e5f2358p-7"
    assert smath.normal(key, 3).hex() == "0x1.2658824498b94p-2"


def test_stream_keys_differ_by_seed_and_name() -> None:
    keys = [smath.stream_key(s, n) for s in (0, 1, -1, 10**30) for n in ("", "a", "b", "1")]
    assert len(set(keys)) == 16
    assert all(0 <= key < 2**63 for key in keys)
    assert smath.stream_key(1, "2") != smath.stream_key(12, "")


def test_distributions() -> None:
    n = 20_000
    for key in (0, smath.stream_key(1, "test")):
        uniform = [smath.uniform(key, i) for i in range(n)]
        assert 0.0 < min(uniform) < max(uniform) < 1.0
        draws = {
            "uniform": uniform,
            "expon": [smath.exponential(key, i) for i in range(n)],
            "norm": [smath.normal(key, i) for i in range(n)],
        }
        for name, values in draws.items():
            assert stats.kstest(values, name).pvalue > 0.005, name
            series = stats.zscore(np.array(values))
            for lag in (1, 2, 7):
                correlation = float(series[:-lag] @ series[lag:]) / n
                assert abs(correlation) < 4.0 / math.sqrt(n), (name, lag)


def test_one_bit_of_key_or_counter_moves_half_the_result() -> None:
    flips = np.zeros(63)
    trials = 0
    for counter in range(0, 4000, 61):
        for bit in range(0, 40, 3):
            for other in (smath.mix(5, counter ^ (1 << bit)), smath.mix(5 ^ (1 << bit), counter)):
                difference = smath.mix(5, counter) ^ other
                flips += [(difference >> i) & 1 for i in range(63)]
                trials += 1
    assert np.abs(flips / trials - 0.5).max() < 5.0 * 0.5 / math.sqrt(trials)


def test_the_chain_tells_sequences_apart() -> None:
    def digest(values: list[int]) -> int:
        h = 0
        for value in values:
            h = smath.chain(h, value)
        return h

    sequences = [[a, b, c] for a in range(-9, 10) for b in range(-9, 10) for c in range(-9, 10)]
    sequences += [[0] * n for n in range(3)]
    assert len({digest(values) for values in sequences}) == len(sequences)


# ------------------------------------------------------------------------------------- equal bits

EVERYTHING = """
    import hashlib, sys, warnings
    import numpy as np
    from simmm import jit, math as m

    State = np.dtype([("h", "u8"), ("key", "i8"), ("draws", "i8")], align=True)

    @jit.compiled
    def floats(x, out):
        for i in range(x.size):
            v, o = x[i], out[i]
            o[0], o[1], o[2], o[3] = m.exp(v), m.log(v), m.log1p(v), m.expm1(v)
            o[4], o[5], o[6] = m.sqrt(v), m.floor(v), m.normal_cdf(v)
            o[7], o[8], o[9] = m.power(v, 2.3), m.power(v, -3.0), m.power(abs(v), v)
            o[10], o[11], o[12] = m.floor_int(v), m.ceil_int(v), m.round_int(v)
            o[13] = m.clip(m.minimum(v, 3.5), -2.0, m.maximum(v, 1.0))

    @jit.compiled
    def integers(state, a, b, out):
        s = state[0]
        for i in range(a.size):
            s.key = m.mix(a[i], b[i])
            s.h = m.chain(s.h, a[i])
            s.h = m.chain(s.h, s.key - b[i])
            out[i, 0] = m.uniform(s.key, s.draws)
            s.h = m.chain(s.h, m.float_bits(out[i, 0]))
            if i % 50 == 0:
                out[i, 1] = m.normal(s.key, i)
                out[i, 2] = m.exponential(s.key, i)
            s.draws += 1

    g = np.random.default_rng(3)
    every = np.int64(-2**63), np.int64(2**63 - 1)
    special = [0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e308, -1, 709.78, -745.13, 0.5, -0.5]
    x = np.concatenate([g.integers(-2**40, 2**40, 2000) / 2**31,
                        g.integers(-2**40, 2**40, 2000) / 2**38, special,
                        g.integers(*every, 2000).view(float)])
    out = np.zeros((x.size, 14))
    floats(x, out)
    out[np.isnan(out)] = np.nan
    state = jit.records(np.zeros(1, State))
    a, b = g.integers(0, every[1], 100_000), g.integers(0, 1 << 40, 100_000)
    drawn = np.zeros((a.size, 3))
    integers(state, a, b, drawn)
    digests = [hashlib.sha256(v.tobytes()).hexdigest()[:16] for v in (out, drawn, state)]
    print(jit.INTERPRETED, *digests)
"""

MASKED = (
    "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX2_Prefer_No_VZEROUPPER,-FMA,-FMA_Usable,"
    "-FMA4,-FMA4_Usable,-AVX512F"
)
PLACES = {
    "compiled": {},
    "interpreted": {"NUMBA_DISABLE_JIT": "1"},
    "bounds checked": {"NUMBA_BOUNDSCHECK": "1"},
    "a processor without FMA": {"NUMBA_CPU_NAME": "generic", "GLIBC_TUNABLES": MASKED},
}


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("math") / "everything.py"
    path.write_text(textwrap.dedent(EVERYTHING))
    return path


def digests(script: Path, variables: dict[str, str]) -> list[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(ROOT), "SIMMM_CACHE": str(script.parent)} | variables
    run = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    interpreted, *rest = run.stdout.split()
    assert interpreted == str("NUMBA_DISABLE_JIT" in variables)
    return rest


@pytest.mark.parametrize("place", PLACES)
def test_the_same_bits_everywhere(script: Path, place: str) -> None:
    if "GLIBC_TUNABLES" in PLACES[place] and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("the masked features are those of x86-64")
    assert digests(script, PLACES[place]) == [
        "87e2f7b88f2b2d6b",
        "2db50c8436df3877",
        "953c1ae4286628de",
    ]
