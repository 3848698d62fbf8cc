"""When it happened: the parts of the P&L over time, and the data of the pictures on a time axis."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simmm.records import NO_ASK, NO_BID
from simmm.report import payments
from simmm.report.page.pack import Thinning, packed
from simmm.report.schema import SPLIT_HORIZON_S, Report
from simmm.report.tables import Run
from simmm.report.words import fixed

#: Above this many fills their details (place, wait, edge) are left out, never the fills.
MOST_DETAILED = 100_000
BUY_BIT = 128  # of a packed mark: the fill bought
PARTS = ("spread", "adverse", "holding", "fees", "funding", "forfeited")
_SHADES = 400
_NEARLY = 0.95


class Stretch(NamedTuple):
    """What a stretch of the run earned, and its parts (quote currency); `text` says what it is."""

    start_ns: int
    end_ns: int
    net: float
    parts: dict[str, float]
    text: str


class Course(NamedTuple):
    """The chart, the worst stretch of the run, and what each of its events cost."""

    chart: dict[str, Any]
    worst: Stretch | None
    events: list[Stretch]


def parts_at(run: Run, instants: np.ndarray) -> dict[str, np.ndarray]:
    """P&L and its parts up to each instant (ns), quote currency.

    The parts are those of the report as they stood then: a fill whose horizon lies ahead counts its
    move so far as adverse. At the end of the run they are the report's own.
    """
    fills, scale = run.fills, run.money_scale
    ts, mid2 = fills["ts"], fills["mid2"].astype(np.float64)
    signed = (fills["side"] * fills["quantity"]).astype(np.float64)
    ripe_at = ts + round(SPLIT_HORIZON_S * 1e9)
    now = run.mid2_at(instants).astype(np.float64)
    made = np.searchsorted(ts, instants, side="right")
    ripe = np.minimum(np.searchsorted(ripe_at, instants, side="right"), made)

    def running(values: np.ndarray) -> np.ndarray:
        return np.concatenate(([0.0], np.cumsum(values)))

    held, entered = running(signed), running(signed * mid2)
    moved = running(signed * (run.mid2_at(ripe_at) - mid2))
    fees = -2.0 * running(fills["fee"].astype(np.float64))[made]
    spread = running(signed * (mid2 - 2.0 * fills["px"]))[made] * scale
    young = now * (held[made] - held[ripe]) - (entered[made] - entered[ripe])
    adverse = (moved[ripe] + young) * scale
    paid = running(2.0 * signed * fills["px"])[made]
    funding = -2.0 * payments.funding(run).until(instants)
    forfeited = -2.0 * payments.forfeited(run).until(instants)
    net = (now * held[made] - paid) * scale + fees + funding + forfeited
    parts = {"net": net, "spread": spread, "adverse": adverse,
             "holding": net - spread - adverse - fees - funding - forfeited, "fees": fees,
             "funding": funding, "forfeited": forfeited}  # fmt: skip
    return {name: values * run.half_quantum for name, values in parts.items()}


def build_course(run: Run, report: Report) -> Course:
    """Build the chart of price, inventory and equity, and find the worst stretch."""
    period, quantum = run.info.period, float(run.market.price_quantum)
    start = period.t0_ns
    equity = run.equity
    samples = Thinning(equity["ts"], start)
    mids = Thinning(run.mids["ts"], start)
    after = equity["ts"][equity["ts"] >= period.quote_start_ns]
    instants = np.unique(np.concatenate(([period.quote_start_ns], after, [period.end_ns])))
    parts = parts_at(run, instants)
    worst = _worst(run, instants, parts)
    grid = Thinning(instants, start)
    bid, ask = _own(equity["own_bid"], NO_BID), _own(equity["own_ask"], NO_ASK)
    mid = np.where(run.mids["mid2"] > 0, run.mids["mid2"], np.nan)
    price = {
        "title": "Price", "unit": run.market.quote, "height": 300, "decimals": _decimals(quantum),
        "series": [
            {"style": "band", "name": "own bid and ask", "colour": "own", "edges": True,
             "x": samples.x(),
             "low": packed(samples.low(bid), quantum),
             "high": packed(samples.high(ask), quantum)},
            {"style": "step", "name": "mid", "colour": "ink", "x": mids.x(),
             **mids.line(mid, quantum / 2)},
            fill_marks(run, start),
        ],
    }  # fmt: skip
    limit = report.inventory.limit
    inventory = {
        "title": "Inventory", "height": 110,
        "unit": "base units" if limit is None else f"base units, limit ± {limit:.6g}",
        "zero": True, "decimals": _decimals(run.lot),
        "lines": [] if limit is None else [limit, -limit],
        "series": [{"style": "step", "name": "position", "colour": "held", "fill": True,
                    "x": samples.x(), **samples.line(equity["position"], run.lot)}],
    }  # fmt: skip
    names = {"net": "net", "spread": "spread", "adverse": "adverse moves", "holding": "holding",
             "fees": "fees", "funding": "funding", "forfeited": "forfeited"}  # fmt: skip
    money = {
        "title": "Equity", "unit": run.market.quote, "height": 200, "zero": True, "decimals": 2,
        "series": [
            {"style": "line", "name": label, "colour": name, "heavy": name == "net",
             "x": grid.x(), **grid.line(parts[name])}
            for name, label in names.items() if name == "net" or np.any(parts[name])
        ],
    }  # fmt: skip
    chart = time_chart(run, [price, inventory, money], shades(run, worst))
    return Course(chart, worst, _events(run, instants, parts))


def time_chart(run: Run, panels: list[dict[str, Any]], shaded: list[Any]) -> dict[str, Any]:
    """A chart of panels over the whole run; all of a page zoom together."""
    period = run.info.period
    span = max(1.0, (period.end_ns - period.t0_ns) / 1e6)
    return {"kind": "time", "start": period.t0_ns / 1e6, "span": span, "panels": panels,
            "shades": shaded}  # fmt: skip


def fill_marks(run: Run, start_ns: int) -> dict[str, Any]:
    """Every fill: time, price, side and flags, size, and for the hint what else is known of it."""
    fills, period = run.fills, run.info.period
    ts, px, side, marks = fills["ts"], fills["px"], fills["side"], fills["marks"]
    found: dict[str, Any] = {
        "style": "fills", "name": "fills", "colour": "buy",
        "x": packed((ts - start_ns) // 1_000_000),
        "px": packed(px, float(run.market.price_quantum)),
        "marks": packed(np.where(side > 0, BUY_BIT, 0) | (marks & (BUY_BIT - 1))),
        "size": packed(fills["quantity"], run.lot),
    }  # fmt: skip
    if len(ts) > MOST_DETAILED:
        return found
    later = ts + round(SPLIT_HORIZON_S * 1e9)
    mid2, mid2_h = fills["mid2"], run.mid2_at(later)
    unplaced = (fills["level_at_join"] < 0) | ((marks & 8) != 0)
    found["ahead"] = packed(np.where(unplaced, np.nan, fills["ahead_at_join"]), run.lot)
    found["wait"] = packed(np.maximum(ts - fills["placed_ts"], 0) // 1_000_000)
    found["edge"] = _edge(side, px, mid2, mid2 <= 0)
    found["edge5"] = _edge(side, px, mid2_h, (mid2_h <= 0) | (later > period.end_ns))
    return found


def _edge(side: np.ndarray, px: np.ndarray, mid2: np.ndarray, missing: np.ndarray) -> Any:
    """Edge against a mid, bps, to the hundredth."""
    bps = side * (mid2 - 2 * px) / np.maximum(2 * px, 1) * 1e6
    return packed(np.rint(np.clip(bps, -2e9, 2e9)).astype(np.int64), 0.01, missing)


def _own(px: np.ndarray, nothing: int) -> np.ndarray:
    return np.where(px == nothing, np.nan, px)


def _decimals(step: float) -> int:
    decimals = 0
    while decimals < 8 and abs(step * 10**decimals - round(step * 10**decimals)) > 1e-9:
        decimals += 1
    return decimals


def _stretch(
    instants: np.ndarray, parts: dict[str, np.ndarray], first: int, last: int, text: str
) -> Stretch:
    told = {name: float(parts[name][last] - parts[name][first]) for name in PARTS}
    net = float(parts["net"][last] - parts["net"][first])
    return Stretch(int(instants[first]), int(instants[last]), net, told, text)


def _worst(run: Run, instants: np.ndarray, parts: dict[str, np.ndarray]) -> Stretch | None:
    """Find the stretch, at most a twelfth of the run or a minute, that cost most."""
    period, net = run.info.period, parts["net"]
    length = max(60_000_000_000, (period.end_ns - period.quote_start_ns) // 12)
    if len(run.fills["ts"]) == 0 or period.end_ns - period.quote_start_ns < 3 * length:
        return None
    ends = np.searchsorted(instants, instants + length, side="right") - 1
    change = net[ends] - net
    first = int(np.argmin(change))
    if change[first] >= 0:
        return None
    # no longer than it takes to hold nearly all of the fall
    last = int(ends[first])
    deep = net[first : last + 1]
    first += int(np.flatnonzero(deep - net[last] >= _NEARLY * (net[first] - net[last]))[-1])
    deep = net[first] - net[first : last + 1]
    last = first + int(np.flatnonzero(deep >= _NEARLY * (net[first] - net[last]))[0])
    start, end = int(instants[first]), int(instants[last])
    reasons = {text for low, high, text in _causes(run) if low < end and high > start}
    return _stretch(instants, parts, first, last, ", ".join(sorted(reasons)))


def _events(run: Run, instants: np.ndarray, parts: dict[str, np.ndarray]) -> list[Stretch]:
    """What the cascades of the tape cost, each for as long as it lasted."""
    found = []
    for low, high, text in _causes(run):
        if not text.startswith("cascade") or high <= instants[0] or low >= instants[-1]:
            continue
        first = max(0, int(np.searchsorted(instants, low, side="right")) - 1)
        last = min(len(instants) - 1, int(np.searchsorted(instants, high)))
        found.append(_stretch(instants, parts, first, last, text))
    return found


def _causes(run: Run) -> list[tuple[int, int, str]]:
    """Stretches of the run that explain something: cascades of the tape, a book that is unknown."""
    truth = run.info.tape.get("truth")
    found = []
    for one in (truth or {}).get("cascades", []) if isinstance(truth, dict) else []:
        start, end = int(one.get("start_ts", 0)), int(one.get("end_ts", 0))
        fall = one.get("fall_bps")
        told = f", {fixed(-fall, 0, True)} bps" if isinstance(fall, int | float) else ""
        found.append((start, end, f"cascade{told}"))
    equity = run.equity
    blind = (equity["best_bid"] == NO_BID) | (equity["best_ask"] == NO_ASK)
    edges = np.flatnonzero(np.diff(blind.astype(np.int8), prepend=0, append=0))
    for first, last in list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))[:_SHADES]:
        start, end = int(equity["ts"][first]), int(equity["ts"][last - 1])
        found.append((start, end, "book not known (gap, or an empty side)"))
    return found


def shades(run: Run, worst: Stretch | None) -> list[dict[str, Any]]:
    """Stretches to shade, with their reason, ms since the start of the run."""
    start = run.info.period.t0_ns
    found = []

    def add(low: int, high: int, text: str, kind: str) -> None:
        found.append({"from": (low - start) / 1e6, "to": (high - start) / 1e6, "text": text,
                      "kind": kind})  # fmt: skip

    if run.info.period.quote_start_ns > start:
        add(start, run.info.period.quote_start_ns, "warm-up", "idle")
    for low, high, text in _causes(run):
        add(low, high, text, "event" if text.startswith("cascade") else "gap")
    if worst is not None:
        add(worst.start_ns, worst.end_ns, "worst stretch", "worst")
    return found
