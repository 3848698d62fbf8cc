"""The P&L, split into parts that are computed independently and must add up to the account.

For a fill on side s (+1 bought, -1 sold) of q lots at price p, with the mid m before the fill's
block, m_h a horizon later and m_T at the end of the run:

    spread   s (m - p) q        what the price was better than the mid
    adverse  s (m_h - m) q      what the market took back within the horizon
    holding  s (m_T - m_h) q    what the position did after it
    fees     - fee

Funding, and the collateral that a liquidation forfeited, are payments of their own. Sums over fills
are integers in half money quanta. The account is read elsewhere (the exchange's own cash and
position), so that a fill counted twice, a wrong sign or a lost fee cannot hide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmm.errors import RunError
from simmm.records import NO_ASK, NO_BID
from simmm.report import payments
from simmm.report.intervals import exact_dot, exact_sum
from simmm.report.schema import SPLIT_HORIZON_S, Closing
from simmm.report.tables import Columns, Run


@dataclass(frozen=True)
class Split:
    """Parts of the P&L in half money quanta; `total` equals the account."""

    spread: int
    adverse: int
    holding: int
    fees: int
    funding: int = 0
    forfeited: int = 0

    @property
    def total(self) -> int:
        """Sum of all parts."""
        traded = self.spread + self.adverse + self.holding + self.fees
        return traded + self.funding + self.forfeited


def split_fills(run: Run, fills: Columns) -> Split:
    """Split the P&L of `fills` (any rows of the run's fills), half money quanta."""
    signed = fills["side"] * fills["quantity"]
    mid2 = fills["mid2"]
    mid2_h = run.mid2_at(fills["ts"] + round(SPLIT_HORIZON_S * 1e9))
    scale = run.money_scale
    return Split(
        spread=exact_dot(mid2 - 2 * fills["px"], signed) * scale,
        adverse=exact_dot(mid2_h - mid2, signed) * scale,
        holding=exact_dot(run.info.final.mid2 - mid2_h, signed) * scale,
        fees=-2 * exact_sum(fills["fee"]),
    )


def account_half_quanta(run: Run) -> int:
    """What the exchange's account is worth at the final mid, half money quanta."""
    account = run.info.account
    return 2 * account["cash"] + account["position"] * run.info.final.mid2 * run.money_scale


def checked_split(run: Run) -> Split:
    """Split the P&L of the whole run.

    Raises
    ------
    RunError
        The parts do not add up to the account, or the fills do not lead to its position.
    """
    for name in ("cash", "position"):
        if name not in run.info.account:
            raise RunError(f"{run.folder / 'run.json'}: account.{name} is missing")
    _check_positions(run)
    split = replace(
        split_fills(run, run.fills),
        funding=-2 * _funding(run),
        forfeited=-2 * exact_sum(payments.forfeited(run).paid),
    )
    account = account_half_quanta(run)
    if split.total != account:
        raise RunError(
            f"{run.folder}: the parts of the P&L add up to {split.total} half money quanta, the "
            f"account holds {account} (difference {split.total - account}; spread {split.spread}, "
            f"adverse {split.adverse}, holding {split.holding}, fees {split.fees}, funding "
            f"{split.funding}, forfeited {split.forfeited}); the run or its files are wrong, do "
            "not trust any figure of it"
        )
    return split


def _funding(run: Run) -> int:
    """Funding paid by the table of payments, which the account must know too; money quanta."""
    paid, told = exact_sum(payments.funding(run).paid), run.info.account.get("funding", 0)
    if paid != told:
        raise RunError(
            f"{run.folder / 'funding.parquet'}: its payments add up to {paid} money quanta, the "
            f"account paid {told}; a payment is missing or counted twice"
        )
    return paid


def _check_positions(run: Run) -> None:
    fills = run.fills
    reached = np.cumsum(fills["side"] * fills["quantity"])
    wrong = np.flatnonzero(reached != fills["position"])
    if wrong.size:
        row = int(wrong[0])
        raise RunError(
            f"{run.folder / 'fills.parquet'}: row {row}: position is {int(fills['position'][row])} "
            f"lots, the fills so far give {int(reached[row])}; a fill is missing or counted twice"
        )
    last = int(reached[-1]) if len(reached) else 0
    if last != run.info.account["position"]:
        raise RunError(
            f"{run.folder}: the account holds {run.info.account['position']} lots, the fills give "
            f"{last}; a fill is missing or counted twice"
        )


def closing(run: Run) -> Closing:
    """Estimate what closing the final position would cost against the mid.

    Everything goes at the best price of the far side and pays the taker fee. The size shown there
    isn't considered, so a large position would cost more.
    """
    final = run.info.final
    position = final.position
    if position == 0:
        return Closing(0.0, 0.0, 0.0, "nothing to close")
    held = position * run.lot
    price = final.best_bid if position > 0 else final.best_ask
    if price in (NO_BID, NO_ASK):
        side = "bid" if position > 0 else "ask"
        return Closing(held, None, None, f"no {side} was shown at the end: the cost is unknown")
    distance = (final.mid2 - 2 * price) * position * run.money_scale * run.half_quantum
    fee = abs(position) * price * run.notional_unit * float(run.market.taker_fee)
    return Closing(held, distance + fee, fee, "all at the touch; its size is not considered")
