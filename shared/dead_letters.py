"""Dead letters: take in the events that Event Grid gave up on, through the same line as all others.

A dead letter may describe a success: one whose last outcome is `TimedOut` had been processed
(https://github.com/Azure/azure-sdk-for-net/issues/30508). So the ledger decides, and repeating is harmless: a crash
between any two steps leaves a letter that is taken in again, as duplicates.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared import logs
from shared.clock import Clock, Deadline
from shared.dead_letter_file import DeadLetter, DeadLetterFile, read_dead_letters
from shared.dead_letter_store import DeadLetterStore, Folder, StoredLetter
from shared.errors import LandfallError, LedgerError
from shared.events import Ignored, SubtreeMoved, arrival_from, subtree_from
from shared.ledger import Claim, Claimed

LISTED = 5000  # blobs: one page of a listing
OPENED = 500  # blobs a pass reads
CONCURRENCY = 4
LARGEST = 8 * 1024 * 1024  # bytes; an event has 1 MiB at most, and those seen had ten in a file
# A file that is still being written (an append blob, the dfs endpoint) is not judged before this.
SETTLING = timedelta(minutes=10)
GIVE_UP_AFTER = 3  # failures of the ledger in a row: it is down for all letters
_MOST_REASONS = 20
_COUNTS = {Claimed.WON: "claimed", Claimed.DUPLICATE: "duplicates", Claimed.CLOSED: "closed"}

Receive = Callable[[str, Deadline], Coroutine[Any, Any, list[Claim]]]  # what `Intake.receive` is


@dataclass(slots=True)
class DeadLetterPass:
    """What one pass did.

    `counts`, by blob: found, opened, handled, unreadable, early (unreadable so far, and too young to be judged),
    elsewhere (another instance was faster), failed (stays: something was down, out of time, or met a defect). By
    event: events, directories (renamed ones: what rules want of their files is claimed later), ignored (they start
    nothing), refused (the ledger or Blob Storage was down). By claim: claimed, duplicates, closed.
    """

    started_at: datetime
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # why Event Grid gave up: events by deadLetterReason
    outcomes: Counter[str] = field(default_factory=Counter)  # what it met last: events by lastDeliveryOutcome
    seconds: float = 0.0
    ledger_failures: int = 0  # in a row

    @property
    def left(self) -> int:
        """Return how many of the blobs found still wait: for another pass, or for the ledger."""
        return self.counts["found"] - sum(self.counts[done] for done in ("handled", "unreadable", "elsewhere"))

    def summary(self) -> dict[str, Any]:
        """Return the pass as JSON can hold it; a count that is missing is 0."""
        return {
            "started_at": self.started_at.isoformat(timespec="milliseconds"),
            "seconds": round(self.seconds, 3),
            **{name: count for name, count in sorted(self.counts.items()) if count},
            "left": self.left,
            "reasons": dict(self.reasons),
            "outcomes": dict(self.outcomes),
        }


class DeadLetters:
    """Takes in what waits in the container of dead letters."""

    def __init__(
        self,
        *,
        store: DeadLetterStore,
        receive: Receive,
        clock: Clock,
        randomness: random.Random,
        opened_at_most: int = OPENED,
    ) -> None:
        self._store = store
        self._receive = receive
        self._clock = clock
        self._randomness = randomness
        self._opened_at_most = opened_at_most

    async def take_in(self, deadline: Deadline) -> DeadLetterPass:
        """Claim the events of the letters that wait and put the letters aside, until the deadline.

        A letter is moved only when all its events are claimed; otherwise it stays for the next pass. Safe to repeat
        and to run twice at once. Raises BlobsUnavailable when the container cannot even be listed; what is wrong
        with one letter never raises.
        """
        result, started = DeadLetterPass(self._clock.now()), self._clock.monotonic()
        letters = await self._store.waiting(LISTED)
        result.counts["found"] = len(letters)
        # Letters that fail every time must not keep the others waiting. Order is no loss: the ledger tells an older
        # version of a path from a newer one.
        self._randomness.shuffle(letters)
        queue = iter(letters)
        await asyncio.gather(*(self._work(queue, result, deadline) for _ in range(CONCURRENCY)))
        result.seconds = self._clock.monotonic() - started
        if letters:
            logs.fact("dead_letters.taken_in", seconds=result.seconds, left=result.left, **result.counts)
        return result

    async def _work(self, queue: Iterator[StoredLetter], result: DeadLetterPass, deadline: Deadline) -> None:
        for letter in queue:
            enough = result.counts["opened"] >= self._opened_at_most or result.ledger_failures >= GIVE_UP_AFTER
            if enough or deadline.passed():
                return
            result.counts["opened"] += 1
            try:
                await self._take_in(letter, result, deadline)
            except LandfallError as error:
                _log_left(letter, result, error)
            except Exception as error:  # noqa: BLE001 - a defect met by one letter must not hold up the others
                result.counts["failed"] += 1
                logs.error("dead_letter.failed", name=letter.name, reason=repr(error))

    async def _take_in(self, letter: StoredLetter, result: DeadLetterPass, deadline: Deadline) -> None:
        file = await self._read(letter)
        if file is None:
            result.counts["elsewhere"] += 1
            return
        if file.fault and self._clock.now() - letter.written_at < SETTLING:
            result.counts["early"] += 1
            return
        if not await self._claim(letter, file.letters, result, deadline):
            return
        folder = Folder.UNREADABLE if file.fault else Folder.HANDLED
        if not await self._store.move(letter, folder):
            result.counts["elsewhere"] += 1
        elif file.fault:
            result.counts["unreadable"] += 1
            logs.error("dead_letter.unreadable", name=letter.name, reason=file.fault, events=len(file.letters))
        else:
            result.counts["handled"] += 1
            logs.fact("dead_letter.handled", name=letter.name, events=len(file.letters), **_first_told(file.letters))

    async def _read(self, letter: StoredLetter) -> DeadLetterFile | None:
        if letter.size > LARGEST:
            return DeadLetterFile(fault=f"it has {letter.size} bytes, and at most {LARGEST} are read")
        content = await self._store.read(letter)
        return None if content is None else read_dead_letters(content)

    async def _claim(
        self, letter: StoredLetter, events: Sequence[DeadLetter], result: DeadLetterPass, deadline: Deadline
    ) -> bool:
        """Claim a letter's events, in their order; tell whether it can be put aside.

        One event that fails does not stop the others: it would hold them up for as long as it fails.
        """
        failures: list[LandfallError] = []
        for number, event in enumerate(events):
            if deadline.passed() or result.ledger_failures >= GIVE_UP_AFTER:
                why = "out of time" if deadline.passed() else "the ledger is down"
                _log_left(letter, result, f"{why} after {number} of {len(events)} events")
                return False
            try:
                await self._hand_over(event, result, deadline)
            except LandfallError as error:
                result.counts["refused"] += 1
                result.ledger_failures += isinstance(error, LedgerError)
                failures.append(error)
        if failures:
            _log_left(letter, result, failures[0])
        return not failures

    async def _hand_over(self, letter: DeadLetter, result: DeadLetterPass, deadline: Deadline) -> None:
        result.counts["events"] += 1
        result.reasons[_bounded(letter.reason, result.reasons)] += 1
        result.outcomes[_bounded(letter.outcome, result.outcomes)] += 1
        if self._is_about_itself(letter):
            logs.fact("event.ignored", reason="it is about the container of dead letters itself", **_named(letter))
            result.counts["ignored"] += 1
            return
        claims = await self._receive(letter.body, deadline)
        result.counts.update(_COUNTS[claim.outcome] for claim in claims)
        if claims:
            result.ledger_failures = 0
        elif isinstance(subtree_from(letter.event, self._clock.now()), SubtreeMoved):
            result.counts["directories"] += 1
        else:
            result.counts["ignored"] += 1

    def _is_about_itself(self, letter: DeadLetter) -> bool:
        """Tell whether the event is about a dead letter: with a job that fired on those, nothing would ever end."""
        found = arrival_from(letter.event, self._clock.now())
        if isinstance(found, Ignored) or found.container != self._store.container:
            return False
        return not found.account or found.account.lower() == self._store.account.lower()


def _log_left(letter: StoredLetter, result: DeadLetterPass, reason: object) -> None:
    result.counts["failed"] += 1
    logs.warning("dead_letter.left", name=letter.name, reason=reason)


def _bounded(name: str, seen: Counter[str]) -> str:
    return name if name in seen or len(seen) < _MOST_REASONS else "other"


def _first_told(events: Sequence[DeadLetter]) -> dict[str, str]:
    return {"reason": events[0].reason, "outcome": events[0].outcome}


def _named(letter: DeadLetter) -> dict[str, object]:
    return {"subject": letter.event.get("subject"), "event": letter.event.get("id")}
