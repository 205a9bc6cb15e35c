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
    is_loop INTEGER NOT NULL DEFAULT 0, -- its tasks are the iterations of a for-each task
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
CREATE INDEX active_runs ON runs (job_id, is_loop, phase, id) WHERE phase <> 'ENDED';

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

CREATE TABLE grants (
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    level INTEGER NOT NULL,
    UNIQUE (job_id, kind, name)
);

-- Who made a job or a run, where that is not the workspace's owner.
CREATE TABLE creators (id INTEGER PRIMARY KEY, name TEXT NOT NULL);

CREATE TABLE destinations (
    place INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of lists, which nothing moves
    id TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL
);

CREATE TABLE deliveries (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    notice TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX waiting_deliveries ON deliveries (channel, address, due_at) WHERE NOT dead;

-- Of which runs and attempts it has been told that they take too long.
CREATE TABLE duration_warnings (subject_id INTEGER PRIMARY KEY);

-- How far what starts a job's runs by itself has come.
CREATE TABLE triggers (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id),
    key TEXT NOT NULL, -- what it goes by: with another key it begins anew
    due_at INTEGER,
    fired_at INTEGER,
    arrived_at INTEGER, -- (files) when the newest file came for which no run has started
    has_looked INTEGER NOT NULL,
    failures INTEGER NOT NULL
);

CREATE TABLE seen_files (
    job_id INTEGER NOT NULL REFERENCES triggers (job_id) ON DELETE CASCADE,
    name BLOB NOT NULL,
    PRIMARY KEY (job_id, name)
) WITHOUT ROWID;

-- A token outlives its run: a deleted run's token is an error and never a new run.
CREATE TABLE tokens (token TEXT PRIMARY KEY, run_id INTEGER NOT NULL) WITHOUT ROWID;
"""

_REPAIRS = "CREATE TABLE IF NOT EXISTS repairs"
_NEW_TABLES = ("grants", "creators", "destinations", "deliveries", "duration_warnings", "triggers", "seen_files")
_SINCE_VERSION_1 = (
    "ALTER TABLE jobs ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE runs ADD COLUMN parent_id INTEGER",
    "ALTER TABLE runs ADD COLUMN is_loop INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE attempts ADD COLUMN branch TEXT",
    "CREATE INDEX runs_by_parent ON runs (parent_id) WHERE parent_id IS NOT NULL",
    "DROP INDEX active_runs",
    "CREATE INDEX active_runs ON runs (job_id, is_loop, phase, id) WHERE phase <> 'ENDED'",
    "CREATE INDEX waiting_deliveries ON deliveries (channel, address, due_at) WHERE NOT dead",
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
    for name in _NEW_TABLES:
        connection.execute(next(each for each in _TABLES.split(";\n") if f"CREATE TABLE {name} " in each))
    for statement in _SINCE_VERSION_1:
        connection.execute(statement)
    for run_id, text in connection.execute("SELECT id, request FROM runs").fetchall():
        old = json.loads(text)
        new = {name: old[name] for name in ("job_id", "token", "job_parameters", "overriding", "queue")}
        new |= {"only": [], "run_type": "JOB_RUN", "trigger": {"type": "ONE_TIME", "time": None, "location": ""}}
        connection.execute("UPDATE runs SET request = ? WHERE id = ?", (json.dumps(new), run_id))
