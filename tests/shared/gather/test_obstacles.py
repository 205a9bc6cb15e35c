"""What stands in the way of gathering holds up no more than it must: one file, slow storage, other rules in force."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from shared.containers import MANIFESTS
from shared.errors import BlobsUnavailable
from shared.model import Arrival, Result, State, Verdict
from tests.fakes.disturbed import Disturbance, Killed
from tests.fakes.world import World
from tests.shared.gather.gathering import BATCHES, QUIET, SETS, WAIT, batches, instance, manifests, members, paths

MINUTE = 60.0
ALONE = """
version: 1
rules:
  - name: crm
    path: "landing/{source}/{name}.csv"
    job: {id: 7}
"""


async def passes(world: World, minutes: int) -> None:
    """Let the timer fire each minute."""
    for _ in range(minutes):
        world.clock.advance(MINUTE)
        await world.reconciler.run()


def forbid(world: World, path: str) -> None:
    """Let Blob Storage refuse to tell of one file."""
    look = world.landing.identify

    async def refused(arrival: Arrival) -> Arrival | None:
        if arrival.path == path:
            raise BlobsUnavailable("Could not read its properties: forbidden.")
        return await look(arrival)

    world.landing.identify = refused  # type: ignore[method-assign]  # one file is not to be read


async def test_file_that_cannot_be_looked_up_stops_its_batch_for_a_while_only() -> None:
    """It may be the storage: an hour after it was due the others go without it, and it is told aloud each time."""
    world = World(BATCHES)
    for number in range(3):
        await world.drop(f"landing/a/{number}.csv")
    forbid(world, "a/1.csv")
    await passes(world, 115)
    assert manifests(world) == []

    await passes(world, 10)

    assert [paths(one) for one in manifests(world)] == [["landing/a/0.csv", "landing/a/2.csv"]]
    (waiting,) = [entry for entry in await members(world) if entry.is_open]
    assert (waiting.arrival.path, waiting.batch) == ("a/1.csv", "")
    assert (await world.reconciler.run()).failures == ["gather: 1 failed; the log says why"]


async def test_files_that_come_behind_a_stuck_one_are_gathered_as_ever() -> None:
    """One that has waited for too long closes no batch of others by its own age."""
    world = World(BATCHES)
    await world.drop("landing/a/stuck.csv")
    forbid(world, "a/stuck.csv")
    await passes(world, 130)
    for number in range(3):
        await world.drop(f"landing/a/{number}.csv")
        await passes(world, 3)
    await passes(world, 15)

    assert [len(one["files"]) for one in manifests(world)] == [3]


async def test_copy_that_takes_hours_closes_no_batch_of_others() -> None:
    """Files that come meanwhile wait for quiet, as if it were not there."""
    world = World(BATCHES)
    await world.deliver(world.landing.start_copy("landing/a/long.csv"))
    await passes(world, 70)
    for number in range(3):
        await world.drop(f"landing/a/{number}.csv")
        await passes(world, 3)
    await passes(world, 15)

    assert [len(one["files"]) for one in manifests(world)] == [3]


async def test_batch_that_takes_longer_to_look_at_than_a_pass_has_is_sealed() -> None:
    """What a pass has looked at is assigned in it, so that each pass comes further."""
    world = World(BATCHES.replace("files: 4", "files: 400"), RECONCILE_BUDGET="60s")
    for number in range(100):
        await world.drop(f"landing/a/{number}.csv")
    look = world.landing.identify

    async def slow(arrival: Arrival) -> Arrival | None:
        world.clock.advance(1)
        return await look(arrival)

    world.landing.identify = slow  # type: ignore[method-assign]  # a second for each file
    world.clock.advance(QUIET)
    await passes(world, 20)

    assert [len(one["files"]) for one in manifests(world)] == [100]
    assert len(world.databricks.runs) == 1


async def test_batch_is_as_large_as_the_rules_say_when_it_is_closed() -> None:
    """Who was assigned under a larger number of files, or by two workers at once, is in the next batch."""
    world = World(BATCHES)
    for number in range(4):
        await world.drop(f"landing/a/{number}.csv")
    counted = Disturbance()
    rehearsal = World(BATCHES)
    for number in range(4):
        await rehearsal.drop(f"landing/a/{number}.csv")
    await instance(rehearsal, BATCHES, counted).gatherer.gather([], world.deadline())
    dying = Disturbance(at=counted.names.index("write_manifest") + 1)
    with suppress(Killed):
        await instance(world, BATCHES, dying).gatherer.gather([], world.deadline())

    world.restart(BATCHES.replace("files: 4", "files: 3"))
    await passes(world, 15)

    assert sorted(len(one["files"]) for one in manifests(world)) == [1, 3]
    assert {entry.result for entry in await members(world)} == {Result.GATHERED}


@pytest.mark.parametrize("minutes_apart", [1, 2, 5])
async def test_each_rule_is_first_by_and_by(minutes_apart: int) -> None:
    """However far apart passes are: with as many minutes as rules between them, the same one would always be first."""
    head, _, body = BATCHES.partition("rules:\n")
    bodies = [body.replace("crm", f"rule{number}").replace("landing/", f"raw{number}/") for number in range(5)]
    world = World(head + "rules:\n" + "".join(bodies))
    first: set[str] = set()
    for round_ in range(30):
        for number in range(5):
            await world.drop(f"raw{number}/a/{round_}.csv")
        world.clock.advance(minutes_apart * MINUTE + QUIET - QUIET % (5 * MINUTE))
        before = set(world.landing.manifests)
        await world.gatherer.gather([], world.deadline(1e6))
        first |= {next((path for path in world.landing.manifests if path not in before), "").partition("/")[0]}

    assert {f"rule{number}" for number in range(5)} <= first


async def test_files_that_wait_cost_a_pass_no_call_each() -> None:
    """Nor an event: who waits is read in pages, however many they are."""
    of_passes, of_events = [], []
    for files in (20, 400):
        world = World(BATCHES.replace("files: 4", "files: 10000"))
        claims = [await world.drop(f"landing/a/{number}.csv") for number in range(files)]
        await world.gatherer.lend_a_hand(claims, world.deadline())
        world.clock.advance(MINUTE)
        before = world.table.calls
        await world.gatherer.lend_a_hand(claims[-1:], world.deadline())
        of_events.append(world.table.calls - before)
        await passes(world, 1)
        before = world.table.calls
        await passes(world, 1)
        of_passes.append(world.table.calls - before)

    assert of_passes[0] == of_passes[1]
    assert of_events[0] == of_events[1]


async def test_forbidden_manifests_stop_only_what_is_gathered() -> None:
    """Where the container of manifests cannot be written the files wait, the pass says so, and other rules run."""
    world = World(BATCHES + "  - {name: erp, path: 'raw/*', job: {id: 8}}\n")
    await world.drop("landing/a/1.csv")
    await world.drop("raw/1")
    world.landing.failing.add(MANIFESTS)
    await passes(world, 90)
    failures = (await world.reconciler.run()).failures

    assert failures == ["gather: 1 failed; the log says why"]
    assert [run.job_id for run in world.databricks.runs.values()] == [8]

    world.landing.failing.clear()
    await passes(world, 1)

    assert [run.job_id for run in world.databricks.runs.values()] == [8, 7]


async def test_touch_of_a_gathered_file_starts_nothing() -> None:
    """Nor does its event that comes late: the file is in its batch."""
    world = World(BATCHES)
    await passes(world, 1)
    arrival = world.landing.upload("landing/a/1.csv")
    await world.deliver(arrival)
    await passes(world, 12)
    world.landing.touch("landing/a/1.csv")
    await passes(world, 20)
    await world.deliver(arrival)
    await passes(world, 20)

    assert [entry.result for entry in await members(world)] == [Result.GATHERED, Result.TOUCHED]
    assert len(world.databricks.runs) == 1


async def test_failed_batch_is_run_again_as_its_rule_says() -> None:
    """`on_failure` counts for the run of a batch, with the same manifest."""
    world = World(BATCHES.replace("    gather:", "    on_failure: {rerun: 1}\n    gather:"))
    await world.drop("landing/a/1.csv")
    await passes(world, 12)
    for _ in range(2):
        for run in list(world.databricks.runs):
            world.databricks.end(run, Verdict.FAILED, "TERMINATED/CLUSTER_ERROR")
        await passes(world, 10)

    (batch,) = await batches(world)
    assert (batch.generation, batch.result) == (2, Result.FAILED)
    assert len({one.parameters["manifest"] for one in world.databricks.runs.values()}) == 1
    assert len(world.databricks.runs) == 2


@pytest.mark.parametrize(
    ("addition", "state"), [("    mode: shadow\n", State.SETTLED), ("    min_age: 3h\n", State.HELD)]
)
async def test_member_let_go_is_what_the_rule_says_of_a_file(addition: str, state: State) -> None:
    """One of a rule that has become a shadow is ignored, and none is started before its age is reached."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.restart(ALONE + addition)
    await passes(world, 90)

    assert (await world.only_entry()).state is state
    assert world.databricks.sent == []

    await passes(world, 100)

    assert len(world.databricks.sent) == (state is State.HELD)


@pytest.mark.parametrize("seed", range(30))
async def test_processes_with_other_rules_lose_and_double_nothing(seed: int) -> None:
    """While a deploy is under way one gathers and the other does not, or by something else: each file runs once."""
    chance = random.Random(seed)
    variants = [BATCHES, ALONE, BATCHES.replace("files: 4", "files: 2"), SETS.replace("{day}", "{source}")]
    variants.append(BATCHES.replace('by: "{source}"', 'by: "{source}{name}"'))
    names = ["a/orders.csv", "a/customers.csv", "a/1.csv", "b/orders.csv", "b/2.csv"]
    first, second = chance.sample(variants, 2)
    world = World(first)
    for name in names:
        await world.drop(f"landing/{name}")
    one = instance(world, first, Disturbance(chance=random.Random(seed)))
    two = instance(world, second, Disturbance(chance=random.Random(seed + 1000)))
    for _ in range(4):
        world.clock.advance(chance.choice([MINUTE, QUIET, WAIT]))
        await asyncio.gather(one.reconciler.run(), two.reconciler.run())
    last = instance(world, ALONE)
    await passes(last, 70)

    found = await members(last)
    ran = [entry.arrival.path for entry in found if entry.run_id]
    ran += [file["path"] for manifest in manifests(last) for file in manifest["files"]]
    given_up = [entry.arrival.path for entry in found if entry.state is State.DEAD]
    assert sorted(ran + given_up) == sorted(names)
    assert not any(entry.is_gathering for entry in found)
