"""Dispatch: what each answer of Databricks leaves behind (rules R2 to R5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.errors import JobMissing, JobsBusy, JobsError, JobsRefused, JobsUnauthorised, JobsUnknown
from shared.model import Entry, State, Verdict
from tests.fakes.manual_clock import START
from tests.fakes.world import RULES, World

MINUTE = 60.0
HOUR = 3600.0


@pytest.fixture
def world() -> World:
    """Return a service over fakes."""
    return World()


async def passes(world: World, number: int, every: float = MINUTE) -> Entry:
    """Run so many passes, one a minute, and return the only entry as it then stands."""
    for _ in range(number):
        world.clock.advance(every)
        await world.reconciler.run()
    return await world.only_entry()


def tokens(world: World) -> set[str]:
    """Return the tokens that Databricks has seen."""
    return {request.token for request in world.databricks.sent}


def bodies(world: World) -> set[str]:
    """Return the requests that Databricks has seen."""
    return {request.body for request in world.databricks.sent}


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (JobsBusy("busy"), State.PENDING),
        (JobsUnknown("time-out"), State.DISPATCHING),
        (JobsUnauthorised("403"), State.PENDING),
        (JobMissing("no such job"), State.PENDING),
        (JobsRefused("400"), State.PENDING),
    ],
)
async def test_failed_start_waits_and_runs_once(world: World, error: JobsError, state: State) -> None:
    """After any failure the entry is open, due later, and the same token starts one run in the end."""
    world.databricks.fail_next(error)
    entry = (await world.drop("landing/crm/a.csv")).entry
    assert entry.state is state
    assert entry.due_at is not None
    assert entry.due_at > START

    entry = await passes(world, 3)

    assert entry.state is State.SUBMITTED
    assert len(tokens(world)) == len(bodies(world)) == 1
    assert len(world.databricks.runs) == 1


@pytest.mark.parametrize("error", [JobsUnknown("reset after the effect"), JobsBusy("503 after the effect")])
async def test_run_started_before_the_failure_is_found_by_its_token(world: World, error: JobsError) -> None:
    """An answer that was lost cost a run nothing: the token returns it."""
    world.databricks.fail_next(error, after=True)
    await world.drop("landing/crm/a.csv")

    entry = await passes(world, 3)

    assert entry.run_id == 101
    assert len(world.databricks.runs) == 1


async def test_retry_after_is_respected(world: World) -> None:
    """Databricks' own wait wins over ours when it is longer."""
    world.databricks.fail_next(JobsBusy("busy", retry_after=600))
    entry = (await world.drop("landing/crm/a.csv")).entry

    assert entry.due_at == START + timedelta(seconds=600)


async def test_refused_request_is_given_up_at_the_third_time(world: World) -> None:
    """A request that Databricks refuses for what it says ends dead, with what it said."""
    world.databricks.fail_next(JobsRefused("INVALID_PARAMETER_VALUE: no"), times=9)
    await world.drop("landing/crm/a.csv")

    entry = await passes(world, 10)

    assert entry.state is State.DEAD
    assert entry.reason == "INVALID_PARAMETER_VALUE: no"
    assert len(world.databricks.sent) == 3
    assert len(tokens(world)) == 1


@pytest.mark.parametrize("error", [JobsUnauthorised("403 no CAN MANAGE RUN"), JobMissing("Job 7 does not exist.")])
async def test_breaker_spares_the_files_that_follow(world: World, error: JobsError) -> None:
    """When a rule's job is refused as such, its next files wait without a call and then all run."""
    world.databricks.fail_next(error)
    for number in range(20):
        await world.drop(f"landing/crm/{number}.csv")
    held = await world.all_entries()

    world.clock.advance(2 * MINUTE)
    done = await world.reconciler.run()

    assert len(world.databricks.runs) == 20
    assert {entry.state for entry in held} == {State.PENDING}
    assert {entry.state for entry in await world.all_entries()} == {State.SUBMITTED}
    assert done.redriven["submitted"] == 20


async def test_breaker_does_not_stop_other_rules(world: World) -> None:
    """One rule's missing job is no other rule's business."""
    world.databricks.fail_next(JobMissing("no such job"))
    await world.drop("landing/crm/a.csv")
    claim = await world.drop("landing/erp/a.csv")

    assert claim.entry.state is State.SUBMITTED


async def test_breaker_that_trips_again_waits_longer(world: World) -> None:
    """A job that stays missing is asked about less and less often."""
    world.databricks.fail_next(JobMissing("no such job"), times=100)
    await world.drop("landing/crm/a.csv")

    await passes(world, 60)

    assert 4 <= len(world.databricks.sent) <= 8


async def test_breaker_outlives_its_process(world: World) -> None:
    """Another instance learns of the breaker from the ledger at its next pass."""
    world.databricks.fail_next(JobMissing("no such job"))
    await world.drop("landing/crm/a.csv")
    world.restart(RULES)
    await world.reconciler.run()

    claim = await world.drop("landing/crm/b.csv")

    assert claim.entry.state is State.PENDING
    assert claim.entry.reason == "no such job"


async def test_unknown_name_of_a_job_keeps_the_file(world: World) -> None:
    """A name that Databricks does not know yet leaves the file pending until somebody creates the job."""
    world.databricks.jobs.clear()
    entry = (await world.drop("landing/crm/a.csv")).entry
    assert (entry.state, entry.request) == (State.PENDING, None)

    world.databricks.jobs["ETL"] = 7
    entry = await passes(world, 3)

    assert entry.state is State.SUBMITTED


async def test_name_of_a_job_is_looked_up_once(world: World) -> None:
    """The look-up is remembered, so that run-now follows the claim at once."""
    for number in range(5):
        await world.drop(f"landing/crm/{number}.csv")

    assert world.databricks.calls["find_job"] == 1


async def test_changed_rules_do_not_change_a_frozen_request(world: World) -> None:
    """Whatever the rules say by then, a repetition sends the same bytes (rule R2)."""
    world.databricks.fail_next(JobsBusy("busy"))
    await world.drop("landing/crm/a.csv")
    world.restart(RULES.replace('name: "ETL"', "id: 999"))

    await passes(world, 2)

    assert len(bodies(world)) == 1


async def test_rule_that_is_gone_still_finishes_its_entries(world: World) -> None:
    """Deleting a rule from the file strands none of its open entries."""
    await world.reconciler.run()
    world.databricks.fail_next(JobsBusy("busy"))
    await world.drop("landing/crm/a.csv")
    world.restart(RULES.replace("name: crm", "name: renamed"))

    entry = await passes(world, 2)

    assert (entry.rule, entry.state) == ("crm", State.SUBMITTED)


async def test_crashed_worker_is_taken_over_after_its_lease(world: World) -> None:
    """A lease that ends is anybody's: the same token returns the same run."""
    world.databricks.fail_next(JobsUnknown("the process died here"), after=True)
    await world.drop("landing/crm/a.csv")
    world.restart(RULES)

    before = await passes(world, 1, every=30)
    after = await passes(world, 1, every=31)

    assert before.state is State.DISPATCHING
    assert after.run_id == 101


async def test_lost_record_of_a_run_is_repaired(world: World) -> None:
    """When the ledger dies between run-now and its record, the next pass gets the same run back."""
    world.databricks.on_answer = lambda: setattr(world.table, "down", True)
    await world.drop("landing/crm/a.csv")
    world.databricks.on_answer = lambda: None
    world.table.down = False

    entry = await passes(world, 2)

    assert entry.run_id == 101
    assert len(world.databricks.runs) == 1


async def test_long_unknown_outcome_is_looked_up_by_our_parameter(world: World) -> None:
    """After a day without a usable answer the run is looked for before anything is sent again (rule R5)."""
    world.databricks.fail_next(JobsUnknown("no answer"), times=10_000, after=True)
    await world.drop("landing/crm/a.csv")
    entry = await passes(world, 25, every=HOUR)

    assert (entry.state, entry.run_id) == (State.SUBMITTED, 101)
    assert world.databricks.calls["list_runs"] == 1


async def test_outcome_that_stays_unknown_is_given_up(world: World) -> None:
    """Nothing is found twice, a day apart: the entry ends dead, with its reason, and one token was used."""
    world.databricks.fail_next(JobsUnknown("no answer"), times=10_000)
    await world.drop("landing/crm/a.csv")
    entry = await passes(world, 60, every=HOUR)

    assert entry.state is State.DEAD
    assert "never gave a usable answer" in entry.reason
    assert len(tokens(world)) == 1


async def test_outage_longer_than_a_day_loses_nothing(world: World) -> None:
    """When Databricks comes back after a day and a half, the file still runs, once."""
    down = JobsUnknown("502")
    world.databricks.unreadable = down
    world.databricks.fail_next(down, times=10_000)
    await world.drop("landing/crm/a.csv")
    await passes(world, 36, every=HOUR)
    world.databricks.unreadable = None
    world.databricks._failures.clear()

    entry = await passes(world, 2, every=HOUR)

    assert entry.state is State.SUBMITTED
    assert len(world.databricks.runs) == 1


async def test_storm_of_refusals_loses_nothing(world: World) -> None:
    """A hundred files meet 429s: all run in the end, once each."""
    world.databricks.fail_next(JobsBusy("429"), times=400)
    for number in range(100):
        await world.drop(f"landing/crm/{number}.csv")
    for _ in range(60):
        world.clock.advance(MINUTE)
        await world.reconciler.run()

    entries = await world.all_entries()
    assert {entry.state for entry in entries} == {State.SUBMITTED}
    assert len(world.databricks.runs) == len(tokens(world)) == 100


async def test_run_of_an_earlier_generation_is_not_the_one_that_is_looked_for() -> None:
    """All generations of an entry carry it; one that had ended before the request was sent cannot be its run."""
    world = World(RULES.replace('job: {name: "ETL"}', 'job: {name: "ETL"}\n    on_failure: {rerun: 1}'))
    await world.drop("landing/crm/a.csv")
    world.databricks.end(101, Verdict.FAILED, "TERMINATED/CLUSTER_ERROR")
    world.databricks.fail_next(JobsUnknown("500"), times=10_000)
    await passes(world, 3)
    entry = await passes(world, 30, every=HOUR)

    assert (entry.generation, entry.lookups, entry.state) == (2, 1, State.DISPATCHING)
