"""Many runs settled with few calls, fairly between rules (rule R6)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import JobsBusy
from shared.ledger import Marker
from shared.model import Result, State, Verdict
from shared.settle.fair_line import Due, FairLine
from tests.fakes.manual_clock import START
from tests.fakes.world import World

MINUTE = 60.0


async def with_files(world: World, count: int, rule: str = "crm") -> None:
    """Drop so many files of a rule, so that as many runs of its job are running."""
    for number in range(count):
        await world.drop(f"landing/{rule}/{number}.csv")


def end_all(world: World, verdict: Verdict = Verdict.SUCCEEDED, state: str = "TERMINATED/SUCCESS") -> None:
    """End every run."""
    for run_id in world.databricks.runs:
        world.databricks.end(run_id, verdict, state)


async def due_later(world: World) -> list[Marker]:
    """Return what is due after a minute."""
    world.clock.advance(MINUTE)
    return await world.redriver.due(["crm", "erp"])


async def settled(world: World, due: Sequence[Marker]) -> dict[str, int]:
    """Settle and return the counts, with those of the calls."""
    world.databricks.calls.clear()
    counts = await world.redriver.settle(due, world.deadline(60))
    return {**counts, **world.databricks.calls}


async def test_thousand_runs_take_few_calls(caplog: pytest.LogCaptureFixture) -> None:
    """The runs of one job are listed, 25 a call, and the log says so."""
    caplog.set_level("INFO")
    world = World()
    await with_files(world, 1000)
    end_all(world)

    found = await settled(world, await due_later(world))

    assert found == {"settled": 1000, "list_runs": 40}
    assert "runs.settled due=1000 settled=1000 lists=40 gets=0" in caplog.text
    assert {entry.result for entry in await world.all_entries()} == {Result.SUCCEEDED}


async def test_active_runs_are_only_put_back() -> None:
    """A listing that shows them running is answer enough."""
    world = World()
    await with_files(world, 50)

    found = await settled(world, await due_later(world))

    assert found == {"submitted": 50, "list_runs": 2}
    assert all(entry.due_at and entry.due_at > world.clock.now() for entry in await world.all_entries())


@pytest.mark.parametrize("count", [1, 2])
async def test_few_runs_are_read_one_by_one(count: int) -> None:
    """For them a listing costs as much, and may cost more."""
    world = World()
    await with_files(world, count)
    end_all(world)

    assert await settled(world, await due_later(world)) == {"settled": count, "get_run": count}


async def test_few_old_runs_among_many_are_not_listed_for_long() -> None:
    """Where a page holds none that are due, the listing is given up: it costs a tenth more than it could save."""
    world = World()
    await with_files(world, 5)
    await with_files(world, 600, "erp")
    for run_id, run in list(world.databricks.runs.items()):
        world.databricks.runs[run_id] = replace(run, job_id=7)  # all newer than the five that are due
    due = [marker for marker in await due_later(world) if marker.partition.startswith("crm|")]

    assert await settled(world, due) == {"submitted": 5, "get_run": 5, "list_runs": 1}


async def test_run_missing_from_a_listing_is_read() -> None:
    """A listing may be late or incomplete: only the run itself says that it is gone."""
    world = World()
    await with_files(world, 10)
    end_all(world)
    world.databricks.forgotten = {103, 104}
    del world.databricks.runs[104]

    found = await settled(world, await due_later(world))

    results = sorted(entry.result or "" for entry in await world.all_entries())
    assert found == {"settled": 10, "list_runs": 1, "get_run": 2}
    assert results == ["succeeded"] * 9 + ["unknown"]


async def test_failed_run_of_a_listing_is_read() -> None:
    """A listing has no tasks, and their errors are what a person wants to know."""
    world = World()
    await with_files(world, 3)
    end_all(world, Verdict.FAILED, "INTERNAL_ERROR/FAILED")
    world.databricks.errors = {run_id * 10 + 1: f"ValueError in {run_id}" for run_id in world.databricks.runs}

    found = await settled(world, await due_later(world))

    assert (found["list_runs"], found["get_run"]) == (1, 3)
    assert {entry.reason for entry in await world.all_entries()} == {
        f"INTERNAL_ERROR/FAILED: ValueError in {run_id}" for run_id in (101, 102, 103)
    }


async def test_listing_that_fails_leaves_no_run_behind() -> None:
    """While Databricks is away every entry is put back; afterwards all settle."""
    world = World()
    await with_files(world, 5)
    end_all(world)
    world.databricks.unreadable = JobsBusy("429")
    away = await settled(world, await due_later(world))
    world.databricks.unreadable = None

    back = await settled(world, await due_later(world))

    assert away["submitted"] == 5
    assert back["settled"] == 5


async def test_rows_of_older_versions_are_read() -> None:
    """Their markers tell no run; the entries do."""
    world = World()
    await with_files(world, 4)
    end_all(world)
    due = [replace(marker, run_id=None, job_id=None) for marker in await due_later(world)]

    assert await settled(world, due) == {"settled": 4, "get_run": 4}


async def test_entry_that_moved_on_is_left_alone() -> None:
    """Another pass was faster."""
    world = World()
    await with_files(world, 4)
    end_all(world)
    due = await due_later(world)
    await settled(world, due)

    assert await settled(world, due) == {"moved on": 4, "list_runs": 1}


async def test_backlog_of_one_rule_starves_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """Rules take turns: however much is due of one, the few of another are among the first."""
    caplog.set_level("INFO")
    world = World()
    await with_files(world, 200)
    await with_files(world, 10, "erp")
    end_all(world)
    due = await due_later(world)
    caplog.clear()

    await settled(world, due)

    order = re.findall(r"entry\.settled .* rule=(\w+) ", caplog.text)
    assert len(order) == 210
    assert abs(order[:18].count("crm") - order[:18].count("erp")) <= 2


async def test_rule_gets_its_oldest_entries_settled_first() -> None:
    """Of what there is no time for, the youngest waits."""
    line = FairLine()
    markers = [marker(rule, minute) for minute in (3, 1, 2) for rule in ("crm", "erp")]
    for each in markers:
        line.add(each)
    line.close(1)

    taken = [due[0] async for due in _all(line)]

    assert [(each.partition, each.due_at.minute) for each in taken] == [
        (f"{rule}|0", minute) for minute in (1, 2, 3) for rule in ("crm", "erp")
    ]


def marker(rule: str, minute: int) -> Marker:
    """Return the marker of an entry that was due at a minute."""
    due_at = START.replace(minute=minute)
    return Marker(partition=f"{rule}|0", key=f"{minute}", state=State.SUBMITTED, due_at=due_at, claimed_at=START)


async def _all(line: FairLine) -> AsyncIterator[Due]:
    while (due := await line.take()) is not None:
        yield due


async def test_time_that_is_over_is_said() -> None:
    """What there was no time for is due at the next pass."""
    world = World()
    await with_files(world, 2)
    due = await due_later(world)

    counts = await world.redriver.settle(due, world.deadline(0))

    assert counts == {"out of time": 2}


async def test_gone_run_tells_deleted_from_forgotten() -> None:
    """Databricks keeps runs for 60 days: before that, somebody deleted it."""
    world = World()
    await world.drop("landing/crm/young.csv")
    world.clock.advance(timedelta(days=61).total_seconds())
    await world.drop("landing/erp/new.csv")
    world.databricks.runs.clear()
    await settled(world, await due_later(world))

    old, new = await world.all_entries()
    assert old.result is new.result is Result.UNKNOWN
    assert old.reason.endswith(f"it keeps runs for 60 days, and this one was started on {START:%Y-%m-%d}")
    assert "it was deleted, for it was started on" in new.reason


async def test_two_passes_at_once_settle_once(caplog: pytest.LogCaptureFixture) -> None:
    """Each entry is closed by one of them."""
    caplog.set_level("INFO")
    world = World()
    await with_files(world, 30)
    end_all(world)
    due = await due_later(world)

    await asyncio.gather(settled(world, due), settled(world, due))

    assert caplog.text.count("entry.settled") == 30
    assert {entry.state for entry in await world.all_entries()} == {State.SETTLED}
