"""Notices what happens to runs, writes down who is to be told, and tells them, whatever that takes.

What is to be told is in the outbox before anybody else sees the change that causes it, and leaves it only when its
receiver has taken it: a server that is killed tells it later, perhaps twice, with the same id. Each destination gets
one delivery at a time, and so does the mail server: a slow or dead one keeps nobody waiting but itself, runs never.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from localdev.workspace.flow.waking import woken_or_due
from localdev.workspace.model.run import Run
from localdev.workspace.notifications.happenings import Happening, exceeded, happenings, next_warning
from localdev.workspace.notifications.outbox import Delivery
from localdev.workspace.notifications.undelivered import NeverAgain, TryLater
from localdev.workspace.storage.store import Store
from shared.clock import Clock
from shared.logs import error, fact, warning

MOST_TRIES = 10
FIRST_PAUSE = timedelta(seconds=10)  # doubled from try to try
LONGEST_PAUSE = timedelta(minutes=10)
PAUSE_AFTER_FAULT = timedelta(seconds=1)

logger = logging.getLogger("landfall")


class Deliverer(Protocol):
    """Takes deliveries to their receivers."""

    async def deliver(self, delivery: Delivery) -> None:
        """Deliver; raises TryLater or NeverAgain."""

    async def close(self) -> None:
        """Close all connections."""


class Notifier:
    """A listener of the store, and one loop that delivers what it wrote."""

    def __init__(self, store: Store, post_office: Deliverer, clock: Clock) -> None:
        self._store = store
        self._post_office = post_office
        self._clock = clock
        self._warn_at: dict[int, datetime] = {}  # by run id: when to look at how long it takes
        self._under_way: dict[str, asyncio.Task[None]] = {}  # by lane
        self._woken = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        store.on_change(self.noticed)

    async def start(self) -> None:
        """Begin to deliver, what an earlier server left first."""
        self._warn_at = dict.fromkeys(self._store.runs.active_ids(), self._clock.now())
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Stop; what is under way is delivered by the next start, perhaps once more."""
        tasks = [task for task in (self._worker, *self._under_way.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._post_office.close()

    def noticed(self, before: Run | None, after: Run) -> None:
        """Write down what a change makes worth telling; called inside the transaction of the change."""
        now = self._clock.now()
        for happening in happenings(before, after):
            self._store.outbox.add(self._known(happening), now)
        self._warn(after, now)
        self._woken.set()

    def _known(self, happening: Happening) -> Happening:
        """Return what happened with the job's own run, where it happened to an iteration."""
        run: Run | None = happening.run
        while run is not None and run.is_loop and run.parent_id is not None:
            run = self._store.runs.of_attempt(run.parent_id)
        return replace(happening, job_run=run)

    def _warn(self, run: Run, now: datetime) -> None:
        """Write down, once for each, what takes too long, and plan when to look again."""
        for happening in exceeded(run, now):
            if not self._store.outbox.warned(happening.subject_id):
                self._store.outbox.add(self._known(happening), now)
        due = next_warning(run, now)
        if due is None:
            self._warn_at.pop(run.id, None)
        else:
            self._warn_at[run.id] = due

    async def _work(self) -> None:
        while True:
            self._woken.clear()
            try:
                self._look_at_durations()
                self._send_what_is_due()
                due = self._next_due()
            except Exception:  # a full disk, say: it must not end the telling for ever
                logger.exception("workspace.notifications_delayed")
                await self._clock.sleep(PAUSE_AFTER_FAULT.total_seconds())
            else:
                await woken_or_due(self._woken, due, self._clock)

    def _look_at_durations(self) -> None:
        now = self._clock.now()
        for run_id in [run_id for run_id, due in self._warn_at.items() if due <= now]:
            with self._store.transaction():
                run = self._store.runs.get(run_id)
                if run is None:
                    self._warn_at.pop(run_id)
                else:
                    self._warn(run, now)

    def _send_what_is_due(self) -> None:
        for delivery in self._store.outbox.due(self._clock.now()):
            lane = delivery.receiver.lane
            if lane not in self._under_way:
                self._under_way[lane] = asyncio.create_task(self._deliver(delivery))

    def _next_due(self) -> datetime | None:
        deliveries = self._store.outbox.next_due(self._clock.now())
        return min([*self._warn_at.values(), *([deliveries] if deliveries else [])], default=None)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            await self._try(delivery)
        except Exception:  # not even writing down what came of it went well
            logger.exception("workspace.notification_not_recorded")
            await self._clock.sleep(PAUSE_AFTER_FAULT.total_seconds())
        finally:
            del self._under_way[delivery.receiver.lane]
            self._woken.set()

    async def _try(self, delivery: Delivery) -> None:
        try:
            await self._post_office.deliver(delivery)
        except TryLater as why:
            self._put_off(delivery, str(why))
        except NeverAgain as why:
            self._give_up(delivery, str(why))
        except Exception as why:
            logger.exception("workspace.notification_failed")
            self._put_off(delivery, type(why).__name__)
        else:
            self._store.outbox.delivered(delivery.id)
            fact("workspace.notification_sent", **_fields(delivery))

    def _put_off(self, delivery: Delivery, why: str) -> None:
        if delivery.tries + 1 >= MOST_TRIES:
            self._give_up(delivery, why)
            return
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**delivery.tries)
        self._store.outbox.postpone(delivery.id, self._clock.now() + pause, why)
        warning("workspace.notification_postponed", **_fields(delivery), seconds=pause.total_seconds(), error=why)

    def _give_up(self, delivery: Delivery, why: str) -> None:
        self._store.outbox.give_up(delivery.id, why)
        error("workspace.notification_dead", **_fields(delivery), tries=delivery.tries + 1, error=why)


def _fields(delivery: Delivery) -> dict[str, object]:
    """Return what a log line says of a delivery: an address belongs to a person and a url may be a secret."""
    receiver = delivery.receiver
    return {
        "delivery": delivery.id,
        "run": delivery.notice.run_id,
        "event": str(delivery.notice.event),
        "channel": str(receiver.channel),
        "destination": receiver.address if receiver.channel == "destination" else None,
    }
