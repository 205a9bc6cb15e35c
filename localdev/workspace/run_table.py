"""The runs that the workspace keeps, with their attempts, outputs and tokens."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from localdev.workspace import job_settings
from localdev.workspace.database import Database, milliseconds, moment
from localdev.workspace.model import (
    Attempt,
    Ending,
    Outcome,
    Phase,
    Repair,
    Run,
    RunRequest,
    RunType,
    TaskOutput,
    Trigger,
    TriggerType,
)

_SEEN = "job_id IN (SELECT id FROM jobs WHERE NOT deleted)"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFilter:
    """Which runs runs/list wants: `active` None means all; times are inclusive milliseconds."""

    job_id: int | None = None
    active: bool | None = None
    start_from: int | None = None
    start_to: int | None = None


class RunTable:
    """Runs by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, run: Run) -> None:
        """Add a run, or replace it with its attempts; what does not change is written once."""
        self._database.change(
            """INSERT INTO runs (id, job_id, parent_id, settings, request, created_at, phase, admitted_at, ended_at,
               ending, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
               phase = excluded.phase, admitted_at = excluded.admitted_at, ended_at = excluded.ended_at,
               ending = excluded.ending, outcome = excluded.outcome, request = excluded.request""",
            run.id,
            run.job_id,
            run.parent_id,
            json.dumps(run.settings.document),
            _request_text(run.request),
            milliseconds(run.created_at),
            run.phase,
            *_end_of(run),
        )

    def save_attempts(self, run_id: int, attempts: list[Attempt]) -> None:
        """Add or replace attempts of a run."""
        for attempt in attempts:
            self._database.change(
                """INSERT INTO attempts (id, run_id, task_key, number, first_id, phase, due_at, started_at, ended_at,
                   ending, outcome, branch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
                   phase = excluded.phase, started_at = excluded.started_at, ended_at = excluded.ended_at,
                   ending = excluded.ending, outcome = excluded.outcome, branch = excluded.branch""",
                attempt.id,
                run_id,
                attempt.task_key,
                attempt.number,
                attempt.first_id,
                attempt.phase,
                _maybe_milliseconds(attempt.due_at),
                _maybe_milliseconds(attempt.started_at),
                _maybe_milliseconds(attempt.ended_at),
                attempt.ending,
                _outcome_text(attempt.outcome),
                attempt.branch,
            )

    def get(self, run_id: int) -> Run | None:
        """Return a run, None when it does not exist."""
        row = self._database.row("SELECT * FROM runs WHERE id = ?", run_id)
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
        """Return up to `limit` runs older than (created_at, id) `before`, newest first."""
        conditions = [_SEEN, "(created_at, id) < (?, ?)"]
        values: list[object] = [*before]
        for condition, value in (
            ("job_id = ?", wanted.job_id),
            ("created_at >= ?", wanted.start_from),
            ("created_at <= ?", wanted.start_to),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        if wanted.active is not None:
            conditions.append("phase <> 'ENDED'" if wanted.active else "phase = 'ENDED'")
        rows = self._database.rows(
            f"SELECT * FROM runs WHERE {' AND '.join(conditions)} ORDER BY created_at DESC, id DESC LIMIT ?",  # noqa: S608 - constants of ours
            *values,
            limit,
        )
        return [self._run(row) for row in rows]

    def delete(self, run_id: int) -> None:
        """Delete a run with its attempts and outputs; its token stays."""
        self._database.change("DELETE FROM runs WHERE id = ?", run_id)

    def active_ids(self, job_id: int | None = None) -> list[int]:
        """Return the ids of the runs, of one job or of all, that have not ended, oldest first."""
        rows = self._database.rows(
            "SELECT id FROM runs WHERE phase <> 'ENDED' AND (? IS NULL OR job_id = ?) ORDER BY id", job_id, job_id
        )
        return [row["id"] for row in rows]

    def admitted_count(self, job_id: int) -> int:
        """Return how many of the job's max_concurrent_runs are taken."""
        row = self._database.row(
            "SELECT count(*) AS n FROM runs WHERE job_id = ? AND phase <> 'ENDED' AND phase <> 'QUEUED'", job_id
        )
        return int(row["n"]) if row else 0

    def first_queued(self, job_id: int) -> Run | None:
        """Return the run of the job that has waited longest in the queue."""
        row = self._database.row(
            "SELECT * FROM runs WHERE job_id = ? AND phase <> 'ENDED' AND phase = 'QUEUED' ORDER BY id LIMIT 1", job_id
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

    def task_values(self, run: Run) -> dict[str, Mapping[str, Any]]:
        """Return what the newest attempts at a run's tasks have set with dbutils.jobs.taskValues, by task key."""
        found = {key: self.output(attempt.id).values for key, attempt in run.latest_attempts().items()}
        return {key: values for key, values in found.items() if values}

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
        attempts = self._database.rows("SELECT * FROM attempts WHERE run_id = ? ORDER BY id", row["id"])
        return Run(
            id=row["id"],
            job_id=row["job_id"],
            settings=job_settings.read_text(row["settings"]),
            request=_request(json.loads(row["request"])),
            phase=Phase(row["phase"]),
            created_at=moment(row["created_at"]),
            admitted_at=_maybe_moment(row["admitted_at"]),
            parent_id=row["parent_id"],
            attempts=tuple(_attempt(each) for each in attempts),
            **_read_end(row),
        )


def _attempt(row: sqlite3.Row) -> Attempt:
    return Attempt(
        id=row["id"],
        task_key=row["task_key"],
        number=row["number"],
        first_id=row["first_id"],
        phase=Phase(row["phase"]),
        due_at=_maybe_moment(row["due_at"]),
        started_at=_maybe_moment(row["started_at"]),
        branch=row["branch"],
        **_read_end(row),
    )


def _end_of(run: Run) -> tuple[object, ...]:
    return (
        _maybe_milliseconds(run.admitted_at),
        _maybe_milliseconds(run.ended_at),
        run.ending,
        _outcome_text(run.outcome),
    )


def _read_end(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "ended_at": _maybe_moment(row["ended_at"]),
        "ending": None if row["ending"] is None else Ending(row["ending"]),
        "outcome": None if row["outcome"] is None else Outcome(**json.loads(row["outcome"])),
    }


def _request_text(request: RunRequest) -> str:
    document = asdict(request)
    document["trigger"]["time"] = _maybe_milliseconds(request.trigger.time)
    return json.dumps(document)


def _request(document: dict[str, Any]) -> RunRequest:
    trigger = document.pop("trigger")
    return RunRequest(
        **{**document, "only": tuple(document["only"]), "run_type": RunType(document["run_type"])},
        trigger=Trigger(
            type=TriggerType(trigger["type"]), time=_maybe_moment(trigger["time"]), location=trigger["location"]
        ),
    )


def _outcome_text(outcome: Outcome | None) -> str | None:
    return None if outcome is None else json.dumps(asdict(outcome))


def _maybe_milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def _maybe_moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else moment(milliseconds)
