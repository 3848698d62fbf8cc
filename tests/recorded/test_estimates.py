"""`simmm study estimates` on a recorded market: nothing foretells what it has heard already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simmm.report.page.shell import Html
from simmm.study.estimates.compare import settled
from simmm.study.estimates.data import NS, Recorded
from simmm.study.estimates.page import page
from simmm.study.estimates.run import FILE_NAME, load_estimates, study_estimates
from simmm.study.estimates.scores import verdict
from tests.outside import recorded_file

NAME = "bitmex_XBTUSD_20200310"  # 12 minutes
FAMILIES = {"variance", "reach", "arrivals", "price", "stretches", "fills"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = recorded_file(f"{NAME}.parquet")
    out = tmp_path_factory.mktemp("estimates")
    study_estimates([source], out=out, told=lambda event: None, say=lambda line: None)
    return out


def test_every_family_is_scored_with_intervals(folder: Path) -> None:
    (found,) = load_estimates(folder).tapes
    assert found.name == NAME
    assert {one.family for one in found.comparisons} == FAMILIES
    for one in found.comparisons:
        assert one.verdict == verdict(one.gain, one.nothing)
        low, value, high = one.gain.low, one.gain.value, one.gain.high
        if low is not None and value is not None and high is not None:
            assert low <= value <= high
    scored = [one for one in found.comparisons if one.verdict != "too few"]
    assert len(scored) >= 15
    assert found.fills > 0
    assert found.aggressors > 1_000


def test_page_is_whole(folder: Path) -> None:
    text = (folder / f"{NAME}.html").read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert isinstance(Html(text), str)


def _data(folder: Path) -> Recorded:
    (run,) = (folder / "runs").iterdir()
    return Recorded(run, folder / "tapes" / f"{NAME}.parquet")


def test_mid_and_aggressors_are_those_the_maker_heard(folder: Path) -> None:
    """The study's view against the maker's: its count of aggressors, and its mid."""
    data = _data(folder)
    assert np.array_equal(data.ts[data.at], data.now)
    known = settled(data)
    assert data.mid[data.at][known] == pytest.approx(data.raw("mid")[known])
    minute = data.heard_by(data.now) - data.heard_by(data.now - 60 * NS)
    rate = data.belief("aggressor_rate")[known]
    assert np.corrcoef(minute[known], rate)[0, 1] > 0.5
    assert rate.mean() == pytest.approx(minute[known].mean() / 60.0, rel=0.25)


def test_a_forecast_that_knows_the_future_is_better(folder: Path) -> None:
    """The study would notice: what comes after is not what came before."""
    data = _data(folder)
    later = data.later(5.0)
    assert np.nanmean(np.abs(later - data.mid[data.at])) > 0
    found = page(load_estimates(folder).tapes[0], data)
    assert FILE_NAME not in found
    realised = data.realised(60.0)
    total = np.nansum(data.squares[data.at[200] + 1 : data.at[200] + 1 + data.steps(60.0)])
    assert realised[200] == pytest.approx(total / data.steps(60.0))
