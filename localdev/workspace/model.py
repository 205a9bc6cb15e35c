"""The nouns of the workspace, all frozen. All datetimes are aware UTC. Nothing here does I/O.

The words are Databricks': a *run* of a job has one *attempt* per task and try; an attempt is what the API calls a
task run, and its id is the task run's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from localdev.workspace.notifications.model import SILENT, Notifications
from localdev.workspace.triggers.model import Starter


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


class TaskKind(StrEnum):
    """The kinds of task, named as their field in a task's settings."""

    NOTEBOOK = "notebook_task"
    PYTHON = "spark_python_task"
    WHEEL = "python_wheel_task"
    SQL = "sql_task"
    DBT = "dbt_task"
    JAR = "spark_jar_task"
    PIPELINE = "pipeline_task"
    CONDITION = "condition_task"
    FOR_EACH = "for_each_task"
    RUN_JOB = "run_job_task"


class RunIf(StrEnum):
    """Which ends of the tasks before it let a task run. https://docs.databricks.com/aws/en/jobs/run-if."""

    ALL_SUCCESS = "ALL_SUCCESS"
    AT_LEAST_ONE_SUCCESS = "AT_LEAST_ONE_SUCCESS"
    NONE_FAILED = "NONE_FAILED"
    ALL_DONE = "ALL_DONE"
    AT_LEAST_ONE_FAILED = "AT_LEAST_ONE_FAILED"
    ALL_FAILED = "ALL_FAILED"


class RunType(StrEnum):
    """Where a run comes from."""

    JOB = "JOB_RUN"  # run-now, a trigger, or a run_job_task
    SUBMIT = "SUBMIT_RUN"  # runs/submit
    WORKFLOW = "WORKFLOW_RUN"  # dbutils.notebook.run


class TriggerType(StrEnum):
    """What started a run."""

    PERIODIC = "PERIODIC"
    ONE_TIME = "ONE_TIME"
    RETRY = "RETRY"
    RUN_JOB_TASK = "RUN_JOB_TASK"
    FILE_ARRIVAL = "FILE_ARRIVAL"
    CONTINUOUS = "CONTINUOUS"
    TABLE = "TABLE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trigger:
    """What started a run, and when it was due or where it looks."""

    type: TriggerType = TriggerType.ONE_TIME
    time: datetime | None = None  # (PERIODIC) when it was due
    location: str = ""  # (FILE_ARRIVAL) the configured url, never a file's


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
class Dependency:
    """A task that has to end first, and, if that is a condition, which way it has to go."""

    key: str
    outcome: str | None = None  # "true" or "false"


class Work(Protocol):
    """What one kind of task does; each kind has a frozen class of its own in `tasks/`."""

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> Work:
        """Return the work with the parameters that run-now gave, and with those of the job."""


class LibraryKind(StrEnum):
    """The kinds of library that tasks get locally, named as their field in an element of `libraries`."""

    WHEEL = "whl"
    JAR = "jar"
    PYPI = "pypi"
    REQUIREMENTS = "requirements"


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """One thing that has to be there before a task runs."""

    kind: LibraryKind
    name: str  # a workspace path, or (PYPI) a package with its version
    index: str = ""  # (PYPI) the url of the package index; pip's own without


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSettings:
    """One task of a job."""

    key: str
    work: Work
    depends_on: tuple[Dependency, ...]
    run_if: RunIf
    is_disabled: bool
    timeout: timedelta | None
    max_retries: int  # -1: for ever
    retry_interval: timedelta  # between the starts of two attempts
    retry_on_timeout: bool
    libraries: tuple[Library, ...] = ()
    document: Mapping[str, Any]  # as it is shown
    notifications: Notifications = SILENT

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return self.work.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSettings:
    """A job's settings: what the workspace acts on, and the whole document as it is shown."""

    name: str
    tasks: Mapping[str, TaskSettings]  # by key, every task after those it depends on
    max_concurrent_runs: int
    queue: bool
    timeout: timedelta | None
    parameters: Mapping[str, str]  # job parameters and their defaults
    started_by: Starter | None = None  # what starts its runs by itself
    concurrency: int | None = None  # (the iterations of a for-each task) how many may run at once; None for a job
    document: Mapping[str, Any]
    notifications: Notifications = SILENT


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job."""

    id: int
    settings: JobSettings
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRequest:
    """What a run was asked for with: by run-now, runs/submit, a trigger, or a task of another run."""

    job_id: int
    token: str | None = None
    job_parameters: Mapping[str, str] = field(default_factory=dict)
    overriding: Mapping[str, Any] = field(default_factory=dict)  # notebook_params and the like, by their own names
    queue: bool | None = None  # None: the job's own setting holds
    only: tuple[str, ...] = ()  # the task keys to run, with +key and key+; all without
    trigger: Trigger = Trigger()
    run_type: RunType = RunType.JOB


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
