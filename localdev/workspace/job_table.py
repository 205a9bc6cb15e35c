"""The jobs that the workspace keeps."""

from __future__ import annotations

import json
import sqlite3

from localdev.workspace import job_settings
from localdev.workspace.database import Database, milliseconds, moment
from localdev.workspace.model import Job, JobSettings


class JobTable:
    """Jobs by id; a deleted job is kept, unseen, for the runs that still end."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job: Job) -> None:
        """Add a job."""
        self._database.change(
            "INSERT INTO jobs (id, folded_name, document, created_at) VALUES (?, ?, ?, ?)",
            job.id,
            job.settings.name.casefold(),
            _text(job.settings),
            milliseconds(job.created_at),
        )

    def save_settings(self, job_id: int, settings: JobSettings) -> None:
        """Replace a job's settings."""
        self._database.change(
            "UPDATE jobs SET folded_name = ?, document = ? WHERE id = ?",
            settings.name.casefold(),
            _text(settings),
            job_id,
        )

    def delete(self, job_id: int) -> None:
        """Hide a job and its runs; safe to repeat."""
        self._database.change("UPDATE jobs SET deleted = 1 WHERE id = ?", job_id)

    def get(self, job_id: int) -> Job | None:
        """Return a job, None when it does not exist or is deleted."""
        row = self._database.row("SELECT * FROM jobs WHERE id = ? AND NOT deleted", job_id)
        return None if row is None else _job(row)

    def page(self, *, name: str | None, before: int, limit: int) -> list[Job]:
        """Return up to `limit` jobs with ids below `before`, newest first; a name matches whatever its case."""
        rows = self._database.rows(
            """SELECT * FROM jobs WHERE NOT deleted AND id < ? AND (? IS NULL OR folded_name = ?)
               ORDER BY id DESC LIMIT ?""",
            before,
            name,
            None if name is None else name.casefold(),
            limit,
        )
        return [_job(row) for row in rows]


def _job(row: sqlite3.Row) -> Job:
    return Job(id=row["id"], settings=job_settings.read_text(row["document"]), created_at=moment(row["created_at"]))


def _text(settings: JobSettings) -> str:
    return json.dumps(settings.document)
