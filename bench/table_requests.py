"""What a ledger asks a table service for, taken apart: places of rows, filters, and the changes of a transaction.

https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from shared.storage_connection import EMULATOR_ACCOUNT

_PLACE = re.compile(r"(?P<table>\w+)\(PartitionKey='(?P<partition>(?:[^']|'')*)',RowKey='(?P<key>(?:[^']|'')*)'\)")
_FILTER = re.compile(r"PartitionKey eq '((?:[^']|'')*)' and RowKey ge '((?:[^']|'')*)' and RowKey lt '((?:[^']|'')*)'")
_PART = re.compile(
    rb"Content-Type: application/http\r\n(?:[^\r\n]+\r\n)*\r\n"
    rb"(?P<line>[^\r\n]+)\r\n(?P<head>.*?)\r\n\r\n(?P<body>.*?)\r\n--",
    re.DOTALL | re.IGNORECASE,
)
_IF_MATCH = re.compile(rb"^If-Match: *(?:W/\"([^\"\r\n]*)\"|\*)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is."""

    table: str
    partition: str
    key: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One change of a transaction."""

    verb: str  # POST creates, PUT replaces or puts, DELETE removes
    place: Place
    values: dict[str, Any]  # with the keys; {} of what is removed
    etag: str  # "" where any will do


def place_in(text: str) -> Place | None:
    """Return the place that a URL's path names, or None where it names a table."""
    found = _PLACE.fullmatch(text)
    return Place(found["table"], _single(found["partition"]), _single(found["key"])) if found else None


def filter_in(text: str) -> tuple[str, str, str]:
    """Return the partition and the range of keys; raises ValueError for another filter."""
    found = _FILTER.fullmatch(text)
    if found is None:
        raise ValueError(f"a benchmark's table does not understand the filter {text!r}")
    partition, start, stop = (_single(part) for part in found.groups())
    return partition, start, stop


def changes_in(body: bytes) -> list[Asked]:
    """Return the changes of a transaction."""
    return [_change(*part.group("line", "head", "body")) for part in _PART.finditer(body)]


def _change(line: bytes, head: bytes, body: bytes) -> Asked:
    verb, target = line.decode("ascii").split(" ", 2)[:2]
    name = unquote(urlsplit(target).path).removeprefix(f"/{EMULATOR_ACCOUNT}/")
    values: dict[str, Any] = json.loads(body) if body.strip() else {}
    place = place_in(name) or Place(name, values["PartitionKey"], values["RowKey"])
    etag = _IF_MATCH.search(head)
    return Asked(verb, place, values, (etag[1] or b"").decode() if etag else "")


def _single(text: str) -> str:
    return text.replace("''", "'")
