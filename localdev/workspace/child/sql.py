"""Runs the statements of a SQL task on the workspace's database, one after the other, as one piece of work."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localdev.workspace.child import warehouse
from localdev.workspace.child.failure import TaskFailed
from localdev.workspace.child.sql_markers import with_values

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

LONGEST_WAIT = 600.0  # seconds for other tasks to be done with the database; this one keeps it until its end
SHOWN_ROWS = 1000  # in the logs; the file of results has all
LARGEST_REFERENCE = 48 * 1024  # bytes of JSON, as of task values
_ROWS_AT_ONCE = 10_000


def run(instructions: Mapping[str, Any], report: dict[str, Any]) -> None:
    """Run the statements; raises TaskFailed with DuckDB's words at the first that fails."""
    text = Path(instructions["file"]).read_text(encoding="utf-8-sig")
    keys: list[dict[str, str]] = []
    output = {"query_text": text, "warehouse_id": instructions["warehouse_id"], "sql_statements": keys}
    report["fields"] = {"sql_output": {"query_output": output}}
    sql = with_values(text, instructions["parameters"])
    try:
        connection = warehouse.connect(Path(instructions["folders"]["warehouse"]), time.monotonic() + LONGEST_WAIT)
    except (warehouse.SqlExtraMissing, warehouse.WarehouseBusy) as error:
        raise TaskFailed(str(error)) from error
    with connection:
        for number, statement in enumerate(_statements(connection, sql), start=1):
            keys.append({"lookup_key": f"{instructions['lookup_key']}-{number}"})
            rows = _execute(connection, statement, Path(instructions["results"]))
            if rows is not None:
                output["output_link"] = Path(instructions["results"]).as_uri()
                report["rows"] = rows


def _statements(connection: DuckDBPyConnection, sql: str) -> list[Any]:
    try:
        return list(connection.extract_statements(sql))
    except warehouse.duckdb_module().Error as error:
        raise TaskFailed(str(error)) from None


def _execute(connection: DuckDBPyConnection, statement: Any, results: Path) -> list[dict[str, Any]] | None:
    """Execute a statement; of a query print the first rows, write all into the file, and return those to refer to."""
    duckdb = warehouse.duckdb_module()
    try:
        if statement.type != duckdb.StatementType.SELECT:
            connection.execute(statement)
            return None
        # As text, as the API gives cells; DuckDB's own values for times with zones would need another package.
        rows = connection.sql(statement).project("CAST(COLUMNS(*) AS VARCHAR)")
        with results.open("w", encoding="utf-8", newline="") as file:
            return _write_rows(rows, csv.writer(file))
    except duckdb.Error as error:
        raise TaskFailed(str(error), trace=statement.query.strip()) from None


def _write_rows(query: DuckDBPyRelation, file: Any) -> list[dict[str, Any]]:
    first: list[dict[str, Any]] = []
    shown = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    file.writerow(query.columns)
    shown.writerow(query.columns)
    count = 0
    while rows := query.fetchmany(_ROWS_AT_ONCE):
        file.writerows(rows)
        shown.writerows(rows[: max(0, SHOWN_ROWS - count)])
        first = first or _fitting([dict(zip(query.columns, row, strict=True)) for row in rows[:SHOWN_ROWS]])
        count += len(rows)
    if count > SHOWN_ROWS:
        sys.stdout.write(f"… and {count - SHOWN_ROWS} more rows\n")
    return first


def _fitting(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first rows, as many as `{{tasks.x.output.rows}}` may hold."""
    sizes = accumulate(len(json.dumps(row, ensure_ascii=False).encode()) + 2 for row in rows)
    return [row for row, size in zip(rows, sizes, strict=True) if size <= LARGEST_REFERENCE]
