"""Event Grid in virtual time: at least once, in any order, late, twice, or never; what it gives up is a dead letter."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.errors import LandfallError
from shared.events import CREATED, RENAMED
from shared.rules import Rules
from tests.fakes.arrivals import ACCOUNT
from tests.fakes.memory_dead_letters import MemoryDeadLetters
from tests.simulation.history import History
from tests.simulation.ingredients import Ingredient
from tests.simulation.process import SimulatedClock
from tests.simulation.scenario import Scenario
from tests.simulation.truth import Content, Truth

# https://learn.microsoft.com/azure/event-grid/delivery-and-retry
PATIENCE = 30.0  # seconds that it waits for an answer
BACK_OFF = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0)
MOST_ATTEMPTS, MOST_BEFORE_DEAD_LETTER = 30, 4
_WHY_NOTHING_STARTS = {"arrival.unmatched", "arrival.vanished", "arrival.taken", "event.ignored"}


class Door(Protocol):
    """An instance that takes events."""

    def receive(self, body: str) -> asyncio.Task[None]:
        """Start to work on a payload."""

    def rules(self) -> Rules:
        """Return the rules that this instance follows."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One event about one content."""

    content: Content
    text: dict[str, object]


class EventGrid:
    """Delivers events to whichever instance is free."""

    def __init__(
        self,
        scenario: Scenario,
        chance: random.Random,
        truth: Truth,
        history: History,
        pick: Callable[[], Door | None],
        dead_letters: MemoryDeadLetters | None,
    ) -> None:
        self._scenario = scenario
        self._chance = chance
        self._truth = truth
        self._history = history
        self._pick = pick
        self._dead_letters = dead_letters
        self._numbers = itertools.count(1)
        self._waiting: list[Notice] = []  # for company, where payloads hold several
        self.under_way = 0  # payloads that have not been delivered or given up
        self.is_calm = False
        self.claimed: Callable[[str], bool] = lambda _: False  # whether an entry of this key was ever created

    def announce(self, content: Content, clock: SimulatedClock) -> None:
        """Send the event of a content, or lose it."""
        chance = self._chance
        if chance.random() < self._scenario.rate(Ingredient.LOST_EVENTS) and not self.is_calm:
            self._history.hits["event lost"] += 1
            self._history.record("events", "lost", content.full_path)
            return
        content.announced = clock.monotonic()
        notice = Notice(content, self._event(content, clock))
        self._send([notice], self._latency())
        if chance.random() < self._scenario.rate(Ingredient.DUPLICATE_EVENTS):
            self._history.hits["event duplicated"] += 1
            self._send([notice], self._latency() + chance.random() ** 3 * 900)

    def _latency(self) -> float:
        if not self.is_calm and self._chance.random() < self._scenario.rate(Ingredient.LATE_EVENTS):
            self._history.hits["event late"] += 1
            return self._chance.random() ** 3 * 7200
        return self._chance.uniform(0.05, 2.0)

    def _event(self, content: Content, clock: SimulatedClock) -> dict[str, object]:
        arrival = content.arrival
        data: dict[str, object] = {"api": "RenameFile" if content.is_moved else "PutBlob", "blobType": "BlockBlob"}
        if not content.is_moved:
            data |= {"eTag": f'"{arrival.version}"', "contentLength": arrival.size, "contentType": "text/csv"}
        return {
            "id": f"event-{next(self._numbers)}",
            "topic": f"/subscriptions/s/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}",
            "subject": f"/blobServices/default/containers/{arrival.container}/blobs/{arrival.path}",
            "eventType": RENAMED if content.is_moved else CREATED,
            "eventTime": clock.now().isoformat(),
            "data": data,
        }

    def _send(self, notices: Sequence[Notice], after: float) -> None:
        loop = asyncio.get_running_loop()
        if self._chance.random() < self._scenario.rate(Ingredient.BATCHES) and not self.is_calm:
            self._waiting += notices
            if len(self._waiting) < 4:
                self.under_way += len(notices)
                loop.call_later(20.0, self._send_waiting, len(notices))
                return
            notices, self._waiting = self._waiting, []
        self.under_way += 1
        loop.call_later(after, self._begin, notices, 0)

    def _send_waiting(self, counted: int) -> None:
        self.under_way -= counted
        if self._waiting:
            notices, self._waiting = self._waiting, []
            self._begin_now(notices)

    def _begin_now(self, notices: Sequence[Notice]) -> None:
        self.under_way += 1
        self._begin(notices, 0)

    def _begin(self, notices: Sequence[Notice], attempt: int) -> None:
        asyncio.get_running_loop().create_task(self._deliver(notices, attempt))

    async def _deliver(self, notices: Sequence[Notice], attempt: int) -> None:
        door = self._pick()
        is_taken = False
        if door is not None:
            for notice in notices:
                notice.content.attempts += 1
            self._history.hits["events in one payload"] += len(notices) > 1
            body = json.dumps([notice.text for notice in notices])
            task = door.receive(body)
            await asyncio.wait({task}, timeout=PATIENCE)
            fault = task.exception() if task.done() and not task.cancelled() else None
            is_taken = task.done() and not task.cancelled() and fault is None
            if fault is not None and not isinstance(fault, LandfallError):
                self._history.violated("crashed", f"the event door raised {fault!r}", notices[0].content.full_path)
        if is_taken and door is not None:
            for notice in notices:
                self._acknowledged(notice.content, door.rules())
            self.under_way -= 1
        else:
            self._again(notices, attempt)

    def _again(self, notices: Sequence[Notice], attempt: int) -> None:
        self._history.hits["event redelivered"] += 1
        most = MOST_BEFORE_DEAD_LETTER if self._dead_letters is not None else MOST_ATTEMPTS
        if attempt + 1 >= most:
            self._give_up(notices)
            return
        wait = BACK_OFF[min(attempt, len(BACK_OFF) - 1)]
        loop = asyncio.get_running_loop()
        loop.call_later(min(wait, 60.0) if self.is_calm else wait, self._begin, notices, attempt + 1)

    def _give_up(self, notices: Sequence[Notice]) -> None:
        self.under_way -= 1
        self._history.hits["event given up"] += 1
        if self._dead_letters is None:
            return
        self._history.hits["dead letter"] += 1
        told = {"deadLetterReason": "MaxDeliveryAttemptsExceeded", "lastDeliveryOutcome": "GenericError"}
        content = json.dumps([{**notice.text, **told} for notice in notices]).encode()
        for notice in notices:
            notice.content.attempts += 1
        put = self._dead_letters.put(f"letters/{next(self._numbers)}.json", content)
        asyncio.get_running_loop().create_task(put)

    def _keys_of_successor(self, content: Content) -> list[str]:
        there = self._truth.current.get((content.arrival.container, content.arrival.path))
        return there.keys if there is not None else []

    def _acknowledged(self, content: Content, rules: Rules) -> None:
        """Check that what a door has answered for is in the ledger, or that it said why not (invariant 5)."""
        first = content.acknowledged is None
        content.acknowledged = asyncio.get_running_loop().time()
        self._history.record("events", "acknowledged", content.full_path)
        if not first or any(map(self.claimed, content.keys)):
            return
        if content.is_moved and any(map(self.claimed, self._keys_of_successor(content))):
            return  # a renaming event has no ETag: what lay there when it came has been taken for its file
        told = self._truth.told.get(content.full_path, set()) & _WHY_NOTHING_STARTS
        if not told:
            self._history.violated("dropped", "its event was acknowledged without entry or log line", content.full_path)
        elif told == {"arrival.unmatched"} and rules.match(content.arrival):
            self._history.violated("dropped", "its event was acknowledged as unmatched", content.full_path)
