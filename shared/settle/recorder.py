"""Writes down what became of an entry's run; what cannot be written is found again by the next pass."""

from __future__ import annotations

from datetime import timedelta

from shared import logs
from shared.clock import Clock
from shared.errors import LedgerError
from shared.ledger import Entries
from shared.model import Entry, Result, State
from shared.settings import Settings

LONGEST_REASON = 500
LONGEST_INTERVAL = timedelta(minutes=10)
# A run that never ran says that its job is full or switched off, and one that failed that something is down: wait
# longer each time.
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=30)


def wait_before(times: int) -> timedelta:
    """Return how long to wait before another run, after so many before it."""
    wait: timedelta = min(FIRST_WAIT * 2 ** min(times, 10), LONGEST_WAIT)
    return wait


class Recorder:
    """Moves SUBMITTED entries on in the ledger."""

    def __init__(self, entries: Entries, clock: Clock, settings: Settings) -> None:
        self._entries = entries
        self._clock = clock
        self._settings = settings

    async def close(self, entry: Entry, result: Result, *, reason: str, **changes: object) -> Entry:
        """Settle an entry and log it; return the entry as it stands."""
        now = self._clock.now()
        changes |= {"state": State.SETTLED, "result": result, "due_at": None, "settled_at": now}
        settled = await self.move(entry, reason=reason[:LONGEST_REASON], **changes)
        if settled.state is State.SETTLED:
            log = logs.fact if result is Result.SUCCEEDED else logs.warning
            log(
                "entry.settled", result=result, run_id=entry.run_id, reason=settled.reason or None, **entry.log_fields()
            )
        return settled

    async def begin_next_generation(self, entry: Entry, wait: timedelta, *, reason: str, retries: int) -> Entry:
        """Have the entry started again under a new token (rule R3); return the entry as it stands."""
        return await self.move(
            entry,
            state=State.PENDING,
            generation=entry.generation + 1,
            request=None,
            first_sent_at=None,
            attempts=0,
            refusals=0,
            lookups=0,
            run_id=None,
            repair_id=None,
            retries=retries,
            due_at=self._clock.now() + wait,
            reason=reason[:LONGEST_REASON],
        )

    async def look_later(self, entry: Entry) -> Entry:
        """Look again after a tenth of the time the run has taken so far: long runs are asked about less often."""
        now = self._clock.now()
        age = now - (entry.first_sent_at or entry.claimed_at)
        return await self.move(entry, due_at=now + max(self._settings.settle_interval, min(age / 10, LONGEST_INTERVAL)))

    async def look_soon(self, entry: Entry, **changes: object) -> Entry:
        """Look again after the interval at which a new run is read back first."""
        return await self.move(entry, due_at=self._clock.now() + self._settings.settle_interval, **changes)

    async def move(self, entry: Entry, **changes: object) -> Entry:
        """Write changes; return the entry as it stands, unchanged where somebody else was first."""
        try:
            return await self._entries.move(entry, **changes)
        except LedgerError as error:
            logs.warning("entry.unrecorded", reason=error, **entry.log_fields())
            return entry
