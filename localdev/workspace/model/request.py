"""What a run was asked for with. All datetimes are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


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
