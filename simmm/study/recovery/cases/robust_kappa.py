"""Worlds for `robust_kappa`: clean exponential reach, on grids, and outliers."""

from __future__ import annotations

from simmm.study.recovery.case import Case
from simmm.study.recovery.worlds.kappa import changed, outliers, steady_cases

_BELIEF = "robust_kappa"
CASES = (
    *steady_cases(_BELIEF, 10),
    Case("change, called", "changing", changed(_BELIEF, 11, alarm=True), (_BELIEF,),
         "reach falls to two fifths; a change point is called 30 s later"),
    Case("outliers", "violated", outliers(_BELIEF, 12, 0.05), (_BELIEF,),
         "one in twenty reaches twenty times as far"),
    Case("few outliers", "violated", outliers(_BELIEF, 12, 0.01), (_BELIEF,),
         "one in a hundred reaches twenty times as far"),
)  # fmt: skip
