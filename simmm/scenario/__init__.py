"""Scenarios: one YAML file, one schema, and where every value came from.

>>> from simmm.scenario import parse_time
>>> parse_time("00:10:00").ns
600000000000
"""

from simmm.scenario.latency import Burst, Delay, Entry
from simmm.scenario.load import Resolved, apply_market, load_scenario
from simmm.scenario.schema import Scenario
from simmm.scenario.tapes import find_dataset, tape_rules
from simmm.scenario.times import Moment, parse_time, window

__all__ = [
    "Burst",
    "Delay",
    "Entry",
    "Moment",
    "Resolved",
    "Scenario",
    "apply_market",
    "find_dataset",
    "load_scenario",
    "parse_time",
    "tape_rules",
    "window",
]
