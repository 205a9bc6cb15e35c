"""The life of a run as pure functions: what becomes of a run and its attempts as time passes and tasks end.

`advanced` may be called at any time and as often as one likes; it changes only what is due. `next_due` tells when it
would change something by the passing of time alone.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from localdev.workspace.flow import outcomes, task_progress, task_selection
from localdev.workspace.flow.task_progress import NewId
from localdev.workspace.model.job import JobSettings, TaskSettings
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Attempt, Ending, Outcome, Phase, Run

# https://docs.azure.cn/en-us/databricks/jobs/advanced
LONGEST_IN_QUEUE = timedelta(hours=48)

_WAITING = frozenset({Phase.BLOCKED, Phase.PENDING, Phase.WAITING_FOR_RETRY})


def new_run(
    job_id: int, settings: JobSettings, request: RunRequest, now: datetime, *, active: int, new_id: NewId
) -> Run:
    """Return the run that run-now creates while `active` others of the job hold or await a slot.

    Its tasks are those that the request wants; raises ApiError when it names one that the job has not.
    """
    keys = task_selection.selected(settings.tasks, request.only)
    run = Run(
        id=new_id(), job_id=job_id, settings=settings, request=request, phase=Phase.QUEUED, created_at=now
    ).evolve(attempts=tuple(_first_attempt(task, new_id()) for task in settings.tasks.values() if task.key in keys))
    if active < settings.max_concurrent_runs:
        return admitted(run, now)
    queue = settings.queue if request.queue is None else request.queue
    if queue and settings.max_concurrent_runs > 0:
        return run
    return _never_run(run, outcomes.skipped(settings.max_concurrent_runs), now)


def admitted(run: Run, now: datetime) -> Run:
    """Return the run with a slot of its own."""
    return advanced(run.evolve(phase=Phase.PENDING, admitted_at=now), now, _no_id)


def told_to_end(run: Run, ending: Ending) -> Run:
    """Return the run with the wish that it end; the first wish holds, and a run that has ended stays as it is."""
    return run if not run.is_active or run.ending else run.evolve(ending=ending)


def attempt_told_to_end(run: Run, attempt_id: int, ending: Ending) -> Run:
    """Return the run with the wish that one of its attempts end."""
    attempt = run.attempt(attempt_id)
    if attempt.phase is Phase.ENDED or attempt.ending:
        return run
    return run.with_attempts(attempt.evolve(ending=ending))


def repaired(run: Run, request: RunRequest, now: datetime, new_id: NewId, keys: AbstractSet[str] | None = None) -> Run:
    """Return an ended run with another attempt at each of these tasks, or of the failed ones, and new parameters."""
    again_keys = task_selection.failed(run) if keys is None else keys
    attempts = [
        Attempt(
            id=new_id(),
            task_key=attempt.task_key,
            number=attempt.number + 1,
            first_id=attempt.first_id,
            phase=Phase.BLOCKED,
        )
        for attempt in run.latest_attempts().values()
        if attempt.task_key in again_keys
    ]
    again = run.evolve(
        phase=Phase.PENDING, request=request, admitted_at=now, ended_at=None, ending=None, outcome=None
    ).with_attempts(*attempts)
    return advanced(again, now, new_id)


def started(run: Run, attempt_id: int, now: datetime) -> Run:
    """Return the run with the attempt's process about to start."""
    attempt = run.attempt(attempt_id)
    phase = Phase.RUNNING if run.phase is Phase.PENDING else run.phase
    return run.evolve(phase=phase).with_attempts(attempt.evolve(phase=Phase.RUNNING, started_at=now))


def ended(run: Run, attempt_id: int, outcome: Outcome, now: datetime, branch: str | None = None) -> Run:
    """Return the run after the attempt's process is gone; `branch` is the way that a condition went.

    A task that was told to end did so for that reason, unless it had succeeded in that very moment.
    """
    attempt = run.attempt(attempt_id)
    if attempt.ending is not None and not outcome.succeeded:
        timeout = (
            run.settings.timeout if run.ending is Ending.TIMED_OUT else run.settings.tasks[attempt.task_key].timeout
        )
        outcome = outcomes.told_to_end(attempt.ending, timeout)
    return run.with_attempts(task_progress.with_end(attempt.evolve(branch=branch), outcome, now))


def advanced(run: Run, now: datetime, new_id: NewId) -> Run:
    """Return the run as it should be now."""
    if not run.is_active:
        return run
    if run.phase is Phase.QUEUED:
        return _advanced_in_queue(run, now)
    run = _with_timeouts(run, now)
    run = _ending_passed_on(run, now)
    run = task_progress.advanced(run, now, new_id)
    return _ended_with_last_task(run, now)


def next_due(run: Run) -> datetime | None:
    """Return when the passing of time will change the run, None when only an event can."""
    if not run.is_active:
        return None
    if run.phase is Phase.QUEUED:
        return run.created_at + LONGEST_IN_QUEUE
    moments = [_deadline(run.admitted_at, run.settings.timeout) if run.ending is None else None]
    for attempt in run.attempts:
        if attempt.phase is Phase.RUNNING:
            moments.append(_deadline(attempt.started_at, run.settings.tasks[attempt.task_key].timeout))
        elif attempt.phase is Phase.WAITING_FOR_RETRY:
            moments.append(attempt.due_at)
    return min((moment for moment in moments if moment is not None), default=None)


def will_be_retried(run: Run, attempt: Attempt) -> bool:
    """Tell whether an ended attempt gets another one without anybody asking for it, as far as is known now."""
    return (
        run.is_active
        and run.ending is None
        and task_progress.wants_retry(run.settings.tasks[attempt.task_key], attempt)
    )


def _advanced_in_queue(run: Run, now: datetime) -> Run:
    if run.ending is not None:
        return _never_run(run, outcomes.CANCELLED, now)
    if now >= run.created_at + LONGEST_IN_QUEUE:
        return _never_run(run, outcomes.dropped(run.settings.max_concurrent_runs, LONGEST_IN_QUEUE), now)
    return run


def _with_timeouts(run: Run, now: datetime) -> Run:
    if run.ending is None and _is_past(_deadline(run.admitted_at, run.settings.timeout), now):
        run = run.evolve(ending=Ending.TIMED_OUT)
    for attempt in run.attempts:
        timeout = run.settings.tasks[attempt.task_key].timeout
        if attempt.phase is Phase.RUNNING and _is_past(_deadline(attempt.started_at, timeout), now):
            run = run.with_attempts(attempt.evolve(phase=Phase.TERMINATING, ending=Ending.TIMED_OUT))
    return run


def _ending_passed_on(run: Run, now: datetime) -> Run:
    """Return the run with its attempts told what it, or one of them alone, was told."""
    changed = []
    for attempt in run.attempts:
        ending = attempt.ending or run.ending
        if ending is None:
            continue
        if attempt.phase is Phase.RUNNING:
            changed.append(attempt.evolve(phase=Phase.TERMINATING, ending=ending))
        elif attempt.phase in _WAITING:
            outcome = outcomes.told_to_end(ending, run.settings.timeout)
            changed.append(task_progress.with_end(attempt, outcome, now))
    run = run.with_attempts(*changed)
    return run if run.ending is None else run.evolve(phase=Phase.TERMINATING)


def _ended_with_last_task(run: Run, now: datetime) -> Run:
    latest = run.latest_attempts()
    in_order = [latest[key] for key in run.settings.tasks if key in latest]
    if any(attempt.phase is not Phase.ENDED for attempt in in_order):
        return run
    unfinished = any(attempt.outcome is None or not outcomes.is_good(attempt.outcome) for attempt in in_order)
    outcome = outcomes.of_run(in_order, task_selection.leaves(run))
    if run.ending is not None and unfinished:
        outcome = outcomes.told_to_end(run.ending, run.settings.timeout)
    return run.evolve(phase=Phase.ENDED, outcome=outcome, ended_at=now)


def _never_run(run: Run, outcome: Outcome, now: datetime) -> Run:
    attempts = tuple(task_progress.with_end(attempt, outcome, now) for attempt in run.attempts)
    return run.evolve(phase=Phase.ENDED, outcome=outcome, ended_at=now, attempts=attempts)


def _first_attempt(task: TaskSettings, attempt_id: int) -> Attempt:
    return Attempt(id=attempt_id, task_key=task.key, number=0, first_id=attempt_id, phase=Phase.BLOCKED)


def _deadline(since: datetime | None, timeout: timedelta | None) -> datetime | None:
    return since + timeout if since is not None and timeout is not None else None


def _is_past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _no_id() -> int:
    raise AssertionError("a run that has just been admitted has no attempt to retry")
