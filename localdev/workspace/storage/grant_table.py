"""Who may do what with which job, and who made which job and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from localdev.workspace.access.access_level import Level
from localdev.workspace.access.identity import OWNER, Principal
from localdev.workspace.storage.database import Database


def held_by(principals: Sequence[Principal]) -> tuple[str, list[str]]:
    """Return the SQL that yields the ids of the jobs of which one of these holds a level, and its values."""
    places = ", ".join("(?, ?)" for _ in principals)
    values = [text for principal in principals for text in (principal.kind, principal.name)]
    return f"SELECT job_id FROM grants WHERE (kind, name) IN (VALUES {places})", values  # noqa: S608 - marks alone


class GrantTable:
    """Levels of permission by job and principal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, job_id: int) -> dict[Principal, Level]:
        """Return the levels that principals hold of a job; an older file's jobs belong to the workspace's owner."""
        rows = self._database.rows("SELECT * FROM grants WHERE job_id = ? ORDER BY rowid", job_id)
        found = {Principal(kind=row["kind"], name=row["name"]): Level(row["level"]) for row in rows}
        return found or {OWNER.principal: Level.IS_OWNER} if self._exists(job_id) else {}

    def replace(self, job_id: int, grants: Mapping[Principal, Level]) -> None:
        """Replace all that is held of a job; belongs into a transaction."""
        self._database.change("DELETE FROM grants WHERE job_id = ?", job_id)
        for principal, level in grants.items():
            self._database.change(
                "INSERT INTO grants (job_id, kind, name, level) VALUES (?, ?, ?, ?)",
                job_id,
                principal.kind,
                principal.name,
                int(level),
            )

    def _exists(self, job_id: int) -> bool:
        return self._database.row("SELECT 1 FROM jobs WHERE id = ? AND NOT deleted", job_id) is not None


class CreatorTable:
    """The names of those who made jobs and runs, by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, item_id: int, name: str) -> None:
        """Keep who made a job or a run; the owner is not written down."""
        if name != OWNER.name:
            self._database.change("INSERT OR IGNORE INTO creators (id, name) VALUES (?, ?)", item_id, name)

    def of(self, item_id: int) -> str:
        """Return who made a job or a run."""
        row = self._database.row("SELECT name FROM creators WHERE id = ?", item_id)
        return OWNER.name if row is None else str(row["name"])
