"""The simulated exchange, to be tried by hand: `Exchange` (docs/exchange.md).

It drives the same kernels as a backtest, one event after the other and without latency.
"""

from simmm.exchange.exchange import Exchange
from simmm.exchange.heard import AccountState, Answer, FillRecord, Heard, OpenOrder

__all__ = ["AccountState", "Answer", "Exchange", "FillRecord", "Heard", "OpenOrder"]
