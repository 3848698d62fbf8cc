"""The scenario reference, made from the schema: ``python -m simmm.scenario.docs``."""

from typing import Any

from simmm.scenario.fields import REQUIRED, Field, fields_of
from simmm.scenario.latency import KINDS, LINES, Burst, Delay, Entry
from simmm.scenario.load import TAPE_OWN, TAPE_RULES
from simmm.scenario.schema import Market, Scenario, Section
from simmm.scenario.show import told

_HEAD = """# Scenarios

<!-- Made from simmm/scenario/schema.py by `python -m simmm.scenario.docs`; don't edit. -->

A scenario is one YAML file: a tape, the exchange that it is run through, the maker, and the
strategy. Only `maker.max_position`, `strategy.file` and a tape (`tape.dataset`, `tape.file` or
`--tape`) must be given; everything else has the default below.

```yaml
description: Two quotes at the touch of a quiet market.
tape:
  dataset: quiet_hl_btc
venue:
  latency: {entry: 100, response: {form: uniform, ms: 20, scale_ms: 60}}
maker:
  max_position: 0.5
strategy:
  file: symmetric
```

## Commands

| command | what it does |
|---|---|
| `simmm scenario list` | what there is, and where |
| `simmm scenario check FILE` | checks a file and its strategy; exit code 0 or 2 |
| `simmm scenario show FILE` | every value in force, and where it came from |
| `simmm backtest FILE` | runs it |

`check`, `show` and `backtest` take the same options:

| option | what it sets |
|---|---|
| `--set venue.queue.n=2` | a field below or a parameter (`strategy.gamma`), as YAML; repeatable |
| `--seed N` | `seed.tape` and `seed.run`; `--set` may set one of them apart |
| `--from TIME`, `--to TIME` | `run.from`, `run.to` |
| `--tape PATH` | `tape.file`, in place of the scenario's tape; repeatable |
| `--strategy FILE` | `strategy.file`; parameters it doesn't have are left out, with a note |

Later in this list wins: default, scenario file, `--seed` and the other options, `--set`.

## Where files are found

`FILE` is a path or a plain name (`cascade`). It is looked for as a path from the current folder,
then in your project, then among what ships with simmm. A project is the nearest folder, from the
current one upward, that holds `simmm.yaml`, `scenarios/` with a scenario in it, `strategies/` with
a strategy in it, or `datasets/manifest.yaml`; the search ends at a repository's root, at your home
folder, and at a folder that others may write to. What a scenario names is looked for beside it and
in its own project first.

## Times

`run.from` and `run.to` are ISO times (`2025-09-04T12:00:00Z`; UTC where no zone is named), or
offsets from the tape's start: `00:10:00` or seconds. They count on the maker's clock, the one on
which market data arrives.

## Fields
"""

_TAIL = """
## Parameters of the strategy

All other keys under `strategy` are parameters; the strategy's `Params` says which there are, with
default, unit and range (docs/strategies.md). `simmm scenario show` lists them.

## Errors

A wrong scenario ends with exit code 2 and one line: where it was given, the field's path, what was
found, and the nearest name.

```
simmm: scenarios/mine.yaml:9: venue.queue.modle: unknown field; did you mean 'model'?
```
"""


def reference() -> str:
    """Return the whole page, Markdown."""
    parts = [_HEAD, *_tables(Scenario, ""), _TAIL]
    return "\n".join(parts)


def _tables(section: type[Section], path: str) -> list[str]:
    own: list[str] = []
    below: list[str] = []
    for name, field in fields_of(section).items():
        if field.hidden:
            continue
        if field.section is None:
            own.append(_row(path + name, field, section))
        elif _is_delay(field):
            own.append(_row(path + name, field, section))
            if name == LINES[-1]:
                below += _latency_tables()
        else:
            below += _tables(field.section, f"{path}{name}.")
    title = f"\n### `{path.rstrip('.')}`\n" if path else "\n### top level\n"
    return [title, f"{_prose(section)}\n", *([_HEADER] if own else []), *own, *below]


def _latency_tables() -> list[str]:
    """Return what a latency may hold, once for all of them."""
    kinds = [(name, fields_of(Entry)[name]) for name in KINDS]
    return [
        "\n### A latency (`feed`, `entry`, `response`)\n",
        f"{_prose(Delay)} More on all of this: docs/latency-and-streams.md.\n",
        _HEADER,
        *(_row(name, field, Delay) for name, field in fields_of(Delay).items()),
        "\n### `burst` of a latency\n",
        f"{_prose(Burst)} A bare number means the `share`.\n",
        _HEADER,
        *(_row(f"burst.{name}", field, Burst) for name, field in fields_of(Burst).items()),
        "\n### `venue.latency.entry` besides\n",
        f"{_prose(Entry)}\n",
        _HEADER,
        *(_row(f"venue.latency.entry.{name}", field, Entry) for name, field in kinds),
    ]


def _is_delay(field: Field) -> bool:
    return field.section is not None and issubclass(field.section, Delay)


_HEADER = "| field | type | default | range | unit | meaning |\n|---|---|---|---|---|---|"


def _row(path: str, field: Field, section: type[Section]) -> str:
    default = _default(path, field, section)
    kind = "latency" if _is_delay(field) else field.type_text
    if field.kind == "list" and field.item is not None and field.item.section is not None:
        kind = "list of tapes"
    cells = (f"`{path}`", kind, default, field.range_text, field.unit, field.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(path: str, field: Field, section: type[Section]) -> str:
    value: Any = field.default
    if value is REQUIRED:
        return "required"
    if value is None and section is Market:
        return TAPE_RULES
    if value is None and path == "venue.latency.feed":
        return TAPE_OWN
    if isinstance(value, Delay):
        return f"{told(value.ms)} (constant)"
    if value == "":
        return ""
    return f"`{told(value)}`" if value is not None else "nothing"


def _prose(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split())


if __name__ == "__main__":
    print(reference(), end="")
