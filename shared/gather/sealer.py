"""Sealing: a batch gets its members, its manifest and its run, in steps that may break off or be repeated anywhere.

1. Each member is looked up, and assigned to the batch by the ETag of its entry.
2. All are read again; those that are assigned to this batch go into the manifest, which is written only if it is not
   there. From then on it is the truth: who is not in it is not in the batch.
3. The batch is claimed as an entry like any other, whose arrival is the manifest.
4. The members that the manifest lists are closed as gathered; those that it does not list wait again.

A member leaves an unsealed batch in no way, and a sealed one only if the manifest does not list it: so it is in at most
one manifest, however many workers seal at once and however late one of them writes. The batch's id is made of its
oldest member as it was read, so that workers who see the same members mean the same batch; where they do not agree,
each member is in one of two batches.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from shared import logs
from shared.clock import Clock, Deadline
from shared.dispatch import Dispatcher
from shared.errors import LedgerConflict
from shared.gather.groups import Group, captures_of, group_of
from shared.gather.manifest import Manifest, ManifestFile, batch_parameters, manifest_path
from shared.holds import Holds
from shared.landing import Landing
from shared.ledger import Claimed, Entries, Marker
from shared.model import Entry, JobReference, Result, State
from shared.parameters import Locations
from shared.rules import Gathering, IfIncomplete, Rule, problem
from shared.rules.gathering import manifest_arrival
from shared.together import all_done

CONCURRENCY = 16
# An unfinished copy is asked about less and less often.
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=15)
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class SealerTools:
    """What sealing is done with."""

    entries: Entries
    dispatcher: Dispatcher
    landing: Landing
    holds: Holds
    locations: Locations
    clock: Clock


class Sealer:
    """Seals batches. Each method may run twice at once; what it raises, a later pass repairs.

    Raises LedgerError or BlobsUnavailable: then some steps may have been done.
    """

    def __init__(self, tools: SealerTools) -> None:
        self._tools = tools

    async def seal(self, rule: Rule, gathering: Gathering, group: Group, deadline: Deadline) -> Counter[str]:
        """Assign the members of a group to a batch, and seal it; return what was done, by kind.

        What there is no time for is left to a later call: then the batch is not sealed yet.
        """
        counts: Counter[str] = Counter()
        if group.batch and (manifest := await self._sealed(rule.ledger_name, group.batch)):
            return await self.finish(manifest, group.assigned, deadline)
        loose = [entry for entry in await self._read(group.loose) if entry.is_gathering]
        ripe = await self._ripe([entry for entry in loose if not entry.batch], counts, deadline)
        if deadline.passed():
            return counts
        batch = group.batch or _batch_id(rule, ripe)
        if not batch or not await self._may_seal(rule, gathering, group, ripe, counts):
            return counts
        await self._each(ripe, lambda entry: self._assigned(entry, batch), deadline)
        if deadline.passed():
            return counts
        manifest = self._manifest(rule, gathering, batch, await self._members(group, batch))
        if problem(manifest.parameters):  # of these files together, and not of those that were looked at
            manifest = self._abandoned(rule.ledger_name, batch)
        manifest = await self._written(manifest)
        return counts + await self.finish(manifest, group.members, deadline)

    async def give_up(self, ledger_name: str, group: Group, deadline: Deadline) -> Counter[str]:
        """Seal a batch without files unless it is sealed: its members wait again, each for itself."""
        manifest = await self._sealed(ledger_name, group.batch) or await self._written(
            self._abandoned(ledger_name, group.batch)
        )
        return await self.finish(manifest, group.assigned, deadline)

    async def finish(self, manifest: Manifest, markers: Iterable[Marker], deadline: Deadline) -> Counter[str]:
        """Start the run of a sealed batch, and close the members that it lists; the others wait again."""
        counts: Counter[str] = Counter()
        batch = manifest.entry(self._tools.locations.account, self._tools.clock.now())
        if manifest.files:
            counts["sealed"] += await self._start(batch, manifest, deadline)
        listed = {(file.entry, file.generation) for file in manifest.files}

        async def conclude(entry: Entry) -> None:
            if (entry.key, entry.generation) in listed:
                is_done = await self._close(entry, Result.GATHERED, _in_batch(batch, manifest))
                counts["gathered"] += is_done  # not in one line: `+=` would read before the await
            elif await self._changed(entry, batch=""):
                logs.warning("gather.returned", batch=manifest.batch, **entry.log_fields())
                counts["returned"] += 1

        members = [entry for entry in await self._read(markers) if _is_in(entry, manifest.batch)]
        await self._each(members, conclude, deadline)
        return counts

    async def _sealed(self, ledger_name: str, batch: str) -> Manifest | None:
        path = manifest_path(ledger_name, batch)
        content = await self._tools.landing.read_manifest(path)
        return None if content is None else Manifest.read(content, path)

    async def _written(self, manifest: Manifest) -> Manifest:
        """Write a manifest unless there is one; return the one that is there."""
        if await self._tools.landing.write_manifest(manifest.path, manifest.content()):
            log = logs.fact if manifest.files else logs.warning
            log("gather.sealed", rule=manifest.rule, batch=manifest.batch, by=manifest.by, files=len(manifest.files))
            return manifest
        return await self._sealed(manifest.rule, manifest.batch) or manifest

    async def _ripe(self, loose: Sequence[Entry], counts: Counter[str], deadline: Deadline) -> list[Entry]:
        """Return the entries whose file is there, as it is there; close those of which it is not."""

        async def look(entry: Entry) -> Entry | None:
            found = await self._tools.holds.look(entry)
            if found.is_unfinished:
                waited = self._tools.clock.now() - entry.claimed_at
                pause = min(max(waited / 4, SHORTEST_PAUSE), LONGEST_PAUSE)
                await self._changed(entry, due_at=self._tools.clock.now() + pause, reason=found.reason)
                return None
            if found.result is not None:
                is_done = await self._close(entry, found.result, found.reason)
                counts[str(found.result)] += is_done
                return None
            arrival = entry.arrival
            if found.arrival is not None and found.arrival.version == arrival.version:
                arrival = replace(arrival, size=found.arrival.size, md5=found.arrival.md5)
            return entry.evolve(arrival=arrival, reason=found.reason or entry.reason)

        return [entry for entry in await self._each(loose, look, deadline) if entry is not None]

    async def _may_seal(
        self, rule: Rule, gathering: Gathering, group: Group, ripe: Sequence[Entry], counts: Counter[str]
    ) -> bool:
        """Tell whether a group is complete, or need not be any more; give its files up where the rule says so."""
        paths = [marker.full_path for marker in group.assigned] + [entry.arrival.full_path for entry in ripe]
        if group.batch:  # a batch that was begun is sealed, or given up, by what is in it then
            return True
        missing = gathering.missing(paths)
        if not missing:
            return await self._is_sendable(rule, gathering, ripe, counts)
        oldest = min((_since(entry) for entry in ripe), default=None)
        if oldest is None or not gathering.is_over(oldest, self._tools.clock.now()):
            return False
        if gathering.if_incomplete is IfIncomplete.RUN:
            return await self._is_sendable(rule, gathering, ripe, counts)
        reason = f"`wait` is over, and these files have not come: {', '.join(missing)}"
        await self.bury(ripe, reason, counts)
        return False

    async def _is_sendable(self, rule: Rule, gathering: Gathering, ripe: Sequence[Entry], counts: Counter[str]) -> bool:
        """Tell whether Databricks would take what a batch is told; give its files up where it would not."""
        fault = problem(self._manifest(rule, gathering, _batch_id(rule, ripe), ripe).parameters)
        if fault:
            await self.bury(ripe, fault, counts)
        return not fault

    async def bury(self, entries: Iterable[Entry], reason: str, counts: Counter[str]) -> None:
        """Give members up that are in no batch, with the reason."""

        async def one(entry: Entry) -> None:
            now = self._tools.clock.now()
            changes = {"state": State.DEAD, "due_at": None, "settled_at": now, "reason": reason[:500]}
            if await self._changed(entry, **changes):
                counts["dead"] += 1
                logs.error("entry.dead", reason=reason, **entry.log_fields())

        await all_done((one(entry) for entry in entries if entry.is_gathering and not entry.batch), CONCURRENCY)

    async def _assigned(self, entry: Entry, batch: str) -> None:
        await self._changed(entry, batch=batch, arrival=entry.arrival, reason=entry.reason)

    async def _members(self, group: Group, batch: str) -> list[Entry]:
        """Return the members of an unsealed batch as they stand, oldest first."""
        found = [entry for entry in await self._read(group.members) if _is_in(entry, batch)]
        return sorted(found, key=lambda entry: (entry.arrival.committed_at, entry.arrival.full_path))

    def _manifest(self, rule: Rule, gathering: Gathering, batch: str, members: Sequence[Entry]) -> Manifest:
        """Return the manifest of a batch, by the rule in force; one without files where they do not fit together."""
        groups = {group_of(rule, gathering, entry.arrival.full_path) for entry in members}
        missing = gathering.missing(entry.arrival.full_path for entry in members)
        now = self._tools.clock.now()
        is_incomplete = bool(missing) and (
            gathering.if_incomplete is IfIncomplete.DEAD
            or not gathering.is_over(min((_since(entry) for entry in members), default=now), now)
        )
        if len(groups) != 1 or None in groups or is_incomplete:
            return self._abandoned(rule.ledger_name, batch)
        locations = self._tools.locations
        captures = captures_of(rule, members[0].arrival.full_path)
        files = tuple(ManifestFile.of(entry, locations) for entry in members)
        by, arrival = gathering.text(captures), manifest_arrival(locations.account, rule.ledger_name, batch, now)
        return Manifest(
            rule=rule.ledger_name,
            batch=batch,
            by=by,
            sealed_at=now,
            job=rule.job,
            parameters=batch_parameters(rule, arrival, captures, by, files, locations),
            files=files,
            missing=missing,
        )

    def _abandoned(self, ledger_name: str, batch: str) -> Manifest:
        nothing = JobReference(id=0)
        return Manifest(
            rule=ledger_name, batch=batch, by="", sealed_at=self._tools.clock.now(), job=nothing, parameters={}
        )

    async def _start(self, batch: Entry, manifest: Manifest, deadline: Deadline) -> int:
        """Claim a batch and start its run; return 1 where it is claimed now. What is not started is due at once."""
        dispatcher = self._tools.dispatcher
        claim = await self._tools.entries.claim(dispatcher.prepared(batch, deadline))
        if claim.outcome is Claimed.DUPLICATE:
            return 0
        entry = claim.entry
        logs.fact("gather.claimed", files=len(manifest.files), by=manifest.by, state=entry.state, **entry.log_fields())
        if entry.state is State.DISPATCHING:
            await dispatcher.send(entry, deadline)
        elif entry.due_at is not None and entry.due_at <= self._tools.clock.now():
            await dispatcher.start(entry, deadline)
        return 1

    async def _close(self, entry: Entry, result: Result, reason: str) -> bool:
        now = self._tools.clock.now()
        changes = {"state": State.SETTLED, "result": result, "due_at": None, "settled_at": now, "reason": reason}
        closed = await self._changed(entry, **changes)
        if closed:
            logs.fact("entry.settled", result=result, reason=reason, **entry.log_fields())
        return closed

    async def _changed(self, entry: Entry, **changes: object) -> bool:
        """Write a member unless somebody else was first; return whether it was written."""
        try:
            await self._tools.entries.move(entry, **changes)
        except LedgerConflict:
            return False
        return True

    async def _read(self, markers: Iterable[Marker]) -> list[Entry]:
        reads = (self._tools.entries.read_at(marker.partition, marker.key) for marker in markers)
        return [entry for entry in await all_done(reads, CONCURRENCY) if entry is not None]

    async def _each(
        self, entries: Iterable[Entry], act: Callable[[Entry], Awaitable[_T]], deadline: Deadline
    ) -> list[_T | None]:
        async def one(entry: Entry) -> _T | None:
            return None if deadline.passed() else await act(entry)

        return await all_done((one(entry) for entry in entries), CONCURRENCY)


def _batch_id(rule: Rule, members: Iterable[Entry]) -> str:
    """Return the id of a new batch, "" for one of nobody.

    With the nonce of the oldest member's last write: whoever read the same members makes the same id, and none is ever
    made again, because whatever becomes of that member is another write.
    """
    oldest = min(members, key=lambda entry: (_since(entry), entry.key), default=None)
    if oldest is None:
        return ""
    return hashlib.sha256(f"{rule.ledger_name} {oldest.key} {oldest.nonce}".encode()).hexdigest()[:32]


def _is_in(entry: Entry, batch: str) -> bool:
    return entry.is_gathering and entry.batch == batch


def _since(entry: Entry) -> datetime:
    return entry.gathering_since or entry.claimed_at


def _in_batch(batch: Entry, manifest: Manifest) -> str:
    count = len(manifest.files)
    return f"in the batch {batch.key[:12]} of {count} {'file' if count == 1 else 'files'}"
