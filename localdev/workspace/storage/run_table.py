"""The runs that the workspace keeps, with their attempts, outputs and tokens."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from typing import Any, Literal

from localdev.workspace.access.identity import Principal
from localdev.workspace.model.job import JobSettings
from localdev.workspace.model.request import RunType
from localdev.workspace.model.run import Attempt, Phase, Repair, Run, TaskOutput
from localdev.workspace.storage import grant_table, run_rows
from localdev.workspace.storage.database import Database, milliseconds, moment

_SEEN = "job_id IN (SELECT id FROM jobs WHERE NOT deleted)"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFilter:
    """Which runs runs/list wants: `active` None means all; times are inclusive milliseconds."""

    job_id: int | None = None
    active: bool | None = None
    start_from: int | None = None
    start_to: int | None = None
    run_type: RunType | None = None
    held_by: tuple[Principal, ...] | None = None  # only runs of jobs of which one of these holds a permission


class RunTable:
    """Runs by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, run: Run) -> None:
        """Add a run, or replace it; what does not change is written once."""
        self._database.change(
            """INSERT INTO runs (id, job_id, parent_id, is_loop, settings, created_at, phase, admitted_at, ended_at,
               ending, outcome, request) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
               phase = excluded.phase, admitted_at = excluded.admitted_at, ended_at = excluded.ended_at,
               ending = excluded.ending, outcome = excluded.outcome, request = excluded.request""",
            run.id,
            run.job_id,
            run.parent_id,
            int(run.is_loop),
            json.dumps(run.settings.document),
            milliseconds(run.created_at),
            *run_rows.changing_values(run),
        )

    def save_change(self, run: Run) -> None:
        """Replace what changes of a run that is there: cheaper than `save`, which has to write its settings down."""
        self._database.change(
            """UPDATE runs SET phase = ?, admitted_at = ?, ended_at = ?, ending = ?, outcome = ?, request = ?
               WHERE id = ?""",
            *run_rows.changing_values(run),
            run.id,
        )

    def save_settings(self, run_id: int, settings: JobSettings) -> None:
        """Replace the settings of a run."""
        self._database.change("UPDATE runs SET settings = ? WHERE id = ?", json.dumps(settings.document), run_id)

    def save_attempts(self, run_id: int, attempts: list[Attempt]) -> None:
        """Add or replace attempts of a run."""
        for attempt in attempts:
            self._database.change(
                """INSERT INTO attempts (run_id, id, task_key, number, first_id, phase, due_at, started_at, ended_at,
                   ending, outcome, branch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
                   phase = excluded.phase, started_at = excluded.started_at, ended_at = excluded.ended_at,
                   ending = excluded.ending, outcome = excluded.outcome, branch = excluded.branch""",
                run_id,
                *run_rows.attempt_values(attempt),
            )

    def get(self, run_id: int) -> Run | None:
        """Return a run, None when it does not exist."""
        row = self._database.row("SELECT * FROM runs WHERE id = ?", run_id)
        return None if row is None else self._run(row)

    def of_attempt(self, attempt_id: int) -> Run | None:
        """Return the run that an attempt belongs to."""
        row = self._database.row("SELECT * FROM runs WHERE id = (SELECT run_id FROM attempts WHERE id = ?)", attempt_id)
        return None if row is None else self._run(row)

    def id_of_attempt(self, attempt_id: int) -> int | None:
        """Return the id of the run that an attempt belongs to."""
        row = self._database.row("SELECT run_id FROM attempts WHERE id = ?", attempt_id)
        return None if row is None else int(row["run_id"])

    def child_of(self, attempt_id: int) -> Run | None:
        """Return the run that runs for an attempt, the newest if there are several."""
        row = self._database.row("SELECT * FROM runs WHERE parent_id = ? ORDER BY id DESC LIMIT 1", attempt_id)
        return None if row is None else self._run(row)

    def get_seen(self, run_id: int) -> Run | None:
        """Return the run of that id or of the attempt of that id, unless its job is deleted."""
        row = self._database.row(
            f"SELECT * FROM runs WHERE {_SEEN} AND id IN (?, (SELECT run_id FROM attempts WHERE id = ?))",  # noqa: S608 - a constant of ours
            run_id,
            run_id,
        )
        return None if row is None else self._run(row)

    def page(self, wanted: RunFilter, before: tuple[int, int], limit: int) -> list[Run]:
        """Return up to `limit` runs older than (created_at, id) `before`, newest first, without runs of iterations."""
        conditions = [_SEEN, "is_loop = 0", "(created_at, id) < (?, ?)"]
        values: list[object] = [*before]
        for condition, value in (
            ("job_id = ?", wanted.job_id),
            ("created_at >= ?", wanted.start_from),
            ("created_at <= ?", wanted.start_to),
            ("json_extract(request, '$.run_type') = ?", wanted.run_type),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        if wanted.held_by is not None:
            held, names = grant_table.held_by(wanted.held_by)
            conditions.append(f"job_id IN ({held})")
            values += names
        if wanted.active is not None:
            conditions.append("phase <> 'ENDED'" if wanted.active else "phase = 'ENDED'")
        rows = self._database.rows(
            f"SELECT * FROM runs WHERE {' AND '.join(conditions)} ORDER BY created_at DESC, id DESC LIMIT ?",  # noqa: S608 - constants of ours
            *values,
            limit,
        )
        return [self._run(row) for row in rows]

    def delete(self, run_id: int) -> list[int]:
        """Delete a run with its attempts, their iterations and outputs; return the attempts' ids. Its token stays."""
        loops = "SELECT id FROM runs WHERE is_loop AND parent_id IN (SELECT id FROM attempts WHERE run_id = ?)"
        attempts = self._database.rows(
            f"SELECT id FROM attempts WHERE run_id = ? OR run_id IN ({loops})",  # noqa: S608 - constants of ours
            run_id,
            run_id,
        )
        self._database.change(f"DELETE FROM runs WHERE id = ? OR id IN ({loops})", run_id, run_id)  # noqa: S608 - constants of ours
        return [row["id"] for row in attempts]

    def active_ids(self, job_id: int | None = None) -> list[int]:
        """Return the ids of the runs, of one job or of all, that have not ended, oldest first."""
        rows = self._database.rows(
            "SELECT id FROM runs WHERE phase <> 'ENDED' AND (? IS NULL OR job_id = ?) ORDER BY id", job_id, job_id
        )
        return [row["id"] for row in rows]

    def admitted_count(self, job_id: int) -> int:
        """Return how many of the job's max_concurrent_runs are taken."""
        row = self._database.row(
            """SELECT count(*) AS n FROM runs
               WHERE job_id = ? AND is_loop = 0 AND phase <> 'ENDED' AND phase <> 'QUEUED'""",
            job_id,
        )
        return int(row["n"]) if row else 0

    def first_queued(self, job_id: int) -> Run | None:
        """Return the run of the job that has waited longest in the queue."""
        row = self._database.row(
            """SELECT * FROM runs WHERE job_id = ? AND is_loop = 0 AND phase <> 'ENDED' AND phase = 'QUEUED'
               ORDER BY id LIMIT 1""",
            job_id,
        )
        return None if row is None else self._run(row)

    def attempts_in(self, phase: Phase, limit: int = -1) -> list[tuple[int, int]]:
        """Return (run id, attempt id) of up to `limit` attempts in an active phase, oldest first."""
        rows = self._database.rows(
            "SELECT run_id, id FROM attempts WHERE phase = ? AND phase <> 'ENDED' ORDER BY id LIMIT ?", phase, limit
        )
        return [(row["run_id"], row["id"]) for row in rows]

    def save_output(self, attempt_id: int, output: TaskOutput) -> None:
        """Keep what a task left behind."""
        self._database.change(
            "INSERT OR REPLACE INTO outputs (attempt_id, document) VALUES (?, ?)",
            attempt_id,
            json.dumps(asdict(output)),
        )

    def output(self, attempt_id: int) -> TaskOutput:
        """Return what a task left behind; nothing as long as it runs."""
        row = self._database.row("SELECT document FROM outputs WHERE attempt_id = ?", attempt_id)
        return TaskOutput() if row is None else TaskOutput(**json.loads(row["document"]))

    def left_by_tasks(self, run: Run, name: Literal["values", "rows"]) -> dict[str, Any]:
        """Return what the newest attempts at a run's tasks have left in that field of their output, by task key."""
        rows = self._database.rows(
            """SELECT attempt_id, json_extract(document, '$.' || ?) AS found FROM outputs
               WHERE attempt_id IN (SELECT id FROM attempts WHERE run_id = ?) AND found <> '{}'""",
            name,
            run.id,
        )
        found = {row["attempt_id"]: json.loads(row["found"]) for row in rows}
        latest = run.latest_attempts().items()
        return {key: found[attempt.id] for key, attempt in latest if attempt.id in found}

    def add_repair(self, run_id: int, repair: Repair) -> None:
        """Remember a repair of a run."""
        self._database.change(
            "INSERT INTO repairs (id, run_id, created_at, before) VALUES (?, ?, ?, ?)",
            repair.id,
            run_id,
            milliseconds(repair.created_at),
            json.dumps(repair.before),
        )

    def repairs(self, run_id: int) -> list[Repair]:
        """Return the repairs of a run, the first at first."""
        rows = self._database.rows("SELECT * FROM repairs WHERE run_id = ? ORDER BY id", run_id)
        return [
            Repair(id=row["id"], created_at=moment(row["created_at"]), before=json.loads(row["before"])) for row in rows
        ]

    def add_token(self, token: str, run_id: int) -> None:
        """Remember which run a token started."""
        self._database.change("INSERT INTO tokens (token, run_id) VALUES (?, ?)", token, run_id)

    def run_id_of(self, token: str) -> int | None:
        """Return the id of the run that a token started, even if it was deleted."""
        row = self._database.row("SELECT run_id FROM tokens WHERE token = ?", token)
        return None if row is None else int(row["run_id"])

    def _run(self, row: sqlite3.Row) -> Run:
        attempts = self._database.rows(
            f"SELECT {', '.join(run_rows.ATTEMPT_COLUMNS)} FROM attempts WHERE run_id = ? ORDER BY id",  # noqa: S608 - constants of ours
            row["id"],
        )
        return run_rows.run_of(row, attempts)
