"""When a schedule really fires.

A Quartz expression is none of Unix' cron, nor of Azure Functions' NCRONTAB: what people mean and what it does differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cli.jobs.checks.settings import Settings
from cli.jobs.findings import Finding
from localdev.workspace.triggers.quartz import Quartz, QuartzError, parse
from shared.jobs.json_values import object_of
from shared.wording import shown

TIMES_SHOWN = 3
_OFTEN = timedelta(minutes=30)  # a job is seldom meant to start more often
_PATH = "schedule.quartz_cron_expression"
_A_YEAR = timedelta(days=366)


def check(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Yield what is to be said of a job's schedule; `now` is the moment from which the next times count."""
    schedule = object_of(settings.get("schedule"))
    expression = schedule.get("quartz_cron_expression")
    if not isinstance(expression, str):
        return
    try:
        quartz, zone = parse(expression), _zone(schedule.get("timezone_id"))
    except QuartzError as error:
        yield Finding(
            "cron-invalid", f"{shown(expression)} is no Quartz expression: {error}{_advice(expression)}", _PATH
        )
        return
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"There is no time zone {shown(str(schedule.get('timezone_id')))}: write one such as Europe/Paris."
        yield Finding("cron-invalid", message, "schedule.timezone_id")
        return
    times = _next(quartz, now, zone)
    if not times:
        yield Finding("cron-never", f"{shown(expression)} never fires: there is no such day.", _PATH)
        return
    listed = ", ".join(each.astimezone(zone).strftime("%a %Y-%m-%d %H:%M:%S %Z") for each in times)
    yield Finding("cron-next", f"{shown(expression)} fires next: {listed}.", _PATH)
    yield from _often(expression, times)
    yield from _at_clock_changes(expression, quartz, now, zone)


def _zone(name: object) -> ZoneInfo:
    if not isinstance(name, str) or not name:
        raise ValueError("a schedule needs a time zone")
    return ZoneInfo(name)


def _next(quartz: Quartz, now: datetime, zone: ZoneInfo) -> list[datetime]:
    times: list[datetime] = []
    while len(times) < TIMES_SHOWN and (found := quartz.next_after(times[-1] if times else now, zone)) is not None:
        times.append(found)
    return times


def _often(expression: str, times: list[datetime]) -> Iterator[Finding]:
    gaps = [later - earlier for earlier, later in pairwise(times)]
    if not gaps or min(gaps) >= _OFTEN:
        return
    message = f"{shown(expression)} fires every {_span(min(gaps))}."
    fields = expression.split()
    if len(fields) > 2 and fields[1].startswith(("*/", "0/")) and fields[2] == "*":
        step = fields[1].partition("/")[2]
        meant = " ".join([fields[0], "0", f"*/{step}", *fields[3:]])
        message += f" Its fields are seconds, minutes, hours, …: `{meant}` fires every {step} hours."
    yield Finding("cron-often", message, _PATH)


def _span(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    minutes = f"{seconds // 60} minute{'' if seconds < 120 else 's'}"
    return minutes if seconds >= 60 else f"{seconds} second{'' if seconds == 1 else 's'}"


def _at_clock_changes(expression: str, quartz: Quartz, now: datetime, zone: ZoneInfo) -> Iterator[Finding]:
    """Yield the days of the coming year on which clocks skip a time at which it would fire, and it does not."""
    for start, end in _gaps(now, zone):
        # The same expression in a zone without gaps tells at which wall times it wants to fire.
        wanted = quartz.next_after(start.replace(tzinfo=UTC) - timedelta(seconds=1), UTC)
        if wanted is None or wanted.replace(tzinfo=None) >= end:
            continue
        day_end = (start.replace(hour=0, minute=0, second=0) + timedelta(days=1)).replace(tzinfo=zone)
        instead = quartz.next_after(start.replace(hour=0, minute=0, second=0, tzinfo=zone) - timedelta(seconds=1), zone)
        if instead is None or instead >= day_end:
            message = (
                f"{shown(expression)} does not fire on {start:%Y-%m-%d}: the clocks of {zone.key} go "
                f"from {start:%H:%M} to {end:%H:%M}. Take another hour, or UTC."
            )
            yield Finding("cron-clock-change", message, _PATH)


def _gaps(now: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield the wall times, without zone, that the clocks skip within a year: from when to when."""
    moment = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    end = moment + _A_YEAR
    while moment < end:
        later = moment + timedelta(hours=1)
        before, after = moment.astimezone(zone), later.astimezone(zone)
        skipped = (after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
        if skipped > timedelta():
            wall_end = after.replace(tzinfo=None)
            yield wall_end - skipped, wall_end
        moment = later


def _advice(expression: str) -> str:
    fields = expression.split()
    if len(fields) == 5:
        return f" It has seconds before the minutes: `0 {' '.join(fields)}` is nearer, with a `?` for one of the days."
    if len(fields) in (6, 7) and fields[3] == "*" and fields[5] not in ("*", "?"):
        return f" Write `?` for the day of the month: `{' '.join([*fields[:3], '?', *fields[4:]])}`."
    if len(fields) in (6, 7) and fields[5] == "*":
        return f" Write `?` for the day of the week: `{' '.join([*fields[:5], '?', *fields[6:]])}`."
    return ""
