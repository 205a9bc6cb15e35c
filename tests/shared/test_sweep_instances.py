"""Several instances on one ledger: in whatever order they move and die, files run once and proofs hold."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import timedelta

import pytest

from shared.errors import LedgerUnavailable
from shared.model import Result
from shared.sweep.conclusion import OVERLAP
from shared.sweep.sweeper import LEFT_TO_THE_QUEUE
from tests.fakes.manual_clock import START
from tests.fakes.table_faults import FaultyTable
from tests.fakes.world import World

MINUTE = 60.0
HOUR = 3600.0
SOURCES = ("crm", "erp", "hr", "web")
RULES = """
version: 1
rules:
  - name: all
    path: "landing/{source:crm|erp|hr|web}/{name}.csv"
    job: {id: 7}
"""
OTHERS = """
version: 1
rules:
  - name: new
    path: "landing/hr/{name}.csv"
    job: {id: 8}
  - name: all
    path: "landing/{source:crm|erp|hr|web}/{name}.csv"
    job: {id: 7}
"""


class SlowTable(FaultyTable):
    """A table whose calls take anything from no turn to many, so that others come between."""

    def __init__(self, table: FaultyTable, turns: random.Random) -> None:
        super().__init__(table)
        self._turns = turns

    async def _call(self) -> None:
        for _ in range(self._turns.choice([0, 0, 1, 3, 40])):
            await asyncio.sleep(0)
        await super()._call()


class Instance(World):
    """Another instance on the same ledger, storage, queue and workspace as a world."""

    def __init__(self, world: World, rules: str, chance: random.Random) -> None:
        super().__init__(rules)
        self.settings = world.settings
        self.clock, self.landing, self.queue = world.clock, world.landing, world.queue
        self.databricks, self._nonces = world.databricks, world._nonces
        self.table = SlowTable(world.table, chance)
        self.chance = chance
        self.restart(rules)


async def check_proof(world: World) -> None:
    """Assert that whatever is older than what is proven of `all` has an entry."""
    standing = (await world.bookkeeping.standings())["all"]
    known = {entry.arrival.full_path for entry in await world.all_entries()}
    missing = [
        blob.full_path
        for (_, _), blob in world.landing._blobs.items()
        if standing.baseline <= blob.committed_at < standing.low_watermark and blob.full_path not in known
    ]
    assert missing == []


async def one_pass(instance: Instance) -> None:
    """Let an instance run a pass, with or without time for more than a page, however that ends."""
    with suppress(LedgerUnavailable):
        deadline = instance.deadline(instance.chance.choice([0, 10]))
        await instance.sweeper.sweep(instance.rules, await instance.bookkeeping.standings(), deadline)


async def work(instance: Instance) -> None:
    """Let an instance take one message of the queue, and put it back where it fails."""
    for message in instance.queue.take(1):
        try:
            await instance.sweeper.work_on(message)
        except LedgerUnavailable:
            await instance.queue.send([message])


@pytest.mark.parametrize("seed", range(30))
async def test_any_interleaving_of_instances_runs_each_file_once(seed: int) -> None:
    """Passes overlap, workers take shards, rules differ for a while, and any call may be the last of its process."""
    chance = random.Random(seed)
    world = World(RULES, SWEEP_QUEUE_ABOVE=chance.choice(["5", "1000"]), SWEEP_DEEP_EVERY="1h")
    await world.reconciler.run()
    world.landing.page_size = 2
    instances = [Instance(world, rules, chance) for rules in (RULES, RULES, OTHERS if seed % 3 == 0 else RULES)]
    files = 0
    for _ in range(12):
        world.clock.advance(chance.choice([1.0, MINUTE, 6 * MINUTE, HOUR]))
        for _ in range(chance.randrange(5)):
            files += 1
            world.landing.upload(f"landing/{SOURCES[files % 4]}/{files:03d}.csv")
        for instance in instances:
            instance.table.fails_after = chance.choice([None, None, chance.randrange(60)])
        steps = [chance.choice([one_pass, one_pass, work])(instance) for instance in instances for _ in range(2)]
        await asyncio.gather(*steps)
        await check_proof(world)
    quiet = world.clock.now()
    for _ in range(15):
        world.clock.advance(LEFT_TO_THE_QUEUE.total_seconds())
        await world.reconciler.run()

    await check_proof(world)
    assert (await world.bookkeeping.standings())["all"].low_watermark > quiet
    entries = await world.all_entries()
    ran = [entry for entry in entries if entry.result is not Result.TOUCHED]  # by somebody with other rules just before
    assert {entry.arrival.full_path for entry in ran} == {blob.full_path for blob in world.landing._blobs.values()}
    assert len(world.databricks.runs) == len(ran)
    assert len(entries) == files or seed % 3 == 0  # instances with different rules may each give a file to theirs


async def test_slow_instance_deletes_no_shards_of_a_later_round() -> None:
    """Whoever clears up after beginning a round may be so slow that the next round is being written meanwhile."""
    world = World(RULES)
    await world.reconciler.run()
    world.clock.advance(HOUR)
    world.landing.upload("landing/crm/lost.csv")
    world.clock.advance(HOUR)
    slow = await world.rounds.current("quick")
    assert slow is not None
    start = world.rounds.start

    async def start_while_another_clears_up(*args: object) -> object:
        transact = world.table.transact

        async def transact_later(partition: str, operations: object) -> object:
            if partition == "sweeps":
                world.table.transact = transact  # type: ignore[method-assign]  # once
                await world.rounds.forget_former(slow)
            return await transact(partition, operations)  # type: ignore[arg-type]  # as it came

        world.table.transact = transact_later  # type: ignore[assignment, method-assign]  # a race
        return await start(*args)  # type: ignore[arg-type]  # as it came

    world.sweeper._opener._rounds.start = start_while_another_clears_up  # type: ignore[assignment, method-assign]  # it
    await world.reconciler.run()
    await check_proof(world)
    world.clock.advance(MINUTE)
    await world.reconciler.run()

    assert len(world.databricks.runs) == 1


async def test_round_that_lost_a_shard_proves_nothing() -> None:
    """A row that is gone, by whatever hand, was perhaps not listed; the next round begins anew."""
    world = World(RULES)
    await world.reconciler.run()
    world.clock.advance(HOUR)
    world.landing.page_size = 2
    for number in range(40):
        world.landing.upload(f"landing/{SOURCES[number % 4]}/{number}.csv")
    world.clock.advance(HOUR)
    standings = await world.bookkeeping.standings()
    await world.sweeper.sweep(world.rules, standings, world.deadline(0))
    current = await world.rounds.current("quick")
    assert current is not None
    shard = (await world.rounds.shards(current))[0]
    row = await world.table.read("sweeps|quick", f"{current.id}|{shard.number:05d}")
    assert row is not None
    await world.table.transact("sweeps|quick", [world.table.deletion_of(row)])
    await world.sweeper.sweep(world.rules, standings, world.deadline())
    await check_proof(world)
    world.clock.advance(MINUTE)
    await world.reconciler.run()

    assert len(world.databricks.runs) == 40
    proven = (await world.bookkeeping.standings())["all"].low_watermark - START
    assert proven == timedelta(hours=2, minutes=1 - 5) - OVERLAP
