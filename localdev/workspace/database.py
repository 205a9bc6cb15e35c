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

SCHEMA_VERSION = 1
FIRST_ID = 510_000_000_000_001  # as long as a real workspace's: a client that counts on 32 bits is found out

_SCHEMA = """
CREATE TABLE ids (next INTEGER NOT NULL);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    folded_name TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    settings TEXT NOT NULL,
    request TEXT NOT NULL,
    phase TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    admitted_at INTEGER,
    ended_at INTEGER,
    ending TEXT,
    outcome TEXT
);
CREATE INDEX runs_by_time ON runs (created_at DESC, id DESC);
CREATE INDEX runs_by_job ON runs (job_id, created_at DESC, id DESC);
CREATE INDEX active_runs ON runs (job_id, phase, id) WHERE phase <> 'ENDED';

CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    task_key TEXT NOT NULL,
    number INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    phase TEXT NOT NULL,
    due_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    ending TEXT,
    outcome TEXT
);
CREATE INDEX attempts_by_run ON attempts (run_id, id);
CREATE INDEX active_attempts ON attempts (phase, id) WHERE phase <> 'ENDED';

CREATE TABLE outputs (
    attempt_id INTEGER PRIMARY KEY REFERENCES attempts (id) ON DELETE CASCADE,
    document TEXT NOT NULL
);

-- A later table than the others: files of the same schema get it when they are opened.
CREATE TABLE IF NOT EXISTS repairs (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    before TEXT NOT NULL
);

-- A token outlives its run: a deleted run's token is an error and never a new run.
CREATE TABLE tokens (token TEXT PRIMARY KEY, run_id INTEGER NOT NULL) WITHOUT ROWID;
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Database:
    """The open file; everything on it happens in the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Database:
        """Open or create the file; raises WorkspaceNotStarted when another server uses it."""
        connection = sqlite3.connect(path, isolation_level=None, timeout=0)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            _prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise _unusable(path, error) from error
        return cls(connection)

    def close(self) -> None:
        """Close the file and free its lock."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen wholly or not at all."""
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


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN EXCLUSIVE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute("INSERT INTO ids (next) VALUES (?)", (FIRST_ID,))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif version == SCHEMA_VERSION:
        connection.execute(next(each for each in _SCHEMA.split(";\n") if "EXISTS repairs" in each))
    else:
        raise sqlite3.DatabaseError(f"it has schema {version}, and this version of Landfall knows {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _unusable(path: Path, error: sqlite3.Error) -> WorkspaceNotStarted:
    if "locked" in str(error):
        return WorkspaceNotStarted(
            f"Another local workspace uses the data folder {path.parent}.", hint="Stop it, or choose another folder."
        )
    return WorkspaceNotStarted(
        f"{path} cannot be used: {error}.", hint="Move it away to start with an empty workspace."
    )
