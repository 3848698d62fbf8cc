"""The functions that kernels may call: the same bits compiled, interpreted and on any processor.

The C library's ``exp`` and ``log`` differ between systems, and between processors of one system.
Those here use only ``+ - * /``, square root, and integer operations on a number's bits, which
IEEE 754 fixes. Arguments may be Python or NumPy numbers; floating results are float64.

Random numbers have no state: a draw is a function of a stream's key and a counter, so any draw can
be made again, or left out, without the others moving.

Source: own derivations from the Taylor series of exp and log and exactly rounded tables; the
integer mixer has the shape of SplitMix64 (Steele, Lea and Flood, 2014); the polar method is
Marsaglia and Bray's (1964).
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

from simmm.jit import compiled_as, kernel
from simmm.math_tables import (
    LN2_HIGH,
    LN2_LOW,
    LOG_BASE_BITS,
    LOG_FIRST,
    LOGS,
    ROOTS,
    STEP_HIGH,
    STEP_LOW,
    STEPS_PER_UNIT,
)

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
_TWO_63 = 9223372036854775808.0
INFINITY = math.inf
NAN = math.nan

_ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to whole numbers


# ------------------------------------------------------------------------------- bits and rounding


@kernel
def float_bits(x: float) -> int:
    """The 64 bits of a float64 as an int64: what a digest takes in of it."""
    return int(np.float64(x).view(np.int64))


@kernel
def _from_bits(bits: int) -> float:
    return float(np.int64(bits).view(np.float64))


@kernel
def is_finite(x: float) -> bool:
    """True unless `x` is infinite or not a number."""
    return -INFINITY < x < INFINITY


@kernel
def floor(x: float) -> float:
    """Largest whole number not above `x`, as a float; infinities and nan are passed on."""
    x = float(x)
    if not -4503599627370496.0 < x < 4503599627370496.0:
        return x  # already whole, or not a number
    return float(math.floor(x))


@kernel
def floor_int(x: float) -> int:
    """Largest integer not above `x`, held inside int64; nan gives the lowest int64."""
    x = float(x)
    if x >= _TWO_63:
        return INT64_MAX
    return math.floor(x) if x > -_TWO_63 else INT64_MIN


@kernel
def ceil_int(x: float) -> int:
    """Smallest integer not below `x`, held inside int64; nan gives the lowest int64."""
    whole = floor(x)
    return floor_int(whole if not whole < x else whole + 1.0)


@kernel
def round_int(x: float) -> int:
    """Nearest integer, halves away from zero, held inside int64; nan gives the lowest int64."""
    x = float(x)
    whole = floor(x)
    rest = x - whole  # exact
    return floor_int(whole + 1.0 if rest > 0.5 or (rest == 0.5 and x > 0.0) else whole)


@kernel
def minimum(a: float, b: float) -> float:
    """The lesser of two numbers of one type; `a` if it is nan."""
    return b if b < a else a


@kernel
def maximum(a: float, b: float) -> float:
    """The greater of two numbers of one type; `a` if it is nan."""
    return b if b > a else a


@kernel
def clip(x: float, low: float, high: float) -> float:
    """`x` held inside [low, high], all of one type; nan stays nan."""
    if x < low:
        return low
    return high if x > high else x


@kernel
def mul_div_floor(a: int, b: int, c: int) -> int:
    """floor(a * b / c) without the product overflowing.

    Exact for any int64 `a`, c > 0 and c * |b| < 2**63, where the result itself fits an int64: at a
    scale of c = 10**9, |b| may reach 9.2 * 10**9. A fee of 3.5 bps is b = 350_000.
    """
    a, b, c = int(a), int(b), int(c)
    quotient = a // c
    return quotient * b + (a - quotient * c) * b // c


@kernel
def mul_div_trunc(a: int, b: int, c: int) -> int:
    """a * b / c without its fraction, whatever its sign; `mul_div_floor` states the range."""
    down = mul_div_floor(a, b, c)
    up = -mul_div_floor(-int(a), b, c)
    return down if down >= 0 else up


# ------------------------------------------------------------------------- exponential, logarithm


@kernel
def sqrt(x: float) -> float:
    """Square root, rounded exactly; nan for negative `x`."""
    x = float(x)
    return NAN if x < 0.0 else math.sqrt(x)


@kernel
def _reduced(x: float) -> tuple[int, float]:
    """Return n and p with exp(x) = 2**(n/64) * (1 + p), for |x| < 1000."""
    whole = (x * STEPS_PER_UNIT + _ROUNDER) - _ROUNDER
    r = (x - whole * STEP_HIGH) - whole * STEP_LOW
    square = r * r
    tail = (1.0 / 24.0 + r * (1.0 / 120.0)) + square * (1.0 / 720.0)
    return int(whole), r + square * ((0.5 + r * (1.0 / 6.0)) + square * tail)


@kernel
def _scaled(value: float, exponent: int) -> float:
    """value * 2**exponent, rounded once, for |exponent| < 2000 and values near 1."""
    half = exponent >> 1
    return value * _from_bits((half + 1023) << 52) * _from_bits((exponent - half + 1023) << 52)


@kernel
def exp(x: float) -> float:
    """e to the power `x`, within 1 unit in the last place; inf above 709.78, 0 below -745.13."""
    x = float(x)
    if not -745.2 < x < 709.8:
        if math.isnan(x):
            return x
        return INFINITY if x > 0.0 else 0.0
    n, p = _reduced(x)
    root = float(ROOTS[n & 63, 0])
    return _scaled(root + (float(ROOTS[n & 63, 1]) + root * p), n >> 6)


@kernel
def expm1(x: float) -> float:
    """exp(x) - 1 without cancellation, within 3 units in the last place."""
    x = float(x)
    if not -40.0 < x < 40.0:
        return -1.0 if x < 0.0 else exp(x)
    if -1e-300 < x < 1e-300:
        return x
    n, p = _reduced(x)
    root = float(ROOTS[n & 63, 0])
    less_one = root - _from_bits((1023 - (n >> 6)) << 52)
    return _scaled(less_one + (float(ROOTS[n & 63, 1]) + root * p), n >> 6)


@kernel
def _log_series(r: float) -> float:
    """log(1 + r) - r for |r| < 0.006."""
    square = r * r
    tail = (-0.25 + r * 0.2) + square * (r * (1.0 / 7.0) - 1.0 / 6.0)
    return square * ((r * (1.0 / 3.0) - 0.5) + square * tail)


@kernel
def _log_parts(x: float) -> tuple[float, float]:
    """log(x) for finite x > 0, as a multiple of 2**-42 and a rest below 0.006."""
    shift = 0
    if x < 2.2250738585072014e-308:  # below the normal range
        x, shift = x * 18014398509481984.0, 54
    bits = float_bits(x)
    exponent = (bits - LOG_BASE_BITS) >> 52
    significand = _from_bits(bits - (exponent << 52))  # in [0.6875, 1.375)
    j = int(significand * 128.0 + 0.5)
    centre = j * 0.0078125
    r = (significand - centre) / centre
    power = float(exponent - shift)
    head = power * LN2_HIGH + float(LOGS[j - LOG_FIRST, 0])  # exact
    rest = power * LN2_LOW + float(LOGS[j - LOG_FIRST, 1])
    return head, r + (rest + _log_series(r))


@kernel
def log(x: float) -> float:
    """Natural logarithm, within 1.2 units in the last place; -inf at 0, nan below."""
    x = float(x)
    if not 0.0 < x < INFINITY:
        if x == 0.0:
            return -INFINITY
        return x if x > 0.0 else NAN
    head, rest = _log_parts(x)
    return head + rest


@kernel
def log1p(x: float) -> float:
    """log(1 + x) without cancellation, within 2 units in the last place; -inf at -1, nan below."""
    x = float(x)
    if -0.00390625 < x < 0.00390625:
        return x if -1e-300 < x < 1e-300 else x + _log_series(x)
    if x >= 1e18:
        return log(x)
    y = 1.0 + x
    if not y > 0.0:
        return log(y)
    lost = x - (y - 1.0) if x < 1.0 else 1.0 - (y - x)
    return log(y) + lost / y


@kernel
def power(x: float, y: float) -> float:
    """`x` to the power `y`: for whole |y| up to 16 by multiplying, else exp(y log x).

    Within 9 units in the last place for whole exponents, 2 for others. A negative `x` gives nan
    unless `y` is whole and small; 0 to a negative power is inf; nan to the power 0 is 1.
    """
    x, y = float(x), float(y)
    if y == 3.0:  # the same as below, for the exponent that is asked for most
        return x * x * x
    if floor(y) == y and -16.0 <= y <= 16.0:
        result = 1.0
        for _ in range(int(abs(y))):
            result *= x
        if y >= 0.0:
            return result
        return 1.0 / result if result != 0.0 else INFINITY
    if not 0.0 < x < INFINITY or not is_finite(y):
        return _power_limit(x, y)
    head, rest = _log_parts(x)
    product = y * (head + rest)
    if not -746.0 < product < 710.0:
        return INFINITY if product > 0.0 else 0.0
    # What the product lost, by splitting both factors into halves (Dekker, 1971).
    if not -1e15 < y < 1e15:
        return exp(product)
    split = y * 134217729.0
    y_high = split - (split - y)
    y_low = y - y_high
    split = head * 134217729.0
    head_high = split - (split - head)
    head_low = head - head_high
    lost = (
        (y_high * head_high - product) + y_high * head_low + y_low * head_high + y_low * head_low
    ) + y * rest
    value = exp(product)
    return value + value * lost if is_finite(value) else value


@kernel
def _power_limit(x: float, y: float) -> float:
    """`power` at the ends: x zero, infinite or nan, or y infinite or nan."""
    if math.isnan(x) or math.isnan(y) or x < 0.0:
        return NAN
    if x == 1.0:
        return 1.0
    return INFINITY if (x > 1.0) == (y > 0.0) else 0.0


@kernel
def normal_cdf(x: float) -> float:
    """Probability that a standard normal variable is below `x`, within 1e-13 of its value.

    Source: the series x + x^3/3 + x^5/(3*5) + ... near the centre, Laplace's continued fraction in
    the tails.
    """
    x = float(x)
    if math.isnan(x):
        return x
    size = abs(x)
    if size > 39.0:
        return 1.0 if x > 0.0 else 0.0
    density = exp(-0.5 * size * size) * 0.3989422804014327
    if size < 2.5:
        term = total = size
        odd = 1.0
        while term > 1e-17 * total:
            odd += 2.0
            term *= size * size / odd
            total += term
        half = density * total
        return 0.5 + half if x > 0.0 else 0.5 - half
    fraction = size
    for k in range(120, 0, -1):
        fraction = size + k / fraction
    tail = density / fraction
    return 1.0 - tail if x > 0.0 else tail


# --------------------------------------------------------------------------------- random numbers

_MASK = 2**64 - 1
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_U_GOLDEN, _U_FIRST, _U_SECOND = (
    np.uint64(_GOLDEN),
    np.uint64(_FIRST),
    np.uint64(_SECOND),
)
_U1, _U27, _U30, _U31, _U32 = (np.uint64(n) for n in (1, 27, 30, 31, 32))


def stream_key(seed: int, name: str) -> int:
    """Key in [0, 2**63) of the random stream `name` under `seed`; not for kernels."""
    text = f"simmm random stream {int(seed)} {name}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def mix(key: int, counter: int) -> int:
    """A random integer in [0, 2**63), a function of a stream's key and a counter."""
    z = (int(key) ^ ((int(counter) + 1) * _GOLDEN)) & _MASK
    z = ((z ^ (z >> 30)) * _FIRST) & _MASK
    z = ((z ^ (z >> 27)) * _SECOND) & _MASK
    return (z ^ (z >> 31)) >> 1


@compiled_as(mix)
def _mix_compiled(key: int, counter: int) -> int:
    z = np.uint64(key) ^ ((np.uint64(counter) + _U1) * _U_GOLDEN)
    z = (z ^ (z >> _U30)) * _U_FIRST
    z = (z ^ (z >> _U27)) * _U_SECOND
    return np.int64((z ^ (z >> _U31)) >> _U1)  # type: ignore[return-value]


def chain(h: int, x: int) -> int:
    """Take one integer into a running 64-bit digest and return the new digest.

    Different `h` give different results for the same `x`, and different `x` for the same `h`.
    `h` is kept in an unsigned 8-byte field; use `float_bits` for floats.
    """
    z = (((int(h) ^ int(x)) + _GOLDEN) * _FIRST) & _MASK
    return z ^ (z >> 32)


@compiled_as(chain)
def _chain_compiled(h: int, x: int) -> int:
    z = ((np.uint64(h) ^ np.uint64(x)) + _U_GOLDEN) * _U_FIRST
    return z ^ (z >> _U32)  # type: ignore[return-value]


@kernel
def uniform(key: int, counter: int) -> float:
    """A draw from the open interval (0, 1), of 2**52 equally spaced values."""
    return (float(mix(key, counter) >> 11) + 0.5) * 2.220446049250313e-16


@kernel
def exponential(key: int, counter: int) -> float:
    """A draw from the exponential distribution of mean 1."""
    return -log(uniform(key, counter))


@kernel
def normal(key: int, counter: int) -> float:
    """A draw from the standard normal distribution (polar method)."""
    own = mix(key, counter)  # points of a stream of this draw's own, until one is in the circle
    i = 0
    while True:
        u = 2.0 * uniform(own, i) - 1.0
        v = 2.0 * uniform(own, i + 1) - 1.0
        square = u * u + v * v
        if 0.0 < square < 1.0:
            return u * math.sqrt(-2.0 * log(square) / square)
        i += 2
