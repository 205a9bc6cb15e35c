"""A file that was gone before its job was started has had no run: what is dropped in its place is no overwrite."""

from __future__ import annotations

import pytest

from shared.model import Result, State
from tests.fakes.world import World

PLACE, MINUTE = "landing/crm/a.csv", 60.0
RULES = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {name: "ETL"}
    on_overwrite: %s
"""


async def pass_after(world: World, minutes: float) -> None:
    """Let time go by, then reconcile."""
    world.clock.advance(minutes * MINUTE)
    await world.reconciler.run()


async def waiting_world(on_overwrite: str) -> World:
    """Return a world whose job is away, so that files wait."""
    world = World(RULES % on_overwrite)
    await world.reconciler.run()
    world.clock.advance(MINUTE)
    del world.databricks.jobs["ETL"]
    return world


async def results(world: World) -> list[str]:
    """Return what became of the entries, in the order of their arrivals."""
    return [str(entry.result or entry.state) for entry in await world.all_entries()]


@pytest.mark.parametrize("is_overwritten_first", [False, True])
async def test_file_after_one_that_vanished_is_no_overwrite(is_overwritten_first: bool) -> None:  # noqa: FBT001 - by name
    """`on_overwrite: ignore` runs the first version; where that was gone before its run, the next one is the first."""
    world = await waiting_world("ignore")
    await world.drop(PLACE)
    if is_overwritten_first:
        world.clock.advance(MINUTE)
        await world.drop(PLACE, b"ignored")
    world.landing.delete(PLACE)
    await pass_after(world, 20)
    before = await results(world)
    world.databricks.jobs["ETL"] = 7
    await pass_after(world, 20)

    claim = await world.drop(PLACE, b"another")

    assert before == ["vanished", *["vanished"] * is_overwritten_first]
    assert claim.entry.state is State.SUBMITTED


async def test_touch_of_a_file_that_vanished_hides_no_upload() -> None:
    """Content that was touched while it waited and then was gone has not run: the same content again is no touch."""
    world = await waiting_world("run")
    world.landing.upload(PLACE)  # its event is lost
    await pass_after(world, 6)
    world.landing.touch(PLACE)
    await pass_after(world, 6)
    world.landing.delete(PLACE)
    await pass_after(world, 20)
    before = await results(world)
    world.databricks.jobs["ETL"] = 7
    await pass_after(world, 20)
    world.landing.upload(PLACE)  # and so is this one

    await pass_after(world, 6)

    assert before == ["vanished", "vanished"]
    assert (await world.all_entries())[-1].state is State.SUBMITTED


@pytest.mark.parametrize("on_overwrite", ["run", "ignore"])
async def test_touched_file_that_vanished_and_is_undeleted_runs(on_overwrite: str) -> None:
    """A file was touched while it waited, then deleted, then undeleted: its content has not run, so it does, once."""
    world = await waiting_world(on_overwrite)
    world.landing.upload(PLACE)  # its event is lost
    await pass_after(world, 6)
    world.landing.touch(PLACE)
    await pass_after(world, 6)
    deleted = world.landing.delete(PLACE)
    await pass_after(world, 20)
    world.databricks.jobs["ETL"] = 7
    world.landing.restore(deleted)
    await pass_after(world, 20)
    world.landing.touch(PLACE)

    for _ in range(2):
        await pass_after(world, 20)

    assert await results(world) == ["vanished", "submitted", "touched"]
    assert len(world.databricks.runs) == 1


async def test_ignored_overwrite_that_vanished_and_is_undeleted_runs() -> None:
    """A file was overwritten in vain while it waited, then deleted, then undeleted: nothing of its path has run."""
    world = await waiting_world("ignore")
    await world.drop(PLACE)
    world.clock.advance(MINUTE)
    await world.drop(PLACE, b"another")
    deleted = world.landing.delete(PLACE)
    await pass_after(world, 20)
    world.databricks.jobs["ETL"] = 7
    world.landing.restore(deleted)

    for _ in range(2):
        await pass_after(world, 20)

    assert await results(world) == ["vanished", "submitted"]
    assert len(world.databricks.runs) == 1


async def test_overwrite_of_a_touched_file_is_still_one() -> None:
    """Where the first version has run, neither a touch nor an ignored overwrite lets another one run."""
    world = World(RULES % "ignore")
    await world.reconciler.run()
    await world.drop(PLACE)
    world.landing.touch(PLACE)
    await pass_after(world, 6)
    await world.drop(PLACE, b"another")

    claim = await world.drop(PLACE, b"a third")

    assert claim.entry.result is Result.IGNORED
    assert len(world.databricks.runs) == 1
