"""Sizes as people write them: `10240`, `10KB`, `5MiB`."""

from __future__ import annotations

import re

_THOUSANDS = {"KB": 1, "MB": 2, "GB": 3, "TB": 4}
UNITS: dict[str, int] = {
    "B": 1,
    **{unit: 1000**power for unit, power in _THOUSANDS.items()},
    **{f"{unit[0]}iB": 1024**power for unit, power in _THOUSANDS.items()},
}
_SIZE = re.compile(r"([0-9]{1,18}) ?([A-Za-z]{1,3})")
GREATEST_SIZE = 2**63 - 1  # what an event may say a blob has


def parse_size(written: str | float) -> int:
    """Return a size in bytes; raises ValueError with a sentence that says what to write."""
    if isinstance(written, str):
        found = _SIZE.fullmatch(written)
        if not found:
            raise ValueError("must be a whole number of bytes, such as 1024, or of a unit, such as 10KB or 5MiB")
        if found[2] not in UNITS:
            raise ValueError(_unknown_unit(found[2]))
        size = int(found[1]) * UNITS[found[2]]
    elif isinstance(written, int):
        size = written
    else:
        raise ValueError("must be a whole number: write it with a smaller unit, such as 1500KB")  # noqa: TRY004 - as said
    if not 0 <= size <= GREATEST_SIZE:
        raise ValueError(f"must be from 0 to {GREATEST_SIZE} bytes")
    return size


def _unknown_unit(unit: str) -> str:
    meant = f"{unit[0].upper()}B"
    if meant not in _THOUSANDS:
        return f"has the unit `{unit}`. Known are {', '.join(UNITS)}"
    power = _THOUSANDS[meant]
    return f"has the unit `{unit}`: write `{meant}` for {1000**power:,} bytes or `{meant[0]}iB` for {1024**power:,}"
