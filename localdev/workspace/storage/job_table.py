"""The jobs that the workspace keeps."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence

from localdev.workspace.access.identity import Principal
from localdev.workspace.jobs import job_settings
from localdev.workspace.model.job import Job, JobSettings
from localdev.workspace.storage import grant_table
from localdev.workspace.storage.database import Database, milliseconds, moment


class JobTable:
    """Jobs by id; a deleted job is kept, unseen, for the runs that still end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[int], None]] = []

    def on_change(self, listener: Callable[[int], None]) -> None:
        """Have a listener told of every job that is added, changed or deleted, inside that transaction."""
        self._listeners.append(listener)

    def ids(self) -> list[int]:
        """Return the ids of all jobs that are seen."""
        return [row["id"] for row in self._database.rows("SELECT id FROM jobs WHERE NOT deleted AND NOT hidden")]

    def add(self, job: Job, *, hidden: bool = False) -> None:
        """Add a job; a hidden one is made for a run that has no job, and only its runs are seen."""
        self._database.change(
            "INSERT INTO jobs (id, folded_name, document, created_at, hidden) VALUES (?, ?, ?, ?, ?)",
            job.id,
            job.settings.name.casefold(),
            _text(job.settings),
            milliseconds(job.created_at),
            int(hidden),
        )
        self._tell(job.id)

    def save_settings(self, job_id: int, settings: JobSettings) -> None:
        """Replace a job's settings."""
        self._database.change(
            "UPDATE jobs SET folded_name = ?, document = ? WHERE id = ?",
            settings.name.casefold(),
            _text(settings),
            job_id,
        )
        self._tell(job_id)

    def delete(self, job_id: int) -> None:
        """Hide a job and its runs; safe to repeat."""
        self._database.change("UPDATE jobs SET deleted = 1 WHERE id = ?", job_id)
        self._tell(job_id)

    def get(self, job_id: int) -> Job | None:
        """Return a job, None when it does not exist or is deleted."""
        row = self._database.row("SELECT * FROM jobs WHERE id = ? AND NOT deleted", job_id)
        return None if row is None else _job(row)

    def get_seen(self, job_id: int) -> Job | None:
        """Return a job, None also for one that is hidden."""
        row = self._database.row("SELECT * FROM jobs WHERE id = ? AND NOT deleted AND NOT hidden", job_id)
        return None if row is None else _job(row)

    def page(
        self, *, name: str | None, before: int, limit: int, held_by: Sequence[Principal] | None = None
    ) -> list[Job]:
        """Return up to `limit` jobs with ids below `before`, newest first; a name matches whatever its case.

        `held_by` leaves the jobs of which one of these holds a permission.
        """
        condition, values = ("", []) if held_by is None else grant_table.held_by(held_by)
        rows = self._database.rows(
            f"""SELECT * FROM jobs WHERE NOT deleted AND NOT hidden AND id < ? AND (? IS NULL OR folded_name = ?)
               {f"AND id IN ({condition})" if condition else ""} ORDER BY id DESC LIMIT ?""",  # noqa: S608 - ours
            before,
            name,
            None if name is None else name.casefold(),
            *values,
            limit,
        )
        return [_job(row) for row in rows]

    def _tell(self, job_id: int) -> None:
        for listener in self._listeners:
            listener(job_id)


def _job(row: sqlite3.Row) -> Job:
    return Job(id=row["id"], settings=job_settings.read_text(row["document"]), created_at=moment(row["created_at"]))


def _text(settings: JobSettings) -> str:
    return json.dumps(settings.document)
