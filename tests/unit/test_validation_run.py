"""A whole validation of a small generated market of single orders, and of what can't be one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from simmm.errors import ScenarioError, TapeError, VenueError
from simmm.validation.images import images_of
from simmm.validation.models import DEFAULT_MODELS, fitted, model
from simmm.validation.result import SCORES, Validation, read, to_json, write
from simmm.validation.run import Settings, chosen_models, score_populations, time_of, validate
from tests.hand import MS, START, depth, image, trade
from tests.unit.test_validation_replay import population, probe, rows_of

OPENING = image(1, (100, 9), (99, 6)) + image(-1, (101, 8), (102, 5))


def test_times_are_shares_seconds_or_nanoseconds() -> None:
    rows = rows_of([OPENING, *[depth(1, 100, 9)] * 2000])
    first, last = rows.start_ts, rows.end_ts
    assert time_of(None, rows, 7) == 7
    assert time_of("0.5", rows, 0) == (first + last) // 2
    assert time_of(1.0, rows, 0) == last
    assert time_of("1.25s", rows, 0) == first + 1250 * MS
    assert time_of(str(first + 5), rows, 0) == first + 5
    with pytest.raises(ScenarioError, match="is no time"):
        time_of("noon", rows, 0)
    with pytest.raises(ScenarioError, match=r"outside the tape, which is 2\.000 s long"):
        time_of("3s", rows, 0)


def test_models_by_label() -> None:
    assert [one.label for one in chosen_models(["power 2.5"])] == [
        "pessimistic",
        "power 3",
        "power 2.5",
    ]
    assert [one.label for one in chosen_models(DEFAULT_MODELS)] == list(DEFAULT_MODELS)
    assert model("rank").constants == {"alpha": 1.25, "log_kappa": -2.0}
    assert fitted("rank", 2.0, -1.0, "here").constants == {"alpha": 2.0, "log_kappa": -1.0}
    for bad, says in (
        ("powr", "unknown"),
        ("power x", "exponent must be a number"),
        ("log 2", "has no exponent"),
        ("rank 2", "has no exponent"),
    ):
        with pytest.raises(ScenarioError, match=says):
            model(bad)
    with pytest.raises(ScenarioError, match="power 3 is named twice"):
        chosen_models(["power", "power 3.0"])


def test_images_show_the_book_at_their_time_and_every_print() -> None:
    rows = rows_of(
        [
            OPENING,
            depth(1, 100, 7),
            trade(-1, 100, 2) + depth(1, 100, 5),
            depth(-1, 101, 0),
            [],
            depth(1, 99, 1),
        ]
    )
    seen = images_of(rows, 2 * MS)
    found = [
        ((ts - START) // MS, tag & 7, bool(tag & 8), px, lots)
        for ts, tag, px, lots in zip(seen.ts, seen.tag, seen.px, seen.lots, strict=True)
    ]
    first = [
        (1, 1, False, 101, 8),
        (1, 1, False, 102, 5),
        (1, 1, True, 100, 9),
        (1, 1, True, 99, 6),
    ]
    assert found[:5] == [*first, (3, 3, False, 100, 2)]
    assert (3, 1, True, 100, 5) in found
    assert (5, 1, False, 102, 5) in found  # the best ask is gone
    assert not [row for row in found if row[0] > 5 and row[1] == 1]  # none came since


def test_too_few_orders_are_no_conclusion() -> None:
    rows = rows_of([OPENING, *[depth(1, 100, 9)] * 200])
    few = population(np.concatenate([probe(1, 1, 100)] * 3))._replace(name="own")
    with pytest.raises(VenueError, match=r"truth\.csv: too few.*own has 3 orders and 0"):
        score_populations(rows, [few], "tape", "truth.csv")


def test_a_stretch_that_ends_before_it_begins() -> None:
    rows = rows_of([OPENING, *[depth(1, 100, 9)] * 200])
    with pytest.raises(ScenarioError, match="before it begins"):
        score_populations(rows, [], "t", "t", Settings(start="0.5", end="0.4"))


def test_a_truth_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="no such file"):
        validate(tmp_path / "tape.parquet", tmp_path / "truth.parquet")


def test_written_and_read_again(tmp_path: Path) -> None:
    empty = dict.fromkeys(("start_ts", "end_ts", "from_ts", "to_ts", "patience_ns"), 0)
    texts = ("tape", "tape_digest", "truth", "truth_kind", "symbol", "price_quantum", "lot_size")
    lists = ("populations", "models", "rows", "checks", "conventions", "remarks")
    result = msgspec.convert(
        {
            **empty,
            **dict.fromkeys((*texts, "feed"), "x"),
            **{name: [] for name in (*lists, "may_conclude", "may_not_conclude")},
            "tick_quanta": 1,
            "block_ns": 1,
            "resamples": 1,
            "seed": 1,
        },
        Validation,
    )
    path = tmp_path / "v.json"
    write(result, path)
    assert path.read_bytes() == to_json(result)
    assert read(path) == result
    path.write_text("{}")
    with pytest.raises(VenueError, match="not a validation of fills"):
        read(path)
    with pytest.raises(VenueError, match="can't be read"):
        read(tmp_path / "none.json")
    assert all(score.best in ("low", "zero", "high", "none") for score in SCORES.values())
