"""A limit: how many runs a rule, or all of them, may start in a length of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Self


class Per(StrEnum):
    """The length of time that a limit is about."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        """Return how long that is."""
        return _LENGTHS[self]


_LENGTHS = {Per.MINUTE: timedelta(minutes=1), Per.HOUR: timedelta(hours=1), Per.DAY: timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many runs in any minute, hour or day, whenever it begins."""

    runs: int  # at least 1
    per: Per

    def __str__(self) -> str:
        return f"{self.runs}/{self.per}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the limit that `str` was made of; raises ValueError for anything else."""
        runs, _, per = text.partition("/")
        return cls(int(runs), Per(per))

    def words(self) -> str:
        """Return the limit as it stands in a sentence: `100 runs an hour`."""
        return f"{self.runs:,} {'run' if self.runs == 1 else 'runs'} {'an' if self.per is Per.HOUR else 'a'} {self.per}"
