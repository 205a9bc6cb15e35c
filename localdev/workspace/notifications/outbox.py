"""What has still to be delivered, written in the same transaction as the change that is its cause.

A delivery leaves when its receiver has taken it, and one that nobody took stays, marked as dead.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from datetime import datetime

from localdev.workspace.notifications import notice as notices
from localdev.workspace.notifications.happenings import Happening
from localdev.workspace.notifications.model import Channel, Receiver
from localdev.workspace.notifications.notice import Notice
from localdev.workspace.storage.database import Database, milliseconds, moment

MOST_DEAD = 1000  # the oldest make room


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One notice for one receiver."""

    id: str  # a UUID, the same however often it is tried
    receiver: Receiver
    notice: Notice
    tries: int  # that have failed


class Outbox:
    """Deliveries in the order of what they tell."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, happening: Happening, now: datetime) -> None:
        """Write down who is to be told of a happening; belongs into the transaction that makes it happen."""
        notice = notices.written(notices.notice_of(happening, now))
        for receiver in happening.receivers():
            self._database.change(
                "INSERT INTO deliveries (id, channel, address, notice, due_at) VALUES (?, ?, ?, ?, ?)",
                str(uuid.uuid4()),
                receiver.channel,
                receiver.address,
                notice,
                milliseconds(now),
            )

    def warned(self, subject_id: int) -> bool:
        """Note that a run or a task run takes too long; tell whether that was known already."""
        if self._database.row("SELECT 1 FROM duration_warnings WHERE subject_id = ?", subject_id) is not None:
            return True
        self._database.change("INSERT INTO duration_warnings (subject_id) VALUES (?)", subject_id)
        return False

    def due(self, now: datetime) -> list[Delivery]:
        """Return the first delivery that is due of each lane, see `Receiver.lane`."""
        rows = self._database.rows(
            """SELECT * FROM deliveries WHERE place IN (SELECT min(place) FROM deliveries
               WHERE NOT dead AND due_at <= ? GROUP BY iif(channel = 'email', '', address)) ORDER BY place""",
            milliseconds(now),
        )
        return [_delivery(row) for row in rows]

    def next_due(self, now: datetime) -> datetime | None:
        """Return when the next delivery that is not due yet will be."""
        row = self._database.row(
            "SELECT min(due_at) AS due_at FROM deliveries WHERE NOT dead AND due_at > ?", milliseconds(now)
        )
        return None if row is None or row["due_at"] is None else moment(row["due_at"])

    def delivered(self, delivery_id: str) -> None:
        """Forget a delivery that its receiver has taken."""
        self._database.change("DELETE FROM deliveries WHERE id = ?", delivery_id)

    def postpone(self, delivery_id: str, due_at: datetime, error: str) -> None:
        """Try a delivery once more, later."""
        self._database.change(
            "UPDATE deliveries SET tries = tries + 1, due_at = ?, error = ? WHERE id = ?",
            milliseconds(due_at),
            error,
            delivery_id,
        )

    def give_up(self, delivery_id: str, error: str) -> None:
        """Try a delivery no more."""
        self._database.change(
            "UPDATE deliveries SET dead = 1, tries = tries + 1, error = ? WHERE id = ?", error, delivery_id
        )
        self._database.change(
            """DELETE FROM deliveries WHERE dead AND place NOT IN
               (SELECT place FROM deliveries WHERE dead ORDER BY place DESC LIMIT ?)""",
            MOST_DEAD,
        )

    def dead(self) -> list[tuple[Delivery, str]]:
        """Return what nobody took, with the last error, the oldest first."""
        rows = self._database.rows("SELECT * FROM deliveries WHERE dead ORDER BY place")
        return [(_delivery(row), row["error"]) for row in rows]

    def waiting(self) -> list[Delivery]:
        """Return what has still to be delivered, the oldest first."""
        return [_delivery(row) for row in self._database.rows("SELECT * FROM deliveries WHERE NOT dead ORDER BY place")]


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        id=row["id"],
        receiver=Receiver(channel=Channel(row["channel"]), address=row["address"]),
        notice=notices.read(row["notice"]),
        tries=row["tries"],
    )
