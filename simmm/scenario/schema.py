"""The scenario schema: every field with its type, default, range, unit and meaning.

This is the only place where a field is described. Checks and their messages, `simmm scenario
show` and the reference in ``docs/scenarios.md`` are made from it (`simmm.scenario.fields`).

In ``extra``: ``unit`` is shown, ``decimal`` lets a number stand where exact decimal text is kept,
``shorthand`` names the field that a bare value in place of a mapping means.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from simmm.decoding import ready

MAX_SEED = 2**63 - 1
MAX_REFERENCES = 4
_DAY_MS = 86_400_000.0
_DAY_S = 86_400.0

Text = Annotated[str, Meta(min_length=1)]
Time = str | float | None


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts of a scenario."""


class Source(Section, frozen=True):
    """A tape, or several that are read as one."""

    dataset: Annotated[
        str | None,
        Meta(description="Generated tape, by its name in the manifest; built on first use."),
    ] = None
    file: (
        Annotated[
            tuple[Text, ...],
            Meta(
                description="Tape file, folder, or a list of them, read as one tape. Relative "
                "paths count from the scenario's folder, then from its project, then from the "
                "current folder.",
                min_length=1,
                extra={"shorthand": "list"},
            ),
        ]
        | None
    ) = None


class Tape(Source, frozen=True):
    """The market that is traded and the ones that are only watched."""

    references: Annotated[
        tuple[Source, ...],
        Meta(
            description="Up to 4 tapes of other markets that the maker watches; each has "
            "`dataset` or `file`.",
            max_length=MAX_REFERENCES,
        ),
    ] = ()


class Seed(Section, frozen=True):
    """Seeds; `--seed` sets both."""

    tape: Annotated[int, Meta(description="Seed of a generated tape.", ge=0, le=MAX_SEED)] = 1
    run: Annotated[
        int, Meta(description="Seed of what the run draws: latencies.", ge=0, le=MAX_SEED)
    ] = 1


class Run(Section, frozen=True):
    """Which part of the tape is run, and how it is sampled."""

    start: Annotated[
        Time,
        Meta(
            description="Start: an ISO time (UTC if it names no zone), or an offset from the "
            "tape's start as `HH:MM:SS` or in seconds. Nothing: the tape's start. Set by `--from`."
        ),
    ] = msgspec.field(default=None, name="from")
    end: Annotated[
        Time,
        Meta(description="End, told like `from`. Nothing: the tape's end. Set by `--to`."),
    ] = msgspec.field(default=None, name="to")
    warm_up_s: Annotated[
        float,
        Meta(
            description="Time before the first quote, while estimators settle; it is excluded "
            "from the results.",
            ge=0.0,
            le=30 * _DAY_S,
            extra={"unit": "s"},
        ),
    ] = 60.0
    sample_s: Annotated[
        float,
        Meta(
            description="Interval of the equity, belief and digest rows.",
            ge=0.001,
            le=_DAY_S,
            extra={"unit": "s"},
        ),
    ] = 1.0


class Market(Section, frozen=True):
    """Market rules that replace the tape's own; what isn't named stays as the tape says."""

    maker_fee: Annotated[
        str | None,
        Meta(
            description="Fee of a resting order's fill; negative is a rebate.",
            extra={"unit": "fraction of notional", "decimal": True},
        ),
    ] = None
    taker_fee: Annotated[
        str | None,
        Meta(
            description="Fee of a fill that takes.",
            extra={"unit": "fraction of notional", "decimal": True},
        ),
    ] = None
    min_notional: Annotated[
        str | None,
        Meta(
            description="Least notional of an order.",
            extra={"unit": "quote currency", "decimal": True},
        ),
    ] = None
    modify: Annotated[
        Literal["replace", "in_place"] | None,
        Meta(
            description="What a modify does: `replace` makes a new order with a new id at the "
            "back of the queue (Hyperliquid); `in_place` keeps the id, and the place if only the "
            "size shrinks."
        ),
    ] = None
    max_open_orders: (
        Annotated[int, Meta(description="Orders that may be open at once.", ge=1, le=60)] | None
    ) = None


class Queue(Section, frozen=True):
    """How cancels at our price level are shared between those ahead of us and those behind."""

    model: Annotated[
        Literal[
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
            description="`pessimistic`: cancels come from behind us, only trades move us up. "
            "`optimistic`: from ahead. `proportional`: by share. `power`, `log`: by share of a "
            "power or logarithm of both. `simmm queues` lists all with their formulas."
        ),
    ] = "power"
    n: Annotated[
        float,
        Meta(description="Exponent of the `power`, `power2` and `power3` models.", gt=0.0, le=16.0),
    ] = 3.0


class Delay(Section, frozen=True):
    """A latency distribution. A bare number means a constant of that many ms."""

    form: Annotated[
        Literal["constant", "uniform", "exponential", "lognormal"],
        Meta(
            description="`constant`: `ms`. `uniform`: `ms` + `scale_ms`·U(0, 1). `exponential`: "
            "`ms` + `scale_ms`·Exp(1). `lognormal`: `ms` + `scale_ms`·exp(`shape`·N(0, 1))."
        ),
    ] = "constant"
    ms: Annotated[
        float,
        Meta(
            description="The constant, or the least delay; at least 1 ns.",
            ge=0.000001,
            le=_DAY_MS,
            extra={"unit": "ms"},
        ),
    ] = 100.0
    scale_ms: Annotated[
        float,
        Meta(
            description="Width, mean or median of what comes on top.",
            ge=0.0,
            le=_DAY_MS,
            extra={"unit": "ms"},
        ),
    ] = 0.0
    shape: Annotated[
        float, Meta(description="Standard deviation of the lognormal's logarithm.", ge=0.0, le=8.0)
    ] = 0.0
    cap_ms: (
        Annotated[
            float,
            Meta(
                description="No delay is longer. Nothing: no cap.",
                ge=0.000001,
                le=_DAY_MS,
                extra={"unit": "ms"},
            ),
        ]
        | None
    ) = None


_SHORT = {"shorthand": "ms"}


class Latency(Section, frozen=True):
    """Delays between exchange and maker; on one connection nothing overtakes."""

    feed: Annotated[
        Delay | None,
        Meta(
            description="Exchange to maker, market data. Nothing: as the tape recorded it.",
            extra=_SHORT,
        ),
    ] = None
    entry: Annotated[Delay, Meta(description="Maker to exchange, requests.", extra=_SHORT)] = (
        Delay()
    )
    response: Annotated[
        Delay, Meta(description="Exchange to maker, answers and fills.", extra=_SHORT)
    ] = Delay()


class Venue(Section, frozen=True):
    """The simulated exchange."""

    queue: Queue = Queue()
    latency: Latency = Latency()
    knowledge: Annotated[
        Literal["tape", "feed"],
        Meta(
            description="What the exchange knows of the market. `tape`: everything at once. "
            "`feed`: only what the maker's feed has shown, and was held back for `hold_back_ms`; "
            "so it is in `simmm paper`."
        ),
    ] = "tape"
    hold_back_ms: Annotated[
        float,
        Meta(
            description="With `knowledge: feed`, how long the exchange waits for late packets "
            "before it believes a block complete.",
            ge=0.0,
            le=_DAY_MS,
            extra={"unit": "ms"},
        ),
    ] = 250.0


class Sigma(Section, frozen=True):
    """Volatility estimator."""

    clock_ms: Annotated[
        float,
        Meta(description="Interval of its returns.", ge=1.0, le=_DAY_MS, extra={"unit": "ms"}),
    ] = 1000.0
    half_life_s: Annotated[
        float,
        Meta(description="Memory.", ge=0.001, le=365 * _DAY_S, extra={"unit": "s"}),
    ] = 300.0


class Intensity(Section, frozen=True):
    """Estimator of how often and how deep aggressors trade (A and κ)."""

    half_life_s: Annotated[
        float,
        Meta(description="Memory.", ge=0.001, le=365 * _DAY_S, extra={"unit": "s"}),
    ] = 600.0


class Estimators(Section, frozen=True):
    """What the maker learns from the feed."""

    enabled: Annotated[
        bool, Meta(description="Off: strategies read zeros for what is estimated.")
    ] = True
    sigma: Sigma = Sigma()
    intensity: Intensity = Intensity()


class Maker(Section, frozen=True, kw_only=True):
    """How quotes become orders, and the limit that none of them leaves without."""

    requote_ms: Annotated[
        float,
        Meta(
            description="Interval at which the strategy is asked.",
            ge=0.001,
            le=_DAY_MS,
            extra={"unit": "ms"},
        ),
    ] = 1000.0
    quote_on: Annotated[
        tuple[Literal["fill", "packet"], ...],
        Meta(
            description="When it is asked besides: after each `fill`, after each `packet`.",
            extra={"shorthand": "list"},
        ),
    ] = ()
    reconcile: Annotated[
        Literal["keep", "replace"],
        Meta(
            description="`keep` leaves orders that are still wanted; `replace` cancels all and "
            "places all anew."
        ),
    ] = "keep"
    moves: Annotated[
        Literal["cancel_new", "modify"],
        Meta(description="How an order moves to another price: cancel and new, or modify."),
    ] = "cancel_new"
    time_in_force: Annotated[
        Literal["alo", "gtc"],
        Meta(description="Of quotes: `alo` never takes (post-only), `gtc` may."),
    ] = "alo"
    max_position: Annotated[
        float,
        Meta(
            description="Position, long or short, that own orders can't pass even if all fill.",
            gt=0.0,
            le=1e15,
            extra={"unit": "base units"},
        ),
    ]
    estimators: Estimators = Estimators()


class Strategy(Section, frozen=True, kw_only=True):
    """Which strategy quotes. All further keys are parameters, checked against its `Params`."""

    file: Annotated[
        str,
        Meta(
            description="Name of a strategy (`glft`) or path of its file. Replaced by `--strategy`."
        ),
    ]
    params: Annotated[
        dict[str, float | int | bool],
        Meta(description="Values of its parameters.", extra={"hidden": True}),
    ] = {}


class Scenario(Section, frozen=True, kw_only=True):
    """One backtest: tape, exchange, maker, strategy."""

    name: Annotated[
        str,
        Meta(
            description="Name of the scenario and of its runs. Nothing: the file's name.",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        ),
    ] = ""
    description: Annotated[str, Meta(description="What it shows, in a sentence.")] = ""
    tape: Tape = Tape()
    seed: Seed = Seed()
    run: Run = Run()
    market: Market = Market()
    venue: Venue = Venue()
    maker: Maker
    strategy: Strategy


ready(Scenario)
