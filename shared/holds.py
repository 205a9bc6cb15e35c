"""Holds: an entry waits, on purpose or not, and its file may not wait for it. Decides what becomes of it then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.containers import MANIFESTS
from shared.landing import COPYING, NO_FILE, Landing, is_directory
from shared.model import Arrival, Entry, Result, Source, State
from shared.rule_book import RuleBook
from shared.rules import OnOverwrite

GONE = "the file was gone before its job was started"
REPLACED = "another version was there before its job was started, and has its own entry"
RUNS_REPLACED = "its content was replaced before its job was started, and the rule does not run what overwrites a file"
# Their events come when the operation begins, in an account with a hierarchical namespace:
# https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
_BEGINNING_APIS = frozenset({"CopyBlob"})
# An unfinished copy is asked about less and less often.
_SHORTEST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What became of an entry's file: `result` closes the entry; without one it is started, or waits for the file."""

    result: Result | None = None
    is_unfinished: bool = False
    reason: str = ""
    arrival: Arrival | None = None  # the file as it is, where it is there

    def changes(self, entry: Entry, now: datetime) -> dict[str, object]:
        """Return what changes of an entry that nothing can be started for; nothing where something can."""
        if self.is_unfinished:
            pause = min(max((now - entry.claimed_at) / 4, _SHORTEST_PAUSE), _LONGEST_PAUSE)
            return {"due_at": now + pause, "reason": self.reason}
        if self.result is None:
            return {}
        settled = {"state": State.SETTLED, "result": self.result, "reason": self.reason}
        return {**settled, "due_at": None, "settled_at": now}


def may_have_changed(entry: Entry, now: datetime, grace: timedelta) -> bool:
    """Tell whether the blob of an entry must be looked up before its job is started.

    So it must where the entry comes late or has waited for longer than `grace`, and where what announced it need not
    be a file that is ready: an event of no size may mean a directory, one of a copy only its beginning. Never after
    a request was sent, because its repetition must be the same (rule R2), and not where its own run may have moved
    the file away before it failed. What a replay has opened again, and what never ran, has waited whatever its age.
    """
    if entry.first_sent_at is not None or entry.retries or is_manifest(entry.arrival):
        return False
    if entry.generation > 1:
        return True
    arrival = entry.arrival
    if arrival.source is Source.EVENT:
        is_doubtful = arrival.size == 0 or arrival.api in _BEGINNING_APIS
        return is_doubtful or now - arrival.committed_at > grace
    # A sweep looks a blob up before it claims it; a backfill takes it from a page that may be old by now.
    return arrival.source is Source.BACKFILL or now - entry.claimed_at > grace


def is_manifest(arrival: Arrival) -> bool:
    """Tell whether an arrival is a batch of files: its manifest never changes, and its version is no ETag."""
    return arrival.container == MANIFESTS


class Holds:
    """Decides about entries whose file may have changed."""

    def __init__(self, *, landing: Landing, rule_book: RuleBook) -> None:
        self._landing = landing
        self._rule_book = rule_book

    async def look(self, entry: Entry) -> Finding:  # noqa: PLR0911 - one for each thing that may have happened
        """Look an entry's blob up and return what that means for the entry.

        A newer version has an entry of its own, by its event or by the sweep, which starts the job once for what is
        there. Raises BlobsUnavailable, or RulesError while there are no rules at all.
        """
        if is_manifest(entry.arrival):
            return Finding()
        found = await self._landing.identify(entry.arrival)
        if found is None:
            return Finding(result=Result.VANISHED, reason=GONE)
        if is_directory(found):
            return Finding(result=Result.IGNORED, reason=NO_FILE)
        if found.version == entry.arrival.version:
            # Another's lease is no reason to wait: what was announced is committed.
            is_copying = found.unfinished == COPYING
            return Finding(is_unfinished=is_copying, reason=COPYING if is_copying else "", arrival=found)
        if _is_only_touched(entry.arrival, found):
            return Finding()
        rule = (await self._rule_book.current()).by_ledger_name(entry.rule)
        if rule is None or rule.on_overwrite is not OnOverwrite.RUN:
            return Finding(reason=RUNS_REPLACED)  # then the newer version starts nothing
        return Finding(result=Result.SUPERSEDED, reason=REPLACED)


def _is_only_touched(claimed: Arrival, found: Arrival) -> bool:
    return bool(claimed.md5) and claimed.md5 == found.md5 and claimed.size == found.size
