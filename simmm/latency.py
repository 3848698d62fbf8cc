"""Latency of feed, requests and responses: a named distribution, drawn by counter.

A draw depends on the stream's key, the sender's counter and, where latencies come in bursts, the
time of sending; so it doesn't depend on what else happens. On one connection nothing overtakes.

Theory of operation. Every form is a rising function of a standard normal *score*. Without bursts
each message has a score of its own. With bursts the score is a weighted sum of the message's own
and of those of the *spells* that its time falls into, weights squared adding up to one: so the
distribution stays what the form says, and messages near in time are alike. A spell begins in each
cell of time with one probability and lasts until the next begins; its score is drawn by the cell
in which it began. Scores some time apart are then correlated by share x exp(-time / mean length),
and which spell a moment falls into is a function of key and time alone.

Source: the form is a Gaussian copula over a renewal process; see docs/latency-and-streams.md for
recorded feeds and what of them it holds.
"""

from typing import Any

import numpy as np

from simmm.jit import compiled, kernel
from simmm.math import (
    exp,
    exponential,
    float_bits,
    floor_int,
    log,
    maximum,
    normal,
    normal_cdf,
    uniform,
)
from simmm.records import LATENCY_BUCKETS, LATENCY_SCORES, SPELLS

CONSTANT, UNIFORM, EXPONENTIAL, LOGNORMAL, EMPIRICAL = range(5)
LATENCY_FORMS = ("constant", "uniform", "exponential", "lognormal", "empirical")

SCORES_PER_UNIT = 16.0
HIGHEST_SCORE = 4.0  # the table's ends: 1 in 31,574 lies beyond either
CELLS_PER_SPELL = 16
_BUCKET_BITS = 49  # of a float64 below exponent and three leading binary places
_FIRST_BUCKET = (1023 + 7) << 3  # 128 ns
_LEAST_CHANCE = 1e-300


@kernel
def draw_ns(latency: Any, counter: int, ts: int) -> float:
    """Return the uncapped latency of message `counter`, sent at `ts`, in ns.

    ``low`` for constant, ``low + scale·U`` for uniform, ``low + scale·Exp(1)`` for exponential,
    ``low + scale·exp(shape·N(0, 1))`` for lognormal, and the table's value for empirical.
    """
    form = latency.form
    if form == CONSTANT:
        return float(latency.low_ns)
    key = latency.key
    if latency.bursts == 0:
        if form == UNIFORM:
            return latency.low_ns + latency.scale_ns * uniform(key, counter)
        if form == EXPONENTIAL:
            return latency.low_ns + latency.scale_ns * exponential(key, counter)
        score = normal(key, counter)
    else:
        score = latency.own_weight * normal(key, counter)
        for k in range(SPELLS):
            if latency.spell_weight[k] > 0.0:
                score += latency.spell_weight[k] * _spell_score(latency, k, ts)
        if form == UNIFORM:
            return latency.low_ns + latency.scale_ns * normal_cdf(score)
        if form == EXPONENTIAL:
            return latency.low_ns - latency.scale_ns * log(
                maximum(normal_cdf(-score), _LEAST_CHANCE)
            )
    if form == LOGNORMAL:
        return latency.low_ns + latency.scale_ns * exp(latency.log_sd * score)
    return _by_table(latency, score)


@kernel
def _by_table(latency: Any, score: float) -> float:
    """Return the table's value at a normal score, ns; between two places on a line."""
    place = (score + HIGHEST_SCORE) * SCORES_PER_UNIT
    if place <= 0.0:
        return latency.table_ns[0]
    if place >= LATENCY_SCORES - 1:
        return latency.table_ns[LATENCY_SCORES - 1]
    below = floor_int(place)
    low = latency.table_ns[below]
    return low + (place - below) * (latency.table_ns[below + 1] - low)


@kernel
def _spell_score(latency: Any, k: int, ts: int) -> float:
    """Return the score of the spell that `ts` falls into.

    The record remembers the last one; what is returned doesn't depend on that.
    """
    cell = ts // latency.spell_cell_ns[k]
    known = latency.spell_cell[k]
    if cell != known:
        key = latency.spell_key[k]
        stop = known if 0 < known < cell else 0
        begun = cell
        while begun > stop and uniform(key, 2 * begun) >= latency.spell_chance[k]:
            begun -= 1
        if begun != known or begun == 0:  # else still the spell that is remembered
            latency.spell_score[k] = normal(key, 2 * begun + 1)
        latency.spell_cell[k] = cell
    return latency.spell_score[k]


@kernel
def arrival_after(latency: Any, counter: int, ts: int, last_ns: int) -> int:
    """Return when message `counter`, sent at `ts`, arrives: 1 ns later or more, after `last_ns`.

    It is counted among the latencies as they were.
    """
    if latency.form == CONSTANT:
        wait = latency.low_ns
    else:
        wait = floor_int(min(draw_ns(latency, counter, ts), float(latency.cap_ns)))
    arrival = max(ts + max(wait, 1), last_ns)
    took = arrival - ts
    latency.least_ns = took if latency.sent == 0 else min(latency.least_ns, took)
    latency.most_ns = max(latency.most_ns, took)
    latency.sum_ns += took
    latency.sent += 1
    latency.buckets[bucket_of(took)] += 1
    return arrival


@kernel
def bucket_of(took_ns: int) -> int:
    """Return the bucket of a latency: 8 an octave, equally wide within one."""
    bucket = (float_bits(float(took_ns)) >> _BUCKET_BITS) - _FIRST_BUCKET
    return min(max(bucket, 0), LATENCY_BUCKETS - 1)


@kernel
def next_arrival(latency: Any, ts: int) -> int:
    """Return when a message sent at `ts` arrives (ns), at least 1 ns later, in sending order."""
    arrival = arrival_after(latency, latency.draws, ts, latency.last_ns)
    latency.draws += 1
    latency.last_ns = arrival
    return arrival


@compiled
def delay_feed(lines: np.ndarray, packet_ts: np.ndarray, local_ts: np.ndarray) -> None:
    """Write the arrivals of packets in causal order, ns, shape (n,), into `local_ts`.

    `lines` holds one `records.Latency`, drawn on from where it stands.
    """
    for k in range(packet_ts.size):
        local_ts[k] = next_arrival(lines[0], packet_ts[k])
