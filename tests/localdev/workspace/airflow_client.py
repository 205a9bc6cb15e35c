"""What test_airflow_conformance.py runs within Airflow's own environment: prints what it met as one line of JSON.

The hook and the operators are the provider's, unmodified; only the task instance, which Airflow's task runner would
give to an operator, is a stand-in that keeps what the operator pushes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from airflow.providers.databricks.hooks.databricks import (  # type: ignore[import-not-found] # lives in its own venv
    DatabricksHook,
)
from airflow.providers.databricks.operators.databricks import (  # type: ignore[import-not-found] # the same
    DatabricksCreateJobsOperator,
    DatabricksNotebookOperator,
    DatabricksRunNowOperator,
    DatabricksSubmitRunOperator,
)
from airflow.sdk import DAG  # type: ignore[import-not-found] # the same

CONNECTION = "databricks_default"
NOTEBOOK = {"notebook_path": "/ETL/01_Ingestion"}
CLUSTER = {"spark_version": "15.4.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 2}
PATIENT = {"polling_period_seconds": 1, "databricks_retry_delay": 1}


class TaskInstance:
    """Keeps what an operator pushes to other tasks."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        """Keep a value."""
        self.pushed[key] = value


def executed(operator: Any) -> dict[str, Any]:
    """Execute an operator as the task runner does; return what it pushed, and what it raised."""
    instance = TaskInstance()
    try:
        answer = operator.execute({"ti": instance, "task_instance": instance})
    except Exception as error:  # noqa: BLE001 - what it raises is what is looked at
        return {**instance.pushed, "raised": type(error).__name__, "said": str(error)}
    return {**instance.pushed, "returned": answer}


def said(act: Callable[[], Any]) -> str:
    """Return what an error says."""
    try:
        return f"no error: {act()}"
    except Exception as error:  # noqa: BLE001 - the same
        return str(error)


def met() -> dict[str, Any]:
    """Return what hook and operators make of the workspace."""
    hook = DatabricksHook(CONNECTION, retry_limit=4, retry_delay=1)
    found: dict[str, Any] = {}
    job = {"name": "of airflow", "tasks": [{"task_key": "main", "notebook_task": NOTEBOOK}]}
    found["created"] = executed(DatabricksCreateJobsOperator(task_id="create", json=job))["returned"]
    found["created again"] = executed(DatabricksCreateJobsOperator(task_id="again", json=job))["returned"]
    found["by name"] = hook.find_job_id_by_name("of airflow")
    now = {"task_id": "now", "job_name": "of airflow", "durable": False, **PATIENT}
    found["run now"] = executed(
        DatabricksRunNowOperator(**now, notebook_params={"file_path": "é.csv"}, idempotency_token="of-airflow")
    )
    found["same token"] = executed(DatabricksRunNowOperator(**now, idempotency_token="of-airflow"))
    run_id = found["run now"]["run_id"]
    task_run = hook.get_run_tasks(run_id)[0]["run_id"]
    found["output"] = hook.get_run_output(task_run)["notebook_output"]["result"]
    found["state"] = json.loads(hook.get_run_state(run_id).to_json())
    found["job of run"] = hook.get_job_id(run_id)
    once = {"task_id": "submit", "new_cluster": CLUSTER, "durable": False, **PATIENT}
    found["submitted"] = executed(DatabricksSubmitRunOperator(**once, notebook_task=NOTEBOOK, run_name="one-time"))
    found["failed"] = executed(DatabricksSubmitRunOperator(**once, notebook_task={"notebook_path": "/fails"}))
    alone = {"task_id": "alone", "notebook_path": "/ETL/01_Ingestion", "source": "WORKSPACE", "new_cluster": CLUSTER}
    with DAG("nightly", schedule=None):
        operator = DatabricksNotebookOperator(**alone, notebook_params={"file_path": "b.csv"}, polling_period_seconds=1)
    found["notebook"] = executed(operator)
    found["refused"] = executed(DatabricksRunNowOperator(task_id="none", job_id=998, durable=False, **PATIENT))
    failed = found["failed"]["run_id"]
    found["repaired"] = hook.repair_run({"run_id": failed, "rerun_all_failed_tasks": True})
    found["latest repair"] = hook.get_latest_repair_id(failed)
    hook.cancel_run(failed)
    found["cancelled twice"] = hook.cancel_run(failed)
    found["test connection"] = hook.test_connection()
    found["missing run"] = said(lambda: hook.get_run_state(998))
    return found


if __name__ == "__main__":
    print(f"MET {json.dumps(met())}")  # noqa: T201 - a program; Airflow logs to the same output
    sys.exit(0)
