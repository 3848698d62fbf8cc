"""Whether the sources of kappa agree, by their 95 % intervals at the end of the run."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from simmm.report.figure import Estimate
from simmm.report.words import fixed, percent

SAID = {"own": "own fills", "book": "the book", "robust": "robust kappa", "market": "market kappa"}


def disagreeing(sources: Mapping[str, Estimate]) -> list[str]:
    """Names of the sources that are apart from another by more than the intervals of both allow."""
    apart = set[str]()
    for one, other in combinations(sources, 2):
        a, b = sources[one], sources[other]
        if a.low is None or a.high is None or b.low is None or b.high is None:
            continue
        if a.high < b.low or b.high < a.low:
            apart |= {one, other}
    return [name for name in sources if name in apart]


def disagreement(sources: Mapping[str, Estimate], weights: Mapping[str, float]) -> str:
    """The sentence on sources that disagree, without its stop; empty where all agree."""
    names = disagreeing(sources)
    if not names:
        return ""
    listed = [f"{SAID[name]} ({fixed(sources[name].value, 0)})" for name in names]
    told = f"{', '.join(listed[:-1])} and {listed[-1]} are apart by more than their intervals allow"
    if weights:
        most = max(weights, key=lambda name: weights[name])
        told += f"; kappa takes {SAID[most]}, by {percent(weights[most], 0)} of the weight"
    return told
