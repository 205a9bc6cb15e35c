"""What is worth telling about a run, as pure functions: of a change of it, and of time that has passed.

https://docs.databricks.com/aws/en/jobs/notifications, and the docstrings of the SDK's `JobEmailNotifications`,
`JobNotificationSettings` and `TaskNotificationSettings`. Where those are silent we chose:

| what | told as |
|---|---|
| the start of a run | when it leaves the queue; a repair starts it again |
| a run that never left the queue | one failure (skipped or cancelled) of the run, none of its tasks |
| a task whose upstream tasks failed or were cancelled | a failure, as skipped |
| a task left out by its condition, or disabled | nothing |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from localdev.workspace.flow import lifecycle
from localdev.workspace.model.run import Attempt, Outcome, Phase, Run
from localdev.workspace.notifications.model import SILENT, Channel, Event, Notifications, Receiver

_TICK = timedelta(milliseconds=1)  # GREATER_THAN, in the unit in which the API counts
_SUCCESSES = frozenset({"SUCCESS", "SUCCESS_WITH_FAILURES"})
_LEFT_OUT = frozenset({"EXCLUDED", "DISABLED"})
_SKIPS = frozenset({"UPSTREAM_FAILED", "UPSTREAM_CANCELED", "MAXIMUM_CONCURRENT_RUNS_REACHED"})


class Verdict(Enum):
    """What an end means to those who are told of it."""

    SUCCESS = auto()
    FAILURE = auto()
    SKIPPED = auto()
    CANCELLED = auto()
    LEFT_OUT = auto()  # as it was meant to be: nobody is told


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """Something that happened to a run or, with an attempt, to one of its tasks."""

    event: Event
    run: Run
    attempt: Attempt | None = None
    verdict: Verdict | None = None  # of an end
    job_run: Run | None = None  # the run that readers know, where `run` is one of iterations

    @property
    def subject_id(self) -> int:
        """Return the id of the run, or of the task run."""
        return self.run.id if self.attempt is None else self.attempt.id

    @property
    def outcome(self) -> Outcome | None:
        """Return how the run or the task ended."""
        return self.run.outcome if self.attempt is None else self.attempt.outcome

    def receivers(self) -> tuple[Receiver, ...]:
        """Return who is told."""
        wanted = _notifications(self.run, self.attempt)
        found = wanted.receivers(self.event)
        if self.verdict is Verdict.CANCELLED and wanted.mute_cancelled:
            return ()
        if self.verdict is Verdict.SKIPPED and wanted.mute_skipped:
            return ()
        if self.verdict is Verdict.SKIPPED and wanted.mute_skipped_emails:
            return tuple(each for each in found if each.channel is not Channel.EMAIL)
        return found


def happenings(before: Run | None, after: Run) -> list[Happening]:
    """Return what a change has made true, in the order in which it is told; `before` is None for a new run."""
    if not _tells_anything(after):
        return []
    found = [Happening(event=Event.START, run=after)] if _starts(before, after) else []
    if after.admitted_at is not None:
        found += _of_tasks(before, after)
    if not after.is_active and (before is None or before.is_active):
        found += _end(after, None, after.outcome)
    return found


def exceeded(run: Run, now: datetime) -> list[Happening]:
    """Return which of the run and its task runs have taken longer than their health rules expect, every time anew."""
    return [
        Happening(event=Event.DURATION, run=run, attempt=attempt)
        for attempt, began, ended, limit in _watched(run)
        if (ended or now) - began > limit
    ]


def next_warning(run: Run, now: datetime) -> datetime | None:
    """Return when the run or one of its task runs will have taken too long, None when nothing will."""
    dues = (began + limit + _TICK for _, began, ended, limit in _watched(run) if ended is None)
    return min((due for due in dues if due > now), default=None)


def verdict(outcome: Outcome) -> Verdict:
    """Return what an outcome means to those who are told."""
    if outcome.result_state in _SUCCESSES:
        return Verdict.SUCCESS
    if outcome.result_state in _LEFT_OUT:
        return Verdict.LEFT_OUT
    if outcome.result_state == "CANCELED":
        return Verdict.CANCELLED
    if outcome.life_cycle_state == "SKIPPED" or outcome.result_state in _SKIPS:
        return Verdict.SKIPPED
    return Verdict.FAILURE


def _starts(before: Run | None, after: Run) -> bool:
    if after.admitted_at is None:
        return False
    if before is None:
        return True
    return before.admitted_at is None if before.is_active else after.is_active


def _of_tasks(before: Run | None, after: Run) -> Iterator[Happening]:
    had_started = set() if before is None else {each.id for each in before.attempts if each.started_at is not None}
    was_over = set() if before is None else _over(before)
    is_over = _over(after)
    for attempt in after.attempts:
        # Only a retry has a moment at which it is due; a repair's attempts count as first ones.
        muted = _notifications(after, attempt).last_attempt_only and attempt.due_at is not None
        if attempt.started_at is not None and attempt.id not in had_started and not muted:
            yield Happening(event=Event.START, run=after, attempt=attempt)
        if attempt.id in is_over and attempt.id not in was_over:
            yield from _end(after, attempt, attempt.outcome)


def _over(run: Run) -> set[int]:
    """Return the ids of the attempts that have ended and, where that is wanted, that no retry will make up for."""
    ended = [attempt for attempt in run.attempts if attempt.phase is Phase.ENDED]
    latest = {attempt.id for attempt in run.latest_attempts().values()}
    return {
        attempt.id
        for attempt in ended
        if not _notifications(run, attempt).last_attempt_only
        or (attempt.id in latest and not lifecycle.will_be_retried(run, attempt))
    }


def _end(run: Run, attempt: Attempt | None, outcome: Outcome | None) -> list[Happening]:
    if outcome is None:
        return []
    found = verdict(outcome)
    if found is Verdict.LEFT_OUT:
        return []
    event = Event.SUCCESS if found is Verdict.SUCCESS else Event.FAILURE
    return [Happening(event=event, run=run, attempt=attempt, verdict=found)]


def _watched(run: Run) -> Iterator[tuple[Attempt | None, datetime, datetime | None, timedelta]]:
    """Yield what has begun and has a limit: the run (None) or an attempt, its begin, its end, and the limit."""
    limit = run.settings.notifications.expected_duration
    if limit is not None and run.admitted_at is not None:
        yield None, run.admitted_at, run.ended_at, limit
    for attempt in run.attempts:
        limit = _notifications(run, attempt).expected_duration
        if limit is not None and attempt.started_at is not None:
            yield attempt, attempt.started_at, attempt.ended_at, limit


def _notifications(run: Run, attempt: Attempt | None) -> Notifications:
    return run.settings.notifications if attempt is None else run.settings.tasks[attempt.task_key].notifications


def _tells_anything(run: Run) -> bool:
    tasks = run.settings.tasks.values()
    return run.settings.notifications != SILENT or any(task.notifications != SILENT for task in tasks)
