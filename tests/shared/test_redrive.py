"""Redrive: what is overdue is started, fairly, once, and without spoiling what was claimed."""

from __future__ import annotations

from shared.errors import JobsBusy
from shared.model import State
from tests.fakes.world import World

TEN_MINUTES = 600.0


async def backlog(world: World, rule: str, files: int) -> None:
    """Leave so many files of a rule without a run, all due by and by."""
    world.databricks.fail_next(JobsBusy("busy"), times=files)
    for number in range(files):
        await world.drop(f"landing/{rule}/{number}.csv")


async def test_rules_take_turns() -> None:
    """A rule with a long backlog does not make the files of others wait for its end."""
    world = World()
    await backlog(world, "crm", 40)
    world.clock.advance(5)
    await backlog(world, "erp", 2)
    world.clock.advance(TEN_MINUTES)
    due = await world.redriver.due(["crm", "erp"])
    world.databricks.sent.clear()

    await world.redriver.redrive(due, world.deadline())

    assert {request.job_id for request in world.databricks.sent[:2]} == {7, 8}
    assert [request.job_id for request in world.databricks.sent[:4]].count(8) == 2
    assert len(world.databricks.runs) == 42


async def test_oldest_of_a_rule_comes_first() -> None:
    """Nobody waits longer than whoever came later."""
    world = World()
    for number in range(5):
        await backlog(world, "crm", 1)
        await world.drop(f"landing/erp/{number}.csv")
        world.landing.delete("landing/crm/0.csv")
        world.clock.advance(60)
    due = await world.redriver.due(["crm"])

    assert [marker.due_at for marker in due] == sorted(marker.due_at for marker in due)


async def test_entry_that_was_put_off_meanwhile_is_left_alone() -> None:
    """An overlapping pass has tried it just now: its wait is not cut short by who read the ledger before."""
    world = World()
    world.databricks.fail_next(JobsBusy("busy", retry_after=TEN_MINUTES), times=2)
    await world.drop("landing/crm/a.csv")
    world.clock.advance(TEN_MINUTES)
    due = await world.redriver.due(["crm"])

    first = await world.redriver.redrive(due, world.deadline())
    second = await world.redriver.redrive(due, world.deadline())

    assert (first, second) == ({"pending": 1}, {"moved on": 1})
    assert len(world.databricks.sent) == 2


async def test_helping_hand_does_not_fail_the_event() -> None:
    """What was claimed is claimed: its event must not come again because the ledger fails later (rule R7)."""
    world = World()
    claim = await world.drop("landing/crm/a.csv")
    world.table.down = True

    helped = await world.redriver.lend_a_hand([claim], world.deadline())

    assert helped == {}
    assert claim.entry.state is State.SUBMITTED
