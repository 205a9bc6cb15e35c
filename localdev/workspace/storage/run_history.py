"""What the pages tell of past runs: few columns of many runs, without their tasks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from localdev.workspace.api.paging import FROM_THE_START
from localdev.workspace.model.run import Outcome, Phase
from localdev.workspace.storage.database import Database, milliseconds, moment

Place = tuple[int, int]  # where a page ends: (created_at in milliseconds, id)

_COLUMNS = "id, job_id, parent_id, phase, created_at, admitted_at, ended_at, outcome"
_SEEN = "job_id IN (SELECT id FROM jobs WHERE NOT deleted)"


@dataclass(frozen=True, kw_only=True, slots=True)
class PastRun:
    """A run as a line of a list; it may still be active."""

    id: int
    job_id: int
    name: str  # "" where the list is of one job
    parent_id: int | None
    phase: Phase
    created_at: datetime
    admitted_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None

    @property
    def place(self) -> Place:
        """Return its place in lists."""
        return milliseconds(self.created_at), self.id


class RunHistory:
    """Reads runs of jobs that are not deleted; those of iterations are found only through their task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_job(self, job_id: int, *, limit: int, before: Place = FROM_THE_START) -> list[PastRun]:
        """Return up to `limit` runs of a job older than (created_at in milliseconds, id) `before`, newest first."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS}, '' AS name FROM runs "  # noqa: S608 - constants of ours
            f"WHERE job_id = ? AND is_loop = 0 AND {_SEEN} AND (created_at, id) < (?, ?) "
            "ORDER BY created_at DESC, id DESC LIMIT ?",
            job_id,
            *before,
            limit,
        )
        return [_past_run(row) for row in rows]

    def latest(self, limit: int) -> list[PastRun]:
        """Return the newest runs of all jobs, with their names."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS}, json_extract(settings, '$.name') AS name FROM runs WHERE is_loop = 0 AND {_SEEN} "  # noqa: S608 - constants of ours
            "ORDER BY created_at DESC, id DESC LIMIT ?",
            limit,
        )
        return [_past_run(row) for row in rows]

    def started_by(self, attempt_ids: Collection[int], limit: int) -> list[PastRun]:
        """Return up to `limit` runs that attempts of another run started, oldest first."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS}, json_extract(settings, '$.name') AS name FROM runs "  # noqa: S608 - constants of ours
            f"WHERE parent_id IN (SELECT value FROM json_each(?)) AND {_SEEN} ORDER BY id LIMIT ?",
            json.dumps(sorted(attempt_ids)),
            limit,
        )
        return [_past_run(row) for row in rows]


def _past_run(row: sqlite3.Row) -> PastRun:
    return PastRun(
        id=row["id"],
        job_id=row["job_id"],
        name=row["name"] or "",
        parent_id=row["parent_id"],
        phase=Phase(row["phase"]),
        created_at=moment(row["created_at"]),
        admitted_at=None if row["admitted_at"] is None else moment(row["admitted_at"]),
        ended_at=None if row["ended_at"] is None else moment(row["ended_at"]),
        outcome=None if row["outcome"] is None else Outcome(**json.loads(row["outcome"])),
    )
