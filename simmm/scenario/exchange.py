"""The scenario's parts about the simulated exchange: queue model, rules, account, funding."""

from typing import Annotated, Literal

from msgspec import Meta

from simmm.scenario.section import Section, Text


class Queue(Section, frozen=True):
    """How cancels at our price level are shared between those ahead of us and those behind."""

    model: Annotated[
        Literal[
            "rank",
            "rank_tracked",
            "rank_scalar",
            "power",
            "pessimistic",
            "proportional",
            "optimistic",
            "log",
            "power2",
            "power3",
            "log2",
        ],
        Meta(
            description="`rank`: a cancel takes one whole order, mostly a young one. "
            "`pessimistic`: cancels come from behind us, only trades move us up. "
            "`optimistic`: from ahead. `proportional`: by share. `power`, `log`: by share of a "
            "power or logarithm of both. `simmm queues` lists all with their formulas."
        ),
    ] = "rank"
    n: Annotated[
        float,
        Meta(description="Exponent of the `power`, `power2` and `power3` models.", gt=0.0, le=16.0),
    ] = 3.0
    alpha: (
        Annotated[
            float,
            Meta(
                description="Of the `rank` models: an order with r younger ones cancels with "
                "weight (1 + r)^-alpha. Nothing: the model's own.",
                ge=0.0,
                le=8.0,
            ),
        ]
        | None
    ) = None
    log_kappa: (
        Annotated[
            float,
            Meta(
                description="Of `rank` and `rank_tracked`: logarithm of the weight of an order "
                "that is larger than what was cancelled; one of just that size weighs 1. "
                "Nothing: the model's own.",
                ge=-50.0,
                le=0.0,
            ),
        ]
        | None
    ) = None
    levels: Annotated[
        Literal["auto", "changes", "images"],
        Meta(
            description="What the tape shows of levels: each of their `changes`, or only `images` "
            "from time to time, as Hyperliquid does. With images sizes don't tell who cancelled, "
            "and an order stands behind the first image after it joined. `auto`: images, if the "
            "tape has no row that changes a single level."
        ),
    ] = "auto"
    draws: Annotated[
        int,
        Meta(
            description="Further draws of each order's queue with the `rank` models, from which "
            "the probability of a fill is told (table `predictions`). They change no result.",
            ge=0,
            le=32,
        ),
    ] = 0


class Rules(Section, frozen=True):
    """The venue's own rules, from simmm's records of them; `simmm rules` lists these."""

    exchange: Annotated[
        Text | None,
        Meta(
            description="Whose rules, `hyperliquid` or a file of rules: fees by tier, margin, "
            "funding, blocks, self-trades, request budget, order limits. Nothing: what the tape "
            "says of its market, and none of these."
        ),
    ] = None
    symbol: Annotated[
        Text | None, Meta(description="Market. Nothing: the symbol that the tape names.")
    ] = None
    date: Annotated[
        Text | None,
        Meta(
            description="Day (`2026-07-19`) whose rules hold. Nothing: the day of the tape's "
            "start, or the first that there are rules of."
        ),
    ] = None
    request_budget: Annotated[
        bool, Meta(description="Requests count against the address's budget and the IP's limit.")
    ] = True
    blocks: Annotated[
        bool, Meta(description="In a block, cancels and post-only orders come before takers.")
    ] = True


class Account(Section, frozen=True):
    """Our account at the exchange. Needs `venue.rules.exchange`."""

    deposit: Annotated[
        Text | None,
        Meta(
            description="Collateral at the start. Nothing: margin isn't modelled, every order is "
            "afforded and nothing is liquidated.",
            extra={"unit": "quote currency", "decimal": True},
        ),
    ] = None
    margin: Annotated[
        Literal["cross", "isolated"], Meta(description="What backs the position.")
    ] = "cross"
    leverage: (
        Annotated[int, Meta(description="Nothing: the most that the market allows.", ge=1, le=1000)]
        | None
    ) = None
    volume_14d: Annotated[
        float,
        Meta(
            description="Traded in the 14 days before the run; fees depend on it, from midnight to "
            "midnight (UTC).",
            ge=0.0,
            le=1e12,
            extra={"unit": "quote currency"},
        ),
    ] = 0.0
    maker_share: Annotated[
        float, Meta(description="Our share of all makers' volume.", ge=0.0, le=1.0)
    ] = 0.0
    referral_discount: Annotated[
        float, Meta(description="Fraction off the fees.", ge=0.0, le=1.0)
    ] = 0.0
    staking_discount: Annotated[
        float, Meta(description="Fraction off the fees.", ge=0.0, le=1.0)
    ] = 0.0


class Funding(Section, frozen=True):
    """Funding payments. Need `venue.rules.exchange`."""

    payments: Annotated[
        Literal["auto", "off", "required"],
        Meta(
            description="`auto`: where the tape or a table tells rates. `required`: a run without "
            "rates is refused."
        ),
    ] = "auto"
    rates: Annotated[
        Text | None,
        Meta(
            description="File with columns `ts` and `rate` (fraction an hour), instead of the "
            "rates on the tape. Relative paths count from the scenario's folder."
        ),
    ] = None
