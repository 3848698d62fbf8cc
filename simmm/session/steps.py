"""A simulation moved step by step, as a live feed does, with all that goes in and out at hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simmm.feed import Feed, whole_numbers
from simmm.maker_records import Maker
from simmm.session.journal import Chains, Packet
from simmm.simulation import Simulation

Sink = Callable[[str, np.ndarray], None]
_FIELDS = dict(Maker.fields or {})
_HEARD_CHAIN, _SENT_CHAIN = (_FIELDS[name][1] // 8 for name in ("heard_chain", "chain"))


class Steps:
    """Gives the maker packets and time, and returns what it heard and sent.

    Parameters
    ----------
    simulation
        With `Settings.keep_heard`; with `Settings.remote` responses are given to `simulation.hear`.
    tables
        Gets the rows of all other tables, as `Simulation.run` gives them.
    """

    def __init__(self, simulation: Simulation, tables: Sink) -> None:
        self.simulation = simulation
        self.feed: Feed = simulation.feed(by_arrival=True)
        self.feed.prepare()
        simulation.heard = self.feed
        self._tables = tables
        self._maker = whole_numbers(simulation.makers)
        self._heard: list[bytes] = []
        self._intents: list[bytes] = []

    @property
    def bound_ts(self) -> int:
        """No unknown packet arrives before this, ns."""
        return self.feed.bound_ts

    @property
    def chains(self) -> Chains:
        """The maker's hash chains over what it has seen, heard and sent."""
        maker = self._maker
        return Chains(self.feed.seen_chain, maker.item(_HEARD_CHAIN), maker.item(_SENT_CHAIN))

    def hear(self, packet: Packet) -> tuple[bytes, bytes]:
        """Give one packet; return responses heard and intents sent, as rows."""
        self.feed.take(*packet)
        return self.move()

    def wait(self, bound_ts: int) -> tuple[bytes, bytes]:
        """Let time pass: no packet arrives before `bound_ts`."""
        self.feed.wait(bound_ts)
        return self.move()

    def end(self, end_ns: int) -> tuple[bytes, bytes]:
        """Let the run end at `end_ns`."""
        self.simulation.end_at(end_ns)
        self.feed.finish(end_ns)
        return self.move()

    def move(self) -> tuple[bytes, bytes]:
        """Advance as far as is known."""
        for _ in self.feed.believe():
            self.simulation.step(self.feed, self._sink)
        heard, intents = b"".join(self._heard), b"".join(self._intents)
        self._heard.clear()
        self._intents.clear()
        return heard, intents

    def _sink(self, table: str, rows: np.ndarray) -> None:
        if table == "heard":
            self._heard.append(rows.tobytes())
            return
        if table == "intents":
            self._intents.append(rows.tobytes())
        self._tables(table, rows)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the whole state, by name; it is not copied."""
        simulation, feed = self.simulation, self.feed
        found = {
            "venues": simulation.venues,
            "venue_books": simulation.venue_books,
            "makers": simulation.makers,
            "stacks": simulation.stacks,
            "maker_books": simulation.maker_books,
            "mails": simulation.mails,
            "memories": simulation.memories,
            "windows": feed.array,
        }
        if feed.knowledge is not None:
            found["knowledge"] = feed.knowledge
        return found

    def restore(self, arrays: dict[str, np.ndarray], capacity: int) -> None:
        """Take over a state that `arrays` gave; `capacity` is that of its feed."""
        if capacity != self.feed.capacity:
            self.feed = self.simulation.feed(by_arrival=True, rows=capacity)
            self.feed.prepare()
            self.simulation.heard = self.feed
        for name, array in self.arrays().items():
            array[...] = arrays[name]
