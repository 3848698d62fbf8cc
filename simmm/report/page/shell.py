"""The building blocks of a page: document, sections, figures, tables, fields.

A page is one HTML file with its style, scripts and data inside; it asks for nothing else, and a
policy in its head forbids the browser to. The pieces are strings of the type `Html`; any other text
that enters a page is escaped, so names and values that come from files cannot break out.

    chart(name, ...)  reserves a place; `data["charts"][name] = {"kind": ..., ...}` fills it.

The scripts (`page.js` first, then one file per kind of chart) read that data when the page opens
and give each `<figure data-chart=name>` to the drawing function registered for its kind:

    time     panels on a shared, zooming time axis        (time.js, `simmm.report.page.course`;
             lanes.js: a panel of lanes that show when something held)
    curve    points with intervals over a log axis        (curve.js)
    bars     grouped bars over categories                 (bars.js)

plotly would have drawn all of these, but its script alone is 4.6 MB, as much as a whole page may
weigh. These scripts are about 40 kB.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

_ASSETS = Path(__file__).parent
_SCRIPTS = ("page.js", "draw.js", "time.js", "lanes.js", "panel.js", "curve.js", "bars.js")
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)


class Html(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


class Section(NamedTuple):
    """A part of the page with its place in the navigation."""

    anchor: str
    label: str  # short, for the navigation
    title: str
    body: Html


def escape(value: object) -> Html:
    """Text as HTML; what is `Html` already passes unchanged.

    >>> escape("<b> & 'c'")
    '&lt;b&gt; &amp; &#x27;c&#x27;'
    """
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def join(*parts: object) -> Html:
    """Pieces one after the other, each escaped if need be."""
    return Html("".join(escape(part) for part in parts))


def tag(name: str, *parts: object, **attributes: object) -> Html:
    """An element. A trailing underscore of an attribute is dropped, inner ones become hyphens.

    >>> tag("p", "a < b", class_="note", data_field=None)
    '<p class="note">a &lt; b</p>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{told}>{join(*parts)}</{name}>")


def field(path: str, value: float | str | None, shown: str, sign: bool = False) -> Html:
    """A figure of `report.json` as the page shows it.

    `path` is its place there (`profit.net.value`, `hours.0.net`); the page's own tests compare both
    what is shown and the exact `value` with the file. With `sign` gains and losses are coloured.
    """
    kind = None
    if sign and isinstance(value, int | float) and value != 0:
        kind = "gain" if value > 0 else "loss"
    exact = "" if value is None else repr(value) if isinstance(value, float) else value
    return tag("span", shown, data_field=path, data_value=exact, class_=kind)


def table(
    columns: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    left: int = 1,
    caption: str = "",
    class_: str = "",
    remark: bool = False,
) -> Html:
    """A table: the first `left` columns to the left, figures to the right.

    Figures of one column should have equally many decimals, so that their points stand in line
    (`simmm.report.terminal.parts.numbers`). With `remark` the last column is text too.
    """
    last = len(columns) - 1

    def side(at: int) -> str | None:
        return None if at < left or (remark and at == last) else "n"

    head = join(*(tag("th", name, class_=side(at), scope="col") for at, name in enumerate(columns)))
    body = []
    for row in rows:
        cells = [
            tag("th", cell, scope="row") if at == 0 and left else tag("td", cell, class_=side(at))
            for at, cell in enumerate(row)
        ]
        body.append(tag("tr", *cells))
    top = tag("caption", caption) if caption else ""
    shows = tag("thead", tag("tr", head)) if any(str(name) for name in columns) else ""
    inner = tag("table", top, shows, tag("tbody", *body), class_=class_ or None)
    return tag("div", inner, class_="scroll")


def commands(lines: Iterable[str]) -> Html:
    """Command lines, one below the other; a long one goes on indented."""
    return tag("pre", *(tag("span", line) for line in lines), class_="commands")


def figure(name: str, title: str, words: object, body: object, *, note: object = "") -> Html:
    """A picture made of HTML alone, under its title and one sentence of words.

    If `data["tables"][name]` holds `columns` and `rows`, a button saves them as CSV.
    """
    return _figure(name, title, words, body, note, {"data-table": name})


def chart(name: str, title: str, words: object, *, note: object = "", body: object = "") -> Html:
    """A picture that the scripts draw from `data["charts"][name]`; see the module's text."""
    plot = tag("div", body, class_="plot")
    return _figure(name, title, words, plot, note, {"data-chart": name})


def _figure(
    name: str, title: str, words: object, body: object, note: object, marks: Mapping[str, str]
) -> Html:
    tools = tag("div", class_="tools")
    head = tag("div", tag("h3", title), tools, class_="figure-head")
    parts = [head, tag("p", words, class_="words") if words else "", body]
    if note:
        parts.append(tag("p", note, class_="note"))
    return tag("figure", *parts, id=name, **dict(marks))


def document(
    title: str,
    sections: Sequence[Section],
    data: Mapping[str, Any],
    *,
    head: object = "",
    foot: object = "",
) -> str:
    """A whole page.

    Parameters
    ----------
    title : str
        Of the browser's window.
    sections : sequence of Section
        In order; each gets a heading and a link in the navigation.
    data : mapping
        `charts` and `tables` by name, as JSON: finite numbers, text, lists, dicts. Long columns as
        `simmm.report.page.pack.packed` makes them.
    head : Html
        What stands above the first section, under the navigation: which run this is.
    foot : Html
        What stands at the very end.
    """
    links = [tag("a", section.label, href=f"#{section.anchor}") for section in sections]
    toggle = tag("button", "light / dark", type="button", id="theme", class_="tool")
    nav = tag("nav", tag("div", *links, class_="links"), toggle, aria_label="sections")
    parts = [
        tag(
            "section",
            tag("h2", tag("a", section.title, href=f"#{section.anchor}")) if section.title else "",
            section.body,
            id=section.anchor,
        )
        for section in sections
    ]
    embedded = embed({"charts": {}, "tables": {}, **data})
    styles, scripts = assets()
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{styles}</style></head>\n<body>\n"
        f"{nav}\n<main>\n{escape(head)}\n" + "\n".join(parts) + "\n"
        f"<footer>{escape(foot)}</footer></main>\n"
        "<noscript><p>The pictures on time axes need JavaScript; words and tables don't."
        "</p></noscript>\n"
        f'<script type="application/json" id="data">{embedded}</script>\n'
        f"<script>\n{scripts}</script>\n</body></html>\n"
    )


def embed(data: object) -> str:
    """JSON that can stand inside a script element, whatever its strings hold.

    >>> embed({"name": "</script><!--"})
    '{"name":"\\\\u003c/script\\\\u003e\\\\u003c!--"}'
    """
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def assets() -> tuple[str, str]:
    """Return the style sheet and the scripts, in the order in which they run."""
    styles = (_ASSETS / "page.css").read_text("utf-8")
    scripts = [(_ASSETS / name).read_text("utf-8") for name in _SCRIPTS]
    return styles, "".join(scripts) + "simmm.start();\n"
