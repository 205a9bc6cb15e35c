"""Searches of sealing: passes that gather the same files at once, while another file arrives (design: G4).

The run of a batch is not part of them: a batch is claimed as an entry like any other, and those are searched apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.gather import Manifest
from shared.model import Arrival, Entry, Result, Source, State
from tests.fakes.world import World, event_body
from tests.search.invariants import faults_of_marker
from tests.search.truth import Truth
from tests.search.workers import Program

RULES = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {id: 7}
    gather: {quiet: 5m, wait: 1h, files: %d}
"""
# Of one partition all of them, so that one range shows who waits.
PATHS = ("landing/crm/a.csv", "landing/crm/b.csv", "landing/crm/k.csv")
# Less than dispatch begins a request with: what is sealed is claimed and not started.
SHORT = 0.9


def event_of(number: int) -> Program:
    """Return the worker that takes in the event of one of the files."""

    async def receive(world: World, arrivals: Sequence[Arrival]) -> None:
        await world.intake.receive(event_body(arrivals[number]), world.deadline())

    return Program(f"event of file {number + 1}", receive, is_event=True)


async def gather(world: World, arrivals: Sequence[Arrival]) -> None:
    """Seal what may be sealed, as a pass does."""
    del arrivals
    await world.gatherer.gather([], world.deadline(SHORT))


GATHER = Program("gathering pass", gather)


@dataclass(frozen=True)
class Batches:
    """Files of a rule that gathers: each in one manifest, and none is left."""

    files: int

    def faults(self, truth: Truth) -> Iterator[str]:
        """Yield what is wrong with a state."""
        manifests = _manifests(truth)
        listed = Counter((file.entry, file.generation) for manifest in manifests for file in manifest.files)
        for (key, _), times in listed.items():
            if times > 1:
                yield f"file {key[:8]} is in {times} manifests"
        claimed = {entry.arrival.version for entry in truth.entries if entry.arrival.source is Source.GATHER}
        for version in claimed - {manifest.batch for manifest in manifests if manifest.files}:
            yield f"the batch {version} was claimed and has no manifest"
        for entry in truth.entries:
            yield from faults_of_marker(truth, entry)
            if entry.state is State.DEAD or (entry.result not in {None, Result.GATHERED}):
                yield f"a file ended {entry.result or entry.state}"
            if entry.result is Result.GATHERED:
                batches = {each.batch for each in manifests if _lists(each, entry)}
                if not batches & claimed:
                    yield "a file was closed as gathered, and no claimed batch lists it"

    def faults_of_write(self, before: Truth, after: Truth) -> Iterator[str]:
        """Yield nothing: a manifest that is there stays, and the rest is seen in the states."""
        del before, after
        return iter(())

    def is_unclaimed(self, truth: Truth) -> bool:
        """Tell whether a file's event has to come again."""
        return len(_members(truth)) < self.files

    def is_over(self, truth: Truth) -> bool:
        """Tell whether all files are in a batch."""
        members = _members(truth)
        return len(members) == self.files and not any(entry.is_open for entry in members)

    def faults_of_end(self, truth: Truth) -> Iterator[str]:
        """Yield what is wrong in the end: every sealed batch is claimed, and lists what says that it is in it."""
        manifests = _manifests(truth)
        claimed = {entry.arrival.version for entry in truth.entries if entry.arrival.source is Source.GATHER}
        for manifest in manifests:
            if manifest.files and manifest.batch not in claimed:
                yield f"the batch {manifest.batch} was sealed and never claimed"
        for entry in _members(truth):
            if sum(_lists(each, entry) for each in manifests) != 1:
                yield "a file is in no manifest"


def _lists(manifest: Manifest, entry: Entry) -> bool:
    return any((file.entry, file.generation) == (entry.key, entry.generation) for file in manifest.files)


def _manifests(truth: Truth) -> list[Manifest]:
    return [Manifest.read(content, path) for path, content in truth.manifests]


def _members(truth: Truth) -> list[Entry]:
    return [entry for entry in truth.entries if entry.arrival.source is not Source.GATHER]
