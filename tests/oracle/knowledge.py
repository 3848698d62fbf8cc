"""What a venue behind a live feed knows and when, each time from all packets anew."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.oracle.codes import NEVER


class Happening(NamedTuple):
    """A packet at the venue."""

    ts: int
    packet: Any
    late: bool


class Knowledge:
    """The feed's packets in causal order, each with a list of rows, and the venue's hold-back."""

    def __init__(self, packets: list[Any], hold_ns: int) -> None:
        self.hold_ns = hold_ns
        self.times = [(packet[0][0], packet[0][1]) for packet in packets]  # exch_ts, local_ts
        arrived = sorted(range(len(packets)), key=lambda k: (packets[k][0][1], packets[k][0][2], k))
        late: list[tuple[int, int, int, Happening]] = []
        prompt: list[tuple[int, int, int, Happening]] = []
        for k, packet in enumerate(packets):
            exch_ts, local_ts = self.times[k]
            watermark = self.watermark(local_ts)
            if watermark is not None and exch_ts <= watermark:
                happening = Happening(watermark + 1, packet, True)
                late.append((happening.ts, 0, arrived.index(k), happening))
            else:
                prompt.append((exch_ts, 1, k, Happening(exch_ts, packet, False)))
        self.order = [entry[3] for entry in sorted(late + prompt, key=lambda entry: entry[:3])]

    def watermark(self, now: int) -> int | None:
        """Return the largest time of what was known a hold-back before `now`."""
        passed = [exch for exch, local in self.times if local + self.hold_ns < now]
        return max(passed, default=None)

    def told(self, moment: int) -> int:
        """Return when the maker can be told what happened at `moment`."""
        shown = min((local for exch, local in self.times if exch >= moment), default=NEVER)
        return NEVER if shown == NEVER else shown + self.hold_ns

    def told_request(self, moment: int) -> int:
        """Return when the maker can be told what became of a request of `moment`."""
        following = [happening.ts for happening in self.order if happening.ts > moment]
        return self.told(min(following)) if following else NEVER


class AtOnce:
    """A venue that knows its own world: packets happen when they say, nothing waits."""

    def __init__(self, packets: list[Any]) -> None:
        self.order = [Happening(packet[0][0], packet, False) for packet in packets]

    def told(self, moment: int) -> int:
        """Return when what happened at `moment` is known: at once."""
        return moment

    def told_request(self, moment: int) -> int:
        """Return when what became of a request of `moment` is known: at once."""
        return moment
