"""The iterations of a for-each task as runs/get shows them: with its task run, and counted wherever the task is shown.

https://docs.databricks.com/api/workspace/jobs/getrun, `iterations` and `for_each_task.stats`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from localdev.workspace.api import views
from localdev.workspace.api.endpoint import Call
from localdev.workspace.core import Core
from localdev.workspace.flow import outcomes
from localdev.workspace.json_fields import Document
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.run import Attempt, Phase, Run

_SAMPLES = 3  # error messages in the stats


def with_stats(core: Core, run: Run, shown: list[Document]) -> list[Document]:
    """Return elements of `tasks` with what has become of the iterations so far, where they are for-each tasks."""
    attempts = {attempt.id: attempt for attempt in run.attempts}
    return [_with_stats(core, run, attempts[view["run_id"]], view) for view in shown]


def with_iterations(core: Core, call: Call, run: Run, attempt: Attempt, view: Document) -> Document:
    """Return a task run with the iterations it stands for, where it is one of a for-each task."""
    if run.settings.tasks[attempt.task_key].kind is not TaskKind.FOR_EACH:
        return view
    view = _with_stats(core, run, attempt, view)
    child = core.store.runs.child_of(attempt.id)
    iterations = [] if child is None else views.attempt_views(child, call.workspace, child.attempts)
    own = views.attempt_views(run, call.workspace, (attempt,))
    return {**view, "tasks": with_stats(core, run, own), **({"iterations": iterations} if iterations else {})}


def _with_stats(core: Core, run: Run, attempt: Attempt, view: Document) -> Document:
    if run.settings.tasks[attempt.task_key].kind is not TaskKind.FOR_EACH:
        return view
    child = core.store.runs.child_of(attempt.id)
    if child is None:
        return view
    return {**view, TaskKind.FOR_EACH.value: {**view[TaskKind.FOR_EACH], "stats": _stats(child)}}


def _stats(child: Run) -> Document:
    """Return the counts over all elements; those that a repair need not run again have succeeded."""
    latest = child.latest_attempts()
    before = len(child.settings.tasks) - len(latest)
    ended = [attempt.outcome for attempt in latest.values() if attempt.outcome is not None]
    good = sum(outcomes.is_good(outcome) for outcome in ended)
    counts = {
        "active_iterations": sum(_is_active(attempt) for attempt in latest.values()),
        "completed_iterations": before + len(ended),
        "failed_iterations": len(ended) - good,
        "scheduled_iterations": before + sum(attempt.phase is not Phase.BLOCKED for attempt in latest.values()),
        "succeeded_iterations": before + good,
        "total_iterations": len(child.settings.tasks),
    }
    errors = _errors(latest)
    return {"task_run_stats": counts, **({"error_message_stats": errors} if errors else {})}


def _is_active(attempt: Attempt) -> bool:
    return attempt.phase not in {Phase.BLOCKED, Phase.ENDED}


def _errors(latest: Mapping[str, Attempt]) -> list[Document]:
    failed = [each.outcome for each in latest.values() if each.outcome is not None and not each.outcome.succeeded]
    counted = Counter((outcome.message, outcome.code) for outcome in failed)
    return [
        {"count": count, "error_message": message, "termination_category": code}
        for (message, code), count in counted.most_common(_SAMPLES)
    ]
