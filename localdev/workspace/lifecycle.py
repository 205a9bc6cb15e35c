"""The life of a run as pure functions: what becomes of a run and its attempts as time passes and tasks end.

`advanced` may be called at any time and as often as one likes; it changes only what is due. `next_due` tells when it
would change something by the passing of time alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from localdev.workspace import outcomes
from localdev.workspace.model import Attempt, Ending, JobSettings, Outcome, Phase, Run, RunRequest, TaskSettings

# https://docs.azure.cn/en-us/databricks/jobs/advanced
LONGEST_IN_QUEUE = timedelta(hours=48)

NewId = Callable[[], int]
_WAITING = frozenset({Phase.BLOCKED, Phase.PENDING, Phase.WAITING_FOR_RETRY})


def new_run(
    job_id: int, settings: JobSettings, request: RunRequest, now: datetime, *, active: int, new_id: NewId
) -> Run:
    """Return the run that run-now creates while `active` others of the job hold or await a slot."""
    run = Run(
        id=new_id(), job_id=job_id, settings=settings, request=request, phase=Phase.QUEUED, created_at=now
    ).evolve(attempts=tuple(_first_attempt(task, new_id()) for task in settings.tasks.values()))
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


def repaired(run: Run, request: RunRequest, now: datetime, new_id: NewId) -> Run:
    """Return an ended run with another attempt at each of its tasks that did not succeed, and new parameters."""
    attempts = [
        Attempt(
            id=new_id(),
            task_key=attempt.task_key,
            number=attempt.number + 1,
            first_id=attempt.first_id,
            phase=Phase.BLOCKED,
        )
        for attempt in run.latest_attempts().values()
        if attempt.outcome is None or not attempt.outcome.succeeded
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


def ended(run: Run, attempt_id: int, outcome: Outcome, now: datetime) -> Run:
    """Return the run after the attempt's process is gone.

    A task that was told to end did so for that reason, unless it had succeeded in that very moment.
    """
    attempt = run.attempt(attempt_id)
    if attempt.ending is not None and not outcome.succeeded:
        timeout = (
            run.settings.timeout if run.ending is Ending.TIMED_OUT else run.settings.tasks[attempt.task_key].timeout
        )
        outcome = outcomes.told_to_end(attempt.ending, timeout)
    return run.with_attempts(_with_end(attempt, outcome, now))


def advanced(run: Run, now: datetime, new_id: NewId) -> Run:
    """Return the run as it should be now."""
    if not run.is_active:
        return run
    if run.phase is Phase.QUEUED:
        return _advanced_in_queue(run, now)
    run = _with_timeouts(run, now)
    run = _ending_passed_on(run, now)
    run = _with_tasks_advanced(run, now, new_id)
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
    for attempt in run.attempts:
        ending = attempt.ending or run.ending
        if ending is None:
            continue
        if attempt.phase is Phase.RUNNING:
            run = run.with_attempts(attempt.evolve(phase=Phase.TERMINATING, ending=ending))
        elif attempt.phase in _WAITING:
            run = run.with_attempts(_with_end(attempt, outcomes.told_to_end(ending, run.settings.timeout), now))
    return run if run.ending is None else run.evolve(phase=Phase.TERMINATING)


def _with_tasks_advanced(run: Run, now: datetime, new_id: NewId) -> Run:
    latest = run.latest_attempts()
    changed = []
    for task in run.settings.tasks.values():  # in the order of their dependencies
        attempt = _advanced_attempt(run, task, latest, now, new_id)
        if attempt is not latest[task.key]:
            latest[task.key] = attempt
            changed.append(attempt)
    return run.with_attempts(*changed)


def _advanced_attempt(
    run: Run, task: TaskSettings, latest: Mapping[str, Attempt], now: datetime, new_id: NewId
) -> Attempt:
    """Return the task's newest attempt as it should be now, or the next attempt."""
    attempt = latest[task.key]
    if attempt.phase is Phase.BLOCKED:
        return _unblocked(attempt, [latest[each.key].outcome for each in task.depends_on], now)
    if attempt.phase is Phase.WAITING_FOR_RETRY and _is_past(attempt.due_at, now):
        return attempt.evolve(phase=Phase.PENDING)
    if run.ending is None and _wants_retry(task, attempt):
        return _retry(task, attempt, now, new_id)
    return attempt


def _unblocked(attempt: Attempt, upstream: Sequence[Outcome | None], now: datetime) -> Attempt:
    known = [outcome for outcome in upstream if outcome is not None]
    if len(known) < len(upstream):
        return attempt
    unsuccessful = {outcome.result_state for outcome in known if not outcome.succeeded}
    if not unsuccessful:
        return attempt.evolve(phase=Phase.PENDING)
    cancelled = unsuccessful <= {"CANCELED", "UPSTREAM_CANCELED"}
    return _with_end(attempt, outcomes.UPSTREAM_CANCELLED if cancelled else outcomes.UPSTREAM_FAILED, now)


def _wants_retry(task: TaskSettings, attempt: Attempt) -> bool:
    retried = {"FAILED", "TIMEDOUT"} if task.retry_on_timeout else {"FAILED"}
    left = task.max_retries < 0 or attempt.number < task.max_retries
    return left and attempt.outcome is not None and attempt.outcome.result_state in retried


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


def _ended_with_last_task(run: Run, now: datetime) -> Run:
    latest = run.latest_attempts()
    in_order = [latest[key] for key in run.settings.tasks]
    if any(attempt.phase is not Phase.ENDED for attempt in in_order):
        return run
    unfinished = any(attempt.outcome != outcomes.SUCCEEDED for attempt in in_order)
    outcome = outcomes.of_run(in_order)
    if run.ending is not None and unfinished:
        outcome = outcomes.told_to_end(run.ending, run.settings.timeout)
    return run.evolve(phase=Phase.ENDED, outcome=outcome, ended_at=now)


def _never_run(run: Run, outcome: Outcome, now: datetime) -> Run:
    attempts = tuple(_with_end(attempt, outcome, now) for attempt in run.attempts)
    return run.evolve(phase=Phase.ENDED, outcome=outcome, ended_at=now, attempts=attempts)


def _first_attempt(task: TaskSettings, attempt_id: int) -> Attempt:
    return Attempt(id=attempt_id, task_key=task.key, number=0, first_id=attempt_id, phase=Phase.BLOCKED)


def _with_end(attempt: Attempt, outcome: Outcome, now: datetime) -> Attempt:
    return attempt.evolve(phase=Phase.ENDED, outcome=outcome, ended_at=now)


def _deadline(since: datetime | None, timeout: timedelta | None) -> datetime | None:
    return since + timeout if since is not None and timeout is not None else None


def _is_past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _no_id() -> int:
    raise AssertionError("a run that has just been admitted has no attempt to retry")
