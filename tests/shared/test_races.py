"""Whoever meets on one entry: passes, notifications, replays, repeated events. Any await lets others overtake."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import random
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import pytest

from shared.backfill_request import BackfillRequest
from shared.errors import JobsBusy, JobsUnknown, LedgerError
from shared.ledger import partition_of
from shared.model import Arrival, State, Verdict
from shared.replay_request import ReplayRequest
from tests.fakes.world import World

HOUR, MOST = 3600.0, 2
SECRET = base64.b64encode(b"databricks:secret").decode()
RULES = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {id: 7}
    on_failure: {%s: 2}
"""
ENDS = [
    (Verdict.FAILED, "TERMINATED/CLUSTER_ERROR"),
    (Verdict.FAILED, "TERMINATED/RUN_EXECUTION_ERROR"),
    (Verdict.NEVER_RAN, "TERMINATED/SKIPPED"),
    (Verdict.CANCELLED, "TERMINATED/USER_CANCELED"),
]


class Overtaken:
    """Passes calls on, and lets others go first: before the call and before its answer."""

    def __init__(self, behind: Any, chance: random.Random) -> None:
        self._behind = behind
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        """Return what is behind, late."""
        found = getattr(self._behind, name)
        return self._late(found) if inspect.iscoroutinefunction(found) else found

    def _late(self, call: Any) -> Any:
        async def late(*arguments: Any, **named: Any) -> Any:
            await self._wait()
            try:
                return await call(*arguments, **named)
            finally:
                await self._wait()

        return late

    async def _wait(self) -> None:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)


def instances(action: str, chance: random.Random) -> list[World]:
    """Return two instances over one ledger and one Databricks."""
    world = World(RULES % action, DATABRICKS_WEBHOOK_SECRET="secret")
    other = World(RULES % action, DATABRICKS_WEBHOOK_SECRET="secret")
    table, databricks = world.table, world.databricks
    for each in (world, other):
        each.table = Overtaken(table, chance)  # type: ignore[assignment]  # it stands in for any table
        each.databricks = Overtaken(databricks, chance)  # type: ignore[assignment]  # and for any Databricks
        each.landing, each.clock = world.landing, world.clock
        each.restart(RULES % action)
    return [world, other]


def steps(world: World, arrival: Arrival, key: str) -> list[Awaitable[object]]:
    """Return what may happen to the entry at once, in one instance."""
    hints = [json.dumps({"event_type": "jobs.on_failure", "run": {"run_id": run}}).encode() for run in (101, 102)]
    request = ReplayRequest(asked_by="ada", rule="crm", states=("failed", "dead", "cancelled", "vanished"))
    return [
        world.reconciler.run(),
        world.deliver(arrival),
        world.replayer.replay(request, world.deadline()),
        world.replayer.replay(ReplayRequest(asked_by="ada", entry=key), world.deadline()),
        *(world.run_hints.receive(f"Basic {SECRET}", hint, world.deadline()) for hint in hints),
    ]


async def end_runs(world: World, chance: random.Random) -> None:
    """Let runs end while everybody else is at work."""
    for _ in range(20):
        for run in list(world.databricks.runs.values()):
            if run.verdict is None and chance.random() < 0.1:
                world.databricks.end(run.run_id, *chance.choice(ENDS))
        await asyncio.sleep(0)


async def quietly(step: Awaitable[object]) -> None:
    """Let a step lose a race."""
    with suppress(LedgerError):
        await step


@pytest.mark.parametrize("action", ["rerun", "repair"])
@pytest.mark.parametrize("seed", range(20))
async def test_one_run_a_generation_and_one_repair_a_decision(action: str, seed: int) -> None:
    """Two instances, whatever they do to one entry at once and whatever of Databricks' answers gets lost."""
    chance = random.Random(seed)
    both = instances(action, chance)
    world = both[0]
    arrival = world.landing.upload("landing/crm/a.csv")
    await world.deliver(arrival)
    key = (await world.only_entry()).key
    for _ in range(15):
        if chance.random() < 0.4:
            error = chance.choice([JobsBusy("429"), JobsUnknown("reset")])
            fail = chance.choice([world.databricks.fail_next, world.databricks.fail_next_repair])
            fail(error, after=isinstance(error, JobsUnknown) and chance.random() < 0.5)
        world.clock.advance(chance.choice([1.0, 60.0, 1900.0]))
        todo = [step for each in both for step in steps(each, arrival, key)]
        chance.shuffle(todo)
        await asyncio.gather(*(quietly(step) for step in todo), end_runs(world, chance))
        after = await world.only_entry()

        tokens = {sent.token for sent in world.databricks.sent}
        assert len(world.databricks.runs) <= len(tokens) <= after.generation
        repairs = Counter(run_id for run_id, _ in world.databricks.repairs)
        assert all(made <= MOST for made in repairs.values())  # each run is a generation's, which decides so often
        markers = [marker async for marker in world.entries.open(partition_of(after.rule, after.arrival))]
        assert [marker.key for marker in markers] == ([key] if after.is_open else [])

    assert after.state is not State.DEAD


@pytest.mark.parametrize("seed", range(20))
async def test_event_sweep_and_backfill_meet_on_a_file(seed: int) -> None:
    """Two instances, each with all three at once, over the same files: one entry and one run each."""
    chance = random.Random(seed)
    both = instances("rerun", chance)
    world = both[0]
    arrivals = [world.landing.upload(f"landing/crm/{number}.csv") for number in range(4)]
    world.clock.advance(HOUR)
    await world.reconciler.run()
    arrivals += [world.landing.upload(f"landing/crm/{number}.csv") for number in range(4, 8)]
    world.clock.advance(HOUR)
    asked = await world.backfill_orders.ask(BackfillRequest(rule="crm", asked_by="a test", rate=1000.0))
    todo: list[Awaitable[object]] = []
    for each in both:
        todo += [each.deliver(arrival) for arrival in chance.sample(arrivals, 6)]
        todo += [each.reconciler.run(), each.backfiller.work(asked, each.deadline(HOUR))]
    chance.shuffle(todo)

    await asyncio.gather(*map(quietly, todo))
    for _ in range(3):
        world.clock.advance(HOUR)
        await world.reconciler.run()

    assert len(await world.all_entries()) == len(world.databricks.runs) == len(arrivals)
