"""dbt tasks that really run, with dbt's adapter for DuckDB.

dbt wants an older pathspec than our tests, so it lives in an environment of its own: half a minute and 200 MB, once.
"""

from __future__ import annotations

import asyncio
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from localdev.workspace.runners.runner import TaskResult
from tests.fakes.own_environment import environment_of_extra
from tests.localdev.workspace.kit import Json
from tests.localdev.workspace.process_kit import Processes, system_path


@pytest.fixture(scope="session")
def dbt_path() -> str:
    """Return a PATH with dbt, as the extra asks for it."""
    return f"{environment_of_extra('dbt')}:{system_path()}"


@pytest.fixture
def processes(tmp_path: Path, dbt_path: str) -> Processes:
    """Return a place to run tasks, with a project of one model."""
    return processes_with_project(tmp_path, dbt_path)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, dbt_path: str) -> tuple[Processes, TaskResult]:
    """Run a task once for all tests that ask about nothing but what it left: each dbt takes seconds."""
    processes = processes_with_project(tmp_path_factory.mktemp("dbt"), dbt_path)
    libraries = [{"pypi": {"package": "dbt-databricks>=1.0.0,<2.0.0"}}]
    work = {**task("dbt deps", "dbt run --vars '{n: 7}'"), "libraries": libraries}
    return processes, asyncio.run(processes.run(work))


def processes_with_project(folder: Path, dbt_path: str) -> Processes:
    """Return a place to run tasks, with a project of one model."""
    found = Processes(folder, path=dbt_path)
    found.write("shop/dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: theirs\nmodel-paths: [models]\n")
    found.write("shop/models/orders.sql", "{{ config(materialized='table') }} select {{ var('n', 1) }} as n")
    return found


def task(*commands: str, **more: Any) -> Json:
    """Return a task that runs dbt on the project."""
    work = {"project_directory": "/Workspace/shop", "commands": list(commands), "warehouse_id": "w1", **more}
    return {"dbt_task": {name: value for name, value in work.items() if value is not None}}


async def rows(processes: Processes, table: str) -> str:
    """Return what a SQL task reads from a table."""
    processes.write("rows.sql", f"FROM {table}")
    query = {"sql_task": {"warehouse_id": "w1", "file": {"path": "/Workspace/rows.sql"}}}
    result = await processes.run(query)
    return result.output.logs or result.outcome.message


@pytest.mark.proof
async def test_commands_run_in_order(ran: tuple[Processes, TaskResult]) -> None:
    """On the database that SQL tasks read; the project in the workspace stays as it was."""
    processes, result = ran

    logs = result.output.logs or ""
    assert result.outcome.succeeded, logs
    assert logs.index("$ dbt deps\n") < logs.index("$ dbt run --vars '{n: 7}'\n") < logs.index("PASS=1")
    assert await rows(processes, "orders") == "n\n7\n"
    assert sorted(path.name for path in (processes.notebooks / "shop").iterdir()) == ["dbt_project.yml", "models"]


@pytest.mark.proof
def test_artifacts_are_linked(ran: tuple[Processes, TaskResult]) -> None:
    """What dbt made of the project is in an archive, as Databricks gives it."""
    _, result = ran

    with tarfile.open(unquote(urlparse(result.output.fields["dbt_output"]["artifacts_link"]).path)) as archive:
        assert {"target/manifest.json", "target/run_results.json", "logs/dbt.log"} <= set(archive.getnames())


@pytest.mark.proof
def test_adapter_of_databricks_is_not_wanted(ran: tuple[Processes, TaskResult]) -> None:
    """A job names dbt-databricks in its libraries; here DuckDB's adapter stands for it."""
    _, result = ran

    assert result.outcome.succeeded
    assert "duckdb=" in (result.output.logs or "")


@pytest.mark.proof
async def test_first_failing_command_is_the_last(processes: Processes) -> None:
    """The error names it, and the commands after it do not run."""
    result = await processes.run(task("dbt run"), {"dbt_commands": ["dbt nonsense", "dbt run"]})

    assert result.output.error == "The command 'dbt nonsense' ended with exit code 2"
    assert "No such command" in (result.output.error_trace or "")
    assert "$ dbt run" not in (result.output.logs or "")
    assert "artifacts_link" in result.output.fields["dbt_output"]


@pytest.mark.proof
async def test_schema_and_catalog_are_kept(processes: Processes) -> None:
    """The schema is made; the catalog is a name for the one database."""
    result = await processes.run(task("dbt run", schema="gold", catalog="lake"))

    assert "table model gold.orders" in (result.output.logs or "")
    assert await rows(processes, "gold.orders") == "n\n1\n"


@pytest.mark.proof
async def test_own_profile_is_used_without_a_warehouse(processes: Processes) -> None:
    """The project's, or that of profiles_directory; one outside the project is refused."""
    profile = "theirs: {target: a, outputs: {a: {type: duckdb, path: ':memory:', schema: own}}}"
    processes.write("shop/profiles/profiles.yml", profile)

    own = await processes.run(task("dbt run", warehouse_id=None, profiles_directory="profiles"))
    outside = await processes.run(task("dbt run", warehouse_id=None, profiles_directory="../.."))
    nothing = await processes.run(task("dbt run", warehouse_id=None, profiles_directory="models"))

    assert "table model own.orders" in (own.output.logs or "")
    assert outside.output.error == "profiles_directory '../..' is not inside the project."
    assert nothing.output.error == "There is no profiles.yml in profiles_directory 'models'."


@pytest.mark.proof
async def test_parallel_tasks_wait_for_the_database_with_dbt(processes: Processes) -> None:
    """Whoever finds it taken starts its command again, until the other is done."""
    results = await asyncio.gather(*(processes.run(task("dbt run", schema=name)) for name in ("a", "b")))

    assert [result.outcome.code for result in results] == ["SUCCESS"] * 2
    assert await rows(processes, "a.orders UNION ALL FROM b.orders") == "n\n1\n1\n"


async def test_missing_dbt_names_the_extra(tmp_path: Path) -> None:
    """A task error, for the job is right: what is missing is missing here."""
    processes = Processes(tmp_path, path=str(tmp_path))
    processes.write("shop/dbt_project.yml", "name: shop\n")

    result = await processes.run(task("dbt run"))

    assert 'pip install -e ".[dbt]"' in (result.output.error or "")


async def test_missing_project_is_told(tmp_path: Path) -> None:
    """When the task runs, as for a notebook."""
    result = await Processes(tmp_path).run(task("dbt run"))

    assert result.outcome.code == "RESOURCE_NOT_FOUND"
