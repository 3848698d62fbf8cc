"""A hand-made validation, with figures like those of a real one."""

from simmm.validation.result import (
    Bin,
    Check,
    Estimate,
    ModelUsed,
    Population,
    Row,
    Validation,
)

START = 1_703_545_210_000_639_124
SECOND = 1_000_000_000


def estimate(value: float, reach: float | None = 0.1) -> Estimate:
    if reach is None:
        return Estimate(value)
    spread = reach * abs(value) + 1e-4
    return Estimate(value, value - spread, value + 1.5 * spread)


# model -> filled, probability, recall, false, exact, position, bias, time, brier 5 s, 30 s
PATIENT = {
    "pessimistic": (0.6296, 0.6296, 0.982, 0.0, 0.732, 1.75, 1.75, 0.278, 0.0068, 0.0114),
    "power 1": (0.6750, 0.6750, 0.999, 0.105, 0.586, 3.17, -3.00, 1.167, 0.0239, 0.0459),
    "power 3": (0.6525, 0.6525, 0.997, 0.0377, 0.722, 3.09, -2.79, 0.275, 0.0126, 0.0156),
    "rank": (0.6410, 0.6408, 0.994, 0.0031, 0.793, 0.76, 0.08, 0.128, 0.0034, 0.0042),
    "rank_tracked refitted": (
        0.6411,
        0.6415,
        0.995,
        0.0037,
        0.841,
        0.35,
        -0.08,
        0.054,
        0.0024,
        0.0036,
    ),
}


def _patient(name: str, population: str, draws: int) -> Row:
    figures = PATIENT[name]
    names = ("filled", "probability", "recall", "false", "exact", "position", "position_bias",
             "time", "brier_5s", "brier_30s")  # fmt: skip
    scores = {"real": estimate(0.641, 0.03)}
    scores |= {key: estimate(value) for key, value in zip(names, figures, strict=True)}
    scores["probability_error"] = estimate(figures[1] - 0.641)
    scores["early"], scores["late"] = estimate(0.08), estimate(0.13)
    for key, value in (("markout_1s", -0.123), ("markout_5s", -0.131)):
        shift = 0.04 if name.startswith("power") else 0.0
        scores[key] = estimate(value + shift, 0.3)
        scores["real_" + key] = estimate(value - 0.003, 0.3)
    drawn = name.startswith("rank")
    bins = []
    if drawn and draws > 1:
        pairs = ((0.07, 0.09), (0.28, 0.31), (0.49, 0.45), (0.69, 0.74), (0.92, 0.87))
        bins = [Bin(p, r, 900, r - 0.08, r + 0.09) for p, r in pairs]
    return Row(
        population, name, draws if drawn else 1, drawn, 2365, scores,
        {"time": estimate(figures[7] / 0.275), "position": estimate(figures[5] / 3.09)},
        {"time": estimate(figures[7] / 0.278), "position": estimate(figures[5] / 1.75)},
        bins, seeds=draws if drawn and draws == 1 else 1,
    )  # fmt: skip


def _real(name: str) -> Row:
    figures = PATIENT[name]
    scores = {
        "real": estimate(0.29, 0.05), "filled": estimate(0.21), "probability": estimate(0.25),
        "position": estimate(figures[5]), "position_bias": estimate(figures[6]),
        "recall": estimate(0.95), "false": estimate(figures[3]), "exact": estimate(0.83),
        "brier": estimate(0.027), "brier_30s": estimate(0.0226),
    }  # fmt: skip
    drawn = name.startswith("rank")
    return Row(
        "R", name, 32 if drawn else 1, drawn, 2396, scores,
        {"position": estimate(figures[5] / 3.09)}, {"position": estimate(figures[5] / 1.75)}, [],
    )  # fmt: skip


def validation(with_patient: bool = True) -> Validation:
    """Return the result; without the patient populations only R is there."""
    rows = [_real(name) for name in PATIENT]
    populations = [
        Population("R", "real orders that joined the best price behind somebody, until their own "
                   "end", 2396, 696, 23, "the orders' own fate"),
    ]  # fmt: skip
    if with_patient:
        for name, count in (("RP", 2365), ("V0", 5622)):
            populations.append(
                Population(name, "the same joins, patient: without size, just ahead, 30 s", count,
                           1516, 23, "first fill of any order that joined at or after it")
            )  # fmt: skip
            rows += [_patient(model, name, 32) for model in PATIENT]
            rows.append(_patient("rank", name, 1))
            rows.append(_patient("rank_tracked refitted", name, 1))
    return Validation(
        tape="l2_h1.parquet", tape_digest="ab" * 32, truth="truth_h1.parquet", truth_kind="orders",
        symbol="ESH4", tick_quanta=1, price_quantum="0.25", lot_size="1", start_ts=START,
        end_ts=START + 1795 * SECOND, from_ts=START + 1076 * SECOND, to_ts=START + 1765 * SECOND,
        patience_ns=30 * SECOND, block_ns=30 * SECOND, resamples=1000, seed=1,
        feed="every change", populations=populations,
        models=[
            ModelUsed("pessimistic", {}, "published form"),
            ModelUsed("power 3", {"n": 3.0}, "published form"),
            ModelUsed("rank", {"alpha": 1.25, "log_kappa": -2.0}, "found on this hour"),
        ],
        rows=rows,
        checks=[
            Check("pessimistic has no false fill", True, "0 of 849"),
            Check("tracked < since join < pessimistic < power 3", False, "position of R"),
        ],
        conventions=["One order is one lot.", "A fill is at the event, not in a window."],
        remarks=["9 of 1,918 filled orders had cut themselves before <they> filled."],
        may_conclude=["The order of the models in the place in the queue held on three markets."],
        may_not_conclude=["How many fills a quote gets on this venue."],
        version="0.1",
    )  # fmt: skip
