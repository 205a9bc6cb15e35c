r"""How the ledger's nouns are written as rows: their keys, and all but the entry itself, which is `entry_row`'s.

All rows of an entry share a partition: rule x shard of the path.

    E|<entry key>                       the entry
    Q|<due, ms>|<entry key>             its open marker: exists while the entry is open; due entries are a range
    T|<committed, ms>|<entry key>       its time index: the entries of a time window are a range
    H|<path digest>                     the head of the path
    D|<seen, ms>|<nonce>                a duplicate that was suppressed

Keys hold digests and numbers only: a blob's name may hold characters that Table Storage refuses in keys
(`/ \ # ?` and controls), and may be longer than Azurite's 512. Values are text, so that 64-bit ids need no care.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.ledger.row_values import optional, read_time, sound, write_time, written
from shared.ledger.table import Row, Values
from shared.model import Arrival, Entry, Source, State, path_digest
from shared.versions import Head

# run-now's limit of about 20 a second per workspace binds long before a partition's 2,000 rows a second, and every
# pass reads every shard of every rule: few are better. Entries are found by it, so it can never change.
SHARDS = 4
ENTRY, MARKER, TIME, HEAD, DUPLICATE = "E|", "Q|", "T|", "H|", "D|"
MARKER_COLUMNS = ("state", "claimed_at", "run_id", "job_id", "gathering_since", "place", "batch", "held_back")
INDEX_COLUMNS = ("source", "outcome", "claimed_at")
OUTCOME = "outcome"
KEY_IN_TIME_KEY = len("T|1234567890123|")  # where the entry's key begins in its time index
OPEN = "open"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


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
    gathering_since: datetime | None = None  # of a member that waits for its batch, with what tells its batch
    full_path: str = ""
    batch: str = ""
    is_held_back: bool = False  # by a limit, or by DISPATCH=off

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
    return written(
        state=entry.state,
        claimed_at=write_time(entry.claimed_at),
        run_id=entry.run_id,
        job_id=entry.request.job_id if entry.run_id and entry.request else None,
        gathering_since=write_time(entry.gathering_since) if entry.is_gathering else None,
        place=entry.arrival.full_path if entry.is_gathering else None,
        batch=entry.batch if entry.is_gathering else None,
        held_back="true" if entry.is_held_back else None,
    )


@sound
def marker_from(row: Row) -> Marker:
    """Return the marker that a row holds; raises LedgerDamaged."""
    _, due, key = row.key.split("|")
    return Marker(
        partition=row.partition,
        key=key,
        state=State(row.values["state"]),
        due_at=_EPOCH + int(due) * _MILLISECOND,
        claimed_at=read_time(row.values["claimed_at"]),
        run_id=optional(int, row.values.get("run_id")),
        job_id=optional(int, row.values.get("job_id")),
        gathering_since=optional(read_time, row.values.get("gathering_since")),
        full_path=row.values.get("place", ""),
        batch=row.values.get("batch", ""),
        is_held_back=row.values.get("held_back") == "true",
    )


def index_values(entry: Entry) -> Values:
    """Return what the time index tells of an entry; it changes once, when the entry closes."""
    outcome = OPEN if entry.is_open else (entry.result or entry.state)
    return written(source=entry.arrival.source, outcome=outcome, claimed_at=write_time(entry.claimed_at))


@sound
def indexed_from(row: Row) -> Indexed:
    """Return the index that a row holds; raises LedgerDamaged."""
    _, committed, key = row.key.split("|")
    return Indexed(
        partition=row.partition,
        key=key,
        committed_at=_EPOCH + int(committed) * _MILLISECOND,
        source=Source(row.values["source"]),
        outcome=row.values["outcome"],
        claimed_at=optional(read_time, row.values.get("claimed_at")),
    )


def head_values(head: Head) -> Values:
    """Return a head as text."""
    return written(
        version=head.version,
        committed_at=write_time(head.committed_at),
        size=head.size,
        md5=head.md5,
        sequencer=head.sequencer,
        owner=head.owner,
    )


@sound
def head_from(row: Row) -> Head:
    """Return the head that a row holds; raises LedgerDamaged."""
    values = row.values
    return Head(
        version=values["version"],
        committed_at=read_time(values["committed_at"]),
        size=optional(int, values.get("size")),
        md5=values.get("md5"),
        sequencer=values.get("sequencer"),
        owner=values.get("owner", ""),
        etag=row.etag,
    )
