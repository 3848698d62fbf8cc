"""docs/estimators.md is what the code declares."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simmm.estimators import docs
from simmm.estimators.catalogue import BELIEFS, ESTIMATORS, Estimator

PAGE = Path(__file__).parents[2] / "docs" / "estimators.md"


def test_the_page_is_made_from_the_code() -> None:
    renew = "run: python -m simmm.estimators.docs > docs/estimators.md"
    assert PAGE.read_text("utf-8") == docs.reference(), renew


def test_all_beliefs_and_parameters_are_on_it() -> None:
    page = docs.reference()
    for name in BELIEFS:
        assert f"| `{name}` |" in page, name
    for entry in ESTIMATORS:
        part = page.partition(f"### {entry.name}\n")[2].partition("\n### ")[0]
        for parameter in entry.parameters.fields:
            assert f"| `{parameter}` |" in part, (entry.name, parameter)
        assert all(rule.doc in part for rule in entry.rules), entry.name


def test_links_lead_to_headings() -> None:
    page = docs.reference()
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    headings = re.findall(r"^##+ (.+)$", page, re.MULTILINE)
    assert links <= {docs.anchor(heading) for heading in headings}
    assert {entry.name for entry in ESTIMATORS} <= links


@pytest.mark.parametrize("entry", ESTIMATORS, ids=lambda entry: entry.name)
def test_each_says_what_tapes_said_and_nothing_that_a_reader_cant_find(entry: Estimator) -> None:
    text = entry.module.__doc__ or ""
    assert len(re.findall(r"^On tapes: \S", text, re.MULTILINE)) == 1
    part = docs.reference().partition(f"### {entry.name}\n")[2].partition("\n### ")[0]
    assert not re.findall(r"`\w+\.py`", part), "a file of the source"
    assert not re.findall(r"`[A-Z_]{3,}`", part), "a constant of the source"
    assert not re.findall(r"[Dd]ocument \d{3}|audit", part), "a paper that isn't public"


def test_arrows_are_what_is_read() -> None:
    edges = {(w.name, r.name) for w, r, _ in docs.feeds()}
    drawn = re.findall(r'^  (\w+) -->\|"[^"]*"\| (\w+)$', docs.reference(), re.MULTILINE)
    assert set(drawn) == edges
    for entry in ESTIMATORS:
        read = {name for _, r, names in docs.feeds() if r is entry for name in names}
        own = {belief.name for belief in entry.beliefs}
        assert read == set(entry.reads) - own


def test_what_was_measured_follows_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fragment = tmp_path / "measured.md"
    monkeypatch.setattr(docs, "MEASURED", fragment)
    without = docs.reference()
    fragment.write_text("## Measured\n\nThis and that.\n", "utf-8")
    assert docs.reference() == f"{without}\n## Measured\n\nThis and that.\n"
