"""Takes Databricks' job notifications as hints to settle a run now; polling stays the net under it.

A notification carries neither result nor proof: no signature, no state, and nothing is known of its repetition
(https://docs.databricks.com/aws/en/jobs/notifications). So nothing in it is believed but which run to look at, and
what becomes of an entry is decided by the run itself, read back. Repeated, forged or late ones change nothing.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum

from shared import logs
from shared.clock import Clock, Deadline
from shared.errors import LandfallError
from shared.jobs.json_values import id_of, object_of, parse_object, text_of
from shared.ledger import Entries, Marker, partitions_of
from shared.model import State
from shared.rule_book import RuleBook
from shared.secret import Secret
from shared.settle.settler import Settler

LONGEST_BODY = 64 * 1024  # bytes; a notification has some 300
READ_CONCURRENCY = 16
MOST_PER_PARTITION = 500
# Runs end in bursts: one look at the open entries serves all hints of a few seconds.
LOOK_INTERVAL = 5.0  # seconds
_ENDED = frozenset({"jobs.on_success", "jobs.on_failure"})
_BASIC = re.compile(r"basic +([A-Za-z0-9+/=]{1,2000})", re.IGNORECASE)


class Received(StrEnum):
    """What came of a notification."""

    SHUT = "shut"  # no secret is set
    STRANGER = "stranger"  # without the secret
    TOO_LARGE = "too-large"
    IGNORED = "ignored"
    LOOKED = "looked"  # the run was read back


@dataclass(frozen=True, slots=True)
class RunHint:
    """A run that is said to have ended."""

    run_id: int


class RunHints:
    """Settles the runs that notifications name."""

    def __init__(
        self, *, entries: Entries, settler: Settler, rule_book: RuleBook, clock: Clock, secret: Secret
    ) -> None:
        self._entries = entries
        self._settler = settler
        self._rule_book = rule_book
        self._clock = clock
        self._secret = secret
        self._looking = asyncio.Lock()
        self._open: dict[int, Marker] = {}  # by run, as of the last look
        self._next_look = clock.monotonic()

    async def receive(self, authorization: str, body: bytes, deadline: Deadline) -> Received:
        """Settle the run that a notification names, if it is ours and has ended; safe to repeat.

        `authorization` is the header as it came. Raises LandfallError when there is no telling whether it is ours.
        """
        if not self._secret:
            return Received.SHUT
        if not _shows(authorization, self._secret):
            logs.warning("hint.refused")
            return Received.STRANGER
        if len(body) > LONGEST_BODY:
            return Received.TOO_LARGE
        hint = hint_of(body)
        if isinstance(hint, str):
            logs.fact("hint.ignored", reason=hint)
            return Received.IGNORED
        return await self._take(hint, deadline)

    async def _take(self, hint: RunHint, deadline: Deadline) -> Received:
        marker = await self._marker(hint.run_id)
        entry = None if marker is None else await self._entries.read_at(marker.partition, marker.key)
        if entry is None or entry.state is not State.SUBMITTED or entry.run_id != hint.run_id:
            logs.fact("hint.ignored", reason="no open entry has this run", run_id=hint.run_id)
            return Received.IGNORED
        settled = await self._settler.settle(entry, deadline)
        logs.fact("hint.taken", run_id=hint.run_id, state=settled.state, **entry.log_fields())
        return Received.LOOKED

    async def _marker(self, run_id: int) -> Marker | None:
        """Return the open entry of a run, after a look at all of them where it is time for one."""
        async with self._looking:
            if run_id not in self._open and self._clock.monotonic() >= self._next_look:
                self._open = await self._look()
                self._next_look = self._clock.monotonic() + LOOK_INTERVAL
        return self._open.get(run_id)

    async def _look(self) -> dict[int, Marker]:
        rules = await self._rule_book.current()
        partitions = [partition for rule in rules for partition in partitions_of(rule.ledger_name)]
        gate = asyncio.Semaphore(READ_CONCURRENCY)

        async def read(partition: str) -> list[Marker]:
            async with gate:
                return await self._submitted(partition)

        found = await asyncio.gather(*(read(partition) for partition in partitions), return_exceptions=True)
        unread = [each for each in found if isinstance(each, BaseException)]
        if unread and not (len(unread) < len(found) and all(isinstance(each, LandfallError) for each in unread)):
            raise unread[0]
        markers = [marker for each in found if isinstance(each, list) for marker in each]
        return {marker.run_id: marker for marker in markers if marker.run_id is not None}

    async def _submitted(self, partition: str) -> list[Marker]:
        markers: list[Marker] = []
        async for marker in self._entries.open(partition):
            markers.append(marker)
            if len(markers) >= MOST_PER_PARTITION:
                break
        return markers


def hint_of(body: bytes) -> RunHint | str:
    """Return the run that a notification says has ended, or why it says none; never raises."""
    notification = parse_object(body)
    if notification is None:
        return "it is no JSON object"
    event_type = text_of(notification.get("event_type"), 80)
    if event_type not in _ENDED:
        return f"{event_type or 'no event type'}: only {' and '.join(sorted(_ENDED))} say that a run has ended"
    run = object_of(notification.get("run"))
    if "task" in notification or "parent_run_id" in run:
        return "a task has ended, and not its run"
    run_id = id_of(run.get("run_id"))
    return "it names no run" if run_id is None else RunHint(run_id)


def _shows(authorization: str, secret: Secret) -> bool:
    """Tell whether a Basic authorization has the secret for its password; its user name may be anything."""
    found = _BASIC.fullmatch(authorization.strip())
    if not found:
        return False
    try:
        _, _, password = base64.b64decode(found[1], validate=True).partition(b":")
    except binascii.Error:
        return False
    return hmac.compare_digest(password, secret.reveal().encode())
