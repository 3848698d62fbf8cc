"""From a scenario's latency to the settings of a run, in ns."""

from simmm.latency_settings import LatencySettings
from simmm.math import floor_int
from simmm.records import NEVER
from simmm.scenario.latency import Burst, Delay

NS_PER_MS = 1_000_000.0


def settings_of(delay: Delay) -> LatencySettings:
    """Return a distribution in ns; its table, if it has one, is in `table_ms`."""
    burst = delay.burst or Burst(share=0.0)
    least = floor_int if delay.table_ms else round  # no draw may be below it
    return LatencySettings(
        form=delay.form,
        low_ns=max(1, least(delay.ms * NS_PER_MS)),
        scale_ns=delay.scale_ms * NS_PER_MS,
        shape=delay.shape,
        cap_ns=NEVER if delay.cap_ms is None else round(delay.cap_ms * NS_PER_MS),
        table_ns=tuple(ms * NS_PER_MS for ms in delay.table_ms or ()),
        share=burst.share,
        mean_ns=burst.mean_ms * NS_PER_MS,
        slow_share=burst.slow_share,
        slow_mean_ns=burst.slow_mean_ms * NS_PER_MS,
    )
