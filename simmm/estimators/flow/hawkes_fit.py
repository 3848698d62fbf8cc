"""Likelihood of a Hawkes process along its events, and Newton's step on it; for `hawkes`.

Kernels work on a state with the fields of `PASS`. A pass is `set_point`; then, for each event,
`move_on` to it, `explain` it, `add_one`; then `move_on` to the end if that isn't an event, and
`finish`. After that come `improve` and, for the covariance, `solve`.

Source: Ozaki (1979); second derivatives are own work, checked against differences in the tests.
"""

from __future__ import annotations

from typing import Any

from simmm.jit import kernel
from simmm.math import clip, exp, log, sqrt

FAR = 1e-4  # the nearest that alpha gets to 0 or 1

PASS = [
    ("point", "f8", (3,)),  # log mu, logit alpha, log beta that it is made at
    ("natural", "f8", (3,)),  # mu, alpha, beta
    ("sums", "f8", (3,)),  # over events of weight, and of that times age and age^2
    ("origin", "f8", (3,)),  # the same, at the end of history
    ("count", "f8"),  # events explained
    ("seconds", "f8"),  # explained
    ("log_likelihood", "f8"),
    ("gradient", "f8", (3,)),  # by mu, alpha, beta
    ("hessian", "f8", (3, 3)),  # lower half; after `improve` the information at the point
    ("root", "f8", (3, 3)),  # its Cholesky factor
    ("step", "f8", (3,)),
]


@kernel
def set_point(s: Any) -> None:
    """Make `point` the parameters, and the sums empty."""
    s.natural[0] = exp(s.point[0])
    s.natural[1] = 1.0 / (1.0 + exp(-s.point[1]))
    s.natural[2] = exp(s.point[2])
    for i in range(3):
        s.sums[i] = 0.0
    forget_history(s)


@kernel
def forget_history(s: Any) -> None:
    """Explain from here on; what is summed so far excites only."""
    s.count = 0.0
    s.seconds = 0.0
    s.log_likelihood = 0.0
    for i in range(3):
        s.origin[i] = s.sums[i]
        s.gradient[i] = 0.0
        for j in range(3):
            s.hessian[i, j] = 0.0


@kernel
def move_on(s: Any, seconds: float) -> None:
    """Let the excitement age."""
    keep = exp(-s.natural[2] * seconds)
    zero, one, two = s.sums[0], s.sums[1], s.sums[2]
    s.sums[0] = keep * zero
    s.sums[1] = keep * (one + seconds * zero)
    s.sums[2] = keep * (two + seconds * (2.0 * one + seconds * zero))


@kernel
def add_one(s: Any) -> None:
    """An aggressor comes now."""
    s.sums[0] += 1.0


@kernel
def explain(s: Any, seconds: float) -> None:
    """Add the log intensity of an aggressor that comes now, and its derivatives."""
    mu, alpha, beta = s.natural[0], s.natural[1], s.natural[2]
    level, first, second = s.sums[0], s.sums[1], s.sums[2]
    intensity = mu + alpha * beta * level
    over = 1.0 / intensity
    mixed = level - beta * first
    by_mu, by_alpha, by_beta = over, beta * level * over, alpha * mixed * over
    s.count += 1.0
    s.seconds += seconds
    s.log_likelihood += log(intensity)
    s.gradient[0] += by_mu
    s.gradient[1] += by_alpha
    s.gradient[2] += by_beta
    s.hessian[0, 0] -= by_mu * by_mu
    s.hessian[1, 0] -= by_mu * by_alpha
    s.hessian[1, 1] -= by_alpha * by_alpha
    s.hessian[2, 0] -= by_mu * by_beta
    s.hessian[2, 1] += mixed * over - by_alpha * by_beta
    s.hessian[2, 2] += alpha * (beta * second - 2.0 * first) * over - by_beta * by_beta


@kernel
def finish(s: Any) -> None:
    """Subtract what was expected, with its derivatives."""
    mu, alpha = s.natural[0], s.natural[1]
    brought = s.origin[0] + s.count - s.sums[0]
    by_beta = s.sums[1] - s.origin[1]
    s.log_likelihood -= mu * s.seconds + alpha * brought
    s.gradient[0] -= s.seconds
    s.gradient[1] -= brought
    s.gradient[2] -= alpha * by_beta
    s.hessian[2, 1] -= by_beta
    s.hessian[2, 2] -= alpha * (s.origin[2] - s.sums[2])


# --------------------------------------------------------------------------------- Newton's step


@kernel
def _middle(s: Any, times: float) -> float:
    """Log of the mean rate `times` something."""
    return log(times * max(s.count, 1.0) / max(s.seconds, 1e-12))


@kernel
def log_posterior(s: Any, p: Any) -> float:
    """Log likelihood and log prior at the point, but for a constant."""
    base, logit = s.point[0] - _middle(s, 0.5), s.point[1]
    decay = s.point[2] - _middle(s, p.decay_prior)
    squares = base * base + logit * logit + decay * decay
    return s.log_likelihood - 0.5 * squares / (p.prior_sd * p.prior_sd)


@kernel
def improve(s: Any, p: Any) -> float:
    """Step from `point`; return the ridge that was needed, relative to the diagonal."""
    mu, alpha, beta = s.natural[0], s.natural[1], s.natural[2]
    slope = alpha * (1.0 - alpha)
    s.step[0], s.step[1], s.step[2] = mu, slope, beta  # derivatives of the natural by the point
    weight = 1.0 / (p.prior_sd * p.prior_sd)
    information = s.hessian  # from here on, of the posterior at the point
    for i in range(3):
        for j in range(i + 1):
            information[i, j] *= -s.step[i] * s.step[j]
    information[0, 0] += weight - s.gradient[0] * mu
    information[1, 1] += weight - s.gradient[1] * slope * (1.0 - 2.0 * alpha)
    information[2, 2] += weight - s.gradient[2] * beta
    s.step[0] = s.gradient[0] * mu - weight * (s.point[0] - _middle(s, 0.5))
    s.step[1] = s.gradient[1] * slope - weight * s.point[1]
    s.step[2] = s.gradient[2] * beta - weight * (s.point[2] - _middle(s, p.decay_prior))
    ridge = 0.0
    while not factorise(s, ridge) and ridge < 1e12:
        ridge = max(10.0 * ridge, 0.1)
    solve(s)
    largest = max(abs(s.step[0]), max(abs(s.step[1]), abs(s.step[2])))
    for i in range(3):  # shortened as a whole: so it goes uphill still
        s.point[i] += s.step[i] / max(largest, 1.0)
    s.point[0] = clip(s.point[0], -50.0, 50.0)
    s.point[1] = clip(s.point[1], log(FAR), -log(FAR))
    s.point[2] = clip(s.point[2], -50.0, 50.0)
    return ridge


@kernel
def factorise(s: Any, ridge: float) -> bool:
    """Cholesky factor of the information with `ridge` on its diagonal; False if there is none."""
    for i in range(3):
        for j in range(i + 1):
            x = s.hessian[i, j]
            if i == j:
                x += ridge * (1.0 + abs(x))
            for k in range(j):
                x -= s.root[i, k] * s.root[j, k]
            if i == j:
                if not x > 1e-12 * (1.0 + abs(s.hessian[i, i])):
                    return False
                s.root[i, i] = sqrt(x)
            else:
                s.root[i, j] = x / s.root[j, j]
    return True


@kernel
def solve(s: Any) -> None:
    """Put the solution of information times x = `step` in `step`."""
    for i in range(3):
        for k in range(i):
            s.step[i] -= s.root[i, k] * s.step[k]
        s.step[i] /= s.root[i, i]
    for i in (2, 1, 0):
        for k in range(i + 1, 3):
            s.step[i] -= s.root[k, i] * s.step[k]
        s.step[i] /= s.root[i, i]
