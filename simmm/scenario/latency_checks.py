"""Which latencies of a scenario go together, beyond the range of each value."""

from collections.abc import Iterator

from simmm.records import LATENCY_SCORES
from simmm.scenario.fields import plain
from simmm.scenario.latency import KINDS, LINES, Burst, Delay, Entry, Latency
from simmm.scenario.source import Document

_TABLES = ("file", "sample_ms", "table_ms")
_LEAST_MS = 0.000001


def delays(latency: Latency) -> Iterator[tuple[str, Delay]]:
    """Yield path and distribution of every latency a scenario gives."""
    for name in LINES:
        delay = getattr(latency, name)
        if delay is None:
            continue
        yield f"venue.latency.{name}", delay
        if isinstance(delay, Entry):
            for kind in KINDS:
                if getattr(delay, kind) is not None:
                    yield f"venue.latency.{name}.{kind}", getattr(delay, kind)


def least_ms(table: tuple[float, ...]) -> float:
    """Return the least latency of a table: no less than a nanosecond."""
    return max(table[0], _LEAST_MS)


def check_delay(document: Document, delay: Delay, path: str) -> None:
    """Raise `ScenarioError` where a form has what it can't use, or lacks what it needs."""
    given = [name for name in _TABLES if getattr(delay, name) is not None]
    if delay.form == "empirical":
        _check_empirical(document, delay, path, given)
    elif given:
        raise document.error(
            f"{path}.{given[0]}", f"{delay.form} has no {given[0]}; set form: empirical"
        )
    elif delay.form == "constant":
        if delay.scale_ms or delay.shape:
            raise document.error(
                path, "a constant has neither scale_ms nor shape; set form, or leave them out"
            )
    elif not delay.scale_ms:
        raise document.error(path, f"{delay.form} needs a scale_ms above 0")
    if delay.shape and delay.form != "lognormal":
        raise document.error(f"{path}.shape", f"{delay.form} has no shape; leave it out")
    if delay.cap_ms is not None and not delay.file and delay.cap_ms < _least(delay):
        raise document.error(
            f"{path}.cap_ms", f"{plain(delay.cap_ms)} is below ms, {plain(_least(delay))}"
        )
    if delay.burst is not None:
        _check_burst(document, delay, delay.burst, path)


def _least(delay: Delay) -> float:
    if delay.form != "empirical":
        return delay.ms
    return min(delay.sample_ms or delay.table_ms or (0.0,))


def _check_empirical(document: Document, delay: Delay, path: str, given: list[str]) -> None:
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise document.error(
            path, f"empirical needs one of file, sample_ms and table_ms; {found} given"
        )
    table = delay.table_ms
    if delay.sample_ms is not None and len(delay.sample_ms) < 2:
        raise document.error(f"{path}.sample_ms", "1 latency; at least 2 are needed")
    if table is not None and len(table) != LATENCY_SCORES:
        raise document.error(
            f"{path}.table_ms",
            f"{len(table)} values, not {LATENCY_SCORES}; a list of latencies is a sample_ms",
        )
    if table is not None and any(table[k] > table[k + 1] for k in range(len(table) - 1)):
        raise document.error(f"{path}.table_ms", "its values must ascend")
    if delay.scale_ms:
        raise document.error(f"{path}.scale_ms", "empirical has no scale_ms; leave it out")
    agrees = table is not None and (
        delay.ms == least_ms(table) or _newer(document, f"{path}.table_ms", f"{path}.ms")
    )
    if document.has(f"{path}.ms") and not agrees:
        raise document.error(
            f"{path}.ms", "empirical has no ms, its table says everything; leave it out"
        )


def _newer(document: Document, path: str, other: str) -> bool:
    """Return whether the value at `path` was given by an option, and the other by the file."""
    by_option, other_by_option = (
        document.origins.get(one, "").startswith("--") for one in (path, other)
    )
    return by_option and not other_by_option


def _check_burst(document: Document, delay: Delay, burst: Burst, path: str) -> None:
    if delay.form == "constant":
        raise document.error(f"{path}.burst", "a constant has no bursts; set form, or leave it out")
    if burst.share + burst.slow_share > 1:
        raise document.error(
            f"{path}.burst",
            f"share and slow_share add up to {plain(burst.share + burst.slow_share)}; at most 1",
        )
