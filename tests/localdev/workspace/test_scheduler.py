"""The scheduler after a crash, and through faults of its own machine; with scripted tasks."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from localdev.workspace.flow import lifecycle
from localdev.workspace.flow.scheduler import Scheduler
from localdev.workspace.model.job import Job, JobSettings
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Ending, Phase, Run
from localdev.workspace.runners.runner import Launch, TaskResult
from localdev.workspace.scripted_runner import SUCCESS, ScriptedExecution, ScriptedRunner
from localdev.workspace.storage.store import Store
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import StandingClock, settings_of, started, task


@asynccontextmanager
async def scheduling(
    folder: Path, runner: ScriptedRunner, clock: StandingClock, *, running_tasks: int = 4
) -> AsyncIterator[tuple[Scheduler, Store]]:
    """Run a scheduler over the store in a folder."""
    store = Store(folder)
    scheduler = Scheduler(store, runner, clock, running_tasks=running_tasks)
    await scheduler.start()
    try:
        yield scheduler, store
    finally:
        await scheduler.stop()
        store.close()


def add_run(store: Store, clock: StandingClock, settings: JobSettings, *, active: int = 0) -> Run:
    """Save a run as run-now does."""
    with store.transaction():
        job = Job(id=store.new_id(), settings=settings, created_at=clock.now())
        store.jobs.add(job)
        request = RunRequest(job_id=job.id)
        run = lifecycle.new_run(job.id, settings, request, clock.now(), active=active, new_id=store.new_id)
        store.save_run(run)
    return run


def crashed_while_running(
    folder: Path, clock: StandingClock, settings: JobSettings, ending: Ending | None = None
) -> Run:
    """Leave a store as a server does that was killed while the first task ran."""
    store = Store(folder)
    run = add_run(store, clock, settings)
    run = lifecycle.started(run, run.attempts[0].id, clock.now())
    if ending is not None:
        run = lifecycle.advanced(lifecycle.told_to_end(run, ending), clock.now(), store.new_id)
    with store.transaction():
        store.save_run(run)
    store.close()
    return run


def state_of(store: Store, run_id: int) -> Run:
    """Return a run as it is saved."""
    run = store.runs.get(run_id)
    assert run is not None
    return run


async def ended(store: Store, run_id: int) -> Run:
    """Return a run once it has ended."""
    await until(lambda: not state_of(store, run_id).is_active)
    return state_of(store, run_id)


async def test_pending_run_goes_on_after_a_restart(tmp_path: Path, clock: StandingClock) -> None:
    """No run is forgotten: run-now was answered, so the run happens."""
    store = Store(tmp_path)
    run = add_run(store, clock, settings_of(task("a"), task("b", "a")))
    store.close()
    runner = ScriptedRunner()

    async with scheduling(tmp_path, runner, clock) as (_, reopened):
        found = await ended(reopened, run.id)

    assert found.outcome is not None
    assert found.outcome.succeeded
    assert [each.launch.task_key for each in runner.started] == ["a", "b"]


async def test_queued_run_is_admitted_after_a_restart(tmp_path: Path, clock: StandingClock) -> None:
    """A queue outlives its server."""
    store = Store(tmp_path)
    run = add_run(store, clock, settings_of(task("a")), active=1)
    store.close()

    async with scheduling(tmp_path, ScriptedRunner(), clock) as (_, reopened):
        found = await ended(reopened, run.id)

    assert found.outcome is not None
    assert found.outcome.succeeded


async def test_lost_task_is_not_started_twice(tmp_path: Path, clock: StandingClock) -> None:
    """A task that ran when the server was killed ends as an internal error that says so, and its run with it."""
    run = crashed_while_running(tmp_path, clock, settings_of(task("a"), task("b", "a")))
    runner = ScriptedRunner()

    async with scheduling(tmp_path, runner, clock) as (_, store):
        found = await ended(store, run.id)

    assert runner.started == []
    assert found.outcome is not None
    assert (found.outcome.life_cycle_state, found.outcome.code) == ("INTERNAL_ERROR", "INTERNAL_ERROR")
    assert found.outcome.message == (
        "Task a failed with message: The local workspace stopped while this task was running: "
        "how far it got is not known. This caused all downstream tasks to get skipped."
    )


async def test_lost_task_is_tried_again_if_it_may(tmp_path: Path, clock: StandingClock) -> None:
    """A retry policy covers a killed server too; the new attempt has a number and an id of its own."""
    run = crashed_while_running(tmp_path, clock, settings_of(task("a", max_retries=1)))
    runner = ScriptedRunner()

    async with scheduling(tmp_path, runner, clock) as (_, store):
        found = await ended(store, run.id)

    assert [each.launch.attempt_id for each in runner.started] == [found.attempts[1].id]
    assert [each.outcome.result_state for each in found.attempts if each.outcome] == ["FAILED", "SUCCESS"]


async def test_result_that_was_reported_counts(tmp_path: Path, clock: StandingClock) -> None:
    """A task that had finished before the server could note it has not been lost."""

    class RememberingRunner(ScriptedRunner):
        def recover(self, attempt_id: int) -> TaskResult | None:
            del attempt_id
            return SUCCESS

    run = crashed_while_running(tmp_path, clock, settings_of(task("a")))

    async with scheduling(tmp_path, RememberingRunner(), clock) as (_, store):
        found = await ended(store, run.id)

    assert found.outcome is not None
    assert found.outcome.succeeded


async def test_cancellation_survives_a_crash(tmp_path: Path, clock: StandingClock) -> None:
    """What was to be ended when the server was killed is cancelled and not an error."""
    run = crashed_while_running(tmp_path, clock, settings_of(task("a", max_retries=3)), Ending.CANCELLED)

    async with scheduling(tmp_path, ScriptedRunner(), clock) as (_, store):
        found = await ended(store, run.id)

    assert found.outcome is not None
    assert found.outcome.result_state == "CANCELED"


async def test_stopped_server_leaves_tasks_to_the_next(tmp_path: Path, clock: StandingClock) -> None:
    """Stopping ends the tasks and records nothing: the next start resolves them as after a crash."""
    runner = ScriptedRunner({"a": [None]})
    async with scheduling(tmp_path, runner, clock) as (scheduler, store):
        run = add_run(store, clock, settings_of(task("a")))
        scheduler.notice(run.id)
        await started(runner, 1)
    result = await runner.started[0].wait()
    async with scheduling(tmp_path, ScriptedRunner(), clock) as (_, store):
        found = await ended(store, run.id)

    assert not result.by_itself
    assert found.outcome is not None
    assert found.outcome.code == "INTERNAL_ERROR"


async def test_task_that_cannot_start_fails_its_run(tmp_path: Path, clock: StandingClock) -> None:
    """A machine out of processes is an error of that task and of nothing else."""

    class BrokenRunner(ScriptedRunner):
        async def start(self, launch: Launch) -> ScriptedExecution:
            del launch
            raise OSError(11, "Resource temporarily unavailable")

    async with scheduling(tmp_path, BrokenRunner(), clock) as (scheduler, store):
        run = add_run(store, clock, settings_of(task("a")))
        scheduler.notice(run.id)
        found = await ended(store, run.id)

    assert found.outcome is not None
    assert found.outcome.code == "DRIVER_ERROR"
    assert "Resource temporarily unavailable" in found.outcome.message


@pytest.mark.parametrize("where", ["save_change", "save_output"])
async def test_full_disk_delays_but_loses_nothing(
    tmp_path: Path, clock: StandingClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """A write that fails is logged and repeated a second later."""
    runner = ScriptedRunner({"a": [None]})
    async with scheduling(tmp_path, runner, clock) as (scheduler, store):
        run = add_run(store, clock, settings_of(task("a")))
        scheduler.notice(run.id)
        await started(runner, 1)
        await until(lambda: state_of(store, run.id).phase is Phase.RUNNING)
        with monkeypatch.context() as patch:
            patch.setattr(store.runs, where, _no_space)
            runner.started[0].finish()
            await until(lambda: "no space" in caplog.text)
        clock.advance(seconds=1)
        found = await ended(store, run.id)

    assert found.outcome is not None
    assert found.outcome.succeeded
    assert any(record.levelno == logging.ERROR for record in caplog.records)


def _no_space(*_: object) -> None:
    raise sqlite3.OperationalError("no space left on disk")
