"""Values of rows: text both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from shared.errors import LedgerDamaged
from shared.ledger.table import Row

_T = TypeVar("_T")


def written(**values: Any) -> Mapping[str, str]:
    """Return values as text, without those that are None or empty."""
    return dict(_pairs(values))


def _pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if value is not None and value != "":
            yield name, str(value)


def write_time(time: datetime | None) -> str | None:
    """Return a time as text, None for None."""
    return None if time is None else time.isoformat(timespec="microseconds")


def read_time(text: str | None) -> datetime:
    """Return the time that `write_time` made this text of."""
    return datetime.fromisoformat(text or "")


def sound(read: Callable[[Row], _T]) -> Callable[[Row], _T]:
    """Return a reader of rows that raises LedgerDamaged, and nothing else, for what Landfall has not written."""

    @wraps(read)
    def reader(row: Row) -> _T:
        try:
            return read(row)
        except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            place = f"The ledger's row {row.key[:100]!r} in {row.partition[:100]!r}"
            hint = "Look at it with a storage tool; without it Landfall takes its file for a new one."
            raise LedgerDamaged(f"{place} is none that Landfall writes: {type(error).__name__}.", hint=hint) from error

    return reader


def optional(read: Callable[[str], _T], text: str | None) -> _T | None:
    """Return what `read` makes of a text, None for None."""
    return None if text is None else read(text)
