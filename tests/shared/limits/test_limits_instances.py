"""Several instances under one limit: in whatever order they move and die, no window holds more runs than it says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from shared.errors import JobsBusy, JobsUnknown, LandfallError
from shared.model import State
from shared.rules import Per
from tests.fakes.table_faults import FaultyTable
from tests.fakes.world import World
from tests.proof_record import record

RULES = """
version: 1
rules:
  - {name: crm, path: "landing/crm/*.csv", job: {id: 7}, limit: %s}
  - {name: erp, path: "landing/erp/*.csv", job: {id: 8}}
"""
LIMITS = {Per.MINUTE: "7/minute", Per.HOUR: "12/hour", Per.DAY: "40/day"}
MOST_OF_ALL = 15  # an hour


class SlowTable(FaultyTable):
    """A table whose calls take turns and time, whose answers get lost, and after which a process may be no more."""

    def __init__(self, world: World, chance: random.Random) -> None:
        super().__init__(world.table)
        self._clock, self._chance = world.clock, chance

    async def _call(self) -> None:
        for _ in range(self._chance.choice([0, 0, 1, 3, 20])):
            await asyncio.sleep(0)
        if self._chance.random() < 0.05:
            self._clock.advance(self._chance.choice([0.5, 3.0, 15.0]))
        if self._chance.random() < 0.02:
            self.lose_next_answer()
        if self._chance.random() < 0.02:
            self.repeat_next()
        await super()._call()


class Instance(World):
    """Another instance on the ledger, the storage and the workspace of a world."""

    def __init__(self, world: World, rules: str, chance: random.Random) -> None:
        super().__init__(rules, MOST_RUNS_PER_HOUR=str(MOST_OF_ALL))
        self.clock, self.landing, self.databricks = world.clock, world.landing, world.databricks
        self._nonces = world._nonces
        self.table = SlowTable(world, chance)
        self.restart(rules)


async def event(instance: Instance, full_path: str) -> None:
    """Let a file land and its event be taken in, however that ends."""
    with suppress(LandfallError):
        await instance.drop(full_path)


async def one_pass(instance: Instance) -> None:
    """Let a pass look for what is due and start it, however that ends."""
    with suppress(LandfallError):
        await instance.reconciler.run()


def most_in(length: timedelta, times: Sequence[datetime]) -> int:
    """Return how many of the times the fullest window of a length holds, wherever it begins."""
    times = sorted(times)
    windows = (sum(start <= time < start + length for time in times) for start in times)
    return max(windows, default=0)


def check(world: World, limits: dict[Per, int]) -> None:
    """Assert that no window holds more runs than its limit."""
    runs = world.databricks.runs.values()
    of_crm = [run.started_at for run in runs if run.job_id == 7 and run.started_at]
    for per, most in limits.items():
        assert most_in(per.length, of_crm) <= most
    assert most_in(timedelta(hours=1), [run.started_at for run in runs if run.started_at]) <= MOST_OF_ALL


@pytest.mark.parametrize("seed", range(15))
async def test_no_window_holds_more_runs_than_the_limit(seed: int) -> None:
    """Events, passes, crashes at any call of the table, lost answers, busy hours: never more, and all in the end."""
    chance = random.Random(seed)
    limits = {per: int(LIMITS[per].split("/")[0]) for per in chance.sample([*Per], chance.randrange(1, 4))}
    rules = RULES % f"[{', '.join(LIMITS[per] for per in limits)}]"
    world = World(rules, MOST_RUNS_PER_HOUR=str(MOST_OF_ALL))
    await world.reconciler.run()  # whatever lands from now on is found, also without its event
    instances = [Instance(world, rules, chance) for _ in range(3)]
    files = 0
    for _ in range(12):
        world.clock.advance(chance.choice([1.0, 10.0, 60.0, 900.0, 3600.0]))
        steps = [one_pass(chance.choice(instances)) for _ in range(chance.randrange(3))]
        for _ in range(chance.choice([0, 1, 5, 20])):
            files += 1
            steps.append(event(chance.choice(instances), f"landing/{chance.choice(['crm', 'erp'])}/{files}.csv"))
        if chance.random() < 0.3:
            error = chance.choice([JobsBusy("429"), JobsUnknown("reset")])
            after = isinstance(error, JobsUnknown) and chance.random() < 0.5
            world.databricks.fail_next(error, times=chance.randrange(1, 5), after=after)
        for instance in instances:
            instance.table.fails_after = chance.choice([None, None, chance.randrange(80)])
        chance.shuffle(steps)
        await asyncio.gather(*steps)
        for instance in instances:
            if chance.random() < 0.3 or instance.table.fails_after is not None:
                instance.restart(rules)  # with nothing in hand
        check(world, limits)
    for _ in range(180):
        for _ in range(4):
            world.clock.advance(600.0)
            await world.reconciler.run()
        if len(world.databricks.runs) == files:
            break

    check(world, limits)
    entries = await world.all_entries()
    assert len(entries) == len(world.databricks.runs) == files
    assert {entry.state for entry in entries} <= {State.SUBMITTED, State.DISPATCHING}
    record("limits, instances", how_many=f"{files} files", result="no window over its limit", seed=str(seed))
