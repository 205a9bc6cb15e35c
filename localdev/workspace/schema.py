"""The tables of the workspace's file, and how the file of an older version becomes one of this version."""

from __future__ import annotations

import json
import sqlite3

SCHEMA_VERSION = 2
FIRST_ID = 510_000_000_000_001  # as long as a real workspace's: a client that counts on 32 bits is found out

_TABLES = """
CREATE TABLE ids (next INTEGER NOT NULL);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    folded_name TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    hidden INTEGER NOT NULL DEFAULT 0, -- made for a run that has no job: its runs are seen, and it is not
    deleted INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    parent_id INTEGER, -- the attempt for which it runs
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
CREATE INDEX runs_by_parent ON runs (parent_id) WHERE parent_id IS NOT NULL;
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
    outcome TEXT,
    branch TEXT
);
CREATE INDEX attempts_by_run ON attempts (run_id, id);
CREATE INDEX active_attempts ON attempts (phase, id) WHERE phase <> 'ENDED';

CREATE TABLE outputs (
    attempt_id INTEGER PRIMARY KEY REFERENCES attempts (id) ON DELETE CASCADE,
    document TEXT NOT NULL
);

CREATE TABLE repairs (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    before TEXT NOT NULL
);

-- A token outlives its run: a deleted run's token is an error and never a new run.
CREATE TABLE tokens (token TEXT PRIMARY KEY, run_id INTEGER NOT NULL) WITHOUT ROWID;
"""

_REPAIRS = "CREATE TABLE IF NOT EXISTS repairs"
_SINCE_VERSION_1 = (
    "ALTER TABLE jobs ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE runs ADD COLUMN parent_id INTEGER",
    "ALTER TABLE attempts ADD COLUMN branch TEXT",
    "CREATE INDEX runs_by_parent ON runs (parent_id) WHERE parent_id IS NOT NULL",
)


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file, and bring an old one up to date; raises sqlite3.DatabaseError for a newer one."""
    connection.execute("BEGIN EXCLUSIVE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        for statement in _TABLES.split(";\n"):
            connection.execute(statement)
        connection.execute("INSERT INTO ids (next) VALUES (?)", (FIRST_ID,))
    elif version == 1:
        _upgrade(connection)
    elif version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"it has schema {version}, and this version of Landfall knows {SCHEMA_VERSION}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _upgrade(connection: sqlite3.Connection) -> None:
    """Change what version 2 has changed: more columns, and requests that keep task parameters in one place only."""
    repairs = next(each for each in _TABLES.split(";\n") if "CREATE TABLE repairs" in each)
    connection.execute(repairs.replace("CREATE TABLE repairs", _REPAIRS))
    for statement in _SINCE_VERSION_1:
        connection.execute(statement)
    for run_id, text in connection.execute("SELECT id, request FROM runs").fetchall():
        old = json.loads(text)
        new = {name: old[name] for name in ("job_id", "token", "job_parameters", "overriding", "queue")}
        new |= {"only": [], "run_type": "JOB_RUN", "trigger": {"type": "ONE_TIME", "time": None, "location": ""}}
        connection.execute("UPDATE runs SET request = ? WHERE id = ?", (json.dumps(new), run_id))
