"""Tasks that run in processes, from jobs/create to runs/get-output, in the shapes that the SDK reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from databricks.sdk.service.jobs import RunOutput, SqlQueryOutput, TerminationCodeCode

from localdev.workspace.__main__ import _parser, _settings
from tests.localdev.workspace.kit import TOKEN, Workspace, open_workspace, workspace_settings
from tests.localdev.workspace.process_kit import wheel


async def test_sql_task_has_a_sql_output(real: Workspace, tmp_path: Path) -> None:
    """The query's text, its warehouse, a key for each statement, and what it printed as logs."""
    (tmp_path / "notebooks" / "main.sql").write_text("SELECT :day AS day")
    sql = {"warehouse_id": "w1", "file": {"path": "/Workspace/main.sql"}}
    job_id = await real.create({"task_key": "main", "sql_task": sql}, parameters=[{"name": "day", "default": "monday"}])

    ended = await real.ended(await real.run_now(job_id, job_parameters={"day": "sunday"}))
    output = RunOutput.from_dict((await real.outputs(ended))["main"])

    assert ended["tasks"][0]["sql_task"]["file"] == {"path": "/Workspace/main.sql", "source": "WORKSPACE"}
    assert output.logs == "day\nsunday\n"
    query = output.sql_output.query_output if output.sql_output else None
    assert isinstance(query, SqlQueryOutput)
    assert (query.query_text, query.warehouse_id) == ("SELECT :day AS day", "w1")
    assert [len(each.lookup_key or "") > 0 for each in query.sql_statements or []] == [True]


async def test_wheel_task_has_logs(real: Workspace, tmp_path: Path) -> None:
    """What the entry point printed; the job's libraries come back as they were given."""
    wheel(tmp_path / "notebooks", {"shop.py": "import sys\ndef run():\n    print(sys.argv[1:])\n"})
    libraries = [{"whl": "/Workspace/shop-1.0-py3-none-any.whl"}]
    work = {"package_name": "shop", "entry_point": "run", "parameters": ["own"]}
    job_id = await real.create({"task_key": "main", "python_wheel_task": work, "libraries": libraries})

    ended = await real.ended(await real.run_now(job_id, python_params=["a", "b"]))
    output = RunOutput.from_dict((await real.outputs(ended))["main"])

    assert output.logs == "['a', 'b']\n"
    assert ended["tasks"][0]["libraries"] == libraries
    assert ended["tasks"][0]["python_wheel_task"] == work


async def test_library_error_is_the_runs_code(real: Workspace) -> None:
    """A run that lacks a library says so in its termination code."""
    work = {"package_name": "shop", "entry_point": "run"}
    libraries = [{"pypi": {"package": "landfall-no-such-package"}}]
    job_id = await real.create({"task_key": "main", "python_wheel_task": work, "libraries": libraries})

    ended = await real.ended(await real.run_now(job_id))

    details = ended["status"]["termination_details"]
    assert details["code"] == TerminationCodeCode.LIBRARY_INSTALLATION_ERROR.value
    assert "--install-libraries" in details["message"]


async def test_waiting_task_can_be_cancelled(tmp_path: Path) -> None:
    """While another process holds the database, a SQL task waits; cancelling ends it at once."""
    import duckdb  # noqa: PLC0415 - the one test here that needs it itself

    settings = workspace_settings(tmp_path)
    settings.data.mkdir()
    (tmp_path / "notebooks" / "main.sql").write_text("SELECT 1")
    sql = {"warehouse_id": "w1", "file": {"path": "/Workspace/main.sql"}}
    with duckdb.connect(settings.data / "warehouse.duckdb"):
        async with open_workspace(settings) as workspace:
            run_id = await workspace.run_now(await workspace.create({"task_key": "main", "sql_task": sql}))
            await workspace.reaches(run_id, "RUNNING")
            await workspace.post("runs/cancel", {"run_id": run_id})
            ended = await workspace.ended(run_id)

    assert ended["state"]["result_state"] == "CANCELED"


@pytest.mark.parametrize(("option", "expected"), [([], False), (["--install-libraries"], True)])
def test_installing_libraries_is_asked_for(option: list[str], expected: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a column of the table
    """Nothing is fetched from a package index unless the workspace is started so."""
    asked = _parser().parse_args(["--data", str(tmp_path), "--notebooks", str(tmp_path), *option])

    settings = _settings(asked, {"LANDFALL_WORKSPACE_TOKEN": TOKEN})

    assert settings.install_libraries is expected
