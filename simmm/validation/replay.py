"""Replays rows once and carries many probes, each an order of one lot that is alone at the venue.

Orders join, queues are told and fills decided by the kernels the engine runs
(`simmm.venue.requests`, `levels`, `fills`); what is here only chooses which probes a row
concerns, and takes a real order's own size out of the levels. The probes are orders of one venue,
which sees one of them at a time, so that none takes volume from another.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from numba.core.compiler_lock import global_compiler_lock

from simmm.book import cell_of, forget, key_of, set_best, set_depth, set_image, shown
from simmm.jit import compiled, kernel
from simmm.records import (
    ALO,
    BBO,
    DEPTH,
    FIRST,
    GAP,
    KIND_MASK,
    NEVER,
    NEW,
    NO_ASK,
    SNAPSHOT,
    TRADE,
)
from simmm.validation.live import (
    HORIZONS,
    Cut,
    Outcome,
    Probe,
    arrive,
    leave,
    live_dtype,
    place_of,
    reset,
    settle,
)
from simmm.venue.exchange import open_venue
from simmm.venue.fills import on_crossing, on_trade
from simmm.venue.levels import learn_size, on_level, shown_before
from simmm.venue.queue import QueueModel
from simmm.venue.requests import on_request
from simmm.venue.resting import refresh
from simmm.venue.watching import watch_level, watch_trade

__all__ = ["HORIZONS", "Cut", "Outcome", "Probe", "bind", "link", "live_dtype"]

Replay = Callable[..., int]
Verbs = tuple[Callable[..., Any], ...]


def link(queue: QueueModel) -> Replay:
    """Return the compiled replay for a queue model.

    ``replay(tag, px, lots, ts, probes, cuts, horizons, venues, lives, books, mails, outs,
    outcomes) -> int``: rows as arrays, `Probe` and `Cut` arrays, horizons in ns; one venue with as
    many slots as probes live at once, one `live_dtype` record, book, mail and outputs; one
    `Outcome` a probe. Returns how often a row was told to a probe.
    """
    with global_compiler_lock:
        return _linked(queue.verbs)


@cache
def _linked(verbs: Verbs) -> Replay:
    return compiled(bind(verbs))


def bind(verbs: Verbs) -> Replay:
    """Return the replay as ordinary Python, for records as `numpy.recarray`."""
    join, trade, depth, cap, filled, watch, begin, adopt, learn = verbs

    def replay(
        tag: Any,
        px: Any,
        lots: Any,
        ts: Any,
        probes: Any,
        cuts: Any,
        horizons: Any,
        venues: Any,
        lives: Any,
        books: Any,
        mails: Any,
        outs: Any,
        outcomes: Any,
    ) -> int:
        verbs = (join, trade, depth, cap, filled, watch, begin, adopt, learn)
        venue = venues[0]
        live = lives[0]
        book = books[0]
        mail = mails[0]
        out = outs[0]
        open_venue(verbs, venue, book)
        reset(live)
        joined = 0
        told = 0
        row = 0
        while row < tag.size:
            now = ts[row]
            while joined < probes.size and probes[joined].enter_ts < now:
                # Whoever ends before it joins makes room for it.
                settle(live, venue, probes, horizons, outcomes, probes[joined].enter_ts)
                enter(verbs, live, venue, book, mail, out, probes, horizons, outcomes, joined)
                joined += 1
            settle(live, venue, probes, horizons, outcomes, now)
            start_block(venue, now)
            while row < tag.size and ts[row] == now:
                t: Any = int(tag[row])
                told += apply(
                    verbs, live, venue, book, mail, out, probes, cuts, outcomes,
                    t, px[row], lots[row],
                )  # fmt: skip
                row += 1
        settle(live, venue, probes, horizons, outcomes, NEVER)
        return told

    return replay


@kernel
def start_block(venue: Any, now: int) -> None:
    """The venue's clock goes to the rows of `now`."""
    venue.now = now
    venue.row_ts = now
    venue.block_ts = now


@kernel
def alone(venue: Any, slot: int, side: int) -> None:
    """Let the venue see one order only; `slot` -1: none."""
    venue.n_bids = 0
    venue.n_asks = 0
    venue.n_taken = 0
    if slot >= 0 and side:
        venue.bids[0] = slot
        venue.n_bids = 1
    elif slot >= 0:
        venue.asks[0] = slot
        venue.n_asks = 1
    refresh(venue)


@kernel
def quiet(mail: Any, out: Any) -> None:
    """Forget what the venue said."""
    mail.response_head = mail.response_tail
    out.n_fills = 0
    out.n_orders = 0


@kernel
def enter(
    verbs: Any,
    live: Any,
    venue: Any,
    book: Any,
    mail: Any,
    out: Any,
    probes: Any,
    horizons: Any,
    outcomes: Any,
    n: int,
) -> None:
    """Probe `n` joins by a post-only request, at a level without the real order's lots."""
    probe = probes[n]
    outcome = outcomes[n]
    side = 1 if probe.side > 0 else 0
    alone(venue, -1, side)
    start_block(venue, probe.enter_ts)
    request = mail.requests[0]
    request.kind = NEW
    request.id = n + 1
    request.side = probe.side
    request.px = probe.px
    request.quantity = 1
    request.tif = ALO
    request.sent_ts = probe.enter_ts
    total = shown(book, side, probe.px)
    own = min(probe.own, max(total, 0))
    cell = cell_of(book, side, probe.px)
    book.cells[cell] -= own
    on_request(verbs, venue, book, mail, out, request)
    if own > 0 and probe.behind:
        on_level(verbs, venue, book, DEPTH, side, probe.px, total)
    book.cells[cell] += own
    quiet(mail, out)
    outcome.fill_ts = NEVER
    outcome.joined = venue.n_bids + venue.n_asks
    if outcome.joined == 0:
        return
    slot = venue.bids[0] if side else venue.asks[0]
    outcome.level_at_join = venue.orders[slot].level_at_join
    arrive(live, probe, horizons, n, slot, own)


@kernel
def apply(
    verbs: Any,
    live: Any,
    venue: Any,
    book: Any,
    mail: Any,
    out: Any,
    probes: Any,
    cuts: Any,
    outcomes: Any,
    tag: int,
    px: int,
    lots: int,
) -> int:
    """Apply one row to the probes it concerns and to the book, as `simmm.venue.rows` does."""
    kind = tag & KIND_MASK
    side = (tag >> 3) & 1
    if kind == TRADE:
        if venue.level.size > 1:
            watch_trade(verbs, venue, 1 - side, px, lots)
        return meet(verbs, live, venue, mail, out, outcomes, tag, side, px, lots)
    if kind == GAP:
        forget(book)
    if kind not in (DEPTH, SNAPSHOT, BBO):
        return 0
    if kind != DEPTH and lots <= 0 and (kind == BBO or tag & FIRST):
        px = 0 if side else NO_ASK  # an empty side is empty at every price
    if lots > 0 or kind == DEPTH:
        if venue.settings.learns:
            learn_size(verbs, venue, book, tag, side, px, lots)
        if venue.level.size > 1:
            continued = kind == SNAPSHOT and not tag & FIRST
            watch_level(verbs, venue, side, px, shown_before(book, side, px, continued), lots)
    told = 0
    if kind != DEPTH or live.at[place_of(live, side, px)] > 0:
        for k in range(live.count):
            if live.side[k] == side and (kind != DEPTH or live.px[k] == px):
                tell(verbs, live, venue, book, probes, cuts, k, tag, px, lots)
                told += 1
    if kind == DEPTH:
        set_depth(book, side, px, lots)
    elif kind == SNAPSHOT:
        set_image(book, tag, side, px, lots)
    else:
        set_best(book, side, px, lots)
    if lots > 0:
        told += meet(verbs, live, venue, mail, out, outcomes, tag, side, px, lots)
    return told


@kernel
def meet(
    verbs: Any,
    live: Any,
    venue: Any,
    mail: Any,
    out: Any,
    outcomes: Any,
    tag: int,
    side: int,
    px: int,
    lots: int,
) -> int:
    """A print, or a level of `side`, reaches the probes of the other side at or beyond `px`."""
    if key_of(side, px) < -live.best_key[1 - side]:
        return 0
    told = 0
    k = 0
    while k < live.count:
        if live.side[k] == side or key_of(side, px) < key_of(side, live.px[k]):
            k += 1
            continue
        told += 1
        alone(venue, live.slot[k], 1 - side)
        if tag & KIND_MASK == TRADE:
            on_trade(verbs, venue, mail, out, tag, px, lots)
        else:
            on_crossing(venue, mail, out, side, px, lots)
        if out.n_fills == 0:
            k += 1
            continue
        outcome = outcomes[live.probe[k]]
        outcome.fill_ts = venue.now
        outcome.marks = out.fills[0].marks
        quiet(mail, out)
        leave(live, k)
    return told


@kernel
def tell(
    verbs: Any,
    live: Any,
    venue: Any,
    book: Any,
    probes: Any,
    cuts: Any,
    k: int,
    tag: int,
    px: int,
    lots: int,
) -> None:
    """Tell one probe of a row, with its own real lots taken out of the level before and after."""
    side = live.side[k]
    alone(venue, live.slot[k], side)
    before = live.own[k]
    if before == 0 and live.cut[k] == probes[live.probe[k]].last_cut:
        on_level(verbs, venue, book, tag, side, px, lots)
        return
    after = before
    while live.cut[k] < probes[live.probe[k]].last_cut and cuts[live.cut[k]].ts <= venue.now:
        after -= cuts[live.cut[k]].lots
        live.cut[k] += 1
    after = max(after, 0)
    others = lots
    if px == live.px[k]:
        after = min(after, lots)  # less is shown than we thought it had: it had cut itself
        others = lots - after
    cell = cell_of(book, side, live.px[k])
    total = book.cells[cell]
    if total > 0:
        book.cells[cell] = max(total - before, 0)
    on_level(verbs, venue, book, tag, side, px, others)
    book.cells[cell] = total
    live.own[k] = after
