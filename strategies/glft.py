"""GLFT quotes: a spread from how arrivals thin out with distance, skewed against inventory.

Uses the beliefs of volatility, kappa and arrival rate in the market record, and wants nothing until
data spoke on all three; after the time-out of the warm-up, kappa's and the rate's priors have to
do. Inventory counts in orders, so `gamma` has the unit of kappa.

What is uncertain widens the quotes. If kappa may be any of a Gamma law with mean k and coefficient
of variation v, the distance d that maximises d E[exp(-kappa d)] is 1 / (k (1 - v^2)); the risk of
what is held goes with E[sigma^2] = sigma^2 + sd^2. In a cascade the estimators raise sigma and
lower kappa at once, and where own fills stay away `starved_spread_factor` widens the spread.
"""

from simmm.math import clip, exp, round_int, sqrt
from simmm.quoting.glft import arrival_after_fee, distances, half_spread_and_skew
from simmm.strategy import Field, record

Params = record(
    order_size=Field(0.001, unit="base", low=0.0, doc="size of each quote"),
    gamma=Field(
        1000.0,
        unit="1 / fraction of price, per order held",
        low=0.0,
        doc="risk aversion; compare it with kappa (17,000 on a liquid major)",
    ),
    improve_steps=Field(
        1, unit="valid steps", low=0, doc="how far a quote may be better than the own touch"
    ),
    uncertainty=Field(
        1.0, low=0.0, high=1.0, doc="how much of what is uncertain counts; 0 takes means for truth"
    ),
    widest_bps=Field(100.0, unit="bps", low=0.0, high=5000.0, doc="farthest quote from the mid"),
)

Memory = record(
    half_spread_bps=Field(0.0, unit="bps", recorded=True, doc="mid to quote, nothing held"),
    skew_bps=Field(0.0, unit="bps", recorded=True, doc="shift of both quotes by what is held"),
    slope_bps=Field(0.0, unit="bps per order", recorded=True, doc="shift per order held"),
)


def quote(wanted, market, memory, params):
    if market.sigma_age_ns < 0:
        return
    known = min(market.kappa_age_ns, market.aggressor_rate_age_ns) >= 0
    if not known and market.warm == 0.0:
        return
    sigma, kappa = cautious(market, params)
    arrival = arrival_at_mid(market, kappa)
    if kappa <= 0.0 or arrival <= 0.0:
        return
    quantity = round_int(params.order_size / market.lot)
    if quantity < 1:
        return
    held = market.position / quantity
    fee = market.maker_fee
    net_arrival = arrival_after_fee(arrival, kappa, fee)
    half_spread, slope = half_spread_and_skew(
        sigma, kappa, net_arrival, params.gamma, 1.0, params.gamma
    )
    if half_spread <= 0.0:
        return
    half_spread *= market.starved_spread_factor
    below, above = distances(half_spread + fee, slope, 1.0, held)
    memory.half_spread_bps = (half_spread + fee + 0.5 * slope) * 10_000.0
    memory.skew_bps = -held * slope * 10_000.0
    memory.slope_bps = slope * 10_000.0
    place(wanted, market, params, below, above, quantity)


def cautious(market, params):
    """Return sigma and kappa to quote with, given how uncertain they are."""
    sd = params.uncertainty * market.sigma_effective_sd
    sigma = sqrt(market.sigma_effective * market.sigma_effective + sd * sd)
    if market.kappa <= 0.0:
        return sigma, 0.0
    variation = params.uncertainty * market.kappa_sd / market.kappa
    return sigma, market.kappa * (1.0 - min(variation * variation, 0.75))


def arrival_at_mid(market, kappa):
    """Return A, per second and side: the rate seen at the touch, carried to the mid by kappa."""
    half_spread = 0.5 * (market.ask_px - market.bid_px) / market.mid
    return 0.5 * market.aggressor_rate * exp(min(kappa * half_spread, 20.0))


def place(wanted, market, params, below, above, quantity):
    """Want one quote a side, never across the other side's touch."""
    widest = params.widest_bps / 10_000.0
    room = params.improve_steps * market.step
    bid = market.mid * (1.0 - clip(below, -widest, widest))
    ask = market.mid * (1.0 + clip(above, -widest, widest))
    wanted.bid_px[0] = min(bid, market.bid_px + room, market.ask_px - market.step)
    wanted.ask_px[0] = max(ask, market.ask_px - room, market.bid_px + market.step)
    wanted.bid_qty[0] = quantity
    wanted.ask_qty[0] = quantity
    wanted.bids = 1
    wanted.asks = 1
