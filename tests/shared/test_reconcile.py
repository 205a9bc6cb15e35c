"""Reconcile: one pass does every step, whatever fails in one of them (invariant 6)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from shared.errors import JobsBusy, LedgerUnavailable
from shared.model import Source, State, Verdict
from shared.redrive import HAND_INTERVAL, HAND_SIZE
from tests.fakes.dead_letters import FOLDER, OLD, dead
from tests.fakes.world import World

MINUTE = 60.0


@pytest.fixture
def world() -> World:
    """Return a service over fakes."""
    return World()


async def test_pass_is_logged_and_leaves_a_heartbeat(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """What a pass did is one line, and status can tell when the last one was."""
    caplog.set_level("INFO")
    await world.reconciler.run()

    last = await world.bookkeeping.last_pass()

    assert "pass.completed seconds=0.000 due=0 redriven=0 settled=0 listed=0 missed=0 failures=0" in caplog.text
    assert last is not None
    assert last["started_at"] == "2026-11-22T12:00:00.000+00:00"
    assert last["sweeps"]["crm"] == {"listed": 0, "pages": 1, "seconds": 0.0, "complete": True}


async def test_dead_blob_storage_does_not_stop_redrive_and_settle(world: World) -> None:
    """Sweeps fail, and what is due is still started and settled."""
    await world.drop("landing/crm/run.csv")
    world.databricks.end(101, Verdict.SUCCEEDED)
    world.databricks.fail_next(JobsBusy("busy"))
    await world.drop("landing/crm/due.csv")
    world.landing.down = True
    world.clock.advance(MINUTE)

    done = await world.reconciler.run()

    assert done.redriven == {"submitted": 1}
    assert done.settled == {"settled": 1}
    assert done.failures == ["sweep: Could not ask for the time."]


async def test_one_entry_that_breaks_does_not_stop_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A defect that one entry meets is logged; its neighbours go on."""
    world.databricks.fail_next(JobsBusy("busy"), times=3)
    for number in range(3):
        await world.drop(f"landing/crm/{number}.csv")
    world.clock.advance(MINUTE)
    calls = iter([True, False, False])

    def break_first() -> None:
        if next(calls):
            raise RuntimeError("a defect")

    world.databricks.on_call = break_first
    done = await world.reconciler.run()

    assert done.redriven == {"failed": 1, "submitted": 2}
    assert "RuntimeError('a defect')" in caplog.text


async def test_dead_ledger_is_raised(world: World) -> None:
    """Without a ledger there is no pass, and the host's log says so."""
    world.table.down = True

    with pytest.raises(LedgerUnavailable):
        await world.reconciler.run()


async def test_pass_without_time_starts_nothing(world: World) -> None:
    """What does not fit into the budget stays due for the next pass."""
    world.databricks.fail_next(JobsBusy("busy"))
    await world.drop("landing/crm/a.csv")
    world.clock.advance(MINUTE)
    markers = await world.redriver.due(["crm"])

    outcomes = await world.redriver.redrive(markers, world.deadline(0))

    assert outcomes == {"out of time": 1}
    assert (await world.only_entry()).state is State.PENDING


async def test_held_entry_is_started_when_it_is_due(world: World) -> None:
    """What waits on purpose goes on when its time has come, and not before."""
    world.databricks.fail_next(JobsBusy("busy"))
    claim = await world.drop("landing/crm/a.csv")
    until = world.clock.now() + timedelta(hours=1)
    await world.entries.move(claim.entry, state=State.HELD, due_at=until, reason="on purpose")

    world.clock.advance(30 * MINUTE)
    early = await world.reconciler.run()
    world.clock.advance(31 * MINUTE)
    late = await world.reconciler.run()

    assert (early.due, late.redriven) == (0, {"submitted": 1})


async def test_oldest_entries_are_due_first(world: World) -> None:
    """Whoever waits longest comes first, whichever partition or rule it is in."""
    world.databricks.fail_next(JobsBusy("busy"), times=30)
    for number in range(30):
        await world.drop(f"landing/{'crm' if number % 2 else 'erp'}/{number}.csv")
        world.clock.advance(1)
    world.clock.advance(3600)

    due = [marker.due_at for marker in await world.redriver.due(["crm", "erp"])]

    assert len(due) == 30
    assert due == sorted(due)


async def test_event_door_lends_a_hand_when_the_timer_is_dead(world: World) -> None:
    """A new event starts a few overdue entries of its partition, so that recovery needs no timer."""
    world.databricks.fail_next(JobsBusy("busy"), times=60)
    for number in range(60):
        await world.drop(f"landing/crm/{number}.csv")
    world.clock.advance(3600)
    claim = await world.drop("landing/crm/new.csv")

    helped = await world.redriver.lend_a_hand([claim], world.deadline())
    at_once = await world.redriver.lend_a_hand([claim], world.deadline())
    world.clock.advance(HAND_INTERVAL)
    later = await world.redriver.lend_a_hand([claim], world.deadline())

    assert helped == {"submitted": HAND_SIZE}
    assert at_once == {}
    assert later == {"submitted": HAND_SIZE}


async def test_dead_letters_come_before_the_sweep(world: World) -> None:
    """What Event Grid gave up on is claimed as an event, and so is no missed one."""
    await world.reconciler.run()
    world.clock.advance(1)
    arrival = world.landing.upload("landing/crm/a.csv")
    await world.dead_letters.put(f"{FOLDER}/a.json", json.dumps([dead(arrival)]).encode())
    world.clock.advance(OLD)

    done = await world.reconciler.run()

    assert (await world.only_entry()).arrival.source is Source.EVENT
    assert done.summary()["dead_letters"]["claimed"] == 1
    assert done.swept()["missed"] == 0


async def test_failing_dead_letters_do_not_stop_the_sweep(world: World) -> None:
    """Their container may be missing: the sweep finds what is in it all the same."""
    await world.reconciler.run()
    world.dead_letters.down = True
    world.clock.advance(1)
    world.landing.upload("landing/crm/a.csv")
    world.clock.advance(OLD)

    done = await world.reconciler.run()

    assert done.failures == ["dead letters: Could not list the dead letters."]
    assert done.swept()["missed"] == 1
