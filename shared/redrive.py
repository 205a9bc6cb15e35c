"""Redrive: start again whatever is overdue, and read back the runs that are due.

A sequential pass in a fixed order starves the same tail at every time-out, so the entries of all partitions are
taken together, by workers that do not wait for each other: rules take turns, and those of a rule come oldest first.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

from shared import logs
from shared.clock import Clock, Deadline
from shared.dispatch import Dispatcher
from shared.errors import LandfallError
from shared.ledger import Claim, Entries, Marker, partition_of, partitions_of
from shared.limits import Limiter, Line
from shared.model import Entry, State
from shared.settle import Settler

CONCURRENCY = 8
READ_CONCURRENCY = 16
MOST_PER_PARTITION = 500
# Of a partition, to find among those who wait in a line the others that are due, or the first of the line.
MOST_LOOKED_AT = 5_000
HAND_INTERVAL = 30.0  # seconds
HAND_SIZE = 5
STARTABLE = frozenset({State.PENDING, State.DISPATCHING, State.HELD})


class Redriver:
    """Finds due entries and moves them on."""

    def __init__(
        self,
        *,
        entries: Entries,
        dispatcher: Dispatcher,
        settler: Settler,
        limiter: Limiter,
        clock: Clock,
        randomness: random.Random,
    ) -> None:
        self._entries = entries
        self._dispatcher = dispatcher
        self._settler = settler
        self._limiter = limiter
        self._line = Line(limiter, clock)
        self._clock = clock
        self._randomness = randomness
        self._next_hand = 0.0

    async def due(self, rules: Sequence[str]) -> list[Marker]:
        """Return the markers that are due in all partitions of these rules, oldest first.

        Behind them are those held back by a limit that has permits again, as many as there may be, the first in line
        first.
        At most MOST_PER_PARTITION of each partition: the rest is as old at the next pass. A partition that cannot
        be read is logged and left out; raises LedgerUnavailable only when none can.
        """
        partitions = [partition for rule in rules for partition in partitions_of(rule)]
        self._randomness.shuffle(partitions)
        gate = asyncio.Semaphore(READ_CONCURRENCY)

        async def read(partition: str) -> list[Marker] | LandfallError:
            async with gate:
                try:
                    return await self._due_in(partition)
                except LandfallError as error:
                    logs.error("redrive.partition_failed", partition=partition, reason=error)
                    return error

        results = await asyncio.gather(*(read(partition) for partition in partitions))
        failures = [result for result in results if isinstance(result, LandfallError)]
        if failures and len(failures) == len(results):
            raise failures[0]
        markers = [marker for result in results if isinstance(result, list) for marker in result]
        if not failures:
            await self._end_lines(rules, markers)
        return sorted(markers, key=lambda marker: marker.due_at)

    async def redrive(self, due: Sequence[Marker], deadline: Deadline) -> Counter[str]:
        """Start the due entries that have no run yet; return how many ended in which state.

        Those that wait for their batch are not started: see gather.
        """
        startable = [marker for marker in due if marker.state in STARTABLE and marker.gathering_since is None]
        return await self._each(startable, self._dispatcher.start, deadline)

    async def settle(self, due: Sequence[Marker], deadline: Deadline) -> Counter[str]:
        """Read back the runs of the due entries that have one; return how many ended in which state."""
        return await self._settler.settle_due(due, deadline)

    async def lend_a_hand(self, claims: Iterable[Claim], deadline: Deadline) -> Counter[str]:
        """Start a few overdue entries near those just claimed: recovery goes on even if the timer is dead.

        At most once in HAND_INTERVAL per instance, so that a burst of events is not slowed down. Never raises for the
        ledger: what was claimed is claimed, and its event needs not come again (rule R7).
        """
        now = self._clock.monotonic()
        if deadline.passed() or now < self._next_hand:
            return Counter()
        self._next_hand = now + HAND_INTERVAL
        markers: list[Marker] = []
        for partition in sorted({partition_of(claim.entry.rule, claim.entry.arrival) for claim in claims}):
            try:
                markers += await self._due_in(partition)
            except LandfallError as error:
                logs.error("redrive.partition_failed", partition=partition, reason=error)
        return await self.redrive(markers[:HAND_SIZE], deadline)

    async def _due_in(self, partition: str) -> list[Marker]:
        """Return the due markers of a partition, and those of the first in line that may go before they are due.

        Who has to wait although it is due is passed over: the line is long, and nobody else is to be late for it.
        """
        ahead, now = self._limiter.ahead(_rule_of(partition)) or 0, self._clock.now()
        markers: list[Marker] = []
        members: list[Marker] = []  # they wait for their batch, and nobody waits for them
        looked_at = 0
        async for marker in self._entries.open(partition) if ahead else self._entries.due(partition, now):
            looked_at += 1
            is_due = marker.due_at <= now
            if marker.gathering_since is not None:
                members += [marker] if is_due and len(members) < MOST_PER_PARTITION else []
            elif (is_due and not self._line.has_to_wait(marker)) or (marker.is_held_back and ahead > 0):
                markers.append(marker)
                ahead -= marker.is_held_back
            if looked_at >= MOST_LOOKED_AT or len(markers) >= MOST_PER_PARTITION or (ahead <= 0 and not is_due):
                break
        return markers + members

    async def _end_lines(self, rules: Sequence[str], markers: Iterable[Marker]) -> None:
        """Take note of the rules of which nobody waits any more: what is new then goes at once."""
        waiting = {_rule_of(marker.partition) for marker in markers if marker.is_held_back}
        for rule in rules:
            if rule not in waiting and self._limiter.ahead(rule):
                try:
                    await self._limiter.end_line(rule)
                except LandfallError as error:
                    logs.warning("limit.unsaved", rule=rule, reason=error)

    async def _each(
        self,
        markers: Sequence[Marker],
        act: Callable[[Entry, Deadline], Awaitable[Entry]],
        deadline: Deadline,
    ) -> Counter[str]:
        """Act on every entry until the deadline; one that fails is logged and does not stop the others."""
        line = iter(_in_turns(markers))
        outcomes: Counter[str] = Counter()

        async def work() -> None:
            for marker in line:
                outcomes[await self._outcome(marker, act, deadline)] += 1

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
        return outcomes

    async def _outcome(
        self, marker: Marker, act: Callable[[Entry, Deadline], Awaitable[Entry]], deadline: Deadline
    ) -> str:
        if deadline.passed():
            return "out of time"
        if self._line.has_to_wait(marker):
            return "held back"
        try:
            entry = await self._entries.read_at(marker.partition, marker.key)
            if entry is None or not marker.stands_for(entry):
                return "moved on"
            return str((await act(entry, deadline)).state)
        except Exception as error:  # noqa: BLE001 - whatever one entry does, the others must go on (invariant 6)
            logs.error("redrive.entry_failed", entry=marker.key[:12], reason=repr(error))
            return "failed"


def _in_turns(markers: Sequence[Marker]) -> list[Marker]:
    """Return the markers so that rules take turns, each with its oldest entry: no rule's backlog is everybody's."""
    turns: Counter[str] = Counter()
    ordered: list[tuple[int, Marker]] = []
    for marker in sorted(markers, key=lambda marker: marker.due_at):
        rule = _rule_of(marker.partition)
        ordered.append((turns[rule], marker))
        turns[rule] += 1
    return [marker for _, marker in sorted(ordered, key=lambda each: each[0])]


def _rule_of(partition: str) -> str:
    return partition.rpartition("|")[0]
