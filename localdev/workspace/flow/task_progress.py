"""What becomes of the tasks of a run as others end: pure functions, a part of `lifecycle`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from localdev.workspace.flow import outcomes, run_if
from localdev.workspace.flow.run_if import Verdict
from localdev.workspace.model.job import TaskSettings
from localdev.workspace.model.run import Attempt, Outcome, Phase, Run

NewId = Callable[[], int]
_SKIPPED = {
    Verdict.EXCLUDED: outcomes.EXCLUDED,
    Verdict.DISABLED: outcomes.DISABLED,
    Verdict.UPSTREAM_FAILED: outcomes.UPSTREAM_FAILED,
    Verdict.UPSTREAM_CANCELLED: outcomes.UPSTREAM_CANCELLED,
}


def advanced(run: Run, now: datetime, new_id: NewId) -> Run:
    """Return a run with its tasks unblocked, skipped or tried again as the ends of others allow."""
    latest = run.latest_attempts()
    changed = []
    places = _free_places(run, latest.values())
    for task in run.settings.tasks.values():  # in the order of their dependencies
        before = latest.get(task.key)
        if before is None or (before.phase is Phase.BLOCKED and places <= 0):
            continue
        attempt = _advanced_attempt(run, task, latest, now, new_id)
        if attempt is not before:
            places -= before.phase is Phase.BLOCKED and attempt.phase is not Phase.ENDED
            latest[task.key] = attempt
            changed.append(attempt)
    return run.with_attempts(*changed)


def _free_places(run: Run, latest: Iterable[Attempt]) -> float:
    """Return how many more tasks may begin: of iterations as many as their for-each task says, else any number."""
    if run.settings.concurrency is None:
        return math.inf
    begun = sum(
        attempt.phase not in {Phase.BLOCKED, Phase.ENDED} or wants_retry(run.settings.tasks[attempt.task_key], attempt)
        for attempt in latest
    )
    return run.settings.concurrency - begun


def _advanced_attempt(
    run: Run, task: TaskSettings, latest: Mapping[str, Attempt], now: datetime, new_id: NewId
) -> Attempt:
    """Return the task's newest attempt as it should be now, or the next attempt."""
    attempt = latest[task.key]
    if attempt.phase is Phase.BLOCKED:
        return _unblocked(task, attempt, latest, now)
    if attempt.phase is Phase.WAITING_FOR_RETRY and attempt.due_at is not None and attempt.due_at <= now:
        return attempt.evolve(phase=Phase.PENDING)
    if run.ending is None and wants_retry(task, attempt):
        return _retry(task, attempt, now, new_id)
    return attempt


def _unblocked(task: TaskSettings, attempt: Attempt, latest: Mapping[str, Attempt], now: datetime) -> Attempt:
    """Return a blocked attempt as what the tasks before it make of it; those that the run has not do not count."""
    if task.is_disabled:
        return with_end(attempt, outcomes.DISABLED, now)
    upstream = [
        run_if.standing_of(latest[each.key].outcome, latest[each.key].branch, each.outcome)
        for each in task.depends_on
        if each.key in latest
    ]
    match run_if.verdict(task.run_if, upstream):
        case Verdict.WAIT:
            return attempt
        case Verdict.RUN:
            return attempt.evolve(phase=Phase.PENDING)
        case Verdict() as verdict:
            return with_end(attempt, _SKIPPED[verdict], now)


def wants_retry(task: TaskSettings, attempt: Attempt) -> bool:
    """Tell whether an ended attempt is followed by another one."""
    retried = {"FAILED", "TIMEDOUT"} if task.retry_on_timeout else {"FAILED"}
    if attempt.outcome is None or attempt.outcome.code == "INVALID_RUN_CONFIGURATION":
        return False
    left = task.max_retries < 0 or attempt.number < task.max_retries
    return left and attempt.outcome.result_state in retried


def _retry(task: TaskSettings, attempt: Attempt, now: datetime, new_id: NewId) -> Attempt:
    """Return the next attempt, which waits for min_retry_interval_millis from the last one's start."""
    due_at = max(now, (attempt.started_at or now) + task.retry_interval)
    return Attempt(
        id=new_id(),
        task_key=task.key,
        number=attempt.number + 1,
        first_id=attempt.first_id,
        phase=Phase.PENDING if due_at <= now else Phase.WAITING_FOR_RETRY,
        due_at=due_at,
    )


def with_end(attempt: Attempt, outcome: Outcome, now: datetime) -> Attempt:
    """Return an attempt as it has ended."""
    return attempt.evolve(phase=Phase.ENDED, outcome=outcome, ended_at=now)
