"""Event Grid payload -> Arrival. Pure, total: each event becomes an Arrival, a SubtreeMoved or an Ignored.

Both schemas are read (Event Grid and CloudEvents 1.0), one object or an array. The container and the name come
from `subject`, verbatim: `data.url` is unreliable for odd names
(https://github.com/Azure/azure-sdk-for-net/issues/23634) and a name may literally hold `%20`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from shared.containers import is_possible, is_system_container
from shared.model import Arrival, Source, normalised_etag

CREATED = "Microsoft.Storage.BlobCreated"
RENAMED = "Microsoft.Storage.BlobRenamed"
DIRECTORY_RENAMED = "Microsoft.Storage.DirectoryRenamed"

# These two announce an empty file that is still being written; its commit (FlushWithClose, SftpCommit) follows.
# A deny-list, because an allow-list would silently drop the files of every operation that Azure adds.
UNCOMMITTED_APIS = frozenset({"CreateFile", "SftpCreate"})

# The most that one delivery holds: https://learn.microsoft.com/azure/event-grid/delivery-and-retry#output-batching
# A body of a few megabytes would have room for a million lines of log.
MOST_EVENTS = 5_000
LONGEST_NAME = 2048  # Blob Storage allows 1,024 characters; twice that is not a blob but an attack on the ledger
LONGEST_ETAG = 128
LONGEST_TEXT = 1024  # of what else an event tells; a row of the ledger must hold it
# No event is older than Event Grid. A time at the edge of the calendar would overflow where margins are taken off.
EARLIEST = datetime(2017, 1, 1, tzinfo=UTC)
_DAMAGED = "the name was damaged on its way (U+FFFD or half a surrogate pair): left to the sweep"
# Renamed files keep their times, so that a sweep takes them for old ones.
_DAMAGED_DIRECTORY = f"{_DAMAGED.partition(':')[0]}: ask for a backfill below the directory"
_SUBJECT = re.compile(r"/?blobServices/default/containers/([^/]+)/blobs/(.+)", re.DOTALL)
_ACCOUNT = re.compile(r"/storageAccounts/([^/]+)$", re.IGNORECASE)
_STORAGE_HOST = re.compile(r"([^.]+)\.(?:blob|dfs)\.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ignored:
    """An event that starts nothing, and why."""

    reason: str
    event_type: str = ""
    subject: str = ""
    event_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubtreeMoved:
    """A directory got its name: all files below it have arrived, and no event tells of any of them.

    They keep their ETags and times, so that they look as old as they are; hence they are listed by their prefix.
    """

    account: str  # "" when none is named
    container: str
    prefix: str  # the directory's new name, verbatim, with the `/` that ends it
    moved_at: datetime
    event_id: str

    @property
    def full_path(self) -> str:
        """Return `container/prefix`."""
        return f"{self.container}/{self.prefix}"


def read_events(body: str, received_at: datetime) -> Iterator[Arrival | SubtreeMoved | Ignored]:
    """Yield what each event of a body says, in order. Never raises for what the body holds.

    `received_at` (aware UTC) stands in for an event time that is missing, unreadable, impossible or in the future.
    """
    try:
        payload = json.loads(body.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        yield Ignored(reason=f"the body is not JSON: {type(error).__name__}: {error}")
        return
    events = payload if isinstance(payload, list) else [payload]
    for event in events[:MOST_EVENTS]:
        if isinstance(event, dict):
            yield subtree_from(event, received_at) or arrival_from(event, received_at)
        else:
            yield Ignored(reason=f"an event must be a JSON object, this is a {type(event).__name__}")
    if len(events) > MOST_EVENTS:
        reason = f"the body holds {len(events)} events, and a delivery has at most {MOST_EVENTS}: the rest is not read"
        yield Ignored(reason=f"{reason}, and left to the sweep")


def arrival_from(event: Mapping[str, Any], received_at: datetime) -> Arrival | Ignored:
    """Return the arrival that one event announces, or why there is none. `account` is "" when none is named."""
    event_type = _text(event, "eventType") or _text(event, "type")
    subject = _text(event, "subject")
    data = event.get("data")
    reason = _reason_to_ignore(event_type, subject, data)
    if reason or not isinstance(data, dict):
        return Ignored(reason=reason, event_type=event_type, subject=subject, event_id=_text(event, "id"))
    container, path = _place(subject)
    etag = normalised_etag(_kept(data, "eTag") or _kept(data, "etag"))
    return Arrival(
        account=_account(event, data),
        container=container,
        path=path,
        version=etag if 0 < len(etag) <= LONGEST_ETAG else None,
        committed_at=_time(_text(event, "eventTime") or _text(event, "time"), received_at),
        source=Source.EVENT,
        size=_size(data.get("contentLength")),
        content_type=_kept(data, "contentType") or None,
        blob_type=_kept(data, "blobType") or None,
        api=_kept(data, "api") or None,
        event_id=_kept(event, "id") or None,
        event_type=event_type,
        sequencer=_kept(data, "sequencer") or None,
    )


def subtree_from(event: Mapping[str, Any], received_at: datetime) -> SubtreeMoved | Ignored | None:
    """Return what one event about a renamed directory says; None for every other event.

    Its subject is the new name, as is a renamed file's. SFTP calls both operations `SftpRename`, so that only the
    type of the event tells them apart: https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
    """
    event_type = _text(event, "eventType") or _text(event, "type")
    if event_type != DIRECTORY_RENAMED:
        return None
    subject, event_id, data = _text(event, "subject"), _text(event, "id"), event.get("data")
    container, path = _place(subject)
    reason = _reason_to_refuse(container, path)
    if reason == _DAMAGED:
        reason = _DAMAGED_DIRECTORY
    if reason:
        return Ignored(reason=reason, event_type=event_type, subject=subject, event_id=event_id)
    return SubtreeMoved(
        account=_account(event, data if isinstance(data, dict) else {}),
        container=container,
        prefix=path if path.endswith("/") else f"{path}/",
        moved_at=_time(_text(event, "eventTime") or _text(event, "time"), received_at),
        event_id=event_id,
    )


def _reason_to_ignore(event_type: str, subject: str, data: object) -> str:
    if event_type not in {CREATED, RENAMED}:
        return f"no new file: {event_type or 'the event has no type'}"
    if not isinstance(data, dict):
        return "the event has no data"
    api = _text(data, "api")
    if event_type == CREATED and api in UNCOMMITTED_APIS:
        return f"{api} only opens the file: its commit follows"
    return _reason_to_refuse(*_place(subject))


def _reason_to_refuse(container: str, path: str) -> str:
    if not path:
        return "the subject names no blob"
    if is_system_container(container):
        return "a system container"
    if not is_possible(container):
        return "no container can be called so"
    if len(path) > LONGEST_NAME:
        return f"the name has {len(path)} characters, more than any blob's"
    if _is_damaged(container + path):
        return _DAMAGED
    return ""


def _place(subject: str) -> tuple[str, str]:
    found = _SUBJECT.fullmatch(subject)
    return (found[1], found[2]) if found else ("", "")


def _is_damaged(name: str) -> bool:
    # An emoji has been seen to arrive as U+FFFD: https://github.com/Azure-Samples/azure-event-grid-viewer/issues/9
    return "\ufffd" in name or any("\ud800" <= character <= "\udfff" for character in name)


def _account(event: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    found = _ACCOUNT.search(_text(event, "topic") or _text(event, "source"))
    if found:
        return found[1]
    try:
        host = urlsplit(_text(data, "url") or _text(data, "destinationUrl")).hostname or ""
    except ValueError:
        return ""
    found = _STORAGE_HOST.match(host)
    return found[1] if found else ""


def _time(text: str, received_at: datetime) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        # LifecyclePolicyCompleted shows that a time may come without a zone; Event Grid means UTC.
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return received_at
    # A time in the future would make every later version of the path look old.
    return time if EARLIEST <= time <= received_at else received_at


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""


def _kept(mapping: Mapping[str, Any], key: str) -> str:
    """Return a text that goes into the ledger; what no row could hold, or no digest, counts as not told."""
    text = _text(mapping, key)
    return "" if len(text) > LONGEST_TEXT or _is_damaged(text) else text
