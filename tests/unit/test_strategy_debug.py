"""With NUMBA_DISABLE_JIT=1 a strategy is plain Python: breakpoints and prints work."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from simmm.errors import StrategyError
from simmm.jit import INTERPRETED
from simmm.strategy.load import load_strategy

ROOT = Path(__file__).parents[2]

DEBUGGED = """
    from simmm.strategy import record
    Params = record(order_size=2.0)
    def helper(x):
        breakpoint()
        return 2.0 * x
    def quote(wanted, market, memory, params):
        print("mid", market.mid)
        wanted.bid_px[0] = helper(market.mid)
"""
SCRIPT = """
    import sys
    from pathlib import Path
    import numpy as np
    from simmm.maker_records import MarketRecord, Wanted
    from simmm.strategy.load import load_strategy
    seen = []
    sys.breakpointhook = lambda: seen.append(sys._getframe(1).f_locals["x"])
    strategy = load_strategy(Path(sys.argv[1]))
    market = np.zeros(1, MarketRecord).view(np.recarray)
    market.mid = 21.0
    wanted = np.zeros(1, Wanted).view(np.recarray)
    memory, params = (r.filled().view(np.recarray) for r in (strategy.memory, strategy.params))
    strategy.quote(wanted[0], market[0], memory[0], params[0])
    assert wanted.bid_px[0, 0] == 42.0
    print("stopped at", [float(x) for x in seen])
"""


def test_breakpoints_and_prints_work_where_nothing_is_compiled(tmp_path):
    strategy, script = tmp_path / "mine.py", tmp_path / "debug.py"
    strategy.write_text(textwrap.dedent(DEBUGGED))
    script.write_text(textwrap.dedent(SCRIPT))
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, script, strategy]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["mid 21.0", "stopped at [21.0]"]
    if not INTERPRETED:
        with pytest.raises(StrategyError, match=r"mine\.py:5: `breakpoint`.*NUMBA_DISABLE_JIT=1"):
            load_strategy(strategy)
