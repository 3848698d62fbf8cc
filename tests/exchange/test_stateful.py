"""Random actions at the kernels and at the slow model: they agree after every event.

5,000 steps here; `python -m tests.exchange --steps 100000` for more.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.exchange.draws import Drawn
from tests.exchange.run import MUST_HAPPEN, play
from tests.exchange.world import EVENTS, World

EXAMPLES, STEPS = 40, 40  # of hypothesis
SEEDED_STEPS = 4_000


class Machine(RuleBasedStateMachine):
    """One world; each rule is one event, and both sides are compared after it."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.world = World(Drawn(data))

    @rule(event=st.sampled_from([event for event, weight in EVENTS.items() for _ in range(weight)]),
          data=st.data())  # fmt: skip
    def happen(self, event, data: st.DataObject) -> None:
        self.world.draw = Drawn(data)
        event(self.world)


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_seeded_worlds_agree_and_everything_rare_happens() -> None:
    counts = play(SEEDED_STEPS, seed=4)
    missing = sorted(name for name in MUST_HAPPEN if not counts.get(name))
    assert not missing, f"never happened: {missing}; counts {dict(sorted(counts.items()))}"
