"""What is remembered of triggers: when they are due, and which files they have seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from localdev.workspace.storage.database import Database, milliseconds_or_none, moment_or_none


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerState:
    """How far a job's trigger has come."""

    job_id: int
    key: str  # what it goes by, see model.py
    due_at: datetime | None = None  # when it does something next
    fired_at: datetime | None = None  # when it last started a run
    arrived_at: datetime | None = None  # (files) when the newest file was seen for which no run has started
    has_looked: bool = False  # (files) whether what lies there was taken down once
    failures: int = 0  # (continuous) of the newest runs, one after the other

    def evolve(self, **changes: Any) -> TriggerState:
        """Return a copy with the changes applied."""
        return replace(self, **changes)


class TriggerTable:
    """The states of triggers, by job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, job_id: int) -> TriggerState | None:
        """Return the state of a job's trigger, None when it has none yet."""
        row = self._database.row("SELECT * FROM triggers WHERE job_id = ?", job_id)
        if row is None:
            return None
        return TriggerState(
            job_id=job_id,
            key=row["key"],
            due_at=moment_or_none(row["due_at"]),
            fired_at=moment_or_none(row["fired_at"]),
            arrived_at=moment_or_none(row["arrived_at"]),
            has_looked=bool(row["has_looked"]),
            failures=row["failures"],
        )

    def save(self, state: TriggerState) -> None:
        """Save a state."""
        self._database.change(
            """INSERT INTO triggers (job_id, key, due_at, fired_at, arrived_at, has_looked, failures)
               VALUES (?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (job_id) DO UPDATE SET key = excluded.key, due_at = excluded.due_at,
               fired_at = excluded.fired_at, arrived_at = excluded.arrived_at, has_looked = excluded.has_looked,
               failures = excluded.failures""",
            state.job_id,
            state.key,
            milliseconds_or_none(state.due_at),
            milliseconds_or_none(state.fired_at),
            milliseconds_or_none(state.arrived_at),
            int(state.has_looked),
            state.failures,
        )

    def forget(self, job_id: int) -> None:
        """Forget a job's trigger and the files that it has seen; safe to repeat."""
        self._database.change("DELETE FROM triggers WHERE job_id = ?", job_id)

    def seen(self, job_id: int) -> frozenset[str]:
        """Return the names of the files that the last look found."""
        rows = self._database.rows("SELECT name FROM seen_files WHERE job_id = ?", job_id)
        return frozenset(_name(row["name"]) for row in rows)

    def change_seen(self, job_id: int, *, came: Iterable[str], gone: Iterable[str]) -> None:
        """Add and remove names."""
        for name in gone:
            self._database.change("DELETE FROM seen_files WHERE job_id = ? AND name = ?", job_id, _bytes(name))
        for name in came:
            self._database.change("INSERT INTO seen_files (job_id, name) VALUES (?, ?)", job_id, _bytes(name))


def _bytes(name: str) -> bytes:
    """Return a name as it is kept: Linux lets a file's name be no text at all (PEP 383)."""
    return name.encode("utf-8", "surrogateescape")


def _name(kept: bytes) -> str:
    return kept.decode("utf-8", "surrogateescape")
