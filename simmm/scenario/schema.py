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
from simmm.scenario.estimators import Estimators
from simmm.scenario.exchange import Account, Funding, Queue, Rules
from simmm.scenario.latency import Latency
from simmm.scenario.section import DAY_MS as _DAY_MS
from simmm.scenario.section import Section as Section
from simmm.scenario.section import Text

MAX_SEED = 2**63 - 1
MAX_REFERENCES = 4
_DAY_S = 86_400.0

Time = str | float | None


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


class ShownStreams(Section, frozen=True):
    """The venue's streams that the tape is seen through; left out, the tape as it is.

    Exchange and maker then know the market as these streams tell it (docs/latency-and-streams.md).
    A bare name means the `preset`. What isn't given is as the preset has it.
    """

    preset: Annotated[
        Literal["block", "every", "hyperliquid", "hyperliquid_fast"],
        Meta(
            description="`block`: an image at each block that changes it; `every`: one each "
            "`every_ms`; `hyperliquid`: 20 levels each 5 s, best prices when they change; "
            "`hyperliquid_fast`: 5 levels each 0.5 s, best prices when they change."
        ),
    ] = "hyperliquid_fast"
    levels: (
        Annotated[int, Meta(description="Levels of each side of an image.", ge=1, le=1000)] | None
    ) = None
    every_ms: (
        Annotated[
            float,
            Meta(
                description="Time between images; 0: at each block that changes what it shows.",
                ge=0.0,
                le=3_600_000.0,
                extra={"unit": "ms"},
            ),
        ]
        | None
    ) = None
    bbo: Annotated[bool, Meta(description="Best bid and ask are told when they change.")] | None = (
        None
    )
    block_ms: (
        Annotated[
            float,
            Meta(
                description="Exchange times are put to the end of blocks of this length; 0: they "
                "stay.",
                ge=0.0,
                le=3_600_000.0,
                extra={"unit": "ms"},
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
    streams: Annotated[
        ShownStreams | None,
        Meta(
            description="Streams of a venue that the traded market is seen through. Nothing: the "
            "tape as it is.",
            extra={"shorthand": "preset"},
        ),
    ] = None


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


class Venue(Section, frozen=True):
    """The simulated exchange."""

    queue: Queue = Queue()
    rules: Rules = Rules()
    account: Account = Account()
    funding: Funding = Funding()
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
    expires_after_ms: Annotated[
        float,
        Meta(
            description="Orders and modifies that reach the exchange later than this are refused. "
            "0: never.",
            ge=0.0,
            le=_DAY_MS,
            extra={"unit": "ms"},
        ),
    ] = 0.0
    max_position: Annotated[
        float,
        Meta(
            description="Position, long or short, that own orders can't pass even if all fill.",
            gt=0.0,
            le=1e15,
            extra={"unit": "base units"},
        ),
    ]


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
    ] = msgspec.field(default_factory=dict)


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
    estimators: Estimators = Estimators()
    maker: Maker
    strategy: Strategy


ready(Scenario)
