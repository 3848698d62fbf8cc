"""Two runs beside each other: what was set differently, and what came of it.

`compare` makes a comparison from two run folders; `terminal.render` shows it as text, `page.write`
as one offline file.
"""

from simmm.report.compare.build import compare, write_json
from simmm.report.compare.schema import Comparison

__all__ = ["Comparison", "compare", "write_json"]
