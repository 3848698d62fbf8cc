"""Latency of feed, requests and responses: a named distribution, drawn by counter.

A draw depends on the stream's key and the sender's counter alone, so it doesn't depend on what
else happens. On one connection nothing overtakes.
"""

from typing import Any

import numpy as np

from simmm.jit import kernel
from simmm.math import exp, exponential, floor_int, normal, uniform

CONSTANT, UNIFORM, EXPONENTIAL, LOGNORMAL = range(4)
LATENCY_FORMS = ("constant", "uniform", "exponential", "lognormal")


@kernel
def draw_ns(form: int, low_ns: int, scale_ns: float, shape: float, key: int, counter: int) -> float:
    """Return one uncapped latency in ns.

    ``low`` for constant, ``low + scale·U`` for uniform, ``low + scale·Exp(1)`` for exponential and
    ``low + scale·exp(shape·N(0, 1))`` for lognormal.
    """
    if form == UNIFORM:
        return low_ns + scale_ns * uniform(key, counter)
    if form == EXPONENTIAL:
        return low_ns + scale_ns * exponential(key, counter)
    if form == LOGNORMAL:
        return low_ns + scale_ns * exp(shape * normal(key, counter))
    return float(low_ns)


@kernel
def next_arrival(latency: Any, ts: int) -> int:
    """Return when a message sent at `ts` arrives (ns), at least 1 ns later, in sending order."""
    if latency.form == CONSTANT:
        wait = latency.low_ns
    else:
        drawn = draw_ns(
            latency.form,
            latency.low_ns,
            latency.scale_ns,
            latency.log_sd,
            latency.key,
            latency.draws,
        )
        wait = floor_int(min(drawn, float(latency.cap_ns)))
    latency.draws += 1
    arrival = max(ts + max(wait, 1), latency.last_ns)
    latency.last_ns = arrival
    return arrival


@kernel
def delay_feed(latency: Any, packet_ts: np.ndarray, local_ts: np.ndarray) -> None:
    """Overwrite `local_ts` (ns, shape (n,)) of packets in causal order with drawn arrivals."""
    for k in range(packet_ts.size):
        local_ts[k] = next_arrival(latency, packet_ts[k])
