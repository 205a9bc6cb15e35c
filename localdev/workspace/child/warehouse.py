"""The one database behind the workspace's SQL: a DuckDB file, which `%sql` cells and SQL tasks share.

DuckDB lets one process write at a time (https://duckdb.org/docs/stable/connect/concurrency), so nobody keeps the file
open for longer than one statement or cell takes, and whoever finds it taken tries again until a deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PATIENCE = 60.0  # seconds that a cell or a statement waits for others to be done with the file
_PAUSES = (0.01, 0.02, 0.05, 0.1)  # seconds between two tries; the last one repeats
_CATALOG = "warehouse"
_Opened = TypeVar("_Opened")


class SqlExtraMissing(Exception):
    """SQL was asked for, and DuckDB is not installed where the workspace runs."""

    def __init__(self) -> None:
        super().__init__(
            "SQL runs on DuckDB, which is not installed here. "
            'Install the extra "sql" in the folder of Landfall: pip install -e ".[sql]".'
        )


class WarehouseBusy(Exception):
    """Other tasks kept the database for longer than this one was willing to wait."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"The database {file.name} is in use by another task (or by a duckdb shell) and was not free in time. "
            "DuckDB lets one process write at a time."
        )


def connect(file: Path, deadline: float) -> DuckDBPyConnection:
    """Open the database for reading and writing, made if it is not there; whoever calls closes it soon.

    `deadline` is a reading of time.monotonic() until which to wait for other processes to be done with it. Raises
    SqlExtraMissing and WarehouseBusy.
    """
    duckdb = duckdb_module()
    connection: DuckDBPyConnection = _once_free(lambda: duckdb.connect(str(file)), file, deadline)
    return connection


@contextmanager
def attached(connection: DuckDBPyConnection, file: Path, deadline: float) -> Iterator[None]:
    """Have the database at hand in a connection of one's own, as its default catalog, and let go of it again.

    What is temporary in the connection stays: that is how views of one cell are there in the next. Raises
    WarehouseBusy.
    """
    quoted = str(file).replace("'", "''")
    _once_free(lambda: connection.execute(f"ATTACH '{quoted}' AS {_CATALOG}"), file, deadline)
    try:
        connection.execute(f"USE {_CATALOG}")
        yield
    finally:
        _let_go(connection)


def duckdb_module() -> Any:
    """Return DuckDB; raises SqlExtraMissing."""
    try:
        import duckdb  # noqa: PLC0415 - an extra, and only SQL pays for loading it
    except ImportError:
        raise SqlExtraMissing from None
    return duckdb


def _let_go(connection: DuckDBPyConnection) -> None:
    """Give the file back, also when a statement has left its transaction open."""
    duckdb = duckdb_module()
    with suppress(duckdb.TransactionException):  # there was none open, as it should be
        connection.execute("ROLLBACK")
    connection.execute("USE memory")
    connection.execute(f"DETACH {_CATALOG}")


def _once_free(attempt: Callable[[], _Opened], file: Path, deadline: float) -> _Opened:
    pauses = iter(_PAUSES)
    pause = _PAUSES[0]
    while True:
        try:
            return attempt()
        except duckdb_module().IOException as error:
            if "lock" not in str(error):
                raise
            if time.monotonic() + pause > deadline:
                raise WarehouseBusy(file) from error
        time.sleep(pause)
        pause = next(pauses, pause)
