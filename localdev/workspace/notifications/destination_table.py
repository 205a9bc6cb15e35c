"""The notification destinations that the workspace keeps.

Their urls and passwords are in the workspace's file as they are, since they have to be sent; the data folder is the
owner's alone.
"""

from __future__ import annotations

import json
import sqlite3

from localdev.workspace.notifications.destinations import Destination, DestinationType
from localdev.workspace.storage.database import Database
from shared.secret import Secret


class DestinationTable:
    """Destinations by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, destination: Destination) -> None:
        """Add a destination, or replace the one with its id."""
        self._database.change(
            """INSERT INTO destinations (id, document) VALUES (?, ?)
               ON CONFLICT (id) DO UPDATE SET document = excluded.document""",
            destination.id,
            _text(destination),
        )

    def get(self, destination_id: str) -> Destination | None:
        """Return a destination, None when it does not exist."""
        row = self._database.row("SELECT * FROM destinations WHERE id = ?", destination_id)
        return None if row is None else _destination(row)

    def exists(self, destination_id: str) -> bool:
        """Tell whether there is a destination of that id."""
        return self._database.row("SELECT 1 FROM destinations WHERE id = ?", destination_id) is not None

    def page(self, after: int, limit: int) -> list[tuple[int, Destination]]:
        """Return up to `limit` destinations after a place, the oldest first, each with its own place."""
        rows = self._database.rows("SELECT * FROM destinations WHERE place > ? ORDER BY place LIMIT ?", after, limit)
        return [(row["place"], _destination(row)) for row in rows]

    def delete(self, destination_id: str) -> None:
        """Delete a destination; safe to repeat."""
        self._database.change("DELETE FROM destinations WHERE id = ?", destination_id)


def _text(destination: Destination) -> str:
    return json.dumps(
        {
            "name": destination.name,
            "type": destination.type,
            "url": destination.url and destination.url.reveal(),
            "username": destination.username,
            "password": destination.password and destination.password.reveal(),
            "addresses": list(destination.addresses),
        }
    )


def _destination(row: sqlite3.Row) -> Destination:
    document = json.loads(row["document"])
    return Destination(
        id=row["id"],
        name=document["name"],
        type=DestinationType(document["type"]),
        url=None if document["url"] is None else Secret(document["url"]),
        username=document["username"],
        password=None if document["password"] is None else Secret(document["password"]),
        addresses=tuple(document["addresses"]),
    )
