"""Databricks' answers parsed into our own frozen types."""

from __future__ import annotations

from dataclasses import dataclass

from shared.jobs.json_values import JsonObject, id_of, moment_of, object_of, objects_of, text_of, whole_of
from shared.jobs.verdicts import is_active, state_message, state_words, termination_code, verdict_of
from shared.model import Run

_LONGEST_URL = 2_000
_LONGEST_NAME = 4_096


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job's settings, as far as they decide whether files can start it."""

    id: int
    name: str
    max_concurrent_runs: int  # 0: every run is skipped
    queue_enabled: bool  # by the job itself; run-now asks for the queue whatever this says
    is_continuous: bool  # run-now starts nothing while it runs


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOutput:
    """What a task run left behind; "" for what it did not."""

    result: str  # what the notebook gave to dbutils.notebook.exit
    error: str
    error_trace: str
    logs: str  # never of notebooks
    truncated: bool  # Databricks cut the result or the logs at 5 MB


def run_of(answer: JsonObject) -> Run | None:
    """Return a run as runs/get and runs/list tell it; None when it does not even have an id."""
    run_id = id_of(answer.get("run_id"))
    if run_id is None:
        return None
    repair = _latest_repair(answer)
    return Run(
        run_id=run_id,
        job_id=id_of(answer.get("job_id")),
        verdict=None if is_active(repair) else verdict_of(answer),
        state=state_words(answer),
        message=state_message(answer),
        started_at=moment_of(answer.get("start_time")),
        ended_at=moment_of(answer.get("end_time")),
        page_url=_web_address(answer.get("run_page_url")),
        parameters=_parameters(answer),
        task_run_ids=_latest_task_runs(answer),
        code=termination_code(answer),
        latest_repair_id=id_of(repair.get("id")),
    )


def output_of(answer: JsonObject) -> RunOutput:
    """Return the output of a task run as runs/get-output tells it."""
    notebook = object_of(answer.get("notebook_output"))
    return RunOutput(
        result=_whole_text(notebook.get("result")),
        error=_whole_text(answer.get("error")),
        error_trace=_whole_text(answer.get("error_trace")),
        logs=_whole_text(answer.get("logs")),
        truncated=notebook.get("truncated") is True or answer.get("logs_truncated") is True,
    )


def job_of(answer: JsonObject) -> Job | None:
    """Return a job as jobs/get and jobs/list tell it; None when it does not even have an id."""
    job_id = id_of(answer.get("job_id"))
    if job_id is None:
        return None
    settings = object_of(answer.get("settings"))
    concurrent = whole_of(settings.get("max_concurrent_runs"))
    return Job(
        id=job_id,
        name=text_of(settings.get("name"), _LONGEST_NAME),
        max_concurrent_runs=1 if concurrent is None else concurrent,
        queue_enabled=object_of(settings.get("queue")).get("enabled") is True,
        is_continuous=isinstance(settings.get("continuous"), dict),
    )


def _parameters(answer: JsonObject) -> dict[str, str]:
    """Return what run-now was given: job parameters (a list), and notebook parameters (an object) over them."""
    given = {
        name: _parameter_text(parameter.get("value", parameter.get("default")))
        for parameter in objects_of(answer.get("job_parameters"))
        if (name := _whole_text(parameter.get("name")))
    }
    notebook = object_of(object_of(answer.get("overriding_parameters")).get("notebook_params"))
    return given | {name: _parameter_text(value) for name, value in notebook.items()}


def _parameter_text(value: object) -> str:
    return str(value) if isinstance(value, (str, int, float)) else ""


def _latest_task_runs(answer: JsonObject) -> tuple[int, ...]:
    """Return the run id of each task's last attempt; `tasks` holds one entry per attempt, in no promised order."""
    latest: dict[str, tuple[int, int]] = {}
    for task in objects_of(answer.get("tasks")):
        run_id = id_of(task.get("run_id"))
        if run_id is None:
            continue
        key = text_of(task.get("task_key"), _LONGEST_NAME) or f"#{run_id}"
        attempt = (whole_of(task.get("attempt_number")) or 0, run_id)
        latest[key] = max(latest.get(key, attempt), attempt)
    return tuple(run_id for _, run_id in latest.values())


def _latest_repair(answer: JsonObject) -> JsonObject:
    """Return the newest item of a run's repair history that is a repair; the original run is in it as well."""
    repairs = [item for item in objects_of(answer.get("repair_history")) if id_of(item.get("id")) is not None]
    return max(repairs, key=lambda item: whole_of(item.get("start_time")) or 0, default={})


def _web_address(value: object) -> str:
    address = text_of(value, _LONGEST_URL)
    return address if address.startswith(("https://", "http://")) else ""  # it becomes a link: no javascript:


def _whole_text(value: object) -> str:
    return value if isinstance(value, str) else ""
