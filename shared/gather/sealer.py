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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared import logs
from shared.clock import Clock, Deadline
from shared.dispatch import Dispatcher
from shared.gather.groups import Group, captures_of, group_of
from shared.gather.manifest import Manifest, ManifestFile, batch_parameters, manifest_path
from shared.gather.members import Members, began, is_in
from shared.holds import Holds
from shared.landing import Landing
from shared.ledger import Claimed, Entries, Marker
from shared.model import Entry, JobReference, Result, State
from shared.parameters import Locations
from shared.rules import Gathering, IfIncomplete, Rule, problem
from shared.rules.gathering import manifest_arrival


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
        self.members = Members(entries=tools.entries, holds=tools.holds, clock=tools.clock)

    async def seal(self, rule: Rule, gathering: Gathering, group: Group, deadline: Deadline) -> Counter[str]:
        """Assign the members of a group to a batch, and seal it; return what was done, by kind.

        What there is no time for is left to a later call: then the batch is not sealed yet.
        """
        counts: Counter[str] = Counter()
        if group.batch and (manifest := await self._sealed(rule.ledger_name, group.batch)):
            return await self.finish(manifest, group.assigned, deadline)
        loose = [entry for entry in await self.members.read(group.loose) if entry.is_gathering and not entry.batch]
        # What is looked at must be assigned in this call, or a batch that takes long to look at would never be sealed.
        looking = Deadline(self._tools.clock, deadline.remaining() / 2)
        ripe = await self.members.ripe(loose, counts, looking, may_go_without=not gathering.expect)
        batch, is_part = group.batch or _batch_id(rule, ripe), looking.passed()
        if deadline.passed() or not batch:
            return counts
        if not await self._may_seal(rule, gathering, group, ripe, counts, is_part=is_part):
            return counts
        await self.members.each(ripe, lambda entry: self.members.assign(entry, batch), deadline)
        if is_part or deadline.passed():
            return counts
        manifest = self._manifest(rule, gathering, batch, await self.members.of_batch(group, batch))
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
                is_done = await self.members.close(entry, Result.GATHERED, _in_batch(batch, manifest))
                counts["gathered"] += is_done  # not in one line: `+=` would read before the await
            elif await self.members.change(entry, batch=""):
                logs.warning("gather.returned", batch=manifest.batch, **entry.log_fields())
                counts["returned"] += 1

        members = [entry for entry in await self.members.read(markers) if is_in(entry, manifest.batch)]
        await self.members.each(members, conclude, deadline)
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

    async def _may_seal(
        self,
        rule: Rule,
        gathering: Gathering,
        group: Group,
        ripe: Sequence[Entry],
        counts: Counter[str],
        *,
        is_part: bool,
    ) -> bool:
        """Tell whether a group is complete, or need not be any more; give its files up where the rule says so.

        `is_part`: there was no time to look at all of them; what was not looked at may be there.
        """
        if group.batch:  # a batch that was begun is sealed, or given up, by what is in it then
            return True
        if not self._is_time(gathering, group, ripe):
            return False
        seen = {entry.key for entry in ripe}
        missing = gathering.missing(marker.full_path for marker in group.loose if is_part or marker.key in seen)
        if not missing:
            return await self._is_sendable(rule, gathering, ripe, counts)
        oldest = min((began(entry) for entry in ripe), default=None)
        if oldest is None or not gathering.is_over(oldest, self._tools.clock.now()):
            return False
        if gathering.if_incomplete is IfIncomplete.RUN:
            return await self._is_sendable(rule, gathering, ripe, counts)
        reason = f"`wait` is over, and these files have not come: {', '.join(missing)}"
        await self.members.bury(ripe, reason, counts)
        return False

    def _is_time(self, gathering: Gathering, group: Group, ripe: Sequence[Entry]) -> bool:
        """Tell whether the files that are there may be closed by their own times, where they are no set.

        One that is not there yet, as a copy that takes days, has others wait for it in no way, nor closes their batch.
        """
        if gathering.expect or len(group.loose) >= gathering.files:
            return True
        times, now = [began(entry) for entry in ripe], self._tools.clock.now()
        return gathering.is_over(min(times), now) or gathering.is_quiet(max(times), now)

    async def _is_sendable(self, rule: Rule, gathering: Gathering, ripe: Sequence[Entry], counts: Counter[str]) -> bool:
        """Tell whether Databricks would take what a batch is told; give its files up where it would not."""
        fault = problem(self._manifest(rule, gathering, _batch_id(rule, ripe), ripe).parameters)
        if fault:
            await self.members.bury(ripe, fault, counts)
        return not fault

    def _manifest(self, rule: Rule, gathering: Gathering, batch: str, members: Sequence[Entry]) -> Manifest:
        """Return the manifest of a batch, by the rule in force; one without files where they do not fit together."""
        members = members if gathering.expect else members[: gathering.files]
        groups = {group_of(rule, gathering, entry.arrival.full_path) for entry in members}
        missing = gathering.missing(entry.arrival.full_path for entry in members)
        now = self._tools.clock.now()
        is_incomplete = bool(missing) and (
            gathering.if_incomplete is IfIncomplete.DEAD
            or not gathering.is_over(min((began(entry) for entry in members), default=now), now)
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


def _batch_id(rule: Rule, members: Iterable[Entry]) -> str:
    """Return the id of a new batch, "" for one of nobody.

    With the nonce of the oldest member's last write: whoever read the same members makes the same id, and none is ever
    made again, because whatever becomes of that member is another write.
    """
    oldest = min(members, key=lambda entry: (began(entry), entry.key), default=None)
    if oldest is None:
        return ""
    return hashlib.sha256(f"{rule.ledger_name} {oldest.key} {oldest.nonce}".encode()).hexdigest()[:32]


def _in_batch(batch: Entry, manifest: Manifest) -> str:
    count = len(manifest.files)
    return f"in the batch {batch.key[:12]} of {count} {'file' if count == 1 else 'files'}"
