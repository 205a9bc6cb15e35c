"""Runs, and what their tasks left behind. All datetimes are aware UTC.

The words are Databricks': a *run* of a job has one *attempt* per task and try; an attempt is what the API calls a
task run, and its id is the task run's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from localdev.workspace.model.job import JobSettings
from localdev.workspace.model.request import RunRequest


class Phase(StrEnum):
    """Where a run or an attempt stands; all but ENDED are active. The values are the API's `life_cycle_state`."""

    QUEUED = "QUEUED"  # (run) no slot under max_concurrent_runs -> PENDING, ENDED
    BLOCKED = "BLOCKED"  # (attempt) upstream tasks have not ended -> PENDING, ENDED
    WAITING_FOR_RETRY = "WAITING_FOR_RETRY"  # (attempt) due after min_retry_interval_millis -> PENDING, ENDED
    PENDING = "PENDING"  # nothing in its way but a place to run -> RUNNING, ENDED
    RUNNING = "RUNNING"  # its process may have started -> TERMINATING, ENDED
    TERMINATING = "TERMINATING"  # told to end, see `ending` -> ENDED
    ENDED = "ENDED"  # for good, with an outcome


class Ending(StrEnum):
    """Why a run or an attempt was told to end."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run or an attempt ended, in the words of both `state` and `status`."""

    life_cycle_state: str
    result_state: str | None  # None for a skipped run
    code: str
    type: str
    message: str

    @property
    def succeeded(self) -> bool:
        """Tell whether what depends on it may go on, and whether nothing of it has to be repaired."""
        return self.result_state in {"SUCCESS", "SUCCESS_WITH_FAILURES"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One try at one task of a run."""

    id: int
    task_key: str
    number: int  # 0 for the first
    first_id: int  # the id of attempt 0
    phase: Phase
    due_at: datetime | None = None  # when a retry may begin
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ending: Ending | None = None
    outcome: Outcome | None = None
    branch: str | None = None  # (condition) the way it went: "true" or "false"

    def evolve(self, **changes: Any) -> Attempt:
        """Return a copy with the changes applied."""
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run of a job, with all its attempts in the order of their ids."""

    id: int
    job_id: int
    settings: JobSettings  # as they were when it was asked for
    request: RunRequest
    phase: Phase
    created_at: datetime
    admitted_at: datetime | None = None  # when it left the queue
    ended_at: datetime | None = None
    ending: Ending | None = None
    outcome: Outcome | None = None
    attempts: tuple[Attempt, ...] = ()
    parent_id: int | None = None  # the attempt, of another run, for which it runs

    @property
    def is_active(self) -> bool:
        """Tell whether the run has not ended."""
        return self.phase is not Phase.ENDED

    @property
    def is_loop(self) -> bool:
        """Tell whether its tasks are the iterations of a for-each task: such a run is seen only through that task."""
        return self.settings.concurrency is not None

    def evolve(self, **changes: Any) -> Run:
        """Return a copy with the changes applied."""
        return replace(self, **changes)

    def with_attempts(self, *attempts: Attempt) -> Run:
        """Return a copy in which each attempt replaces the one with its id, or is added."""
        by_id = {attempt.id: attempt for attempt in (*self.attempts, *attempts)}
        return self.evolve(attempts=tuple(by_id[attempt_id] for attempt_id in sorted(by_id)))

    def attempt(self, attempt_id: int) -> Attempt:
        """Return the attempt of that id; raises KeyError."""
        for attempt in self.attempts:
            if attempt.id == attempt_id:
                return attempt
        raise KeyError(attempt_id)

    def latest_attempts(self) -> dict[str, Attempt]:
        """Return each task's newest attempt, by task key."""
        return {attempt.task_key: attempt for attempt in self.attempts}


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskOutput:
    """What a task left behind, as far as the API shows it."""

    result: str | None = None  # what dbutils.notebook.exit was given; None when it was not called
    result_truncated: bool = False
    error: str | None = None
    error_trace: str | None = None
    logs: str | None = None  # what the task printed; the API has none for notebooks
    logs_truncated: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)  # dbutils.jobs.taskValues, by key
    rows: Sequence[Mapping[str, Any]] | None = None  # (SQL) the first rows of the last query, for references
    fields: Mapping[str, Any] = field(default_factory=dict)  # sql_output and the like, as get-output shows them


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """A repair of a run: its failed tasks once more."""

    id: int
    created_at: datetime
    before: Mapping[str, Any]  # how the run had ended, as its repair history shows it
