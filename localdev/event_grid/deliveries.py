"""Deliveries under way: each parcel is a task of its own, from its first attempt to its dead letter."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import timedelta
from functools import partial

from localdev.event_grid.counters import Counters
from localdev.event_grid.dead_letters import DeadLetters, Failure
from localdev.event_grid.event_bodies import Event
from localdev.event_grid.retry_policy import Answer, GiveUp, RetryPolicy
from localdev.event_grid.webhook import Parcel, Webhook
from shared.clock import Clock, Deadline
from shared.logs import fact, logger, warning

# https://learn.microsoft.com/azure/event-grid/delivery-and-retry#dead-letter-events
DEAD_LETTER_DELAY = timedelta(minutes=5)
DEAD_LETTER_PATIENCE = timedelta(hours=4)
_DEAD_LETTER_PAUSE = timedelta(minutes=1)
LONGEST_HOLD = 2.0  # seconds that a reordered parcel waits to be overtaken


class Deliveries:
    """Sends parcels, `concurrency` requests at a time, until each is delivered or given up on."""

    def __init__(
        self,
        webhook: Webhook,
        policy: RetryPolicy,
        dead_letters: DeadLetters | None,
        *,
        counters: Counters,
        clock: Clock,
        randomness: random.Random,
        concurrency: int,
    ) -> None:
        self._webhook = webhook
        self._policy = policy
        self._dead_letters = dead_letters
        self._counters = counters
        self._clock = clock
        self._random = randomness
        self._gate = asyncio.Semaphore(concurrency)
        self._tasks: dict[asyncio.Task[None], Parcel] = {}
        self._requests: set[asyncio.Future[Answer]] = set()
        self._numbers = itertools.count()
        self._held: dict[int, asyncio.Event] = {}

    @property
    def under_way(self) -> int:
        """Return the number of parcels that are neither delivered nor given up on."""
        return len(self._tasks)

    def send(self, parcel: Parcel) -> None:
        """Begin to deliver a parcel."""
        task = asyncio.create_task(self._run(next(self._numbers), parcel))
        self._tasks[task] = parcel
        task.add_done_callback(self._finished)

    async def stop(self, grace: float) -> None:
        """Let the requests that are out come back for `grace` seconds, then abandon what is under way."""
        if self._requests:
            await asyncio.wait(self._requests, timeout=grace)
            await asyncio.sleep(0)  # for their tasks to take note of the answers
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        parcel = self._tasks.pop(task)
        if task.cancelled():
            self._counters.abandoned += len(parcel.events)
        elif error := task.exception():
            self._counters.abandoned += len(parcel.events)
            logger.error("a delivery of the simulator broke", exc_info=error)

    async def _run(self, number: int, parcel: Parcel) -> None:
        if parcel.delay:
            await self._clock.sleep(parcel.delay)
        if parcel.reorder:
            await self._hold(number)
        failure = await self._attempts(number, parcel)
        if failure is not None:
            await self._give_up(parcel, failure)

    async def _attempts(self, number: int, parcel: Parcel) -> Failure | None:
        """Attempt until the parcel is delivered; return how it ended otherwise."""
        for attempt in itertools.count(1):
            answer = await self._attempt(parcel, attempt)
            attempted_at = self._clock.now()
            self._release(number)
            if answer.success:
                return None
            reason = await self._reason_to_stop(parcel, attempt, answer)
            if reason is not None:
                return Failure(reason=reason, attempts=attempt, outcome=answer.outcome, last_attempt_at=attempted_at)
        raise AssertionError("counting does not end")

    async def _attempt(self, parcel: Parcel, attempt: int) -> Answer:
        async with self._gate:
            request = asyncio.ensure_future(self._webhook.deliver(parcel, attempt - 1))
            self._requests.add(request)
            request.add_done_callback(self._requests.discard)
            try:
                answer = await request
            finally:
                request.cancel()
        self._note(parcel, attempt, answer)
        return answer

    def _note(self, parcel: Parcel, attempt: int, answer: Answer) -> None:
        if answer.success:
            self._counters.delivered += len(parcel.events)
        else:
            self._counters.failed_attempts += 1
        note = partial(fact, "eventgrid.delivered") if answer.success else partial(warning, "eventgrid.attempt_failed")
        for event in parcel.events:
            note(path=event.full_path, attempt=attempt, status=answer.status or answer.outcome, event=event.id)

    async def _reason_to_stop(self, parcel: Parcel, attempt: int, answer: Answer) -> GiveUp | None:
        """Return why there is no further attempt, or None when it is due."""
        if not self._policy.retries(answer):
            return GiveUp.CLIENT_ERROR
        if attempt >= self._policy.max_attempts:
            return GiveUp.ATTEMPTS
        wait = self._policy.wait(attempt, answer, self._random)
        for event in parcel.events:
            fact("eventgrid.retry_planned", path=event.full_path, seconds=wait, event=event.id)
        await self._clock.sleep(wait)
        age = self._clock.now() - min(event.published_at for event in parcel.events)
        return GiveUp.TIME_TO_LIVE if self._policy.expired(age.total_seconds()) else None

    async def _hold(self, number: int) -> None:
        """Wait until a parcel that was sent later has made its first attempt, or nobody comes."""
        self._held[number] = overtaken = asyncio.Event()
        waits = [asyncio.ensure_future(overtaken.wait()), asyncio.ensure_future(self._clock.sleep(LONGEST_HOLD))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._held[number]
            for wait in waits:
                wait.cancel()

    def _release(self, number: int) -> None:
        for held, overtaken in self._held.items():
            if held < number:
                overtaken.set()

    async def _give_up(self, parcel: Parcel, failure: Failure) -> None:
        if self._dead_letters is None:
            self._discard(parcel, failure)
            return
        await self._clock.sleep(self._policy.scaled(DEAD_LETTER_DELAY))
        deadline = Deadline(self._clock, self._policy.scaled(DEAD_LETTER_PATIENCE))
        while not (blob := await self._dead_letters.write(parcel.events, failure)):
            if deadline.passed():
                self._discard(parcel, failure)
                return
            await self._clock.sleep(self._policy.scaled(_DEAD_LETTER_PAUSE))
        self._counters.dead_lettered += len(parcel.events)
        place = f"{self._dead_letters.container}/{blob}"
        for event in parcel.events:
            warning("eventgrid.dead_lettered", **_fields(event, failure), blob=place)

    def _discard(self, parcel: Parcel, failure: Failure) -> None:
        self._counters.discarded += len(parcel.events)
        for event in parcel.events:
            warning("eventgrid.discarded", **_fields(event, failure))


def _fields(event: Event, failure: Failure) -> dict[str, object]:
    return {
        "path": event.full_path,
        "reason": failure.reason,
        "attempts": failure.attempts,
        "outcome": failure.outcome,
        "event": event.id,
    }
