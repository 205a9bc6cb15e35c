"""What a version is compared with the newest known one of its path: new, older, or only touched. Pure.

A commit event with a new ETag is a new version. A listing shows an ETag and a time that also change when only
metadata is set, without any event; same size and same MD5 tell such a touch. Uploads in blocks have no MD5, so a
touch of one cannot be told from a new version: it runs, flagged, because losing a file is worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from shared.model import Arrival, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The newest known version of a path."""

    version: str
    committed_at: datetime
    size: int | None = None
    md5: str | None = None
    sequencer: str | None = None
    owner: str = ""  # the version that was to run for the path, where this one was only touched or ignored
    never_ran: bool = False  # that version was not there when it was to run, and nothing has run since; not stored
    etag: str = ""  # the row's ETag; "" before it is written

    @classmethod
    def of(cls, arrival: Arrival) -> Head:
        """Return the head that this arrival makes; it must have a version."""
        return cls(
            version=arrival.version or "",
            committed_at=arrival.committed_at,
            size=arrival.size,
            md5=arrival.md5,
            sequencer=arrival.sequencer,
        )


class Comparison(Enum):
    """What an arrival is beside its path's head."""

    NEW = auto()  # run it
    AMBIGUOUS = auto()  # perhaps only a touch, nobody can tell: run it and say so
    TOUCHED = auto()  # the same content under a new ETag
    OLDER = auto()  # a newer version has been claimed, and its run reads what is there now


# Event times and Last-Modified come from different clocks, the latter in whole seconds: closer than this, no order.
SAME_TIME = timedelta(seconds=5)


def compare(head: Head, arrival: Arrival) -> Comparison:
    """Compare an arrival of an unknown version with the head of its path; in doubt it is new, so that it runs.

    A sweep's arrival is never older: a listing shows what is there now. Nor is that of an event which told no version:
    its version is the one that is there, however old the event is.
    """
    if arrival.is_there:
        return Comparison.NEW
    if arrival.source is Source.EVENT:
        return Comparison.OLDER if _is_older(head, arrival) else Comparison.NEW
    if head.size is not None and head.size != arrival.size:
        return Comparison.NEW
    if head.md5 and arrival.md5:
        return Comparison.TOUCHED if head.md5 == arrival.md5 else Comparison.NEW
    return Comparison.AMBIGUOUS


def _is_older(head: Head, arrival: Arrival) -> bool:
    # Sequencers order events of one path, but only those of equal length compare as text:
    # https://learn.microsoft.com/azure/storage/blobs/storage-blob-event-overview
    if head.sequencer and arrival.sequencer and len(head.sequencer) == len(arrival.sequencer):
        return arrival.sequencer.lower() < head.sequencer.lower()
    return arrival.committed_at < head.committed_at - SAME_TIME
