"""Sections on fills and orders: markouts, queue, fates of orders, calibration."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from simmm.report.calibration_words import no_truth, window
from simmm.report.markouts import find_markout
from simmm.report.schema import HORIZONS_S, Calibration, Estimate, Report
from simmm.report.terminal.parts import FAINT, pairs, plain_table, section, style_of
from simmm.report.words import decimals_for, duration, fixed, numbers, percent

_FLAG_NAMES = {
    "crossed": ("crossed", "other side's best reached us"),
    "through": ("traded through", "a print beyond our price"),
    "unseen": ("unseen level", "price not shown at the join"),
    "stale_mid": ("stale mid", "a side of the book missing"),
}
_WAYS = {"queue": "by the queue", "through": "by a print beyond", "crossed": "crossed"}
_PLACES = (("p05", "5 %"), ("p25", "25 %"), ("p50", "median"), ("p75", "75 %"), ("p95", "95 %"),
           ("mean", "mean"))  # fmt: skip

_BPS = 1e4


def markouts(report: Report) -> RenderableType:
    """Edge left and the mid's move at every horizon."""
    found = {
        (horizon, side): find_markout(report, horizon, side)
        for horizon in HORIZONS_S
        for side in ("all", "buy", "sell")
    }
    estimates = [part for entry in found.values() if entry for part in (entry.edge, entry.move)]
    decimals = max(2, min(3, decimals_for([estimate.value for estimate in estimates])))
    table = plain_table("after", "edge", "±", "move", "±", "buys", "±", "sells", "±", "fills")
    table.collapse_padding = True  # ten columns, on half a screen too
    for horizon in HORIZONS_S:
        row = [f"{horizon:g} s"]
        cells: list[str | Text] = []
        for side, figure in (("all", "edge"), ("all", "move"), ("buy", "edge"), ("sell", "edge")):
            entry = found[horizon, side]
            estimate = getattr(entry, figure) if entry else Estimate(None)
            cells += _with_error(estimate, decimals)
        every = found[horizon, "all"]
        table.add_row(*row, *cells, f"{every.fills:,}" if every else "0")
    left_out = found[HORIZONS_S[-1], "all"]
    note = (
        "bps of notional, before fees, + is in our favour; ± is half the 95 % interval, fills of "
        "one minute counting as one piece. edge: from the fill price; move: of the mid alone; buys "
        "and sells: edge."
    )
    if left_out and left_out.beyond_end:
        are = "fill is" if left_out.beyond_end == 1 else "fills are"
        note += f" {left_out.beyond_end:,} {are} too late for {HORIZONS_S[-1]:g} s."
    return section("Markouts", table, note=note)


def _with_error(estimate: Estimate, decimals: int) -> list[str | Text]:
    value = Text(fixed(estimate.value, decimals, True), style=style_of(estimate.value))
    if estimate.low is None or estimate.high is None:
        return [value, "–"]
    return [value, Text(fixed((estimate.high - estimate.low) / 2, decimals), style=FAINT)]


def queue(report: Report) -> RenderableType:
    """Size ahead at the join, of all orders and of those that filled, and the time to a fill."""
    place = report.queue
    model = str(place.model.get("model", "unknown"))
    table = plain_table("ahead", *(label for _, label in _PLACES), "nobody", "orders")
    table.collapse_padding = True
    kinds = (
        ("rested", place.ahead_joined, place.times_joined, place.alone_joined, place.known_joined),
        ("filled", place.ahead_filled, place.times_filled, place.alone_filled, place.known_filled),
    )
    decimals = min(decimals_for([found.get("p95") for _, found, _, _, _ in kinds]), 8)
    for name, ahead, times, alone, count in kinds:
        cells = (fixed(ahead.get(key), decimals) for key, _ in _PLACES)
        table.add_row(name, *cells, percent(alone), f"{count:,}")
        if place.shown is not None:
            table.add_row(" × shown", *(fixed(times.get(key), 2) for key, _ in _PLACES), "", "")
    left = report.place
    if left is not None and left.fills:
        places = [fixed(left.at_fill.get(key), decimals) for key, _ in _PLACES]
        table.add_row("at the fill", *places, percent(left.alone_at_fill), f"{left.fills:,}")
    shown = ""
    if place.shown is not None:
        shown = (
            f"; × shown: over {place.shown:.4g}, the median others showed at our prices where "
            "anything was"
        )
    wait = report.fills.time_to_fill_s
    waited = [wait.get(key) for key in ("p05", "p25", "p50", "p75", "p95", "mean")]
    times_told = ""
    if waited[2] is not None:
        told = [duration(value or 0.0) for value in waited]
        times_told = (
            f" Fills came {told[2]} after placing (median; half of them {told[1]} to {told[3]}, "
            f"5 % within {told[0]}, 95 % within {told[4]}; mean {told[5]})."
        )
    note = (
        f"Model: {model}. Base units ahead when an order joined{shown}{_at_fill(report)}."
        f"{times_told}"
    )
    return section("Queue", table, note=note)


def _at_fill(report: Report) -> str:
    """What the row of fills holds, and how they came about."""
    found = report.place
    if found is None:
        return "; places at the fill were not recorded"
    ways = ", ".join(
        f"{_WAYS[way.name]} {percent(way.share)}" for way in found.ways if way.fills
    )  # fmt: skip
    told = "; at the fill: just before what filled it, of each maker fill"
    return f"{told} ({ways})" if ways else told


def orders(report: Report) -> RenderableType:
    """Fills by kind, fates of orders, refusals."""
    found, fills = report.orders, report.fills
    ends = {name: number for name, number in found.ends.items() if name != "rejected"}
    rows: list[tuple[str, str, str]] = [
        ("orders taken in", f"{found.placed:,}", _listed(ends)),
        ("filled", percent(found.fill_ratio), f"of orders; of their size "
         f"{percent(found.size_fill_ratio)}"),
        ("requests per fill", fixed(found.order_to_trade, 1), _listed(found.requests)),
        ("mean life", "–" if found.mean_life_s is None else duration(found.mean_life_s), ""),
        ("maker fills", f"{fills.maker:,}", f"volume {fills.maker_volume:g}"),
        ("taker fills", f"{fills.taker:,}", f"volume {fills.taker_volume:g}"),
        ("buys", f"{fills.buys:,}", ""),
        ("sells", f"{fills.sells:,}", ""),
        ("fees paid", fixed(fills.fees_paid, 2, fills.fees_paid < 0), report.run.quote),
    ]  # fmt: skip
    for flag, share in fills.flagged.items():
        if share:
            name, meaning = _FLAG_NAMES.get(flag, (flag, ""))
            rows.append((name, percent(share), f"of fills: {meaning}"))
    refused = sum(found.refusals.values())
    rows.append(("refused", f"{refused:,}", _listed(found.refusals)))
    return section("Fills and orders", pairs(rows))


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items() if number)


def calibration(report: Report) -> RenderableType:
    """Beliefs against the truth, or against what was realised."""
    if not report.calibration:
        return section("Beliefs", Text("Nothing to compare them with.", style=FAINT))
    windows = any(entry.averaged_coverage is not None for entry in report.calibration)
    heads = ["belief", "truth", "mean", "final", "±", "error", "held"]
    if report.calibration[0].against != "truth":
        heads[1] = "realised"
    table = plain_table(*heads, *(["window"] if windows else []))
    for entry in report.calibration:
        reach = None
        if entry.final_low is not None and entry.final_high is not None:
            reach = (entry.final_high - entry.final_low) / 2
        factor = _BPS if entry.name == "sigma" else 1.0
        values = [None if v is None else v * factor
                  for v in (entry.reference, entry.mean, entry.final, reach)]  # fmt: skip
        scale, power = _scale(values)
        shown = numbers([None if v is None else v / scale for v in values], 3)
        name = entry.name if not power else f"{entry.name} (1e{power})"
        cells = [name, *shown, _relative_error(entry), percent(entry.coverage, 0)]
        table.add_row(*cells, *([percent(entry.averaged_coverage, 0)] if windows else []))
    against = sorted({entry.against for entry in report.calibration})
    words = {
        "truth": "Truth: of the generated tape. Held: samples whose 95 % interval holds it as "
        "it was then (samples of one run are not independent).",
        "realised": "Realised: volatility over the run, itself an estimate.",
    }
    told = [words[key] for key in against]
    if windows:
        told.append("Window: the same of the truth averaged over the belief's own window.")
    told += [text.strip() for entry in report.calibration if (text := window(entry))]
    units = {"sigma": "bps / √s"}
    listed = "; ".join(f"{e.name}: {units.get(e.name, e.unit)}" for e in report.calibration)
    told.append(f"±: half the final 95 % interval. Units: {listed}.")
    if missing := no_truth(report):
        told.append(missing)
    return section("Beliefs", table, note=" ".join(told))


def _relative_error(entry: Calibration) -> str:
    if entry.mean_error is None or not entry.reference:
        return "–"
    return f"{fixed(100 * entry.mean_error / entry.reference, 1, True)} %"


def _scale(values: list[float | None]) -> tuple[float, int]:
    """A power of ten that takes very small or large values into reach, and its exponent."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    power = 0
    if 0.001 <= largest < 1e7:
        return 1.0, 0
    while 0 < largest < 1 and power > -30:
        largest, power = largest * 10, power - 1
    while largest >= 10 and power < 30:
        largest, power = largest / 10, power + 1
    return 10.0**power, power
