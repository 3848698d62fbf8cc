"""The examples of docs/exchange.md give what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "exchange.md"


def test_the_page_s_examples() -> None:
    text = PAGE.read_text(encoding="utf-8")
    # A closing fence ends what an example printed, as a blank line does in a docstring.
    lines = ["" if line.startswith("```") else line for line in text.splitlines()]
    page = doctest.DocTestParser().get_doctest("\n".join(lines), {}, PAGE.name, str(PAGE), 0)
    assert len(page.examples) > 80
    told: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(page, out=told.append)
    assert result.failed == 0, "".join(told)
