"""Updates of declarative pipelines that really run, where Spark 4.1 and Java 17 are; Spark alone is 400 MB."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.java import need_java
from tests.fakes.own_environment import environment_of_extra
from tests.localdev.workspace.kit import Json
from tests.localdev.workspace.process_kit import Processes, system_path

NUMBERS = """
from pyspark import pipelines as dp
from pyspark.sql import SparkSession

spark = SparkSession.active()


@dp.materialized_view
def numbers():
    return spark.range(int(spark.conf.get("how.many")))
"""
DOUBLED = "CREATE MATERIALIZED VIEW doubled AS SELECT id * 2 AS id FROM numbers;\n"
COUNT = """# Databricks notebook source
spark.range(10).where("id > 5").createOrReplaceTempView("large")

# COMMAND ----------
dbutils.notebook.exit(f"{spark.table('large').count()} {spark is not None}")
"""


def task(pipeline_id: str = "sales", **more: object) -> Json:
    """Return a task that updates a pipeline."""
    return {"pipeline_task": {"pipeline_id": pipeline_id, **more}}


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    """Return a place to run tasks where Spark is, as the extra asks for it."""
    need_java()
    return Processes(tmp_path, path=f"{environment_of_extra('spark')}:{system_path()}")


@pytest.mark.proof
async def test_pipeline_is_updated(processes: Processes) -> None:
    """A folder of Python and SQL; the second update builds on the tables of the first, and takes one table only."""
    processes.write("pipelines/sales/numbers.py", NUMBERS)
    processes.write("pipelines/sales/doubled.sql", DOUBLED)
    processes.write("pipelines/sales/_draft.py", "raise AssertionError('not a definition')")

    first = await processes.run(task(parameters={"how.many": "5"}))
    second = await processes.run(
        task(parameters={"how.many": "5"}), {"pipeline_params": {"full_refresh_selection": ["doubled"]}}
    )

    assert first.outcome.succeeded, first.output.logs
    assert list((processes.data / "pipelines" / "sales" / "tables" / "doubled").glob("*.parquet"))
    assert second.outcome.succeeded, second.output.logs
    assert "numbers' is EXCLUDED" in (second.output.logs or "")


@pytest.mark.proof
async def test_wrong_pipeline_is_told(processes: Processes) -> None:
    """The first error of a flow is the task's."""
    processes.write("pipelines/sales.sql", "CREATE MATERIALIZED VIEW doubled AS SELECT * FROM nothing;\n")

    result = await processes.run(task())

    assert "The update of the pipeline 'sales' failed: [TABLE_OR_VIEW_NOT_FOUND]" in (result.output.error or "")


@pytest.mark.proof
async def test_notebook_has_a_session(tmp_path: Path) -> None:
    """`spark` and `dbutils` side by side, as notebooks expect them."""
    need_java()
    (packages,) = (environment_of_extra("spark").parent / "lib").glob("python3.*/site-packages")
    processes = Processes(tmp_path, path=system_path(), packages=packages)
    processes.write("count.py", COUNT)

    result = await processes.run({"notebook_task": {"notebook_path": "/Workspace/count"}})

    assert result.output.result == "4 True", result.output.logs


async def test_missing_spark_names_the_extra(tmp_path: Path) -> None:
    """A task error, for the job is right: what is missing is missing here."""
    processes = Processes(tmp_path, path=str(tmp_path))
    processes.write("pipelines/sales.sql", DOUBLED)

    result = await processes.run(task())

    assert result.outcome.code == "RUN_EXECUTION_ERROR"
    assert 'pip install -e ".[spark]"' in (result.output.error or "")


async def test_missing_java_is_told_before_spark_starts(tmp_path: Path) -> None:
    """The error says which Java."""
    program = tmp_path / "spark-pipelines"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    processes = Processes(tmp_path, path=str(tmp_path))
    processes.write("pipelines/sales.sql", DOUBLED)

    result = await processes.run(task())

    assert "needs Java 17" in (result.output.error or "")


async def test_missing_pipeline_is_told(tmp_path: Path) -> None:
    """When the task runs, as for a notebook."""
    result = await Processes(tmp_path).run(task())

    assert result.outcome.code == "RESOURCE_NOT_FOUND"
