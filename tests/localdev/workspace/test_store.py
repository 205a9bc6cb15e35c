"""What the workspace remembers, and that it survives."""

from __future__ import annotations

from pathlib import Path

import pytest

from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.flow import lifecycle, outcomes
from localdev.workspace.model.job import Job
from localdev.workspace.model.request import RunRequest, RunType, Trigger, TriggerType
from localdev.workspace.model.run import Ending, Phase, Run, TaskOutput
from localdev.workspace.storage.database import moment
from localdev.workspace.storage.run_table import RunFilter
from localdev.workspace.storage.store import FILE_NAME, Store
from tests.localdev.workspace.kit import START, settings_of, task

EVERYTHING = RunFilter()
NOW = (2**62, 2**62)


def a_run(store: Store, *, request: RunRequest | None = None) -> Run:
    """Save a job and a run of it; return the run."""
    settings = settings_of(task("a", max_retries=1), task("b", "a"))
    with store.transaction():
        job = Job(id=store.new_id(), settings=settings, created_at=START)
        store.jobs.add(job)
        asked = request or RunRequest(job_id=job.id)
        run = lifecycle.new_run(job.id, settings, asked, START, active=0, new_id=store.new_id)
        store.save_run(run)
    return run


def test_runs_come_back_as_they_were(tmp_path: Path) -> None:
    """Every field of a run and of its attempts survives the file being closed."""
    store = Store(tmp_path)
    request = RunRequest(
        job_id=1,
        token="t",
        queue=False,
        job_parameters={"é": "\0 '\""},
        overriding={"a": ["b"]},
        only=("a+",),
        trigger=Trigger(type=TriggerType.PERIODIC, time=START, location="x"),
        run_type=RunType.SUBMIT,
    )
    run = a_run(store, request=request)
    first = run.attempts[0].id
    run = lifecycle.started(run, first, START)
    run = lifecycle.advanced(lifecycle.ended(run, first, outcomes.FAILED, START), START, store.new_id)
    run = lifecycle.told_to_end(run, Ending.CANCELLED)
    with store.transaction():
        store.save_run(run)
    store.close()

    reopened = Store(tmp_path)
    found = reopened.runs.get(run.id)
    reopened.close()

    assert found == run


def test_ids_are_never_used_twice(tmp_path: Path) -> None:
    """Not even after a restart."""
    store = Store(tmp_path)
    with store.transaction():
        first = [store.new_id(), store.new_id()]
    store.close()
    store = Store(tmp_path)
    with store.transaction():
        later = store.new_id()
    store.close()

    assert len({*first, later}) == 3


def test_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """All of it or none of it."""
    store = Store(tmp_path)
    run = a_run(store)

    def fail_in_a_transaction() -> None:
        with store.transaction():
            store.save_run(run.evolve(phase=Phase.ENDED))
            store.runs.add_token("t", run.id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_a_transaction()
    found = store.runs.get(run.id)
    token = store.runs.run_id_of("t")
    store.close()

    assert (found, token) == (run, None)


def test_two_servers_cannot_share_a_folder(tmp_path: Path) -> None:
    """Or they would start the same runs."""
    store = Store(tmp_path)

    with pytest.raises(WorkspaceNotStarted, match="Another local workspace uses the data folder"):
        Store(tmp_path)
    store.close()
    Store(tmp_path).close()


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    """Nothing is overwritten that we did not write."""
    (tmp_path / FILE_NAME).write_text("This is a diary and no database, and it is quite long. " * 50)

    with pytest.raises(WorkspaceNotStarted, match="cannot be used"):
        Store(tmp_path)
    assert (tmp_path / FILE_NAME).read_text().startswith("This is a diary")


def test_newer_file_is_refused(tmp_path: Path) -> None:
    """An older Landfall does not guess what a newer one wrote."""
    store = Store(tmp_path)
    store._database.change("PRAGMA user_version = 99")
    store.close()

    with pytest.raises(WorkspaceNotStarted, match="schema 99"):
        Store(tmp_path)


def test_deleted_run_leaves_its_token(tmp_path: Path) -> None:
    """And nothing else."""
    store = Store(tmp_path)
    run = a_run(store)
    with store.transaction():
        store.runs.add_token("t", run.id)
        store.runs.save_output(run.attempts[0].id, TaskOutput(result="x"))
        store.runs.delete(run.id)
    found = (store.runs.get(run.id), store.runs.run_id_of("t"), store.runs.output(run.attempts[0].id))
    store.close()

    assert found == (None, run.id, TaskOutput())


def test_saving_an_attempt_again_keeps_its_output(tmp_path: Path) -> None:
    """An update is no replacement."""
    store = Store(tmp_path)
    run = a_run(store)
    with store.transaction():
        store.runs.save_output(run.attempts[0].id, TaskOutput(result="x"))
        store.save_run(lifecycle.started(run, run.attempts[0].id, START), run)
    found = store.runs.output(run.attempts[0].id)
    store.close()

    assert found == TaskOutput(result="x")


def test_runs_are_found_by_their_task_runs(tmp_path: Path) -> None:
    """As long as their job is there."""
    store = Store(tmp_path)
    run = a_run(store)
    found = store.runs.get_seen(run.attempts[1].id)
    with store.transaction():
        store.jobs.delete(run.job_id)
    after = (store.runs.get_seen(run.attempts[1].id), store.runs.get_seen(run.id), store.runs.page(EVERYTHING, NOW, 9))
    kept = store.runs.get(run.id)
    store.close()

    assert (found, kept) == (run, run)
    assert after == (None, None, [])


def test_pages_follow_each_other(tmp_path: Path) -> None:
    """A page begins strictly after the place where the last one ended, also among runs of one millisecond."""
    store = Store(tmp_path)
    made = [a_run(store) for _ in range(3)]
    first = store.runs.page(EVERYTHING, NOW, 2)
    place = (round(START.timestamp() * 1000), first[-1].id)
    rest = store.runs.page(EVERYTHING, place, 2)
    store.close()

    assert [run.id for run in [*first, *rest]] == [run.id for run in reversed(made)]


def test_times_have_milliseconds() -> None:
    """As the API has; nothing is rounded up into the future."""
    assert moment(1_795_348_800_123).microsecond == 123_000


def test_nested_transaction_is_a_part_of_the_outer_one(tmp_path: Path) -> None:
    """What an inner one has done goes with the outer one, and is kept with it."""
    store = Store(tmp_path)
    kept = a_run(store)

    def fail() -> None:
        with store.transaction():
            a_run(store)
            raise RuntimeError("after the inner one")

    with pytest.raises(RuntimeError):
        fail()
    with store.transaction():
        again = a_run(store)

    assert [run.id for run in store.runs.page(EVERYTHING, NOW, 9)] == [again.id, kept.id]
    store.close()
