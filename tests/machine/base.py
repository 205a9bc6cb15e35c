"""What every machine has: a service, an oracle, time, and an end at which all must have come right."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from typing import Any, ClassVar

from hypothesis import event, target
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import SearchStrategy

from tests.fakes.world import event_body
from tests.machine.evidence import Evidence
from tests.machine.fleet import Fleet, Instance, Step
from tests.machine.promises import Promises
from tests.machine.rule_edits import FIRST, MachineRule, RuleHistory
from tests.machine.shore import Announcement, Shore
from tests.machine.witness import Witness

LAST_PASSES, MOST_LAST_PASSES = 8, 24
LAST_INTERVAL = 31 * 60.0  # seconds: longer than any wait of an entry
WINDOW = timedelta(days=3650)
NUMBERS = st.integers(0, 7)  # which of several; the first of them where there are fewer
INSTANCES = st.integers(0, 1)
WAITS = st.sampled_from([0.0, 1.0, 31.0, 70.0, 301.0, 1260.0])
LONG_WAITS = st.sampled_from([3_700.0, 7 * 3600.0, 26 * 3600.0, 75 * 3600.0])


@dataclass(slots=True)
class Tally:
    """What a run of a machine has been through; `reached` proves that it was not idle."""

    reached: Counter[str] = field(default_factory=Counter)
    histories: int = 0
    steps: int = 0
    versions: int = 0
    runs: int = 0


Act = Callable[..., None]


def happening(**given: SearchStrategy[Any]) -> Callable[[Act], Act]:
    """Return a decorator like Hypothesis's `rule`, of which a tally tells that it took place."""
    as_rule: Callable[[Act], Act] = rule(**given)  # type: ignore[call-overload]  # no bundle is among them

    def decorate(act: Act) -> Act:
        @wraps(act)
        def counted(self: Machine, **named: Any) -> None:
            self.evidence.reached[f"step: {act.__name__}"] += 1
            act(self, **named)

        return as_rule(counted)

    return decorate


class Machine(RuleBasedStateMachine):
    """The service among its people, storage and Databricks; subclasses say what happens to it."""

    tally: ClassVar[Tally] = Tally()
    first_rules: ClassVar[tuple[MachineRule, ...]] = FIRST

    @initialize(seed=st.integers(0, 2**16), has_sequencers=st.booleans())
    def begin(self, seed: int, has_sequencers: bool) -> None:  # noqa: FBT001 - Hypothesis passes arguments by name
        """Deploy the service; a first pass sees the rules."""
        self.fleet = Fleet(seed)
        random.seed(seed)
        common = self.fleet.common
        self.databricks = common.databricks
        self.clock = common.clock
        self.rule_history = RuleHistory()
        self.shore = Shore(common.landing, common.clock, self.rule_history, has_sequencers=has_sequencers)
        self.evidence = Evidence(
            table=common.table,
            shore=self.shore,
            rules=self.rule_history,
            workspace=common.databricks,
            clock=common.clock,
        )
        Witness(common.table, self.evidence)
        self.promises = Promises(self.evidence)
        self.faults: list[str] = []
        self.steps = 0
        self.deploy(self.first_rules)
        self.do(self.passes(self.at(0)))

    @invariant()
    def promises_are_kept(self) -> None:
        """Nothing that must never be is so."""
        if hasattr(self, "fleet"):
            self.steps += 1
            self._assert_none([*self.faults, *self.promises.broken()])

    def teardown(self) -> None:
        """End every fault; then everything must come right."""
        if not hasattr(self, "fleet"):
            return
        try:
            if sys.exc_info()[0] is None:
                self._come_right()
        finally:
            self.fleet.close()

    @happening(at=INSTANCES, wait=WAITS)
    def the_timer_passes(self, at: int, wait: float) -> None:
        """A pass, some time later."""
        self.clock.advance(wait)
        self.do(self.passes(self.at(at)))

    @happening(wait=WAITS)
    def two_timers_pass(self, wait: float) -> None:
        """Two passes at once, on two instances."""
        self.clock.advance(wait)
        self.do(self.passes(self.at(0)), self.passes(self.at(1)))

    @happening(at=INSTANCES, wait=LONG_WAITS)
    def the_timer_is_late(self, at: int, wait: float) -> None:
        """A pass after hours or days without any."""
        self.clock.advance(wait)
        self.do(self.passes(self.at(at)))

    def at(self, number: int) -> Instance:
        """Return an instance."""
        return self.fleet.instances[number]

    def passes(self, at: Instance) -> Step:
        """Return the step of a pass."""
        return Step(at, at.reconciler.run())

    def delivers(self, announcement: Announcement, at: Instance) -> Step:
        """Return the step of an event's delivery: what the door does."""

        async def work() -> None:
            deadline = at.deadline(20)
            claims = await at.intake.receive(body_of(announcement), deadline)
            await at.redriver.lend_a_hand(claims, deadline)
            await at.backfiller.lend_a_hand(deadline)

        return Step(at, work(), self._answered(announcement))

    def do(self, *steps: Step) -> None:
        """Let steps happen at once."""
        self.fleet.run(*steps)

    def deploy(self, rules: tuple[MachineRule, ...]) -> None:
        """Put rules in force everywhere."""
        self.fleet.redeploy(self.rule_history.put_in_force(rules))

    def _answered(self, announcement: Announcement) -> Callable[[bool], None]:
        def done(is_success: bool) -> None:  # noqa: FBT001 - the only thing to be told
            announcement.deliveries += 1
            if is_success and announcement.arrival.version is not None:
                version, now = announcement.version, self.clock.now()
                version.told_at.append(now)
                self.faults += self.promises.told_and_forgotten(version, now)

        return done

    def _come_right(self) -> None:
        self._end_troubles()
        began_at = self.clock.now()
        for number in range(MOST_LAST_PASSES):
            self.do(self.passes(self.at(number % 2)))
            if number >= LAST_PASSES and not self.promises.counts().keys() & {"pending", "submitted", "held"}:
                break
            for run_id in self.databricks.active():
                self.databricks.end_as(run_id, "success")
            self.clock.advance(LAST_INTERVAL)
        self._assert_none([*self.faults, *self.promises.broken_at_the_end(began_at), *self._wrong_status()])
        self._count()

    def _end_troubles(self) -> None:
        common = self.fleet.common
        for instance in self.fleet.instances:
            instance.hazards.plan = None
        common.databricks._failures.clear()
        common.databricks.missing.clear()
        common.databricks.jobs["ETL"] = 7
        common.databricks.unreadable = None
        common.landing.down = False
        for place in self.shore.there(copying=True):
            self.shore.finish_copy(place, b"the end")
        while self.fleet.wake():
            pass

    def _wrong_status(self) -> list[str]:
        """Return where the status does not add up with the ledger's rows."""
        found: list[dict[str, int]] = []

        async def work() -> None:
            totals = (await self.at(0).status.read(WINDOW)).totals.as_json()
            found.append({**totals["results"], "dead": totals["states"]["dead"]})

        self.do(Step(self.at(0), work()))
        told, counted = Counter(found[0]), self.promises.counts()
        return [] if told == counted else [f"the status tells {dict(told)}, the rows {dict(counted)}"]

    def _count(self) -> None:
        tally, reached = self.tally, self.evidence.reached + self.fleet.reached
        versions = len(self.shore.all_versions())
        tally.reached.update(reached)
        tally.reached.update(f"made by {version.made_by}" for version in self.shore.all_versions())
        tally.histories += 1
        tally.steps += self.steps
        tally.versions += versions
        tally.runs += len(self.databricks.run_of)
        for name in reached:
            if not name.startswith("step: "):
                event(name)
        target(float(sum(not name.startswith("step: ") for name in reached)), label="different outcomes")

    def _assert_none(self, faults: list[str]) -> None:
        broken = [*faults, *self.fleet.defects.seen]
        assert not broken, "\n".join(broken)


def body_of(announcement: Announcement) -> str:
    """Return the Event Grid payload of an announcement."""
    (told,) = json.loads(event_body(announcement.arrival))
    if announcement.arrival.sequencer:
        told["data"]["sequencer"] = announcement.arrival.sequencer
    return json.dumps([told])
