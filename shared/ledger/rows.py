r"""How the ledger's nouns are written as rows. All rows of an entry share a partition: rule x shard of the path.

    E|<entry key>                       the entry
    Q|<due, ms>|<entry key>             its open marker: exists while the entry is open; due entries are a range
    T|<committed, ms>|<entry key>       its time index: the entries of a time window are a range
    H|<path digest>                     the head of the path
    D|<seen, ms>|<nonce>                a duplicate that was suppressed

Keys hold digests and numbers only: a blob's name may hold characters that Table Storage refuses in keys
(`/ \ # ?` and controls), and may be longer than Azurite's 512. Values are text, so that 64-bit ids need no care.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from shared.ledger.table import Row, Values
from shared.model import (
    Arrival,
    Entry,
    JobReference,
    Result,
    RunRequest,
    Source,
    State,
    path_digest,
)
from shared.versions import Head

# run-now's limit of about 20 a second per workspace binds long before a partition's 2,000 rows a second, and every
# pass reads every shard of every rule: few are better. Entries are found by it, so it can never change.
SHARDS = 4
ENTRY, MARKER, TIME, HEAD, DUPLICATE = "E|", "Q|", "T|", "H|", "D|"
MARKER_COLUMNS = ("state", "claimed_at", "run_id", "job_id")
INDEX_COLUMNS = ("source", "outcome", "claimed_at")
OUTCOME = "outcome"
KEY_IN_TIME_KEY = len("T|1234567890123|")  # where the entry's key begins in its time index
OPEN = "open"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_T = TypeVar("_T")


def partition_of(rule: str, arrival: Arrival) -> str:
    """Return the partition of a rule's entries for the arrival's path, whatever its version."""
    return f"{rule}|{int(path_digest(arrival)[0], 16) % SHARDS}"


def partitions_of(rule: str) -> list[str]:
    """Return all partitions that a rule's entries can be in."""
    return [f"{rule}|{shard}" for shard in range(SHARDS)]


def milliseconds(time: datetime) -> str:
    """Return a time as text that sorts as time does; times before 1970 count as 1970."""
    return f"{max(0, (time - _EPOCH) // _MILLISECOND):013d}"


def head_key(arrival: Arrival) -> str:
    """Return the row key of the head of the arrival's path."""
    return HEAD + path_digest(arrival)


def entry_row_key(key: str) -> str:
    """Return the row key of an entry."""
    return ENTRY + key


def marker_key(entry: Entry) -> str:
    """Return the row key of an open entry's marker; it changes with the due time."""
    if entry.due_at is None:
        raise ValueError(f"entry {entry.key} is {entry.state} without a due time: nobody would look at it again")
    return f"{MARKER}{milliseconds(entry.due_at)}|{entry.key}"


def time_key(entry: Entry) -> str:
    """Return the row key of an entry's time index; it never changes."""
    return f"{TIME}{milliseconds(entry.arrival.committed_at)}|{entry.key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker:
    """An open entry, as its marker tells it without reading it."""

    partition: str
    key: str  # the entry's
    state: State
    due_at: datetime
    claimed_at: datetime
    run_id: int | None = None  # with the job's, once a run is known
    job_id: int | None = None

    def stands_for(self, entry: Entry) -> bool:
        """Tell whether an entry that was read later is still as due as it was: nobody has moved it on meanwhile."""
        is_put_off = entry.due_at is None or entry.due_at >= self.due_at + _MILLISECOND
        return entry.state is self.state and not is_put_off


@dataclass(frozen=True, kw_only=True, slots=True)
class Indexed:
    """An entry, as its time index tells it without reading it."""

    partition: str
    key: str
    committed_at: datetime
    source: Source
    outcome: str  # "open", a result, or "dead"
    claimed_at: datetime | None = None  # None in rows that older versions of Landfall wrote


def marker_values(entry: Entry) -> Values:
    """Return what the marker tells of an entry."""
    return _written(
        state=entry.state,
        claimed_at=_write_time(entry.claimed_at),
        run_id=entry.run_id,
        job_id=entry.request.job_id if entry.run_id and entry.request else None,
    )


def marker_from(row: Row) -> Marker:
    """Return the marker that a row holds."""
    _, due, key = row.key.split("|")
    return Marker(
        partition=row.partition,
        key=key,
        state=State(row.values["state"]),
        due_at=_EPOCH + int(due) * _MILLISECOND,
        claimed_at=_read_time(row.values["claimed_at"]),
        run_id=_optional(int, row.values.get("run_id")),
        job_id=_optional(int, row.values.get("job_id")),
    )


def index_values(entry: Entry) -> Values:
    """Return what the time index tells of an entry; it changes once, when the entry closes."""
    outcome = OPEN if entry.is_open else (entry.result or entry.state)
    return _written(source=entry.arrival.source, outcome=outcome, claimed_at=_write_time(entry.claimed_at))


def indexed_from(row: Row) -> Indexed:
    """Return the index that a row holds."""
    _, committed, key = row.key.split("|")
    return Indexed(
        partition=row.partition,
        key=key,
        committed_at=_EPOCH + int(committed) * _MILLISECOND,
        source=Source(row.values["source"]),
        outcome=row.values["outcome"],
        claimed_at=_optional(_read_time, row.values.get("claimed_at")),
    )


def head_values(head: Head) -> Values:
    """Return a head as text."""
    return _written(
        version=head.version,
        committed_at=_write_time(head.committed_at),
        size=head.size,
        md5=head.md5,
        sequencer=head.sequencer,
    )


def head_from(row: Row) -> Head:
    """Return the head that a row holds."""
    values = row.values
    return Head(
        version=values["version"],
        committed_at=_read_time(values["committed_at"]),
        size=_optional(int, values.get("size")),
        md5=values.get("md5"),
        sequencer=values.get("sequencer"),
        etag=row.etag,
    )


def entry_values(entry: Entry) -> Values:
    """Return an entry as text; values that are None or empty are left out."""
    arrival = entry.arrival
    return _written(
        rule=entry.rule,
        account=arrival.account,
        container=arrival.container,
        path=arrival.path,
        version=arrival.version,
        committed_at=_write_time(arrival.committed_at),
        source=arrival.source,
        size=arrival.size,
        md5=arrival.md5,
        content_type=arrival.content_type,
        blob_type=arrival.blob_type,
        api=arrival.api,
        event_id=arrival.event_id,
        event_type=arrival.event_type,
        sequencer=arrival.sequencer,
        job=entry.job,
        parameters=json.dumps(dict(entry.parameters), ensure_ascii=False),
        state=entry.state,
        claimed_at=_write_time(entry.claimed_at),
        due_at=_write_time(entry.due_at),
        generation=entry.generation,
        request_job_id=entry.request.job_id if entry.request else None,
        request_token=entry.request.token if entry.request else None,
        request_body=entry.request.body if entry.request else None,
        first_sent_at=_write_time(entry.first_sent_at),
        attempts=entry.attempts,
        refusals=entry.refusals,
        lookups=entry.lookups,
        run_id=entry.run_id,
        retries=entry.retries or None,
        repair_id=entry.repair_id,
        run_url=entry.run_url,
        run_started_at=_write_time(entry.run_started_at),
        run_ended_at=_write_time(entry.run_ended_at),
        result=entry.result,
        reason=entry.reason,
        settled_at=_write_time(entry.settled_at),
        ambiguous_touch="true" if entry.ambiguous_touch else None,
        nonce=entry.nonce,
    )


def entry_from(row: Row) -> Entry:
    """Return the entry that a row holds."""
    values = row.values
    return Entry(
        key=row.key.removeprefix(ENTRY),
        rule=values["rule"],
        arrival=_arrival_from(values),
        job=JobReference.parse(values["job"]),
        parameters=json.loads(values["parameters"]),
        state=State(values["state"]),
        claimed_at=_read_time(values["claimed_at"]),
        due_at=_optional(_read_time, values.get("due_at")),
        generation=int(values["generation"]),
        request=_request_from(values),
        first_sent_at=_optional(_read_time, values.get("first_sent_at")),
        attempts=int(values["attempts"]),
        refusals=int(values["refusals"]),
        lookups=int(values["lookups"]),
        run_id=_optional(int, values.get("run_id")),
        retries=int(values.get("retries", "0")),
        repair_id=_optional(int, values.get("repair_id")),
        run_url=values.get("run_url", ""),
        run_started_at=_optional(_read_time, values.get("run_started_at")),
        run_ended_at=_optional(_read_time, values.get("run_ended_at")),
        result=_optional(Result, values.get("result")),
        reason=values.get("reason", ""),
        settled_at=_optional(_read_time, values.get("settled_at")),
        ambiguous_touch=values.get("ambiguous_touch") == "true",
        nonce=values["nonce"],
        etag=row.etag,
    )


def _arrival_from(values: Values) -> Arrival:
    return Arrival(
        account=values["account"],
        container=values["container"],
        path=values["path"],
        version=values["version"],
        committed_at=_read_time(values["committed_at"]),
        source=Source(values["source"]),
        size=_optional(int, values.get("size")),
        md5=values.get("md5"),
        content_type=values.get("content_type"),
        blob_type=values.get("blob_type"),
        api=values.get("api"),
        event_id=values.get("event_id"),
        event_type=values.get("event_type"),
        sequencer=values.get("sequencer"),
    )


def _request_from(values: Values) -> RunRequest | None:
    if "request_token" not in values:
        return None
    return RunRequest(job_id=int(values["request_job_id"]), token=values["request_token"], body=values["request_body"])


def _written(**values: Any) -> Mapping[str, str]:
    return dict(_pairs(values))


def _pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if value is not None and value != "":
            yield name, str(value)


def _write_time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="microseconds")


def _read_time(text: str | None) -> datetime:
    return datetime.fromisoformat(text or "")


def _optional(read: Callable[[str], _T], text: str | None) -> _T | None:
    return None if text is None else read(text)
