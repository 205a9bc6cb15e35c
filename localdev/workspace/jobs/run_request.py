"""Reading what run-now is asked: which parameters may be given, together, and how long they may be.

The rules are those that databricks/sdk/service/jobs.py (JobsAPI.run_now) states and the Airflow provider names
(`_RUN_NOW_PARAM_SLOTS_CONFLICTING_WITH_JOB_PARAMETERS`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model.request import RunRequest

LONGEST_TOKEN = 64  # characters
LONGEST_PARAMETERS = 10_000  # bytes, of the field's JSON with its own name
_MAPS = ("notebook_params", "python_named_params", "sql_params")
_LISTS = ("python_params", "jar_params", "spark_submit_params", "dbt_commands")
_OBJECTS = ("pipeline_params",)
_LIMITED = ("notebook_params", "jar_params", "python_params", "spark_submit_params")
_ASCII_ONLY = ("python_params", "spark_submit_params")
_NOT_WITH_JOB_PARAMETERS = (
    "notebook_params",
    "python_params",
    "jar_params",
    "spark_submit_params",
    "python_named_params",
    "dbt_commands",
)


def read(body: Document) -> RunRequest:
    """Return what run-now was asked; raises ApiError for what Databricks refuses or the local workspace cannot do."""
    fields = Fields(body)
    job_id = fields.identifier("job_id")
    overriding, job_parameters = read_parameters(fields)
    return RunRequest(
        job_id=job_id,
        token=_token(fields),
        job_parameters=job_parameters,
        queue=Fields(fields.object("queue")).flag("enabled"),
        overriding=overriding,
        only=fields.text_list("only"),
    )


def read_repair(body: Document, before: RunRequest) -> RunRequest:
    """Return what a repaired run was asked for with: parameters that runs/repair does not give are lost.

    https://github.com/apache/airflow/issues/64828
    """
    overriding, job_parameters = read_parameters(Fields(body))
    return replace(before, overriding=overriding, job_parameters=job_parameters)


def read_parameters(fields: Fields) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the parameters for tasks, by their fields, and those of the job; raises ApiError."""
    overriding = _overriding(fields)
    job_parameters = fields.text_map("job_parameters")
    _check_together(overriding, job_parameters)
    return overriding, job_parameters


def _token(fields: Fields) -> str | None:
    token = fields.text("idempotency_token")
    if len(token) > LONGEST_TOKEN:
        raise invalid(f"idempotency_token has {len(token)} characters; it must have at most {LONGEST_TOKEN}.")
    return token or None


def _overriding(fields: Fields) -> dict[str, Any]:
    """Return the parameters of tasks that were given, by their fields."""
    given: dict[str, Any] = {name: fields.text_map(name) for name in _MAPS if fields.has(name)}
    given |= {name: list(fields.text_list(name)) for name in _LISTS if fields.has(name)}
    given |= {name: fields.object(name) for name in _OBJECTS if fields.has(name)}
    for name in _LIMITED:
        if name in given:
            _check_length(name, given[name])
    for name in _ASCII_ONLY:
        if not all(argument.isascii() for argument in given.get(name, [])):
            raise invalid(f"{name} accept ASCII characters only.")
    return {name: value for name, value in given.items() if value}


def _check_length(name: str, value: object) -> None:
    size = len(json.dumps({name: value}, ensure_ascii=False, separators=(",", ":")).encode())
    if size > LONGEST_PARAMETERS:
        raise invalid(f"The JSON of {name} has {size} bytes; it cannot exceed {LONGEST_PARAMETERS} bytes.")


def _check_together(overriding: dict[str, Any], job_parameters: dict[str, str]) -> None:
    if "notebook_params" in overriding and "jar_params" in overriding:
        raise invalid("notebook_params cannot be specified in conjunction with jar_params.")
    for name in _NOT_WITH_JOB_PARAMETERS:
        if job_parameters and name in overriding:
            raise invalid(f"job_parameters cannot be specified in conjunction with {name}.")
