"""Airflow's Databricks hook and operators, unmodified, as the client.

Airflow wants other versions of what our tests use, so it lives in an environment of its own: two minutes and 650 MB,
once.
https://airflow.apache.org/docs/apache-airflow-providers-databricks/stable/
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from localdev.workspace.faults import Fault, FaultPlan
from tests.fakes.own_environment import own_environment
from tests.localdev.workspace.kit import TOKEN, Json, Workspace, notebook, open_workspace, workspace_settings

pytestmark = pytest.mark.proof
WANTED = "apache-airflow-providers-databricks>=7.23,<8"


@pytest.fixture(scope="session")
def airflow() -> Path:
    """Return a Python with Airflow."""
    return own_environment("airflow", [WANTED]) / "python"


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Serve a workspace whose answer to the second and third run-now is lost on the way."""
    notebooks = tmp_path / "notebooks"
    notebook(notebooks, "ETL/01_Ingestion", 'dbutils.notebook.exit(dbutils.widgets.getAll().get("file_path", "none"))')
    notebook(notebooks, "fails", "raise RuntimeError('intentional failure')")
    plan = FaultPlan()
    plan.add(Fault(pattern="POST */jobs/run-now", status=503, after=True, skip=1, times=2))
    async with open_workspace(workspace_settings(tmp_path), faults=plan) as workspace:
        yield workspace


async def test_airflow_notices_no_difference(airflow: Path, workspace: Workspace, tmp_path: Path) -> None:
    """Jobs made, found, run, submitted, failed, repaired, cancelled: each step as against the cloud."""
    found = await _met(airflow, workspace, tmp_path)
    listed = (await workspace.get("runs/list", job_id=found["created"])).json()["runs"]

    assert found["created"] == found["created again"] == found["by name"] == found["job of run"]
    assert found["state"] == {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS", "state_message": ""}
    assert found["output"] == "é.csv"
    assert found["run now"]["run_page_url"] == (await workspace.run(found["run now"]["run_id"]))["run_page_url"]
    assert found["same token"]["run_id"] == found["run now"]["run_id"]
    assert [run["run_id"] for run in listed] == [found["run now"]["run_id"]]
    assert "raised" not in found["submitted"]
    assert (await workspace.run(found["submitted"]["run_id"]))["run_name"] == "one-time"
    assert "RuntimeError: intentional failure" in found["failed"]["said"]
    assert "Job 998 does not exist" in found["refused"]["said"]
    assert "raised" not in found["notebook"], found["notebook"]
    assert found["repaired"] == found["latest repair"]
    assert found["cancelled twice"] is None
    assert "Run 998 does not exist" in found["missing run"]
    # "Test Connection" asks for the versions of Spark that clusters may have; there are no clusters here.
    assert "Bad Target: /api/2.1/clusters/spark-versions" in found["test connection"][1]


async def _met(airflow: Path, workspace: Workspace, folder: Path) -> Json:
    """Return what Airflow met; it gets the workspace as its users would name it, in the environment."""
    connection = {
        "conn_type": "databricks",
        "schema": "http",
        "host": "127.0.0.1",
        "port": int(workspace.url.rpartition(":")[2]),
        "password": TOKEN,
    }
    process = await asyncio.create_subprocess_exec(
        airflow,
        Path(__file__).with_name("airflow_client.py"),
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW_CONN_DATABRICKS_DEFAULT": json.dumps(connection),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 180)
    text = output.decode()
    assert process.returncode == 0, text
    (line,) = [line for line in text.splitlines() if line.startswith("MET ")]
    met: dict[str, Any] = json.loads(line.removeprefix("MET "))
    return met
