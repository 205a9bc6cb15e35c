"""Sealing breaks off at any call, before its effect or after it: whoever comes next repairs it."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from tests.fakes.disturbed import Disturbance, Fate, Killed
from tests.fakes.world import World
from tests.proof_record import record
from tests.shared.gather.gathering import BATCHES, QUIET, SETS, WAIT, check, instance, manifests, paths

FILES = ["a/1", "a/2", "a/3", "b/1"]
SET = ["d1/remarks", "d1/orders", "d1/customers"]


async def landed(rules: str, names: list[str]) -> World:
    """Return a world where these files have landed and wait."""
    world = World(rules)
    for name in names:
        await world.drop(f"landing/{name}.csv")
    return world


async def calm_down(world: World) -> None:
    """Let another process run passes until nothing is left to be done."""
    for _ in range(2):
        world.clock.advance(WAIT)
        await world.reconciler.run()


def told(what: str, places: int) -> None:
    """Leave behind what was proved."""
    result = "each file in one manifest, one run a manifest, none lost"
    record("gathering, disturbed at every call of sealing", how_many=f"{what}: {places} calls", result=result)


async def calls_of_a_pass(rules: str, names: list[str]) -> int:
    """Return how many calls the pass makes that seals."""
    world = await landed(rules, names)
    world.clock.advance(QUIET)
    counted = Disturbance()
    await instance(world, rules, counted).gatherer.gather([], world.deadline(60))
    return counted.calls


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("rules", "names"), [(BATCHES, FILES), (SETS, SET)], ids=["batches", "sets"])
async def test_process_killed_at_any_call_loses_nothing(rules: str, names: list[str], *, after: bool) -> None:
    """Every step may be the last one of a process: the next pass goes on from what is there."""
    most = await calls_of_a_pass(rules, names)
    assert most > len(names) * 4  # each member is read, looked up, assigned, read again and closed

    for at in range(1, most + 1):
        world = await landed(rules, names)
        world.clock.advance(QUIET)
        dying = Disturbance(at=at, after=after)
        with suppress(Killed):
            await instance(world, rules, dying).gatherer.gather([], world.deadline(60))
        assert dying.killed or dying.calls < at

        await calm_down(world)

        await check(world)
        assert sorted(path for one in manifests(world) for path in paths(one)) == sorted(
            f"landing/{name}.csv" for name in names
        )
    told("a process is killed", most)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_lost_answer_at_any_call_loses_nothing(*, after: bool) -> None:
    """A process that lives on after a lost answer does no harm with what it does not know."""
    most = await calls_of_a_pass(BATCHES, FILES)
    for at in range(1, most + 1):
        world = await landed(BATCHES, FILES)
        world.clock.advance(QUIET)
        process = instance(world, BATCHES, Disturbance(at=at, after=after, fate=Fate.NO_ANSWER))
        for _ in range(2):
            await process.gatherer.gather([], world.deadline(60))
            world.clock.advance(60)

        await calm_down(world)

        await check(world)
        assert sorted(path for one in manifests(world) for path in paths(one)) == sorted(
            f"landing/{name}.csv" for name in FILES
        )
    told("an answer is lost", most)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("comes_late", [False, True], ids=["", "another comes"])
@pytest.mark.parametrize(("rules", "names"), [(BATCHES, FILES), (SETS, SET)], ids=["batches", "sets"])
async def test_process_that_stalls_at_any_call_does_no_harm(
    rules: str, names: list[str], *, comes_late: bool, after: bool
) -> None:
    """What a process had read an hour ago, it may write now: others have sealed, run and closed meanwhile."""
    most = await calls_of_a_pass(rules, names)
    for at in range(1, most + 1):
        world = await landed(rules, names)
        world.clock.advance(QUIET)
        slow = Disturbance(at=at, after=after, fate=Fate.STALLED)
        stalling = asyncio.create_task(instance(world, rules, slow).gatherer.gather([], world.deadline(1e6)))
        await asyncio.wait([stalling, asyncio.create_task(slow.reached.wait())], return_when=asyncio.FIRST_COMPLETED)
        if comes_late:
            await world.drop("landing/a/6.csv")
        await calm_down(world)
        sealed = dict(world.landing.manifests)
        slow.go.set()
        await stalling

        await calm_down(world)

        await check(world)
        assert {path: world.landing.manifests[path] for path in sealed} == sealed
        if rules == BATCHES:
            expected = [f"landing/{name}.csv" for name in [*names, *(["a/6"] if comes_late else [])]]
            assert sorted(path for one in manifests(world) for path in paths(one)) == sorted(expected)
    told("a process stalls, and writes when all is over", most)


@pytest.mark.parametrize(("rules", "names"), [(BATCHES, FILES), (SETS, SET)], ids=["batches", "sets"])
@pytest.mark.parametrize("seed", range(25))
async def test_processes_that_seal_at_once_agree(seed: int, rules: str, names: list[str]) -> None:
    """Three processes, one of which may be killed, with events still coming: each member is in one manifest."""
    world = await met(random.Random(seed), rules, names)

    await check(world)
    assert sorted(path for one in manifests(world) for path in paths(one)) == sorted(
        f"landing/{name}.csv" for name in names
    )


async def test_member_that_comes_too_late_for_its_batch_is_in_another(caplog: pytest.LogCaptureFixture) -> None:
    """Processes that meet do assign members too late now and then: each waits again, and is in the next batch."""
    for seed in range(60):
        world = await met(random.Random(seed), BATCHES.replace("files: 4", "files: 400"), [f"a/{n}" for n in range(6)])
        await check(world)

    assert "gather.returned" in caplog.text


async def met(chance: random.Random, rules: str, names: list[str]) -> World:
    """Return a world in which three processes have sealed at once, one of which may have been killed."""
    early, late = names[:-2], [f"landing/{name}.csv" for name in names[-2:]]
    world = await landed(rules, early)
    world.clock.advance(0.0 if rules == SETS else chance.choice([0.0, WAIT]))  # which a set would not outlast
    plans = [Disturbance(chance=chance) for _ in range(3)]
    plans[0].at, plans[0].after = chance.randrange(1, 150), chance.random() < 0.5
    arrivals = [world.landing.upload(path) for path in late]

    async def work(process: World) -> None:
        with suppress(Killed):
            for _ in range(2):
                claims = await process.deliver(chance.choice(arrivals))
                await process.gatherer.lend_a_hand(claims, process.deadline())
                await process.gatherer.gather([], process.deadline(60))

    await asyncio.gather(*(work(instance(world, rules, plan)) for plan in plans))
    for arrival in arrivals:
        await world.deliver(arrival)
    await calm_down(world)
    return world


@pytest.mark.parametrize("seed", range(60))
async def test_complete_set_is_never_split(seed: int) -> None:
    """However processes meet, a set that is complete before `wait` is over runs as one."""
    chance = random.Random(seed)
    world = World(SETS)
    files = [world.landing.upload(f"landing/{name}.csv") for name in SET]
    processes = [instance(world, SETS, Disturbance(chance=chance)) for _ in range(3)]

    async def work(process: World) -> None:
        for arrival in chance.sample(files, 3):
            claims = await process.deliver(arrival)
            await process.gatherer.lend_a_hand(claims, process.deadline())
        await process.gatherer.gather([], process.deadline(60))

    await asyncio.gather(*map(work, processes))
    for _ in range(2):
        await world.reconciler.run()

    (of_orders,) = [one for one in manifests(world) if "landing/d1/orders.csv" in paths(one)]
    assert "landing/d1/customers.csv" in paths(of_orders)
    assert of_orders["missing"] == []
