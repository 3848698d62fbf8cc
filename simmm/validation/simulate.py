"""Runs a population through the engine's venue under one queue model, draw by draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm import output_records, records, venue_records
from simmm.latency import LATENCY_FORMS
from simmm.math import stream_key
from simmm.record_views import record_view
from simmm.validation.live import Outcome, live_dtype
from simmm.validation.models import Model
from simmm.validation.probes import HORIZONS_NS, Population
from simmm.validation.replay import bind, link
from simmm.validation.rows import Rows
from simmm.venue.queue import write_settings

LEAST_PLACES = 256  # one compiled replay serves all populations that need no more
INTERPRETED_WINDOW = 1 << 10  # quanta; clearing a book in plain Python takes its time


def simulate(
    rows: Rows,
    population: Population,
    model: Model,
    draws: int = 1,
    seed: int = 1,
    *,
    interpreted: bool = False,
) -> np.ndarray:
    """Return what became of each probe in each draw: `Outcome`, (draws, probes).

    Models that don't draw are run once. With `interpreted` nothing is compiled.
    """
    order = np.argsort(population.probes["enter_ts"], kind="stable")
    probes = population.probes[order]
    runs = draws if model.drawn else 1
    outcomes = np.zeros((runs, len(probes)), Outcome)
    if len(probes) == 0:
        return outcomes
    places = 1 if interpreted else LEAST_PLACES
    window = INTERPRETED_WINDOW if interpreted else records.BOOK_WINDOW
    while places < most_alive(probes):
        places *= 2
    live = np.zeros(1, live_dtype(places, window))
    book = np.zeros(1, records.book_dtype(window))
    mail = mail_record()
    out = np.zeros(1, output_records.Outputs)
    replay = bind(model.queue.verbs) if interpreted else link(model.queue)
    for draw in range(runs):
        venue = venue_record(rows, model, places, stream_key(seed, f"fills {model.label} {draw}"))
        state: list[Any] = [probes, population.cuts, venue, live, book, mail, out, outcomes[draw]]
        if interpreted:
            state = [record_view(array) for array in state]
        probes_, cuts, *records_ = state
        replay(rows.tag, rows.px, rows.lots, rows.ts, probes_, cuts, HORIZONS_NS, *records_)
    found = np.empty_like(outcomes)
    found[:, order] = outcomes
    return found


def venue_record(rows: Rows, model: Model, places: int, key: int) -> np.ndarray:
    """Return a venue with the market's steps, no least notional and `places` for orders."""
    queue = model.queue
    venue = np.zeros(1, venue_records.venue_dtype(queue.state, places, levels=queue.levels))
    market = rows.market.to_record()[0]
    market["min_notional"] = 0
    market["max_open_orders"] = 1  # it sees one at a time
    venue["market"] = market
    write_settings(venue[0]["settings"], queue, key=key, **model.settings)
    return venue


def mail_record() -> np.ndarray:
    """Return a mail whose answers take a nanosecond: nobody waits for them."""
    mail = np.zeros(1, records.Mail)
    for line in ("entry", "answer"):
        mail[line]["form"] = LATENCY_FORMS.index("constant")
        mail[line]["low_ns"] = 1
    return mail


def most_alive(probes: np.ndarray) -> int:
    """Return how many probes live at once at most."""
    ts = np.concatenate((probes["join_ts"], probes["end_ts"] + 1))
    step = np.concatenate((np.ones(len(probes)), -np.ones(len(probes))))
    order = np.lexsort((-step, ts))  # who comes at the moment another goes meets it
    return int(np.cumsum(step[order]).max())
