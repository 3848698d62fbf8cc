"""Why a run sent no order, or had hardly any accepted: one line for whoever wrote the strategy."""

from collections.abc import Callable

import numpy as np

from simmm.market import MarketRules
from simmm.records import BAD_STEP, OUT_OF_WINDOW, REASON_NAMES, UNKNOWN_ORDER, WOULD_CROSS
from simmm.simulation import Simulation

NEARLY_ALL = 0.9  # refused orders of all new ones, from which on a run says so
_IN_QUANTA = "; prices in `wanted` are in quanta (price / market.quantum), not in money"
_REMEDIES = {
    BAD_STEP: _IN_QUANTA,
    OUT_OF_WINDOW: _IN_QUANTA,
    WOULD_CROSS: "; want no bid at or above market.ask_px, no ask at or below market.bid_px",
}


def say_if_idle(simulation: Simulation, rules: MarketRules, say: Callable[[str], None]) -> None:
    """Tell why a run sent no order, or why hardly any of its orders was accepted."""
    maker = simulation.makers[0]
    if maker["sequence"]:
        refused = _refused(int(maker["next_id"]) - 1, simulation.venues[0]["rejections"])
        if refused:
            say(refused)
    elif maker["too_small"]:
        say(
            f"no order was sent: {int(maker['too_small'])} wanted levels were smaller than a lot "
            f"({rules.lot_size}) or the minimum notional ({rules.min_notional} {rules.quote}); "
            "raise the strategy's order size; sizes in `wanted` are in lots (size / market.lot)"
        )
    else:
        hint = "are wanted.bids and wanted.asks set?"
        if not simulation.settings.estimate:
            hint = (
                "estimators are off (estimators.enabled), so beliefs stay at their priors: a "
                "strategy that waits for sigma, as glft does, or for another belief never quotes"
            )
        say(
            f"no order was sent: in {int(maker['steps'])} quote steps the strategy wanted nothing, "
            f"in {int(maker['blind_steps'])} a side of the book was unknown; {hint}"
        )


def _refused(sent: int, rejections: np.ndarray) -> str:
    """The line for `sent` new orders, of which `rejections` (by reason) were refused, or none."""
    counts = rejections.copy()
    counts[UNKNOWN_ORDER] = 0  # requests about orders that were filled or cancelled meanwhile
    refused, main = int(counts.sum()), int(counts.argmax())
    if refused < max(1.0, NEARLY_ALL * sent):
        return ""
    how_many = "no order was" if refused >= sent else "hardly any order was"
    return (
        f"{how_many} accepted: {refused:,} of {sent:,} refused, {int(counts[main]):,} for "
        f"'{REASON_NAMES[main]}'{_REMEDIES.get(main, '')}"
    )
