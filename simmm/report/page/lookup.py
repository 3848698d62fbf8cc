"""Tables to look things up in: orders, refusals, latency, hours, configuration, digests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simmm.records import NEVER
from simmm.report.intervals import quantiles
from simmm.report.page.doubt import short
from simmm.report.page.shell import Html, commands, escape, field, figure, join, table, tag
from simmm.report.schema import Report
from simmm.report.tables import Run
from simmm.report.words import amount, duration, fixed, moment, numbers, percent, value_text

_QUANTILES = (("p05", "5 %"), ("p25", "25 %"), ("p50", "median"), ("p75", "75 %"),
              ("p95", "95 %"), ("mean", "mean"))  # fmt: skip


def orders(report: Report) -> Html:
    """Orders by fate, requests, inventory."""
    found, fills = report.orders, report.fills
    placed = max(1, found.placed)
    ends = [
        (name, field(f"orders.ends.{name}", number, f"{number:,}"),
         percent(number / placed) if name != "rejected" else "")
        for name, number in found.ends.items()
    ]  # fmt: skip
    ratios = [
        ("orders taken in", field("orders.placed", found.placed, f"{found.placed:,}")),
        ("with a fill", field("orders.fill_ratio", found.fill_ratio, percent(found.fill_ratio))),
        ("filled, by size", field("orders.size_fill_ratio", found.size_fill_ratio,
                                  percent(found.size_fill_ratio))),
        ("requests per fill", field("orders.order_to_trade", found.order_to_trade,
                                    fixed(found.order_to_trade, 1))),
        *((f"requests: {name}", field(f"orders.requests.{name}", number, f"{number:,}"))
          for name, number in found.requests.items()),
        ("mean life", field("orders.mean_life_s", found.mean_life_s,
                            "–" if found.mean_life_s is None else duration(found.mean_life_s))),
        ("maker fills", field("fills.maker", fills.maker, f"{fills.maker:,}")),
        ("taker fills", field("fills.taker", fills.taker, f"{fills.taker:,}")),
        ("fees paid", field("fills.fees_paid", fills.fees_paid, fixed(fills.fees_paid, 2))),
    ]  # fmt: skip
    return tag(
        "div",
        _block("Orders by fate", table(("fate", "orders", "of those taken in"), ends)),
        _block("Orders in figures", table(("", ""), ratios)),
        _block("Inventory and quoting", _inventory(report)),
        class_="columns three",
    )


def _block(title: str, body: object) -> Html:
    return tag("div", tag("h3", title), body)


def _inventory(report: Report) -> Html:
    held, quoted = report.inventory, report.quoting
    sizes = ("mean", "mean_absolute", "longest", "shortest", "final")
    told = numbers([getattr(held, name) for name in sizes], 3, True)
    told[1] = told[1].lstrip("+")
    rows: list[tuple[object, ...]] = [
        (name.replace("_", " "), field(f"inventory.{name}", getattr(held, name), text))
        for name, text in zip(sizes, told, strict=True)
    ]
    rows.append(("limit", "none" if held.limit is None else f"± {held.limit:,.6g}"))
    shares = (("time long", "inventory.long_share", held.long_share),
              ("time short", "inventory.short_share", held.short_share),
              ("time flat", "inventory.flat_share", held.flat_share),
              ("bid resting", "quoting.bid", quoted.bid),
              ("ask resting", "quoting.ask", quoted.ask),
              ("bid at touch", "quoting.touch_bid", quoted.touch_bid),
              ("ask at touch", "quoting.touch_ask", quoted.touch_ask))  # fmt: skip
    rows += [(name, field(path, value, percent(value))) for name, path, value in shares]
    return table(("", ""), rows)


def latency(run: Run) -> Html:
    """Time of orders to the exchange and of answers and notices back.

    Behind a feed answers and notices wait for it too. What was told never (the run ended first) is
    left out and counted.
    """
    rows, orders = [], run.orders
    sent, answered = orders["sent_ts"], orders["answered_ts"]
    rows.append(_quantile_row("order to the exchange", (orders["placed_ts"] - sent) / 1e9))
    heard = (answered > 0) & (answered < NEVER)
    if heard.any():
        rows.append(_quantile_row("order to its answer", (answered - sent)[heard] / 1e9))
    fills = run.fills
    known = fills["known_ts"] < NEVER
    waited = (fills["known_ts"] - fills["ts"])[known] / 1e9
    rows.append(_quantile_row("fill to the maker", waited))
    rows.append(_quantile_row("placing to fill", (fills["ts"] - fills["placed_ts"]) / 1e9))
    head = ("", *(label for _, label in _QUANTILES), "count")
    title = "Latency of orders and fills"
    untold, unanswered = int(np.count_nonzero(~known)), int(np.count_nonzero(answered >= NEVER))
    lost = [f"{number:,} {name}{'' if number == 1 else 's'}"
            for number, name in ((untold, "fill"), (unanswered, "answer")) if number]  # fmt: skip
    note = ""
    if lost:
        are = "is" if untold + unanswered == 1 else "are"
        note = tag("p", f"{' and '.join(lost)} that never reached the maker before the end {are} "
                   "left out.", class_="words")  # fmt: skip
    return join(tag("h3", title), note, table(head, rows))


def _quantile_row(name: str, seconds: np.ndarray) -> list[object]:
    found = quantiles(seconds)
    told = [found[key] for key, _ in _QUANTILES]
    return [name, *("–" if v is None else short(v) for v in told), f"{len(seconds):,}"]


def hours(report: Report) -> tuple[Html, dict[str, Any]]:
    """Hour by hour; the nets add up to net."""
    found = report.hours
    columns = ("from (UTC)", f"net {report.run.quote}", "fills", "traded", "fees", "position",
               "mid")  # fmt: skip
    net = numbers([hour.net for hour in found], 4, sign=True)
    traded = numbers([hour.notional for hour in found], 3)
    fees = numbers([hour.fees for hour in found], 3)
    position = numbers([hour.position for hour in found], 3, sign=True)
    mid = numbers([hour.mid for hour in found], 6)
    rows = [
        (moment(hour.start_ns, False), field(f"hours.{k}.net", hour.net, net[k], True),
         field(f"hours.{k}.fills", hour.fills, f"{hour.fills:,}"), traded[k], fees[k], position[k],
         field(f"hours.{k}.mid", hour.mid, mid[k]))
        for k, hour in enumerate(found)
    ]  # fmt: skip
    data = {"columns": ["start_ns", "end_ns", "net", "fills", "volume", "notional", "fees",
                        "position", "mid"],
            "rows": [[h.start_ns, h.end_ns, h.net, h.fills, h.volume, h.notional, h.fees,
                      h.position, h.mid] for h in found]}  # fmt: skip
    return figure("hours", "Hour by hour", "", table(columns, rows)), data


def configuration(run: Run, report: Report) -> Html:
    """Every value in force and where it came from; what somebody set stands out."""
    changed = {change.path for change in report.changes}
    rows = []
    for path, value in _flat(report.scenario):
        if path in ("name", "description"):
            continue  # they stand at the top of the page
        origin = str(run.info.origins.get(path, ""))
        if value is None and origin == "market rules of the tape":
            value = report.run.market.get(path.removeprefix("market."))
        name = tag("b", path) if path in changed else path
        rows.append((name, value_text(value), origin))
    body = table(("path", "value", "from"), rows, left=3, class_="configuration")
    count = f"{len(changed)} of {len(rows)} values were set (bold); the rest are defaults."
    return join(tag("h3", "Configuration in force"), tag("p", count, class_="words"),
                tag("details", tag("summary", "every value and where it came from"), body,
                    open=""))  # fmt: skip


def _flat(node: Any, before: str = "") -> list[tuple[str, Any]]:
    if not isinstance(node, dict) or (before and not node):
        return [(before, node)]
    found = []
    for name, value in node.items():
        found += _flat(value, f"{before}.{name}" if before else str(name))
    return found


def digests(run: Run, report: Report) -> Html:
    """Digests, and the commands that make run and report again."""
    facts = report.run
    seeds = ", ".join(f"{name} {value}" for name, value in facts.seed.items())
    rows = [
        ("tape", facts.tape.get("digest", "–"), facts.tape.get("name", "")),
        ("configuration", facts.config_digest, f"seeds: {seeds}"),
        ("strategy", facts.strategy.get("digest", "–"), facts.strategy.get("file", "")),
        ("code", facts.code_digest, f"engine, strategy, Python; simmm {facts.simmm_version}"),
        ("fills and account", facts.chain_venue, "hash chain at the exchange"),
        ("intents", facts.chain_maker, "hash chain at the maker"),
    ]
    told = [(name, tag("code", value), remark) for name, value, remark in rows]
    folder = shown_folder(run.folder)
    again = (f"simmm backtest {folder}/scenario.yaml", f"simmm report {folder} --rebuild --open")
    return join(
        tag("h3", "Digests"),
        table(("of", "digest", ""), told, left=3, class_="digests"),
        tag("h3", "Make it again"),
        tag("p", "The first runs the scenario in force again and must give the same digests; the "
            "second makes this page again from the tables.", class_="words"),
        commands(again),
    )  # fmt: skip


def shown_folder(folder: Path) -> Html:
    """The folder as a command would name it: runs/NAME where it lies there, else its name."""
    parent = folder.resolve().parent.name
    name = folder.resolve().name.removesuffix(".partial")  # until the run is whole
    return escape(f"runs/{name}" if parent == "runs" else name)


def made(report: Report) -> str:
    """When the run was made, from how much, how fast."""
    run = report.run
    rows = run.counts.get("rows", run.tape.get("rows", 0))
    told = f"simmm {run.simmm_version}. {rows:,} rows" if isinstance(rows, int) else "simmm"
    seconds = run.wall.get("seconds")
    if isinstance(seconds, int | float):
        told += f" in {amount(seconds)} s"
    return f"{told}. Run of {run.created}." if run.created else f"{told}."
