"""The part of the scenario schema that is about latency; see `simmm.scenario.schema`."""

from typing import Annotated, Literal

from msgspec import Meta

from simmm.records import LATENCY_SCORES
from simmm.scenario.section import DAY_MS, Section

LINES = ("feed", "entry", "response")
KINDS = ("new", "cancel", "modify")  # of requests, whose latencies may differ


class Burst(Section, frozen=True):
    """Spells in which latencies are alike; how they are distributed doesn't change.

    Of the variance of the latencies' normal scores, `share` is common to all messages of a spell
    of `mean_ms` on average, and `slow_share` to those of a longer one.
    """

    share: Annotated[
        float, Meta(description="What messages of one spell have in common.", ge=0.0, le=1.0)
    ] = 0.5
    mean_ms: Annotated[
        float,
        Meta(description="Mean length of a spell.", ge=0.000001, le=DAY_MS, extra={"unit": "ms"}),
    ] = 500.0
    slow_share: Annotated[
        float,
        Meta(description="What messages of one long spell have in common besides.", ge=0.0, le=1.0),
    ] = 0.0
    slow_mean_ms: Annotated[
        float,
        Meta(
            description="Mean length of a long spell.",
            ge=0.000001,
            le=DAY_MS,
            extra={"unit": "ms"},
        ),
    ] = 30_000.0


_Milliseconds = Annotated[float, Meta(ge=0.0, le=DAY_MS, extra={"unit": "ms"})]


class Delay(Section, frozen=True):
    """A latency distribution. A bare number means a constant of that many ms."""

    form: Annotated[
        Literal["constant", "uniform", "exponential", "lognormal", "empirical"],
        Meta(
            description="`constant`: `ms`. `uniform`: `ms` + `scale_ms`·U(0, 1). `exponential`: "
            "`ms` + `scale_ms`·Exp(1). `lognormal`: `ms` + `scale_ms`·exp(`shape`·N(0, 1)). "
            "`empirical`: by a table, from `file`, `sample_ms` or `table_ms`."
        ),
    ] = "constant"
    ms: Annotated[
        float,
        Meta(
            description="The constant, or the least delay; at least 1 ns. The empirical form has "
            "its table's lowest value.",
            ge=0.000001,
            le=DAY_MS,
            extra={"unit": "ms"},
        ),
    ] = 100.0
    scale_ms: Annotated[
        float,
        Meta(
            description="Width, mean or median of what comes on top.",
            ge=0.0,
            le=DAY_MS,
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
                le=DAY_MS,
                extra={"unit": "ms"},
            ),
        ]
        | None
    ) = None
    file: Annotated[
        str | None,
        Meta(
            description="Latencies of the empirical form: what `simmm fit latency --out` wrote "
            "(bursts included), or a CSV, JSON or Parquet file of latencies in ms. It is read when "
            "the scenario is loaded and stands in `table_ms` from then on."
        ),
    ] = None
    sample_ms: (
        Annotated[
            tuple[_Milliseconds, ...],
            Meta(
                description="The same as a list of latencies, in any order.",
                min_length=1,
                max_length=10_000,
                extra={"unit": "ms"},
            ),
        ]
        | None
    ) = None
    table_ms: (
        Annotated[
            tuple[_Milliseconds, ...],
            Meta(
                description="The same as 129 ascending quantiles, at the normal scores -4 to 4 in "
                "steps of 1/16.",
                min_length=1,
                max_length=LATENCY_SCORES,
                extra={"unit": "ms"},
            ),
        ]
        | None
    ) = None
    burst: Annotated[
        Burst | None,
        Meta(
            description="Spells in which latencies are alike. Nothing: each is drawn by itself.",
            extra={"shorthand": "share"},
        ),
    ] = None


class Entry(Delay, frozen=True):
    """Latency of requests: one distribution for all, or others for some kinds of them.

    They share one connection, so a request never arrives before one that was sent earlier.
    """

    new: Annotated[
        Delay | None,
        Meta(
            description="Of new orders, and of what is neither cancel nor modify. Nothing: as all.",
            extra={"shorthand": "ms"},
        ),
    ] = None
    cancel: Annotated[
        Delay | None,
        Meta(description="Of cancels. Nothing: as all.", extra={"shorthand": "ms"}),
    ] = None
    modify: Annotated[
        Delay | None,
        Meta(description="Of modifies. Nothing: as all.", extra={"shorthand": "ms"}),
    ] = None


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
    entry: Annotated[
        Entry,
        Meta(
            description="Maker to exchange, requests; `new`, `cancel` and `modify` below it may "
            "differ.",
            extra=_SHORT,
        ),
    ] = Entry()
    response: Annotated[
        Delay, Meta(description="Exchange to maker, answers and fills.", extra=_SHORT)
    ] = Delay()
