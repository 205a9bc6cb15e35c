"""When a timer is due: an NCRONTAB expression, or a constant period such as 00:05:00.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from localdev.functions_host.ncrontab import Ncrontab, NcrontabError
from localdev.functions_host.time_span import parse_time_span

# What a schedule without a next occurrence answers, such as one for 31 February.
NEVER = datetime.max.replace(tzinfo=UTC)


class Schedule(Protocol):
    """When a timer is due."""

    @property
    def may_be_monitored(self) -> bool:
        """Tell whether the host keeps the status: it does not for what is due more than once a minute."""

    @property
    def adjusts_for_daylight_saving(self) -> bool:
        """Return what the host tells the function in `schedule["AdjustForDST"]`."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence after `moment`, both aware UTC, or NEVER."""


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """An NCRONTAB expression, in UTC as on Flex Consumption."""

    expression: Ncrontab
    adjusts_for_daylight_saving: bool = True

    @property
    def may_be_monitored(self) -> bool:
        """Tell whether it is due at most once a minute."""
        return not self.expression.within_every_minute

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence after `moment`, or NEVER."""
        return self.expression.next_after(moment) or NEVER


@dataclass(frozen=True, slots=True)
class ConstantSchedule:
    """A period, counted from the last run."""

    period: timedelta
    adjusts_for_daylight_saving: bool = False

    @property
    def may_be_monitored(self) -> bool:
        """Tell whether the period is a minute or more."""
        return self.period >= timedelta(minutes=1)

    def next_after(self, moment: datetime) -> datetime:
        """Return the moment one period later, or NEVER when the calendar ends before."""
        try:
            return moment + self.period
        except OverflowError:
            return NEVER


def parse_schedule(text: str) -> Schedule:
    """Return the schedule that a timer trigger names; raises ValueError that says what a schedule looks like."""
    try:
        return CronSchedule(Ncrontab.parse(text))
    except NcrontabError as error:
        if ":" not in text:
            raise
        return _constant(text, error)


def _constant(text: str, error: NcrontabError) -> Schedule:
    try:
        period = parse_time_span(text)
    except ValueError:
        raise error from None
    if period <= timedelta(0):
        raise ValueError(f"The period {text!r} is not longer than nothing.")
    return ConstantSchedule(period)
