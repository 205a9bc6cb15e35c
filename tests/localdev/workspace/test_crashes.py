"""A server that is killed after any of its transactions, and the next one that goes on with what it left."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localdev.workspace.flow import lifecycle, new_runs
from localdev.workspace.flow.scheduler import Scheduler
from localdev.workspace.model.job import Job, JobSettings
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Ending, Phase, Run
from localdev.workspace.runners.runner import TaskResult
from localdev.workspace.scripted_runner import SUCCESS, ScriptedRunner
from localdev.workspace.storage.run_table import RunFilter
from localdev.workspace.storage.store import FILE_NAME, Store
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import StandingClock, settings_of, task
from tests.localdev.workspace.test_scheduler import ended, scheduling, state_of
from tests.localdev.workspace.test_server_tasks import condition, for_each, run_job

EVERYTHING = (2**62, 2**62)


class DurableRunner(ScriptedRunner):
    """Tasks that had been started have succeeded, as those do that report before the server can note it."""

    def __init__(self) -> None:
        super().__init__()
        self.recovered: set[int] = set()  # attempt ids

    def recover(self, attempt_id: int) -> TaskResult | None:
        """Return that it succeeded."""
        self.recovered.add(attempt_id)
        return SUCCESS


class SnapshotStore(Store):
    """A store that keeps a copy of its file after each transaction: what a killed server leaves."""

    def __init__(self, folder: Path, copies: Path) -> None:
        super().__init__(folder)
        self._copies = copies
        self.count = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Copy the file once the transaction is through."""
        with super().transaction():
            yield
        connection = self._database._connection
        if not connection.in_transaction:
            folder = self._copies / f"{self.count:03}"
            folder.mkdir(parents=True)
            copy = sqlite3.connect(folder / FILE_NAME)
            connection.backup(copy)
            copy.close()
            self.count += 1


def add_job(store: Store, clock: StandingClock, settings: JobSettings) -> int:
    """Save a job; return its id."""
    with store.transaction():
        job = Job(id=store.new_id(), settings=settings, created_at=clock.now())
        store.jobs.add(job)
    return job.id


def a_bit_of_everything(store: Store, clock: StandingClock) -> Run:
    """Start a run with a condition, iterations and a run of another job."""
    other = add_job(store, clock, settings_of(task("inner"), max_concurrent_runs=5))
    tasks = [
        condition("if", "EQUAL_TO", "1", "1"),
        {
            **for_each("loop", [1, 2, 3], task("x"), concurrency=2),
            "depends_on": [{"task_key": "if", "outcome": "true"}],
        },
        {**run_job("call", other), "depends_on": [{"task_key": "if"}]},
        {**task("never"), "depends_on": [{"task_key": "if", "outcome": "false"}]},
        task("last", "loop", "call"),
    ]
    job_id = add_job(store, clock, settings_of(*tasks))
    with store.transaction():
        return new_runs.begun(store, RunRequest(job_id=job_id), clock.now())


async def snapshots(folder: Path, clock: StandingClock) -> tuple[Run, list[Path]]:
    """Run it once without a fault; return the run and what each kill after its start would have left."""
    store = SnapshotStore(folder / "original", folder / "copies")
    run = a_bit_of_everything(store, clock)
    first = store.count - 1
    scheduler = Scheduler(store, DurableRunner(), clock, running_tasks=4)
    await scheduler.start()
    await ended(store, run.id)
    await scheduler.stop()
    store.close()
    return run, sorted((folder / "copies").iterdir())[first:]


async def test_killed_anywhere_it_goes_on(tmp_path: Path, clock: StandingClock) -> None:
    """The run succeeds, no task runs twice, and each waiting task has one run of its own."""
    (tmp_path / "original").mkdir()
    run, left = await snapshots(tmp_path, clock)

    for folder in left:
        runner = DurableRunner()
        async with scheduling(folder, runner, clock) as (_, store):
            found = await ended(store, run.id)
            await until(lambda: store.runs.active_ids() == [])
            children = [store.runs.child_of(each.id) for each in found.attempts]
            runs = store.runs.page(RunFilter(), EVERYTHING, 99)

        assert found.outcome is not None
        assert found.outcome.result_state == "SUCCESS", folder
        assert [each.outcome.result_state for each in found.attempts if each.outcome] == [
            {"never": "EXCLUDED"}.get(each.task_key, "SUCCESS") for each in found.attempts
        ]
        assert sum(each is not None for each in children) == 2
        assert len(runs) == 2
        assert max(Counter(each.launch.attempt_id for each in runner.started).values(), default=1) == 1
    assert len(left) > 15


async def test_waiting_task_is_not_lost(tmp_path: Path, clock: StandingClock) -> None:
    """After a restart it waits for the very run it had started, though it has no process."""
    runner = ScriptedRunner({"inner": [None], "x_0": [None], "x_1": [None]})
    async with scheduling(tmp_path, runner, clock) as (scheduler, store):
        run = a_bit_of_everything(store, clock)
        scheduler.notice(run.id)
        await until(lambda: len(runner.started) == 3)
        before = [store.runs.child_of(each.id) for each in state_of(store, run.id).attempts]

    durable = DurableRunner()
    async with scheduling(tmp_path, durable, clock) as (_, store):
        found = await ended(store, run.id)
        after = [store.runs.child_of(each.id) for each in found.attempts]

    assert [each and each.id for each in before] == [each and each.id for each in after]
    assert durable.recovered == {each.launch.attempt_id for each in runner.started}
    assert found.outcome is not None
    assert found.outcome.succeeded


@pytest.mark.parametrize("kind", ["loop", "call"])
async def test_cancellation_goes_on_after_a_crash(tmp_path: Path, clock: StandingClock, kind: str) -> None:
    """A task that had to end when the server was killed still ends what it waits for."""
    runner = ScriptedRunner({"inner": [None], "x_0": [None], "x_1": [None]})
    async with scheduling(tmp_path, runner, clock) as (scheduler, store):
        run = a_bit_of_everything(store, clock)
        scheduler.notice(run.id)
        await until(lambda: len(runner.started) == 3)
        attempt = state_of(store, run.id).latest_attempts()[kind]
    store = Store(tmp_path)
    with store.transaction():
        before = state_of(store, run.id)
        store.save_run(before.with_attempts(attempt.evolve(phase=Phase.TERMINATING, ending=Ending.CANCELLED)), before)
    store.close()

    async with scheduling(tmp_path, ScriptedRunner(), clock) as (_, store):
        found = await ended(store, run.id)
        child = store.runs.child_of(attempt.id)

    assert child is not None
    assert child.ending is Ending.CANCELLED
    assert lifecycle.next_due(child) is None
    end = found.latest_attempts()[kind].outcome
    assert end is not None
    assert end.result_state == "CANCELED"
