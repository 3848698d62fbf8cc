"""What a run gave: the P&L split, statistics with their intervals, and how they are shown.

`build` makes a report from a run folder, `write` also puts it there as `report.json`, `load` reads
it again; `simmm.report.terminal.render` shows it.
"""

from simmm.report.build import build, load, write
from simmm.report.schema import Report

__all__ = ["Report", "build", "load", "write"]
