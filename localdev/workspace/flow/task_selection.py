"""Which tasks of a job a run has, and which of them a repair runs again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from localdev.workspace.errors import invalid
from localdev.workspace.model.job import TaskSettings
from localdev.workspace.model.run import Run

_NEEDS_NO_REPAIR = frozenset({"SUCCESS", "SUCCESS_WITH_FAILURES", "EXCLUDED", "DISABLED"})
_NEVER_RAN = frozenset({"EXCLUDED", "DISABLED"})


def selected(tasks: Mapping[str, TaskSettings], only: Sequence[str]) -> frozenset[str]:
    """Return the keys that `only` of run-now names; all without. Raises ApiError for a task the job has not.

    "+key" adds all that key depends on, "key+" all that depends on it
    (databricks/sdk/service/jobs.py, JobsAPI.run_now).
    """
    if not only:
        return frozenset(tasks)
    found: set[str] = set()
    for expression in only:
        key = expression.removeprefix("+").removesuffix("+")
        if key not in tasks:
            raise invalid(f"only names the task {key!r}, which is no task of this job.")
        found.add(key)
        if expression.startswith("+"):
            found |= _before(tasks, key)
        if expression.endswith("+"):
            found |= after(tasks, [key])
    return frozenset(found)


def failed(run: Run) -> frozenset[str]:
    """Return the keys of a run's tasks that did not come to a good end."""
    return frozenset(
        key
        for key, attempt in run.latest_attempts().items()
        if attempt.outcome is None or attempt.outcome.result_state not in _NEEDS_NO_REPAIR
    )


def to_repair(run: Run, keys: Iterable[str], *, dependent: bool) -> frozenset[str]:
    """Return the keys of the tasks that a repair of these runs again.

    With `dependent` all that depend on them are among them. Without, only those that had no reason to run, and may
    have one now. Raises ApiError for a task that the run has not.
    """
    chosen = frozenset(keys)
    latest = run.latest_attempts()
    for key in sorted(chosen):
        if key not in latest:
            raise invalid(f"Run {run.id} has no task {key!r}.")
    later = after(run.settings.tasks, chosen) & latest.keys()
    if not dependent:
        outcomes = {key: latest[key].outcome for key in later}
        later = {key for key, outcome in outcomes.items() if outcome and outcome.result_state in _NEVER_RAN}
    return chosen | later


def after(tasks: Mapping[str, TaskSettings], keys: Iterable[str]) -> set[str]:
    """Return the keys of all tasks that depend on these, however indirectly."""
    reached = set(keys)
    found = set()
    for task in tasks.values():  # in the order of their dependencies
        if any(each.key in reached for each in task.depends_on):
            reached.add(task.key)
            found.add(task.key)
    return found


def leaves(run: Run) -> frozenset[str]:
    """Return the keys of a run's tasks that none of its other tasks depends on."""
    keys = run.latest_attempts().keys()
    needed = {each.key for key in keys for each in run.settings.tasks[key].depends_on}
    return frozenset(keys - needed)


def _before(tasks: Mapping[str, TaskSettings], key: str) -> set[str]:
    found: set[str] = set()
    ahead = [key]
    while ahead:
        new = {each.key for each in tasks[ahead.pop()].depends_on} - found
        found |= new
        ahead += new
    return found
