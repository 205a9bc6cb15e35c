"""The SQLite file in the data folder: one connection, one writer, crash-safe.

WAL with synchronous=NORMAL keeps every committed transaction when the process dies at any moment; only a power cut may
take the last ones back (https://www.sqlite.org/pragma.html#pragma_synchronous). The file is locked as long as the
server lives, so that two servers cannot start the same run; the system frees the lock of a killed one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.storage import schema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Database:
    """The open file; everything on it happens in the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Database:
        """Open or create the file, its owner's alone; raises WorkspaceNotStarted when another server uses it."""
        _make_private(path)
        connection = sqlite3.connect(path, isolation_level=None, timeout=0)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            schema.prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise _unusable(path, error) from error
        return cls(connection)

    def close(self) -> None:
        """Close the file and free its lock."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen wholly or not at all; inside another one it is a part of that."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return the rows that a statement yields."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        """Return the first row that a statement yields."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def change(self, sql: str, *values: object) -> None:
        """Execute a statement that changes something."""
        self._connection.execute(sql, values)

    def new_id(self) -> int:
        """Return an id that no job, run or attempt has had."""
        return int(self._connection.execute("UPDATE ids SET next = next + 1 RETURNING next - 1").fetchall()[0][0])


def milliseconds(moment: datetime) -> int:
    """Return a moment as the API writes it: milliseconds since 1970, UTC."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment(milliseconds: int) -> datetime:
    """Return the aware UTC datetime of an API's milliseconds."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds_or_none(moment: datetime | None) -> int | None:
    """Return what is kept of a moment that may be still to come."""
    return None if moment is None else milliseconds(moment)


def moment_or_none(milliseconds: int | None) -> datetime | None:
    """Return a moment as it was kept, None when there was none."""
    return None if milliseconds is None else moment(milliseconds)


def _make_private(path: Path) -> None:
    """Keep others out of the file, in which the urls and passwords of destinations are; SQLite's own follow it."""
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
    except OSError as error:
        raise WorkspaceNotStarted(f"{path} cannot be used: {error.strerror}.") from error


def _unusable(path: Path, error: sqlite3.Error) -> WorkspaceNotStarted:
    if "locked" in str(error):
        return WorkspaceNotStarted(
            f"Another local workspace uses the data folder {path.parent}.", hint="Stop it, or choose another folder."
        )
    return WorkspaceNotStarted(
        f"{path} cannot be used: {error}.", hint="Move it away to start with an empty workspace."
    )
