"""From a run's settings and parameters to what one attempt at a task is started with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from localdev.workspace.model.job import TaskKind, Work
from localdev.workspace.model.run import Attempt, Run
from localdev.workspace.references import RunFacts, facts_of, job_parameters, resolved
from localdev.workspace.runners.runner import Launch
from localdev.workspace.storage.store import Store
from localdev.workspace.tasks.for_each import IterationWork


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What a task may say of the workspace it runs in."""

    workspace_id: int = 0
    workspace_url: str = ""


def launch_of(run: Run, attempt: Attempt, facts: RunFacts) -> Launch:
    """Return how to start an attempt; raises UnknownReference."""
    task = run.settings.tasks[attempt.task_key]
    return Launch(
        run_id=facts.run_id,
        job_id=facts.job_id,
        attempt_id=attempt.id,
        task_key=attempt.task_key,
        work=work_of(run, attempt, facts),
        values={key: each.values for key, each in facts.tasks.items()},
        libraries=task.libraries,
    )


def work_of(run: Run, attempt: Attempt, facts: RunFacts) -> Work:
    """Return what an attempt does, with its references replaced and its parameters given; raises UnknownReference."""
    work = run.settings.tasks[attempt.task_key].work
    if isinstance(work, IterationWork):
        work = work.work
    return resolved(work, facts).given(run.request, job_parameters(facts))


def facts_for(store: Store, place: Place, run: Run, attempt: Attempt) -> RunFacts:
    """Return what an attempt may refer to; an iteration to all that its for-each task may, and to its element."""
    parent = store.runs.of_attempt(run.parent_id) if run.is_loop and run.parent_id is not None else None
    if parent is None or run.parent_id is None:
        return _facts(store, place, run, attempt)
    outer = _facts(store, place, parent, parent.attempt(run.parent_id))
    own = _facts(store, place, run.evolve(attempts=(attempt,)), attempt)
    work = run.settings.tasks[attempt.task_key].work
    return replace(
        outer,
        task_key=own.task_key,
        task_started_at=own.task_started_at,
        tasks={**outer.tasks, own.task_key: own.task},
        **({"input": work.element} if isinstance(work, IterationWork) else {}),
    )


def _facts(store: Store, place: Place, run: Run, attempt: Attempt) -> RunFacts:
    return facts_of(
        run,
        attempt,
        store.runs.left_by_tasks(run, "values"),
        rows=store.runs.left_by_tasks(run, "rows") if _has_queries(run) else {},
        workspace_id=place.workspace_id,
        workspace_url=place.workspace_url,
        repair_count=len(store.runs.repairs(run.id)),
    )


def _has_queries(run: Run) -> bool:
    return any(task.kind is TaskKind.SQL for task in run.settings.tasks.values())
