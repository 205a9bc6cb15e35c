"""The rows of one table of a benchmark: sorted, encoded when they are written, and restored to where they were."""

from __future__ import annotations

import bisect
import json
from collections.abc import Sequence
from itertools import count
from typing import Any

Change = tuple[str, str, dict[str, Any], str]  # verb, key, values, the ETag that it must have or ""
_SYSTEM = ("PartitionKey", "RowKey", "odata.etag")


class Conflict(Exception):
    """A change whose condition does not hold."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class StoredRow:
    """One row; it never changes, a write makes another."""

    __slots__ = ("_selected", "etag", "values")

    def __init__(self, etag: str, values: bytes) -> None:
        self.etag = etag
        self.values = values  # a JSON object without its keys
        self._selected: tuple[tuple[str, ...], bytes] | None = None

    def encoded(self, partition: str, key: str) -> bytes:
        """Return all of it as Table Storage sends it."""
        head = {"odata.etag": f'W/"{self.etag}"', "PartitionKey": partition, "RowKey": key}
        return json.dumps({**head, **json.loads(self.values)}).encode()

    def selected(self, partition: str, key: str, columns: tuple[str, ...]) -> bytes:
        """Return some columns of it; those that were asked for last are kept encoded."""
        if self._selected is None or self._selected[0] != columns:
            values = {"PartitionKey": partition, "RowKey": key, **json.loads(self.values)}
            self._selected = columns, json.dumps({name: values.get(name) for name in columns}).encode()
        return self._selected[1]


class RowStore:
    """A table."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, StoredRow]] = {}
        self._keys: dict[str, list[str]] = {}
        self._etags = count(1)
        self._before: dict[tuple[str, str], StoredRow | None] | None = None

    def begin(self) -> None:
        """Take what is there for what `restore` returns to; ranges can be read from now on."""
        self._keys = {partition: sorted(rows) for partition, rows in self._rows.items()}
        self._before = {}

    def restore(self) -> None:
        """Take back every change since `begin`."""
        before, self._before = self._before or {}, None
        for (partition, key), row in before.items():
            self._set(partition, key, row)
        self._before = {}

    def get(self, partition: str, key: str) -> StoredRow | None:
        """Return a row, or None."""
        return self._rows.get(partition, {}).get(key)

    def page(
        self, partition: str, start: str, stop: str, columns: tuple[str, ...] | None, size: int
    ) -> tuple[list[bytes], bytes]:
        """Return the first rows of a range, and the key of the one that follows them, b"" when there is none."""
        keys = self._keys.get(partition, [])
        first, last = bisect.bisect_left(keys, start), bisect.bisect_left(keys, stop)
        rows = self._rows.get(partition, {})
        ours = keys[first : min(first + size, last)]
        if columns is None:
            encoded = [rows[key].encoded(partition, key) for key in ours]
        else:
            encoded = [rows[key].selected(partition, key, columns) for key in ours]
        return encoded, keys[first + size].encode() if first + size < last else b""

    def change(self, partition: str, changes: Sequence[Change]) -> list[str]:
        """Apply all changes or none; return the new ETags, "" of what was removed. Raises Conflict."""
        for verb, key, _, etag in changes:
            _check(verb, self.get(partition, key), etag)
        etags = []
        for verb, key, values, _ in changes:
            row = None if verb == "DELETE" else self._made(values)
            self._set(partition, key, row)
            etags.append(row.etag if row else "")
        return etags

    def _made(self, values: dict[str, Any]) -> StoredRow:
        kept = {name: value for name, value in values.items() if name not in _SYSTEM and "@odata" not in name}
        return StoredRow(f"{next(self._etags)}", json.dumps(kept).encode())

    def _set(self, partition: str, key: str, row: StoredRow | None) -> None:
        rows = self._rows.setdefault(partition, {})
        former = rows.get(key)
        if self._before is not None:
            self._before.setdefault((partition, key), former)
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row
        if self._keys or self._before is not None:
            self._sort_in(partition, key, was_there=former is not None, is_there=row is not None)

    def _sort_in(self, partition: str, key: str, *, was_there: bool, is_there: bool) -> None:
        keys = self._keys.setdefault(partition, [])
        if is_there and not was_there:
            bisect.insort(keys, key)
        elif was_there and not is_there:
            del keys[bisect.bisect_left(keys, key)]


def _check(verb: str, row: StoredRow | None, etag: str) -> None:
    if verb == "POST" and row is not None:
        raise Conflict("EntityAlreadyExists")
    if verb == "DELETE" and row is None:
        raise Conflict("ResourceNotFound")
    if etag and row is None:
        raise Conflict("ResourceNotFound")
    if etag and row is not None and row.etag != etag:
        raise Conflict("UpdateConditionNotSatisfied")
