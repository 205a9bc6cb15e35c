"""The time that a quick sweep looks back over, as the clocks of those who name files may show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Zones:
    """How far the clocks that paths are named by may be behind and ahead of UTC; neither is negative."""

    behind: timedelta
    ahead: timedelta

    def __post_init__(self) -> None:
        if min(self.behind, self.ahead) < timedelta(0):
            raise ValueError("Zones count how far behind and how far ahead of UTC; write both without a sign.")


# A path says no zone, and whoever names it goes by the clock on the wall. The extremes are UTC-12 on ships and on Baker
# Island and UTC+14 in the Line Islands (https://www.iana.org/time-zones, `etcetera` and `australasia`).
EVERYWHERE = Zones(behind=timedelta(hours=12), ahead=timedelta(hours=14))
UTC_ONLY = Zones(behind=timedelta(0), ahead=timedelta(0))


@dataclass(frozen=True, slots=True)
class Window:
    """The moments from `start` to `end`, both included, aware; as each clock in `zones` shows them."""

    start: datetime
    end: datetime
    zones: Zones = EVERYWHERE

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ValueError("A window's start and end must know their zone; give aware UTC.")
        if self.start > self.end:
            raise ValueError(f"A window cannot start at {self.start} and end before, at {self.end}.")

    @property
    def earliest(self) -> datetime:
        """Return the earliest time that a clock shows within the window, written as if it were UTC."""
        start = self.start.astimezone(UTC)
        return start - min(self.zones.behind, start - _BEGINNING)

    @property
    def latest(self) -> datetime:
        """Return the latest time that a clock shows within the window, written as if it were UTC."""
        end = self.end.astimezone(UTC)
        return end + min(self.zones.ahead, _END - end)

    def days(self) -> Iterator[datetime]:
        """Yield the first moment of each day that a clock shows, in order."""
        return self._steps(self.earliest.replace(hour=0, minute=0, second=0, microsecond=0), _DAY)

    def hours(self) -> Iterator[datetime]:
        """Yield the first moment of each hour that a clock shows, in order."""
        return self._steps(self.earliest.replace(minute=0, second=0, microsecond=0), _HOUR)

    def _steps(self, moment: datetime, step: timedelta) -> Iterator[datetime]:
        latest = self.latest
        while True:
            yield moment
            if latest - moment < step:
                return
            moment += step
