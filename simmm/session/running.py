"""Figures of a session while it runs: the split of its P&L so far, and how long steps take."""

from __future__ import annotations

import time
from collections import deque
from decimal import Decimal
from typing import Any

import numpy as np

from simmm.book import shown
from simmm.market import MarketRules
from simmm.record_views import record_view
from simmm.report.schema import SPLIT_HORIZON_S
from simmm.session.header import Header
from simmm.session.snapshot import Belief, OwnQuote, Snapshot
from simmm.session.steps import Steps

_HORIZON_NS = round(SPLIT_HORIZON_S * 1e9)
_RECENT = 1 << 14
_ENOUGH = 20  # steps before anything is said of their time
_BELIEFS = (("sigma", "bps / √s"), ("kappa", "1 / bps"), ("arrival", "1 / s"))
_NEVER_HEARD_NS = 1 << 61


class Tally:
    """Adds up fills as they come; money in half money quanta before scaling, as in the report."""

    def __init__(self) -> None:
        self.fills = 0
        self.traded = 0  # quanta x lots
        self.spread = 0  # half quanta x lots
        self.adverse = 0
        self._mid2 = 0
        self._young: deque[tuple[int, int, int]] = deque()  # due, signed lots, mid2 at the fill
        self._answers: deque[int] = deque(maxlen=_RECENT)  # ns

    def __call__(self, table: str, rows: np.ndarray) -> None:
        """Take the rows of a table in; `fills`, `mids` and `orders` count."""
        if table == "mids":
            for ts, mid2 in zip(rows["ts"].tolist(), rows["mid2"].tolist(), strict=True):
                while self._young and self._young[0][0] < ts:
                    _, signed, before = self._young.popleft()
                    self.adverse += signed * (self._mid2 - before)
                self._mid2 = mid2
        elif table == "fills":
            for row in rows:
                signed = int(row["side"]) * int(row["quantity"])
                mid2, px = int(row["mid2"]), int(row["px"])
                self.fills += 1
                self.traded += px * int(row["quantity"])
                self.spread += signed * (mid2 - 2 * px)
                self._young.append((int(row["ts"]) + _HORIZON_NS, signed, mid2))
        elif table == "orders":
            waits = rows["answered_ts"] - rows["sent_ts"]
            self._answers.extend(waits[waits < _NEVER_HEARD_NS].tolist())

    def again(
        self, mids: list[np.ndarray], fills: list[np.ndarray], orders: list[np.ndarray]
    ) -> None:
        """Take in whole tables of the past, in the order of time."""
        for rows in orders:
            self("orders", rows)
        moved = np.concatenate(mids) if mids else None
        done = 0
        for rows in fills:
            for k in range(rows.size):
                if moved is not None:
                    until = int(np.searchsorted(moved["ts"], rows["ts"][k], "right"))
                    self("mids", moved[done:until])
                    done = until
                self("fills", rows[k : k + 1])
        if moved is not None:
            self("mids", moved[done:])

    def adverse_now(self, mid2: int) -> int:
        """Adverse moves with those of fills younger than the horizon up to now."""
        return self.adverse + sum(signed * (mid2 - before) for _, signed, before in self._young)

    def answer_s(self) -> float | None:
        """Median time from request to answer of recent orders."""
        return float(np.median(self._answers)) / 1e9 if self._answers else None


class StepTimes:
    """Wall time of steps: exact maximum, quantiles of the recent ones. In us."""

    def __init__(self) -> None:
        self._recent = np.zeros(_RECENT)
        self.count = 0
        self.longest = 0.0

    def add(self, elapsed_ns: int) -> None:
        """Count one step."""
        elapsed_us = elapsed_ns / 1e3
        self._recent[self.count % _RECENT] = elapsed_us
        self.count += 1
        if elapsed_us > self.longest:
            self.longest = elapsed_us

    def quantile(self, q: float) -> float | None:
        """Quantile over the recent steps, None while they are few."""
        if self.count < _ENOUGH:
            return None
        return float(np.quantile(self._recent[: min(self.count, _RECENT)], q))


class Running:
    """Builds snapshots of a session."""

    def __init__(self, header: Header, steps: Steps, tally: Tally, times: StepTimes) -> None:
        self._header = header
        self._steps = steps
        self._tally = tally
        self._times = times
        self._started_s = time.monotonic()

    def snapshot(
        self, speed: float | None, checkpoint_ns: int | None, journal_bytes: int
    ) -> Snapshot:
        """Return the session as it stands."""
        steps, tally = self._steps, self._tally
        settings = steps.simulation.settings
        rules = self._header.markets[0]
        venue, maker = steps.simulation.venues[0], steps.simulation.makers[0]
        know = steps.feed.knowledge[0] if steps.feed.knowledge is not None else None
        quantum, lot = float(rules.price_quantum), float(rules.lot_size)
        half = rules.money_quantum / 2
        scale = rules.money_scale * half
        account = venue["account"]
        mid2 = int(venue["mid2"])
        net = (
            2 * int(account["cash"]) + int(account["position"]) * mid2 * rules.money_scale
        ) * half
        spread, adverse = tally.spread * scale, tally.adverse_now(mid2) * scale
        fees = -int(account["fees"]) * rules.money_quantum
        record = maker["record"]
        now_ns = min(steps.bound_ts, settings.end_ns)
        return Snapshot(
            symbol=rules.symbol,
            venue=rules.venue,
            quote=rules.quote,
            strategy=steps.simulation.strategy.name,
            feed=self._header.feed,
            speed=speed,
            now_ns=now_ns,
            start_ns=settings.t0_ns,
            quote_start_ns=settings.quote_start_ns,
            end_ns=settings.end_ns,
            wall_s=time.monotonic() - self._started_s,
            price_decimals=_decimals(rules.price_quantum),
            size_decimals=_decimals(rules.lot_size),
            bid=_known(record["bid_px"], quantum),
            ask=_known(record["ask_px"], quantum),
            bid_size=_known(record["bid_qty"], lot),
            ask_size=_known(record["ask_qty"], lot),
            mid_age_s=(now_ns - int(maker["last_packet_ts"])) / 1e9
            if maker["last_packet_ts"]
            else None,
            quotes=self._quotes(rules),
            position=int(account["position"]) * lot,
            max_position=int(maker["max_position"]) * lot,
            net=net,
            spread=spread,
            adverse=adverse,
            holding=net - spread - adverse - fees,
            fees=fees,
            volume=tally.traded * 2 * scale,
            fills=tally.fills,
            requests=int(maker["sequence"]),
            rejections=int(venue["rejections"].sum()),
            beliefs=tuple(Belief(name, unit, *_belief(record, name)) for name, unit in _BELIEFS),
            answer_s=tally.answer_s(),
            step_us=self._times.quantile(0.5),
            step_us_99=self._times.quantile(0.99),
            packets=int(steps.feed.array[-1]["arrival_hi"]),
            rows=steps.feed.row_hi,
            late_packets=int(know["late_packets"]) if know is not None else 0,
            late_rows=int(know["late_rows"]) if know is not None else 0,
            ignored_rows=int(know["ignored_rows"]) if know is not None else 0,
            gaps=int(record["gaps"]),
            checkpoint_ns=checkpoint_ns,
            journal_bytes=journal_bytes,
        )

    def _quotes(self, rules: MarketRules) -> tuple[OwnQuote, ...]:
        simulation = self._steps.simulation
        venue = simulation.venues[0]
        book = record_view(simulation.venue_books)[0]
        quantum, lot = float(rules.price_quantum), float(rules.lot_size)
        found = []
        for side, slots in (
            (1, venue["bids"][: venue["n_bids"]]),
            (-1, venue["asks"][: venue["n_asks"]]),
        ):
            for slot in slots:
                order = venue["orders"][slot]
                lots = int(shown(book, 1 if side > 0 else 0, int(order["px"])))
                ahead = float(venue["queue"][slot]["ahead"]) if order["seen"] else None
                found.append(
                    OwnQuote(
                        side=side,
                        px=int(order["px"]) * quantum,
                        leaves=int(order["leaves"]) * lot,
                        ahead=None if ahead is None else max(ahead, 0.0) * lot,
                        shown=None if lots < 0 else lots * lot,
                        age_s=max(int(venue["now"]) - int(order["placed_ts"]), 0) / 1e9,
                    )
                )
        return tuple(found)


def _decimals(text: str) -> int:
    exponent = Decimal(text).normalize().as_tuple().exponent
    return max(-int(exponent), 0)


def _known(value: Any, unit: float) -> float | None:
    return float(value) * unit if value > 0.0 else None


def _belief(record: Any, name: str) -> tuple[float | None, float | None]:
    """Value and standard deviation; sigma in bps, kappa per bp."""
    if record[f"{name}_age_ns"] < 0:
        return None, None
    factor = {"sigma": 1e4, "kappa": 1e-4, "arrival": 1.0}[name]
    return float(record[name]) * factor, float(record[f"{name}_sd"]) * factor
