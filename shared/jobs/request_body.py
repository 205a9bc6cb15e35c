"""The exact text of a run-now request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shared.compact_json import compact

LONGEST_TOKEN = 64
# What runs/repair takes of run-now's fields: https://docs.databricks.com/api/azure/workspace/jobs/repairrun
_REPAIRABLE = (
    "dbt_commands",
    "jar_params",
    "job_parameters",
    "notebook_params",
    "pipeline_params",
    "python_named_params",
    "python_params",
    "spark_submit_params",
    "sql_params",
)


def frozen_body(job_id: int, token: str, fields: Mapping[str, Any]) -> str:
    """Return run-now's JSON, byte for byte the same for the same arguments whatever their order.

    `fields` are run-now's own, such as {"notebook_params": {...}}. `queue` is sent because its default depends on how
    the job was created. Raises ValueError for a token that Databricks would refuse.
    """
    if not 0 < len(token) <= LONGEST_TOKEN:
        raise ValueError(f"an idempotency token has 1 to {LONGEST_TOKEN} characters, this one has {len(token)}")
    return compact({**fields, "job_id": job_id, "idempotency_token": token, "queue": {"enabled": True}})


def repair_body(run_id: int, run_now: str, latest_repair_id: int | None) -> str:
    """Return runs/repair's JSON for all failed tasks of a run that was started with the body `run_now`.

    The parameters go with it, for a repair without them runs without them
    (https://github.com/apache/airflow/issues/64828).
    """
    started_with = json.loads(run_now)
    fields = {name: started_with[name] for name in _REPAIRABLE if name in started_with}
    fence = {} if latest_repair_id is None else {"latest_repair_id": latest_repair_id}
    return compact({**fields, **fence, "run_id": run_id, "rerun_all_failed_tasks": True})
