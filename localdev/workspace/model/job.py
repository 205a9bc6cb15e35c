"""Jobs and their tasks. All datetimes are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from localdev.workspace.model.request import RunRequest
from localdev.workspace.notifications.model import SILENT, Notifications
from localdev.workspace.triggers.model import Starter


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
