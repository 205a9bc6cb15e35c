"""A file of an earlier version, opened by this one."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from localdev.workspace.flow import outcomes
from localdev.workspace.jobs import job_settings
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Phase
from localdev.workspace.scripted_runner import ScriptedRunner
from localdev.workspace.storage.database import milliseconds
from localdev.workspace.storage.store import FILE_NAME, Store
from localdev.workspace.tasks.notebook import NotebookWork
from tests.localdev.workspace.kit import START, StandingClock, job, task
from tests.localdev.workspace.test_scheduler import ended, scheduling

# As version 1 made them; later files of that version have `repairs` too.
VERSION_1 = """
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
CREATE TABLE tokens (token TEXT PRIMARY KEY, run_id INTEGER NOT NULL) WITHOUT ROWID;
"""
REPAIRS = """
CREATE TABLE repairs (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    before TEXT NOT NULL
);
"""
REQUEST = {
    "job_id": 1,
    "token": "t",
    "notebook_params": {"file_path": "a.csv"},
    "python_params": None,
    "job_parameters": {},
    "queue": True,
    "overriding": {"notebook_params": {"file_path": "a.csv"}},
}


def old_file(folder: Path, *, repairs: bool) -> None:
    """Write a file of version 1 with a job, and a run of which task a has ended and b has not."""
    connection = sqlite3.connect(folder / FILE_NAME)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(VERSION_1 + (REPAIRS if repairs else ""))
    document = json.dumps(job_settings.completed(job(task("a"), task("b", "a")), "2.2"))
    now = milliseconds(START)
    succeeded = json.dumps(
        {
            "life_cycle_state": "TERMINATED",
            "result_state": "SUCCESS",
            "code": "SUCCESS",
            "type": "SUCCESS",
            "message": "",
        }
    )
    output = {"result": "x", "result_truncated": False, "error": None, "error_trace": None}
    connection.execute("INSERT INTO ids VALUES (5)")
    connection.execute("INSERT INTO jobs VALUES (1, 'etl', ?, ?, 0)", (document, now))
    connection.execute(
        "INSERT INTO runs VALUES (2, 1, ?, ?, 'RUNNING', ?, ?, NULL, NULL, NULL)",
        (document, json.dumps(REQUEST), now, now),
    )
    connection.execute(
        "INSERT INTO attempts VALUES (3, 2, 'a', 0, 3, 'ENDED', NULL, ?, ?, NULL, ?)", (now, now, succeeded)
    )
    connection.execute("INSERT INTO attempts VALUES (4, 2, 'b', 0, 4, 'BLOCKED', NULL, NULL, NULL, NULL, NULL)")
    connection.execute(
        "INSERT INTO outputs VALUES (3, ?)", (json.dumps({**output, "logs": None, "logs_truncated": False}),)
    )
    connection.execute("INSERT INTO tokens VALUES ('t', 2)")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("repairs", [False, True])
async def test_run_of_an_old_file_goes_on(tmp_path: Path, clock: StandingClock, repairs: bool) -> None:  # noqa: FBT001 - a table's column
    """With its job, its parameters, its token and what its tasks left behind."""
    old_file(tmp_path, repairs=repairs)
    runner = ScriptedRunner()

    async with scheduling(tmp_path, runner, clock) as (_, store):
        run = await ended(store, 2)
        kept = (store.runs.run_id_of("t"), store.runs.output(3).result, store.runs.repairs(2), store.jobs.get(1))

    assert run.outcome == outcomes.SUCCEEDED
    assert run.request == RunRequest(
        job_id=1, token="t", queue=True, overriding={"notebook_params": {"file_path": "a.csv"}}
    )
    assert [each.launch.work for each in runner.started] == [
        NotebookWork(path="/Workspace/b", parameters={"file_path": "a.csv"})
    ]
    assert [attempt.phase for attempt in run.attempts] == [Phase.ENDED] * 2
    assert kept[:3] == (2, "x", [])
    assert kept[3] is not None
    assert kept[3].settings.name == "ETL"


@pytest.mark.parametrize("repairs", [False, True])
def test_old_file_becomes_like_a_new_one(tmp_path: Path, repairs: bool) -> None:  # noqa: FBT001 - a table's column
    """Every table, column and index, so that no statement works on one and fails on the other."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old_file(tmp_path / "old", repairs=repairs)

    shapes = [shape(tmp_path / name) for name in ("old", "new")]

    assert shapes[0] == shapes[1]


def shape(folder: Path) -> dict[str, Any]:
    """Open a file as the workspace does, and return its tables with their columns, and its indexes."""
    Store(folder).close()
    connection = sqlite3.connect(folder / FILE_NAME)
    found: dict[str, Any] = {"version": connection.execute("PRAGMA user_version").fetchone()}
    for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall():
        columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
        found[name] = sorted(tuple(each[1:]) for each in columns) if kind == "table" else re.sub(r"\s+", " ", str(sql))
    connection.close()
    return found
