"""Which tasks of a job a run has, and which a repair runs again."""

from __future__ import annotations

import pytest

from localdev.workspace.errors import ApiError
from localdev.workspace.flow import lifecycle, outcomes, task_selection
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Outcome, Phase, Run
from tests.localdev.workspace.kit import START, settings_of, task

# a -> b -> d -> e and a -> c -> d
DIAMOND = settings_of(task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"), task("e", "d"))


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ([], "abcde"),
        (["b"], "b"),
        (["+d"], "abcd"),
        (["c+"], "cde"),
        (["+b+"], "abde"),
        (["e", "a"], "ae"),
        (["+b", "e"], "abe"),
    ],
)
def test_only_adds_what_is_before_and_after(only: list[str], expected: str) -> None:
    """databricks/sdk/service/jobs.py, JobsAPI.run_now: `only`."""
    assert task_selection.selected(DIAMOND.tasks, only) == set(expected)


@pytest.mark.parametrize("only", ["x", "", "+", "++a", "a++"])
def test_only_refuses_what_is_no_task(only: str) -> None:
    """A typing error must not start a run of nothing."""
    with pytest.raises(ApiError, match="no task of this job"):
        task_selection.selected(DIAMOND.tasks, [only])


def test_tasks_that_are_not_in_the_run_are_not_waited_for() -> None:
    """`only: ["d"]` runs d alone, though it depends on others."""
    run = lifecycle.new_run(
        7, DIAMOND, RunRequest(job_id=7, only=("d",)), START, active=0, new_id=iter(range(9)).__next__
    )

    assert [(each.task_key, each.phase) for each in run.attempts] == [("d", Phase.PENDING)]


def ended_run(**ends: Outcome) -> Run:
    """Return a run of which these tasks ended so."""
    ids = iter(range(1, 99)).__next__
    run = lifecycle.new_run(7, DIAMOND, RunRequest(job_id=7), START, active=0, new_id=ids)
    return run.with_attempts(*(each.evolve(phase=Phase.ENDED, outcome=ends[each.task_key]) for each in run.attempts))


FAILED_AT_B = ended_run(
    a=outcomes.SUCCEEDED,
    b=outcomes.FAILED,
    c=outcomes.EXCLUDED,
    d=outcomes.UPSTREAM_FAILED,
    e=outcomes.DISABLED,
)


def test_failed_tasks_are_those_without_a_good_end() -> None:
    """What was excluded or disabled needs no repair by itself."""
    assert task_selection.failed(FAILED_AT_B) == {"b", "d"}


@pytest.mark.parametrize(
    ("keys", "dependent", "expected"),
    [("b", False, "be"), ("b", True, "bde"), ("a", False, "ace"), ("a", True, "abcde"), ("e", True, "e")],
)
def test_repair_takes_dependent_tasks_when_asked(keys: str, dependent: bool, expected: str) -> None:  # noqa: FBT001 - a table's column
    """Without being asked only those that had no reason to run: they may have one now."""
    assert task_selection.to_repair(FAILED_AT_B, keys, dependent=dependent) == set(expected)


def test_repair_refuses_what_is_no_task() -> None:
    """The message says which."""
    with pytest.raises(ApiError, match="has no task 'x'"):
        task_selection.to_repair(FAILED_AT_B, ["x"], dependent=False)


def test_leaves_are_those_of_the_run() -> None:
    """A task is a leaf when the tasks after it are not in the run."""
    run = lifecycle.new_run(
        7, DIAMOND, RunRequest(job_id=7, only=("+d",)), START, active=0, new_id=iter(range(9)).__next__
    )

    assert task_selection.leaves(FAILED_AT_B) == {"e"}
    assert task_selection.leaves(run) == {"d"}
