"""SQL tasks that really run, on the workspace's DuckDB."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from localdev.workspace.model.run import TaskOutput
from tests.localdev.workspace.kit import Json, Workspace, notebook
from tests.localdev.workspace.process_kit import Processes


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    """Return a place to run tasks."""
    return Processes(tmp_path)


def task(path: str = "/Workspace/main.sql", **parameters: str) -> Json:
    """Return a task that runs a file."""
    return {"sql_task": {"warehouse_id": "w1", "file": {"path": path}, "parameters": parameters}}


def rows_of(output: TaskOutput) -> list[list[str]]:
    """Return the rows behind the output's link."""
    link = output.fields["sql_output"]["query_output"]["output_link"]
    with Path(unquote(urlparse(link).path)).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


async def test_statements_run_in_order(processes: Processes) -> None:
    """The last query's rows are the result; all queries are printed."""
    text = """CREATE TABLE orders AS SELECT 1 AS id, :buyer AS buyer;
-- the buyer's second order; not two statements
INSERT INTO orders VALUES (2, 'a;b');
SELECT count(*) AS orders FROM orders;
SELECT * FROM orders WHERE id >= :least ORDER BY id"""
    processes.write("main.sql", text)

    result = await processes.run(task(least="0", buyer="own"), {"sql_params": {"least": "1"}}, {"buyer": "O'Neill"})

    assert result.outcome.succeeded
    assert result.output.logs == "orders\n2\nid\tbuyer\n1\tO'Neill\n2\ta;b\n"
    assert rows_of(result.output) == [["id", "buyer"], ["1", "O'Neill"], ["2", "a;b"]]
    output = result.output.fields["sql_output"]["query_output"]
    assert (output["query_text"], output["warehouse_id"]) == (text, "w1")
    assert len({each["lookup_key"] for each in output["sql_statements"]}) == 4


async def test_saved_query_runs_by_its_id(processes: Processes) -> None:
    """It is a file of the workspace; one that is not there is told when the task runs."""
    processes.write("queries/<query-id>.sql", "SELECT 42 AS answer")
    query = {"sql_task": {"warehouse_id": "w1", "query": {"query_id": "<query-id>"}}}

    found = await processes.run(query)
    query["sql_task"]["query"] = {"query_id": "../../secret"}
    missing = await processes.run(query)

    assert found.output.logs == "answer\n42\n"
    assert missing.outcome.code == "RESOURCE_NOT_FOUND"


async def test_every_type_comes_out_as_text(processes: Processes) -> None:
    """Times with zones, intervals, lists, bytes and nothing at all."""
    processes.write(
        "main.sql",
        "SELECT TIMESTAMPTZ '2026-11-22 12:00:00+00' AT TIME ZONE 'UTC' AS at, now() IS NOT NULL AS clock, "
        "now() AS now, INTERVAL 1 DAY AS span, [1, 2] AS list, NULL AS nothing, 1.10::DECIMAL(5, 2) AS price",
    )

    result = await processes.run(task())

    names, values = rows_of(result.output)
    row = dict(zip(names, values, strict=True))
    assert row.pop("now").startswith("20")
    assert row == {
        "at": "2026-11-22 12:00:00",
        "clock": "true",
        "span": "1 day",
        "list": "[1, 2]",
        "nothing": "",
        "price": "1.10",
    }


async def test_result_file_has_all_rows(processes: Processes) -> None:
    """The logs have the first thousand."""
    processes.write("main.sql", "SELECT * FROM range(25000) AS numbers(n)")

    result = await processes.run(task())

    assert len(rows_of(result.output)) == 25001
    assert (result.output.logs or "").endswith("999\n… and 24000 more rows\n")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT * FROM nothing", "Catalog Error: Table with name nothing does not exist!"),
        ("SELEC 1", "Parser Error"),
        ("SELECT :nothing", "The SQL has a marker for the parameter 'nothing', which has no value in this run."),
    ],
)
async def test_wrong_sql_is_told(processes: Processes, text: str, error: str) -> None:
    """In the database's own words, with the statement that failed; what came before it is done."""
    processes.write("main.sql", f"CREATE OR REPLACE TABLE before AS SELECT 1 AS x;\n{text}")

    result = await processes.run(task())

    assert result.outcome.code == "RUN_EXECUTION_ERROR"
    assert (result.output.error or "").startswith(error)
    assert result.output.fields["sql_output"]["query_output"]["query_text"].endswith(text)


async def test_parallel_tasks_wait_for_the_database(processes: Processes) -> None:
    """DuckDB lets one process write: the others wait for it, and none fails."""
    processes.write("init.sql", "CREATE TABLE t (n INTEGER)")
    processes.write("main.sql", "INSERT INTO t SELECT :n; SELECT count(*) FROM range(3000000) a, range(5) b;")
    processes.write("sum.sql", "SELECT sum(n) AS total FROM t")
    await processes.run(task("/Workspace/init.sql"))

    results = await asyncio.gather(*(processes.run(task(n=str(n))) for n in range(1, 6)))

    assert [result.outcome.code for result in results] == ["SUCCESS"] * 5
    assert (await processes.run(task("/Workspace/sum.sql"))).output.logs == "total\n15\n"


async def test_missing_duckdb_names_the_extra(processes: Processes) -> None:
    """A task error, for the job is right: what is missing is missing here."""
    shadow = processes.write("lib/duckdb.py", "raise ImportError('not installed')\n").parent
    processes.write("main.sql", "SELECT 1")
    processes.runner._environment["PYTHONPATH"] = str(shadow)

    result = await processes.run(task())

    assert result.outcome.code == "RUN_EXECUTION_ERROR"
    assert 'pip install -e ".[sql]"' in (result.output.error or "")


async def test_rows_are_there_for_later_tasks(real: Workspace, tmp_path: Path) -> None:
    """A reference to the output of the last query gives its rows, as text: to conditions, loops and parameters."""
    (tmp_path / "notebooks" / "query.sql").write_text("SELECT 42 AS total, NULL AS gap UNION ALL SELECT 7, 'x'")
    notebook(tmp_path / "notebooks", "show", "dbutils.notebook.exit(dbutils.widgets.get('rows'))")
    query = {"task_key": "query", "sql_task": {"warehouse_id": "w1", "file": {"path": "/Workspace/query.sql"}}}
    wanted = {"left": "{{tasks.query.output.first_row.total}}", "op": "EQUAL_TO", "right": "42"}
    condition = {"task_key": "check", "condition_task": wanted, "depends_on": [{"task_key": "query"}]}
    each = {"inputs": "{{tasks.query.output.rows}}", "task": task_of("each", "{{input.total}}")}
    loop = {"task_key": "loop", "for_each_task": each, "depends_on": [{"task_key": "query"}]}
    show = {**task_of("show", "{{tasks.query.output.rows}}"), "depends_on": [{"task_key": "query"}]}

    ended = await real.ended(await real.run_now(await real.create(query, condition, loop, show)))

    outputs = await real.outputs(ended)
    tasks = {each["task_key"]: each for each in ended["tasks"]}
    assert ended["state"]["result_state"] == "SUCCESS", outputs
    assert tasks["check"]["condition_task"]["outcome"] == "true"
    assert tasks["loop"]["for_each_task"]["stats"]["task_run_stats"]["succeeded_iterations"] == 2
    rows = [{"total": "42", "gap": None}, {"total": "7", "gap": "x"}]
    assert json.loads(outputs["show"]["notebook_output"]["result"]) == rows


async def test_rows_for_later_tasks_are_bounded(processes: Processes) -> None:
    """As many whole rows as 48 KiB of JSON hold, as of task values: a table belongs into the file of results."""
    processes.write("main.sql", "SELECT repeat('é', 1000) AS text, range AS number FROM range(100000)")

    result = await processes.run(task())

    assert result.output.rows is not None
    assert [each["number"] for each in result.output.rows] == [str(number) for number in range(len(result.output.rows))]
    assert 20 < len(result.output.rows) < 48


def task_of(key: str, rows: str) -> Json:
    """Return a task with the notebook `show`, which leaves with what it is given."""
    return {
        "task_key": key,
        "notebook_task": {"notebook_path": "/Workspace/show", "base_parameters": {"rows": rows}},
    }
