"""Settle: what a run that was read back leaves behind (rules R3, R6)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.errors import JobsBusy, JobsUnauthorised
from shared.model import Entry, Result, State, Verdict
from tests.fakes.manual_clock import START
from tests.fakes.world import World

MINUTE = 60.0


@pytest.fixture
async def world() -> World:
    """Return a service over fakes with one running run, number 101."""
    world = World()
    await world.drop("landing/crm/a.csv")
    return world


async def passed(world: World, seconds: float = MINUTE) -> Entry:
    """Run one pass after so many seconds and return the only entry."""
    world.clock.advance(seconds)
    await world.reconciler.run()
    return await world.only_entry()


@pytest.mark.parametrize(
    ("verdict", "result"),
    [
        (Verdict.SUCCEEDED, Result.SUCCEEDED),
        (Verdict.FAILED, Result.FAILED),
        (Verdict.CANCELLED, Result.CANCELLED),
    ],
)
async def test_ended_run_settles_its_entry(world: World, verdict: Verdict, result: Result) -> None:
    """The result, the run's times and its page stand beside the file."""
    world.clock.advance(40)
    world.databricks.end(101, verdict)

    entry = await passed(world)

    assert (entry.state, entry.result, entry.due_at) == (State.SETTLED, result, None)
    assert entry.run_started_at == START
    assert entry.run_ended_at == START + timedelta(seconds=40)
    assert entry.run_url == "https://workspace/run/101"


async def test_failed_run_says_why(world: World) -> None:
    """A person reads in the entry what Databricks said."""
    world.databricks.end(101, Verdict.FAILED, "INTERNAL_ERROR/FAILED")

    assert (await passed(world)).reason == "INTERNAL_ERROR/FAILED: as told"


async def test_failed_run_tells_the_error_of_its_task(world: World) -> None:
    """Where Databricks tells what went wrong in the notebook, that is the reason, and not its general words."""
    world.databricks.errors[1012] = "ValueError: 7 missing values"
    world.databricks.end(101, Verdict.FAILED, "INTERNAL_ERROR/FAILED")

    assert (await passed(world)).reason == "INTERNAL_ERROR/FAILED: ValueError: 7 missing values"


async def test_active_run_stays_submitted(world: World) -> None:
    """A 200 from run-now is no result: until the run has ended the entry is open and due again."""
    entry = await passed(world)

    assert entry.state is State.SUBMITTED
    assert entry.due_at is not None
    assert entry.due_at > world.clock.now()


async def test_long_run_is_asked_about_less_often(world: World) -> None:
    """A run of many hours does not cost a call a minute."""
    for _ in range(10 * 60):
        await passed(world)

    assert world.databricks.calls["get_run"] < 120


@pytest.mark.parametrize("verdict", [Verdict.NEVER_RAN])
async def test_run_that_never_ran_makes_the_next_generation(world: World, verdict: Verdict) -> None:
    """A skipped run leaves the file unprocessed: a new generation with a new token runs it (rule R3)."""
    world.databricks.end(101, verdict, "SKIPPED")
    waiting = await passed(world)
    again = await passed(world)

    first, second = world.databricks.sent
    assert (waiting.state, waiting.generation, waiting.run_id) == (State.PENDING, 2, None)
    assert (again.state, again.run_id) == (State.SUBMITTED, 102)
    assert first.token != second.token


async def test_generations_wait_longer_and_longer(world: World) -> None:
    """A job that is switched off is not flooded with runs that never run."""
    for minute in range(6 * 60):
        for run in list(world.databricks.runs.values()):
            if run.verdict is None:
                world.databricks.end(run.run_id, Verdict.NEVER_RAN, "SKIPPED")
        await passed(world)
        del minute

    assert len(world.databricks.runs) < 20


async def test_run_that_is_gone_settles_as_unknown(world: World) -> None:
    """Databricks forgets a run after 60 days, or somebody deletes it: that is said, and nothing runs again."""
    del world.databricks.runs[101]

    entry = await passed(world)

    assert (entry.state, entry.result) == (State.SETTLED, Result.UNKNOWN)
    assert len(world.databricks.sent) == 1


@pytest.mark.parametrize("error", [JobsBusy("429"), JobsUnauthorised("403")])
async def test_unreadable_run_is_read_later(world: World, error: JobsBusy) -> None:
    """When Databricks does not answer, the entry waits for its result."""
    world.databricks.unreadable = error
    waiting = await passed(world)
    world.databricks.unreadable = None
    world.databricks.end(101, Verdict.SUCCEEDED)

    assert waiting.state is State.SUBMITTED
    assert (await passed(world)).result is Result.SUCCEEDED


async def test_overlapping_passes_settle_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Two passes at the same time write one result and log it once."""
    caplog.set_level("INFO")
    world.databricks.end(101, Verdict.SUCCEEDED)
    world.clock.advance(MINUTE)
    entry = await world.only_entry()
    settler = world.redriver._settler

    await settler.settle(entry, world.deadline())
    await settler.settle(entry, world.deadline())

    assert caplog.text.count("entry.settled") == 1
