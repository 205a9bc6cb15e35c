"""The ledger's rows, read by hand: keys and values as ARCHITECTURE.md tells them, without the code under test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from localdev.memory_table import MemoryTable
from tests.fakes.arrivals import ACCOUNT

WORKSPACE = "adb-1.2.azuredatabricks.net"
OPEN = frozenset({"pending", "dispatching", "submitted", "held"})
ABSENT = frozenset({"superseded", "vanished"})
Values = Mapping[str, str]


def digest(*parts: str | int) -> str:
    """Return what names rows and tokens: the hex SHA-256 of the parts as JSON."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def key_of(rule: str, place: str, etag: str) -> str:
    """Return the key of an entry."""
    container, _, path = place.partition("/")
    return digest(rule, ACCOUNT, container, path, etag)


def partition_of(rule: str, place: str) -> str:
    """Return the partition of a rule's entries for a place."""
    return f"{rule}|{int(_place_digest(place)[0], 16) % 4}"


def head_key(place: str) -> str:
    """Return the row key of a place's head."""
    return f"H|{_place_digest(place)}"


def entry_at(table: MemoryTable, rule: str, place: str, etag: str) -> Values | None:
    """Return the entry of a rule and a version, None where there is none."""
    row = table.find(partition_of(rule, place), f"E|{key_of(rule, place, etag)}")
    return row.values if row else None


def all_entries(table: MemoryTable) -> dict[str, Values]:
    """Return every entry by its key."""
    rows = (row for partition in table.partitions() for row in table.rows(partition, "E|", "E|~"))
    return {row.key[2:]: row.values for row in rows}


def baselines(table: MemoryTable) -> dict[str, datetime]:
    """Return when each rule was seen first."""
    return _moments(table, "baseline")


def watermarks(table: MemoryTable) -> dict[str, datetime]:
    """Return up to when each rule is said to be complete."""
    return _moments(table, "low_watermark")


def place_of(values: Values) -> str:
    """Return the place of an entry."""
    return f"{values['container']}/{values['path']}"


def moment(values: Values, name: str) -> datetime | None:
    """Return a time of a row."""
    return datetime.fromisoformat(values[name]) if name in values else None


def marker_faults(table: MemoryTable, partition: str, key: str) -> list[str]:
    """Return what is wrong with the marker and the time index of an entry: invariant 3."""
    row = table.find(partition, f"E|{key}")
    markers = [found.key for found in table.rows(partition, "Q|", "Q|~") if found.key.endswith(key)]
    indexes = [found.key for found in table.rows(partition, "T|", "T|~") if found.key.endswith(key)]
    if row is None:
        return [f"rows without their entry: {markers + indexes}"] if markers or indexes else []
    values = row.values
    due = [f"Q|{_milliseconds(values['due_at'])}|{key}"] if values["state"] in OPEN else []
    faults = [] if markers == due else [f"a {values['state']} entry has the markers {markers}, not {due}"]
    if indexes != [f"T|{_milliseconds(values['committed_at'])}|{key}"]:
        return [*faults, f"an entry has the time indexes {indexes}"]
    outcome = "open" if values["state"] in OPEN else values.get("result", values["state"])
    index = table.find(partition, indexes[0])
    told = index.values["outcome"] if index else ""
    return faults if told == outcome else [*faults, f"its time index tells {told} of an entry that is {outcome}"]


def _moments(table: MemoryTable, name: str) -> dict[str, datetime]:
    return {row.key: datetime.fromisoformat(row.values[name]) for row in table.rows("rules")}


def _milliseconds(text: str) -> str:
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return f"{since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000:013d}"


def _place_digest(place: str) -> str:
    container, _, path = place.partition("/")
    return digest(ACCOUNT, container, path)
