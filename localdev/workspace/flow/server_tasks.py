"""The tasks that need no process: conditions, which the server decides, and those that wait for a run of their own.

What becomes of a waiting task follows from its child run alone, so nothing has to be remembered through a crash: the
next server looks at the child and goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from localdev.workspace.flow import child_runs, launching, lifecycle, outcomes
from localdev.workspace.flow.launching import Place
from localdev.workspace.model.job import TaskKind, Work
from localdev.workspace.model.run import Attempt, Outcome, Phase, Run, TaskOutput
from localdev.workspace.storage.store import Store
from localdev.workspace.tasks.condition import ConditionWork
from localdev.workspace.tasks.for_each import ForEachWork
from localdev.workspace.tasks.run_job import RunJobWork
from shared.errors import LandfallError

KINDS = frozenset({TaskKind.CONDITION, TaskKind.FOR_EACH, TaskKind.RUN_JOB})


@dataclass(kw_only=True, slots=True)
class Progress:
    """A run as it goes on, what its tasks left behind, and which runs have to be looked at because of it."""

    run: Run
    outputs: dict[int, TaskOutput] = field(default_factory=dict)  # by attempt id
    touched: set[int] = field(default_factory=set)  # run ids


def is_done_here(run: Run, attempt: Attempt) -> bool:
    """Tell whether an attempt needs no process."""
    return run.settings.tasks[attempt.task_key].kind in KINDS


def progressed(store: Store, place: Place, run: Run, now: datetime) -> Progress:
    """Return a run after its waiting tasks were compared with their children, and its pending ones begun.

    Belongs into the transaction that saves the run; its children are saved here.
    """
    progress = Progress(run=run)
    waiting = _here(run, {Phase.RUNNING, Phase.TERMINATING})
    for attempt in waiting:
        _follow(store, progress, attempt, now)
    if waiting:
        progress.run = lifecycle.advanced(progress.run, now, store.new_id)
    begun: set[str] = set()
    while pending := [each for each in _here(progress.run, {Phase.PENDING}) if each.task_key not in begun]:
        for attempt in pending:
            _begin(store, place, progress, attempt, now)
        begun |= {each.task_key for each in pending}
        progress.run = lifecycle.advanced(progress.run, now, store.new_id)
    if _here(progress.run, {Phase.PENDING}):  # a retry: not in this turn, or a task could keep the server for ever
        progress.touched.add(run.id)
    return progress


def _here(run: Run, phases: set[Phase]) -> list[Attempt]:
    return [each for each in run.attempts if each.phase in phases and is_done_here(run, each)]


def _follow(store: Store, progress: Progress, attempt: Attempt, now: datetime) -> None:
    """End a waiting task with its child, or pass on to the child that it is to end."""
    child = store.runs.child_of(attempt.id)
    if child is None:
        progress.run = lifecycle.ended(progress.run, attempt.id, outcomes.LOST, now)
    elif child.outcome is not None:
        outcome = child_runs.outcome_of(child, child.outcome)
        progress.run = lifecycle.ended(progress.run, attempt.id, outcome, now)
    elif attempt.ending is not None and child.ending is None:
        store.save_run(lifecycle.told_to_end(child, attempt.ending), child)
        progress.touched.add(child.id)


def _begin(store: Store, place: Place, progress: Progress, attempt: Attempt, now: datetime) -> None:
    run = progress.run = lifecycle.started(progress.run, attempt.id, now)
    attempt = run.attempt(attempt.id)
    try:
        work = launching.work_of(run, attempt, launching.facts_for(store, place, run, attempt))
        _do(store, progress, attempt, work, now)
    except (LandfallError, ValueError) as error:
        outcome = misconfigured(error)
        _end(progress, attempt, outcome, now)
        progress.outputs[attempt.id] = TaskOutput(error=outcome.message)


def _do(store: Store, progress: Progress, attempt: Attempt, work: Work, now: datetime) -> None:
    run = progress.run
    if isinstance(work, ConditionWork):
        _end(progress, attempt, outcomes.SUCCEEDED, now, branch="true" if work.holds() else "false")
    elif isinstance(work, ForEachWork):
        child = child_runs.begin_loop(store, run, attempt, work, now)
        if child is None:
            _end(progress, attempt, outcomes.SUCCEEDED, now)
        else:
            progress.touched.add(child.id)
    elif isinstance(work, RunJobWork):
        child = child_runs.begin_job(store, run, attempt, work, now)
        progress.outputs[attempt.id] = TaskOutput(fields={"run_job_output": {"run_id": child.id}})
        progress.touched |= {child.id, run.id}  # a child may have ended already, without a slot


def _end(progress: Progress, attempt: Attempt, outcome: Outcome, now: datetime, branch: str | None = None) -> None:
    progress.run = lifecycle.ended(progress.run, attempt.id, outcome, now, branch)


def misconfigured(error: Exception) -> Outcome:
    """Return the outcome of a task that cannot begin for this reason."""
    message = str(error)  # with its hint, where it has one
    return outcomes.misconfigured(message if message.endswith((".", "?")) else f"{message}.")
