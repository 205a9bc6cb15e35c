"""Jobs, runs and outputs as JSON, in the shapes of the Jobs API.

https://docs.databricks.com/api/workspace/jobs/getrun. Empty arrays are left out, as the cloud leaves them out
(https://github.com/databricks/databricks-cli/issues/172).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from localdev.workspace.json_fields import Document
from localdev.workspace.model.job import Job, TaskKind
from localdev.workspace.model.run import Attempt, Outcome, Phase, Run, TaskOutput
from localdev.workspace.storage.database import milliseconds

CREATOR = "landfall@localhost"
TASKS_IN_A_PAGE = 100
_SHOWN_ONCE_EXPANDED = ("tasks", "job_clusters", "environments", "parameters")
_STATUS_STATES = {Phase.WAITING_FOR_RETRY: "WAITING", Phase.ENDED: "TERMINATED"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """What pages and headers say of the workspace itself."""

    base_url: str  # no trailing slash
    organisation: int

    def page_of_run(self, job_id: int, run_id: int) -> str:
        """Return the address of the page of a run or a task run, in one of the forms that Databricks' pages have."""
        return f"{self.base_url}/jobs/{job_id}/runs/{run_id}?o={self.organisation}"


def job_view(job: Job, *, expanded: bool, creator: str = CREATOR, owner: str = CREATOR) -> Document:
    """Return a job as jobs/get shows it, or as jobs/list does without its tasks."""
    settings = dict(job.settings.document)
    if not expanded:
        for name in _SHOWN_ONCE_EXPANDED:
            settings.pop(name, None)
    return {
        "job_id": job.id,
        "creator_user_name": creator,
        "run_as_user_name": _run_as(settings) or owner,
        "created_time": milliseconds(job.created_at),
        "settings": settings,
    }


def trigger_state_view(job: Job) -> Document:
    """Return the field that tells of a job's file arrival trigger; no file events stand behind it here."""
    trigger = job.settings.document.get("trigger") or {}
    if "file_arrival" not in trigger:
        return {}
    state = {"file_arrival": {"using_file_events": False}, "pause_status": trigger.get("pause_status", "UNPAUSED")}
    return {"trigger_state": state}


def run_view(run: Run, workspace: Workspace, now: datetime, creator: str = CREATOR) -> Document:
    """Return a run as runs/list shows it, without its tasks."""
    view: Document = {
        "job_id": run.job_id,
        "run_id": run.id,
        "job_run_id": run.id,
        "number_in_job": run.id,
        "original_attempt_run_id": run.id,
        "creator_user_name": creator,
        "run_name": run.settings.name,
        "run_type": run.request.run_type,
        "format": "MULTI_TASK",
        "trigger": run.request.trigger.type,
        "run_page_url": workspace.page_of_run(run.job_id, run.id),
        "state": _state(run.phase, run.outcome, _queue_message(run)),
        "status": _status(run.phase, run.outcome, _queue_message(run)),
        "start_time": milliseconds(run.created_at),
        "end_time": _maybe(run.ended_at),
        "setup_duration": 0,
        "execution_duration": 0,
        "cleanup_duration": 0,
        "queue_duration": _span(run.created_at, run.admitted_at or run.ended_at or now),
        "run_duration": 0 if run.ended_at is None else _span(run.created_at, run.ended_at),
    }
    if run.parent_id is not None:
        view["trigger_info"] = {"run_id": run.parent_id}
    if run.request.overriding:
        view["overriding_parameters"] = dict(run.request.overriding)
    if parameters := _job_parameters(run):
        view["job_parameters"] = parameters
    for name in ("job_clusters", "description"):
        if run.settings.document.get(name):
            view[name] = run.settings.document[name]
    return view


def state_view(run: Run) -> Document:
    """Return where a run stands, in the old words and the new."""
    message = _queue_message(run)
    return {"state": _state(run.phase, run.outcome, message), "status": _status(run.phase, run.outcome, message)}


def attempt_views(run: Run, workspace: Workspace, attempts: tuple[Attempt, ...]) -> list[Document]:
    """Return attempts as the elements of a run's `tasks`."""
    return [_attempt_view(run, attempt, workspace) for attempt in attempts]


def task_run_view(run: Run, attempt: Attempt, workspace: Workspace, now: datetime, creator: str = CREATOR) -> Document:
    """Return an attempt as a run of its own, as runs/get and runs/get-output show a task run."""
    whole = run_view(run, workspace, now, creator)
    kept = {name: whole[name] for name in ("job_id", "creator_user_name", "run_type", "trigger", "format")}
    for name in ("overriding_parameters", "job_parameters"):
        if name in whole:
            kept[name] = whole[name]
    view = _attempt_view(run, attempt, workspace)
    return {**kept, **view, "run_name": attempt.task_key, "number_in_job": attempt.id, "job_run_id": run.id}


def output_view(kind: TaskKind, output: TaskOutput, metadata: Document) -> Document:
    """Return a task's output. A notebook's has a result only when it called dbutils.notebook.exit, and never logs."""
    view: Document = {"metadata": metadata}
    if kind is TaskKind.NOTEBOOK:
        result = {} if output.result is None else {"result": output.result, "truncated": output.result_truncated}
        view["notebook_output"] = result
    elif output.logs is not None:
        view |= {"logs": output.logs, "logs_truncated": output.logs_truncated}
    view |= output.fields
    if output.error is not None:
        view["error"] = output.error
    if output.error_trace is not None:
        view["error_trace"] = output.error_trace
    return view


def _attempt_view(run: Run, attempt: Attempt, workspace: Workspace) -> Document:
    document = run.settings.tasks[attempt.task_key].document
    return {
        **{name: value for name, value in document.items() if value not in ({}, [])},
        **_condition(document, attempt),
        "run_id": attempt.id,
        "task_key": attempt.task_key,
        "attempt_number": attempt.number,
        "original_attempt_run_id": attempt.first_id,
        "run_page_url": workspace.page_of_run(run.job_id, attempt.id),
        "state": _state(attempt.phase, attempt.outcome, ""),
        "status": _status(attempt.phase, attempt.outcome, ""),
        "start_time": _maybe(attempt.started_at),
        "end_time": _maybe(attempt.ended_at),
        "setup_duration": 0,
        "execution_duration": _span(attempt.started_at, attempt.ended_at),
        "cleanup_duration": 0,
    }


def _condition(document: Mapping[str, Any], attempt: Attempt) -> Document:
    """Return a condition with the way it went, nothing for another task or before it is known."""
    if attempt.branch is None or TaskKind.CONDITION not in document:  # a repair may have made it another task
        return {}
    return {TaskKind.CONDITION.value: {**document[TaskKind.CONDITION], "outcome": attempt.branch}}


def _state(phase: Phase, outcome: Outcome | None, queue_message: str) -> Document:
    if outcome is None:
        state: Document = {"life_cycle_state": phase.value, "state_message": "", "user_cancelled_or_timedout": False}
        return {**state, "queue_reason": queue_message} if queue_message else state
    state = {
        "life_cycle_state": outcome.life_cycle_state,
        "state_message": outcome.message,
        "user_cancelled_or_timedout": outcome.result_state in {"CANCELED", "TIMEDOUT"},
    }
    return state if outcome.result_state is None else {**state, "result_state": outcome.result_state}


def _status(phase: Phase, outcome: Outcome | None, queue_message: str) -> Document:
    status: Document = {"state": _STATUS_STATES.get(phase, phase.value)}
    if outcome is not None:
        status["termination_details"] = {"code": outcome.code, "type": outcome.type, "message": outcome.message}
    if queue_message:
        status["queue_details"] = {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": queue_message}
    return status


def _queue_message(run: Run) -> str:
    if run.phase is not Phase.QUEUED:
        return ""
    return f"Queued due to reaching maximum concurrent runs of {run.settings.max_concurrent_runs}."


def _job_parameters(run: Run) -> list[Document]:
    defaults, given = run.settings.parameters, run.request.job_parameters
    parameters = []
    for name in sorted({*defaults, *given}):
        default = defaults.get(name, "")
        parameters.append({"name": name, "default": default, "value": given.get(name, default)})
    return parameters


def _run_as(settings: Document) -> str:
    run_as = settings.get("run_as") or {}
    return str(run_as.get("user_name") or run_as.get("service_principal_name") or "")


def _maybe(moment: datetime | None) -> int:
    return 0 if moment is None else milliseconds(moment)


def _span(start: datetime | None, end: datetime | None) -> int:
    return 0 if start is None or end is None else (end - start) // timedelta(milliseconds=1)
