"""`%sql` cells and SQL notebooks on DuckDB, in tasks that really run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from localdev.workspace.child import warehouse
from tests.localdev.workspace.kit import Json, Workspace, notebook, task

if importlib.util.find_spec("duckdb") is None and not os.environ.get("CI"):
    pytest.skip('the extra "sql" is not installed', allow_module_level=True)


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """Return the notebooks folder."""
    return tmp_path / "notebooks"


def sql(*lines: str) -> str:
    """Return a cell of SQL in a Python notebook."""
    return "\n".join(f"# MAGIC {line}" for line in ("%sql", *lines))


async def run(workspace: Workspace, *tasks: Json, **request: object) -> tuple[Json, dict[str, Json]]:
    """Create a job, run it to its end, and return the run and the outputs of its tasks."""
    ended = await workspace.ended(await workspace.run_now(await workspace.create(*tasks), **request))
    return ended, await workspace.outputs(ended)


def printed(tmp_path: Path, ended: Json, key: str = "main") -> str:
    """Return what a task has printed."""
    ids = {each["task_key"]: each["run_id"] for each in ended["tasks"]}
    return (tmp_path / "data" / "tasks" / str(ids[key]) / "output.txt").read_text()


async def test_tables_stay_for_other_tasks(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """Tables are in the workspace's database, temporary views in the notebook; rows are shown, and are `_sqldf`."""
    notebook(
        notebooks,
        "a",
        sql("CREATE SCHEMA IF NOT EXISTS bronze;", "CREATE TABLE bronze.orders AS SELECT 1 AS id, 'a;b' AS name"),
        sql("CREATE TEMP VIEW recent AS SELECT * FROM bronze.orders"),
        sql("SELECT id * 42 AS answer FROM recent"),
        "first = _sqldf\nassert first.columns == ['answer'] and first.count() == 1",
        sql("SELECT answer + 1 AS more FROM _sqldf"),
        "dbutils.notebook.exit(f'{first.collect()} {_sqldf.collect()}')",
    )
    notebook(notebooks, "b", sql("SELECT name FROM bronze.orders"), "dbutils.notebook.exit(_sqldf.collect()[0][0])")

    ended, outputs = await run(real, task("a"), task("b", "a"))

    assert outputs["a"]["notebook_output"]["result"] == "[(42,)] [(43,)]"
    assert outputs["b"]["notebook_output"]["result"] == "a;b"
    assert "answer" in printed(tmp_path, ended, "a")
    assert "a;b" in printed(tmp_path, ended, "b")
    assert (tmp_path / "data" / "warehouse.duckdb").is_file()


async def test_parameters_reach_sql(real: Workspace, notebooks: Path) -> None:
    """As values, whatever they hold; the older `${name}` as text."""
    notebook(
        notebooks,
        "main",
        "dbutils.widgets.text('column', 'x')",
        sql("SELECT :file AS ${column}, ':file' AS text, '1'::INT AS number"),
        "dbutils.notebook.exit(str(_sqldf.columns) + str(_sqldf.collect()))",
    )

    _, outputs = await run(real, task(), notebook_params={"file": "it's; DROP"})

    assert outputs["main"]["notebook_output"]["result"] == ("['x', 'text', 'number'][(\"it's; DROP\", ':file', 1)]")


async def test_sql_notebooks_run(real: Workspace, notebooks: Path) -> None:
    """A .sql file whose cells are SQL, and Python where MAGIC says so."""
    (notebooks / "main.sql").write_text(
        "-- Databricks notebook source\nCREATE TABLE t AS SELECT 7 AS x;\n\n-- COMMAND ----------\n\n"
        "-- DBTITLE 1,All of it\nSELECT * FROM t\n\n-- COMMAND ----------\n\n"
        "-- MAGIC %python\n-- MAGIC dbutils.notebook.exit(str(_sqldf.collect()))\n"
    )

    _, outputs = await run(real, task())

    assert outputs["main"]["notebook_output"]["result"] == "[(7,)]"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT * FROM nothing", "Catalog Error: Table with name nothing does not exist"),
        ("SELEC 1", "Parser Error: syntax error"),
        ("SELECT :who", "'who', which has no value in this run"),
    ],
)
async def test_faults_of_sql_are_told(real: Workspace, notebooks: Path, statement: str, error: str) -> None:
    """In DuckDB's words; the database is free again afterwards."""
    notebook(notebooks, "main", sql("BEGIN"), sql("CREATE TABLE t (x INT)", ";", statement))
    notebook(notebooks, "after", sql("SELECT 1 AS x"), "dbutils.notebook.exit(str(_sqldf.count()))")

    _, outputs = await run(real, task())
    _, after = await run(real, task("after"))

    assert error in outputs["main"]["error"]
    assert after["after"]["notebook_output"]["result"] == "1"


async def test_tasks_take_turns_at_the_database(real: Workspace, notebooks: Path) -> None:
    """Side by side and each for a moment: none fails because another one has it."""
    notebook(notebooks, "make", sql("CREATE TABLE counted (who TEXT)"))
    for key in "abc":
        notebook(
            notebooks,
            key,
            f"dbutils.widgets.text('who', {key!r})",
            *[sql("INSERT INTO counted VALUES (:who)") for _ in range(5)],
        )
    notebook(notebooks, "sum", sql("SELECT who FROM counted"), "dbutils.notebook.exit(str(_sqldf.count()))")

    _, outputs = await run(real, task("make"), *[task(key, "make") for key in "abc"], task("sum", "a", "b", "c"))

    assert outputs["sum"]["notebook_output"]["result"] == "15"


def test_waiting_for_the_database_has_an_end(tmp_path: Path) -> None:
    """Whoever keeps it for too long is told of, instead of waited for without end."""
    file = tmp_path / "warehouse.duckdb"
    program = f"import duckdb, sys; held = duckdb.connect({str(file)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()

        with pytest.raises(warehouse.WarehouseBusy, match=r"warehouse\.duckdb is in use by another task"):
            warehouse.connect(file, time.monotonic() + 0.1)

        holder.communicate()
    with warehouse.connect(file, time.monotonic()) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_missing_duckdb_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The base installation has none."""
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(warehouse.SqlExtraMissing, match=r"\.\[sql\]"):
        warehouse.connect(tmp_path / "warehouse.duckdb", time.monotonic())
