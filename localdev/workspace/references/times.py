"""The parts of a moment that references name, all of them in UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from localdev.workspace.storage.database import milliseconds

# That numbers have no leading zero and that iso_datetime has milliseconds and a Z is our reading of the document,
# which gives no examples.
PARTS: Mapping[str, Callable[[datetime], str]] = {
    "iso_date": lambda moment: moment.date().isoformat(),
    "iso_datetime": lambda moment: f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z",
    "iso_weekday": lambda moment: str(moment.isoweekday()),  # 1 is Monday
    "is_weekday": lambda moment: "true" if moment.isoweekday() <= 5 else "false",
    "year": lambda moment: str(moment.year),
    "month": lambda moment: str(moment.month),
    "day": lambda moment: str(moment.day),
    "hour": lambda moment: str(moment.hour),
    "minute": lambda moment: str(moment.minute),
    "second": lambda moment: str(moment.second),
    "timestamp_ms": lambda moment: str(milliseconds(moment)),
}


def part_of(moment: datetime, part: str) -> str:
    """Return a part of a moment; raises KeyError for none of PARTS."""
    return PARTS[part](moment.astimezone(UTC))
