"""The runs for which tasks wait: the iterations of a for-each task, and the run of a run-job task.

Whoever calls these has a transaction open: a child is made in the one that notes its task as running, so there is one
child for each attempt, whenever the server dies.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from localdev.workspace.errors import invalid
from localdev.workspace.flow import lifecycle, loops, new_runs, outcomes
from localdev.workspace.model.run import Attempt, Outcome, Run
from localdev.workspace.storage.store import Store
from localdev.workspace.tasks.for_each import ForEachWork
from localdev.workspace.tasks.run_job import RunJobWork

# "Databricks does not support jobs with circular dependencies or that nest more than three Run Job tasks":
# https://docs.databricks.com/aws/en/jobs/tasks/run-job
DEEPEST = 3


def begin_job(store: Store, run: Run, attempt: Attempt, work: RunJobWork, now: datetime) -> Run:
    """Start the run of a run-job task; raises ApiError when the job is not there, or nested too deeply."""
    above = _jobs_above(store, run)
    if work.job_id in above:
        circle = " -> ".join(map(str, [*above[above.index(work.job_id) :], work.job_id]))
        raise invalid(f"Jobs run each other in a circle: {circle}.")
    if len(above) > DEEPEST:
        raise invalid(f"More than {DEEPEST} run_job_tasks are nested: {' -> '.join(map(str, above))}.")
    return new_runs.begun(store, work.request(), now, parent_id=attempt.id, by=store.creators.of(run.id))


def begin_loop(store: Store, run: Run, attempt: Attempt, work: ForEachWork, now: datetime) -> Run | None:
    """Start the iterations of a for-each task, None when there are none; raises ValueError for unusable inputs.

    A repair or a retry of the task repeats only the iterations that have not succeeded yet; all of them if all have, or
    if the inputs are others now.
    """
    elements = work.elements()
    if not elements:
        return None
    task = run.settings.tasks[attempt.task_key]
    settings = loops.read(loops.document_of(run, task, elements, work.concurrency))
    done = _done_before(store, run, attempt, elements)
    left = tuple(key for key in settings.tasks if key not in done)
    request = replace(run.request, token=None, only=left)
    child = lifecycle.new_run(run.job_id, settings, request, now, active=0, new_id=store.new_id)
    child = child.evolve(parent_id=attempt.id)
    store.save_run(child)
    store.creators.note(child.id, store.creators.of(run.id))
    return child


def outcome_of(child: Run, outcome: Outcome) -> Outcome:
    """Return the outcome of the task whose child has ended with `outcome`."""
    if not child.is_loop:
        return outcomes.of_child(outcome, f"Run {child.id} of job {child.job_id}")
    latest = child.latest_attempts().values()
    failed = sum(each.outcome is None or not outcomes.is_good(each.outcome) for each in latest)
    return outcomes.of_child(outcome, f"{failed} of {len(child.settings.tasks)} iterations")


def _done_before(store: Store, run: Run, attempt: Attempt, elements: list[Any]) -> set[str]:
    """Return the keys of the iterations that succeeded in earlier attempts at the same task, with the same inputs."""
    done: set[str] = set()
    for earlier in run.attempts:
        if earlier.task_key != attempt.task_key or earlier.id == attempt.id:
            continue
        child = store.runs.child_of(earlier.id)
        if child is None or not child.is_loop or loops.elements_of(child.settings) != elements:
            done.clear()
            continue
        if not child.request.only:  # all of them, anew
            done.clear()
        latest = child.latest_attempts().items()
        done |= {key for key, each in latest if each.outcome is not None and each.outcome.succeeded}
    return done


def _jobs_above(store: Store, run: Run) -> list[int]:
    """Return the jobs of the runs that wait for this one, the outermost first, and its own."""
    jobs = [] if run.is_loop else [run.job_id]
    while run.parent_id is not None and (parent := store.runs.of_attempt(run.parent_id)) is not None:
        run = parent
        if not run.is_loop:
            jobs.insert(0, run.job_id)
    return jobs
