"""Probes, what becomes of them, and the list of those alive during a replay."""

from typing import Any

import numpy as np

from simmm.book import key_of
from simmm.jit import kernel
from simmm.records import NEVER, NO_KEY

HORIZONS = 3

#: One order to be followed. Sorted by `enter_ts`.
Probe = np.dtype(
    [
        ("join_ts", "i8"),  # when it really joined: its times count from here, ns
        ("enter_ts", "i8"),  # it is sent in after the rows of this time, ns
        ("end_ts", "i8"),  # is watched up to and with the rows of this time, ns
        ("ends_before", "i8"),  # 1: without the rows of `end_ts`
        ("side", "i8"),  # +1 bid, -1 ask
        ("px", "i8"),  # quanta
        ("own", "i8"),  # lots of the real order that the tape shows at `enter_ts` already
        ("behind", "i8"),  # 1: those lots stand behind the probe; 0: the probe is that order
        ("first_cut", "i8"),  # cuts[first_cut:last_cut] are its real size's changes after that
        ("last_cut", "i8"),
    ],
    align=True,
)

#: What became of a probe in one run.
Outcome = np.dtype(
    [
        ("joined", "i8"),  # 0: the venue refused it
        ("fill_ts", "i8"),  # ns, NEVER if it didn't
        ("marks", "i8"),  # of the fill: CROSSED, THROUGH or 0
        ("level_at_join", "i8"),  # lots others showed; -1 unknown
        ("ahead_at_end", "f8"),  # lots ahead at the end, 0 if filled
        ("ahead", "f8", (HORIZONS,)),  # at the horizons; 0 if filled
    ],
    align=True,
)

#: A change of a real order's size in the levels: from `ts` on they hold `lots` less of it.
Cut = np.dtype([("ts", "i8"), ("lots", "i8")], align=True)


def live_dtype(places: int, window: int) -> np.dtype:
    """Return the dtype of what is known of the probes alive, at most `places`."""
    return np.dtype(
        [
            ("count", "i8"),
            ("due_ts", "i8"),  # nothing ends or is noted before, ns
            ("best_key", "i8", (2,)),  # best prices of asks and bids alive, as keys of the book
            ("probe", "i8", (places,)),
            ("slot", "i8", (places,)),  # its place at the venue
            ("side", "i8", (places,)),  # 1 bid, 0 ask
            ("px", "i8", (places,)),
            ("own", "i8", (places,)),  # lots of its own that the level shows
            ("cut", "i8", (places,)),  # next cut
            ("noted", "i8", (places,)),  # horizons passed
            ("at", "i8", (2 * window,)),  # probes alive, by cell of the book
        ],
        align=True,
    )


@kernel
def reset(live: Any) -> None:
    """Nobody is alive."""
    live.count = 0
    live.due_ts = NEVER
    live.best_key[0] = NO_KEY
    live.best_key[1] = NO_KEY
    for k in range(live.at.size):
        live.at[k] = 0


@kernel
def arrive(live: Any, probe: Any, horizons: Any, n: int, slot: int, own: int) -> None:
    """Put probe `n`, which rests in a slot of the venue, on the list."""
    side = 1 if probe.side > 0 else 0
    k = live.count
    live.count += 1
    live.probe[k] = n
    live.slot[k] = slot
    live.side[k] = side
    live.px[k] = probe.px
    live.own[k] = 0 if probe.behind else own
    live.cut[k] = probe.first_cut
    live.noted[k] = 0
    live.at[place_of(live, side, probe.px)] += 1
    live.best_key[side] = max(live.best_key[side], key_of(side, probe.px))
    live.due_ts = min(live.due_ts, due_ts(probe, horizons, 0))


@kernel
def place_of(live: Any, side: int, px: int) -> int:
    """Return where probes at (side, px) are counted."""
    return ((px & (live.at.size // 2 - 1)) << 1) | side


@kernel
def due_ts(probe: Any, horizons: Any, noted: int) -> int:
    """Return the first time of rows before which a probe wants to be looked at, ns."""
    due = probe.end_ts if probe.ends_before else probe.end_ts + 1
    if noted < horizons.size:
        due = min(due, probe.join_ts + horizons[noted] + 1)
    return due


@kernel
def settle(live: Any, venue: Any, probes: Any, horizons: Any, outcomes: Any, now: int) -> None:
    """Before the rows of time `now`: note places at horizons that passed, end what is over."""
    if now < live.due_ts:
        return
    soonest = NEVER
    k = 0
    while k < live.count:
        n = live.probe[k]
        probe = probes[n]
        ahead = max(float(venue.queue[live.slot[k]].ahead), 0.0)
        noted = live.noted[k]
        while noted < horizons.size and probe.join_ts + horizons[noted] < now:
            outcomes[n].ahead[noted] = ahead
            noted += 1
        live.noted[k] = noted
        if due_ts(probe, horizons, horizons.size) <= now:
            outcomes[n].ahead_at_end = ahead
            venue.orders[live.slot[k]].id = 0
            leave(live, k)
        else:
            soonest = min(soonest, due_ts(probe, horizons, noted))
            k += 1
    live.due_ts = soonest


@kernel
def leave(live: Any, k: int) -> None:
    """Take the probe at place `k` of the list out of it; the last one moves there."""
    side = live.side[k]
    px = live.px[k]
    last = live.count - 1
    live.count = last
    live.at[place_of(live, side, px)] -= 1
    live.probe[k] = live.probe[last]
    live.slot[k] = live.slot[last]
    live.side[k] = live.side[last]
    live.px[k] = live.px[last]
    live.own[k] = live.own[last]
    live.cut[k] = live.cut[last]
    live.noted[k] = live.noted[last]
    if key_of(side, px) == live.best_key[side]:
        best = NO_KEY
        for i in range(last):
            if live.side[i] == side:
                best = max(best, key_of(side, live.px[i]))
        live.best_key[side] = best
