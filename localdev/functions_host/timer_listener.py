"""What starts a timer-triggered function: one run at a time, and one run for all that was missed while it was down.

The rules are those of https://github.com/Azure/azure-webjobs-sdk-extensions (Timers/Listener/TimerListener.cs,
Timers/Scheduling/ScheduleMonitor.cs), in UTC as on Flex Consumption.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from localdev.functions_host.datums import NEVER_RAN, ScheduleStatus, timer_datum
from localdev.functions_host.in_flight import InFlight
from localdev.functions_host.schedule_status import ScheduleStatusStore
from localdev.functions_host.schedules import Schedule
from shared import logs
from shared.clock import Clock

if TYPE_CHECKING:
    from azure.functions.meta import Datum

logger = logging.getLogger("landfall_host")

# A laptop sleeps, and its monotonic clock with it: look at the wall clock again at least this often.
_LONGEST_SLEEP = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Timer:
    """A timer trigger: `store` None where the schedule is not monitored."""

    function: str
    schedule: Schedule
    run_on_startup: bool
    store: ScheduleStatusStore | None


class TimerListener:
    """Runs one timer until it is cancelled; a run under way then finishes under `in_flight`."""

    def __init__(
        self, timer: Timer, *, run: Callable[[Datum], Awaitable[object]], in_flight: InFlight, clock: Clock
    ) -> None:
        self._timer = timer
        self._run = run
        self._in_flight = in_flight
        self._clock = clock

    async def listen(self) -> None:
        """Run the function whenever it is due; `run` must not raise."""
        status, past_due = self._start()
        logger.info("%s", logs.line("timer.started", function=self._timer.function, next=status.next, late=past_due))
        if past_due or self._timer.run_on_startup:
            status = await self._in_flight.finish(self._fire(status, past_due=past_due))
        while True:
            await self._sleep_until(status.next)
            status = await self._in_flight.finish(self._fire(status, past_due=False))

    def _start(self) -> tuple[ScheduleStatus, bool]:
        """Return the status to begin with, and whether an occurrence was missed since it was written."""
        now = self._clock.now()
        stored = self._stored()
        if stored is None:
            status = ScheduleStatus(last=NEVER_RAN, next=self._timer.schedule.next_after(now), last_updated=now)
            self._store(status)
            return status, False
        status = self._with_current_schedule(stored, now)
        return status, now > status.next

    def _stored(self) -> ScheduleStatus | None:
        if self._timer.store is None:
            return None
        try:
            return self._timer.store.read(self._timer.function)
        except ValueError as error:
            logger.warning("%s", logs.line("timer.status_unreadable", function=self._timer.function, error=error))
            return None

    def _with_current_schedule(self, stored: ScheduleStatus, now: datetime) -> ScheduleStatus:
        """Return the stored status, reckoned anew if the schedule has changed: that alone makes nothing late."""
        base = next((each for each in (stored.last, stored.last_updated) if each != NEVER_RAN), now)
        expected = self._timer.schedule.next_after(base)
        if stored.next == expected:
            return stored
        if now > expected:
            base, expected = now, self._timer.schedule.next_after(now)
        status = ScheduleStatus(last=NEVER_RAN, next=expected, last_updated=base)
        self._store(status)
        return status

    async def _fire(self, status: ScheduleStatus, *, past_due: bool) -> ScheduleStatus:
        now = self._clock.now()
        told = status if self._timer.store else None
        await self._run(timer_datum(self._timer.schedule, told, past_due=past_due))
        following = ScheduleStatus(last=now, next=self._timer.schedule.next_after(now), last_updated=now)
        self._store(following)
        return following

    def _store(self, status: ScheduleStatus) -> None:
        if self._timer.store is None:
            return
        try:
            self._timer.store.write(self._timer.function, status)
        except OSError as error:
            logger.error("%s", logs.line("timer.status_not_written", function=self._timer.function, error=error))  # noqa: TRY400 - a full disk needs no traceback

    async def _sleep_until(self, moment: datetime) -> None:
        while (seconds := (moment - self._clock.now()).total_seconds()) > 0:
            await self._clock.sleep(min(seconds, _LONGEST_SLEEP))
