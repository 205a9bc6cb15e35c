"""`%sql` cells on DuckDB, in its dialect: https://duckdb.org/docs/stable/sql/introduction.

Each cell has the workspace's database at hand for as long as it runs, so that other tasks get their turn. What is
temporary (views, tables, settings) stays for the cells after it. The rows of a cell's last query are `_sqldf`, in
Python and in SQL: https://docs.databricks.com/aws/en/notebooks/notebooks-code#explore-sql-cell-results.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localdev.workspace.child import warehouse
from localdev.workspace.child.sql_markers import with_values

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation, Statement

_RESULT = "_sqldf"
_OLD_MARKER = re.compile(r"\$\{([^{}]+)\}")


class SqlResult:
    """The rows of a query: DuckDB's relation, with the names that notebooks know from Spark."""

    def __init__(self, relation: DuckDBPyRelation) -> None:
        self._relation = relation

    def toPandas(self) -> Any:  # noqa: N802 - Spark's name
        """Return the rows as a data frame of pandas."""
        return self._relation.df()

    def collect(self) -> list[Any]:
        """Return the rows."""
        return self._relation.fetchall()

    def count(self) -> int:
        """Return how many rows there are."""
        return len(self._relation)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._relation, name)

    def __str__(self) -> str:
        return str(self._relation)

    __repr__ = __str__


class SqlCells:
    """The SQL of one notebook."""

    def __init__(self, file: Path, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._connection: DuckDBPyConnection | None = None
        self._results = 0

    def run(self, text: str, parameters: Mapping[str, str]) -> SqlResult | None:
        """Execute the statements of a cell; return the rows of the last one, None when it is no query.

        Raises DuckDB's errors, SqlExtraMissing, WarehouseBusy, and TaskFailed for a marker without a value.
        """
        connection = self._opened()
        sql = with_values(_with_old_markers(text, parameters), parameters)
        result = None
        with warehouse.attached(connection, self._file, time.monotonic() + warehouse.PATIENCE):
            for statement in connection.extract_statements(sql):
                result = self._run_one(connection, statement)
        return result

    def _run_one(self, connection: DuckDBPyConnection, statement: Statement) -> SqlResult | None:
        if statement.type != warehouse.duckdb_module().StatementType.SELECT:
            connection.execute(statement)
            return None
        self._results += 1
        name = f"{_RESULT}_{self._results}"
        query = statement.query.strip().rstrip(";")
        connection.execute(f"CREATE TEMP TABLE {name} AS FROM ({query}\n)")
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {_RESULT} AS FROM {name}")
        return SqlResult(connection.table(name))

    def _opened(self) -> DuckDBPyConnection:
        if self._connection is None:
            self._connection = warehouse.duckdb_module().connect(config={"temp_directory": str(self._folder / "sql")})
        return self._connection


def _with_old_markers(text: str, parameters: Mapping[str, str]) -> str:
    """Return SQL with the values of widgets in place of `${name}`, as text and unquoted, as notebooks had it.

    https://docs.databricks.com/aws/en/notebooks/widgets
    """
    return _OLD_MARKER.sub(lambda marker: parameters.get(marker[1].strip(), marker[0]), text)
