"""What must be true in every state, and across every write. Each check returns what is wrong, in words, or ""."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from shared.ledger.rows import MARKER, index_values, marker_key, partition_of, time_key
from shared.model import Entry, Result, State
from tests.search.truth import FAILED, FIRST_RUN, RUNNING, SKIPPED, SUCCEEDED, Truth


class Case(Protocol):
    """What must be true in a search; nothing in it changes."""

    def faults(self, truth: Truth) -> Iterator[str]:
        """Yield what is wrong with a state."""

    def faults_of_write(self, before: Truth, after: Truth) -> Iterator[str]:
        """Yield what is wrong with the step from one state of the rows to the next."""

    def is_unclaimed(self, truth: Truth) -> bool:
        """Tell whether nobody has claimed what the events announced."""

    def is_over(self, truth: Truth) -> bool:
        """Tell whether nothing is left to do."""

    def faults_of_end(self, truth: Truth) -> Iterator[str]:
        """Yield what is wrong with how it ended."""


@dataclass(frozen=True)
class OneEntry:
    """One arrival of one rule: at most one effective run, a marker while it is open, and the truth in the end."""

    most_retries: int = 0

    def faults(self, truth: Truth) -> Iterator[str]:
        """Yield what is wrong with a state."""
        entry = truth.entry
        yield from _of_runs(truth, self.most_retries)
        if entry is None:
            if truth.rows or truth.runs:
                yield "there are rows or runs of an entry that does not exist"
            return
        yield from faults_of_marker(truth, entry)
        yield from _of_records(truth, entry)

    def faults_of_write(self, before: Truth, after: Truth) -> Iterator[str]:
        """Yield what is wrong with a step of the generation (rule R3)."""
        old, new = before.entry, after.entry
        if old is None or new is None or new.generation == old.generation:
            return
        if new.generation != old.generation + 1:
            yield f"the generation went from {old.generation} to {new.generation}"
        if old.run_id is None:
            yield f"generation {new.generation} was begun though no run of generation {old.generation} was known"
        elif before.runs[old.run_id - FIRST_RUN].state not in {SKIPPED, FAILED}:
            yield f"generation {new.generation} was begun though run {old.run_id} is effective"

    def is_unclaimed(self, truth: Truth) -> bool:
        """Tell whether there is no entry."""
        return truth.entry is None

    def is_over(self, truth: Truth) -> bool:
        """Tell whether the entry is closed."""
        return truth.entry is not None and not truth.entry.is_open

    def faults_of_end(self, truth: Truth) -> Iterator[str]:
        """Yield what is wrong with a closed entry: it must say what its last run says."""
        entry, last = truth.entry, truth.runs[-1].state if truth.runs else ""
        assert entry is not None
        if entry.state is State.DEAD:
            if truth.runs:
                yield "an entry was given up though a run was started"
            return
        if entry.result is not {SUCCEEDED: Result.SUCCEEDED, FAILED: Result.FAILED}.get(last):
            yield f"the entry ended {entry.result}, its last run {last or 'never was'}"


def _of_runs(truth: Truth, most_retries: int) -> Iterator[str]:
    bodies: dict[str, str] = {}
    for token, body in truth.sent:
        if bodies.setdefault(token, body) != body:
            yield "other bytes were sent under the same token"
    if sum(run.state == RUNNING for run in truth.runs) > 1:
        yield "two runs are active at once"
    effective = [run for run in truth.runs if run.state != SKIPPED]
    if len(effective) > 1 + most_retries:
        yield f"{len(effective)} effective runs"
    if sum(run.state == SUCCEEDED for run in truth.runs) > 1:
        yield "two runs did the work"
    if any(run.repairs > most_retries for run in truth.runs):
        yield "a run was repaired more often than was decided"


def faults_of_marker(truth: Truth, entry: Entry) -> Iterator[str]:
    """Yield what is wrong with the rows that stand beside an entry (rule R1, invariant 3)."""
    partition = partition_of(entry.rule, entry.arrival)
    markers = [place for place in truth.rows if place[1].startswith(MARKER) and place[1].endswith(entry.key)]
    expected = [(partition, marker_key(entry))] if entry.is_open else []
    if markers != expected:
        yield f"the markers of an entry that is {entry.state} are {len(markers)}, not {len(expected)}"
    index = truth.rows.get((partition, time_key(entry)))
    if index is None or index.values["outcome"] != index_values(entry)["outcome"]:
        yield "the time index does not tell the entry's outcome"


def _of_records(truth: Truth, entry: Entry) -> Iterator[str]:
    if entry.request is not None and entry.first_sent_at is None:
        yield "a frozen request has no time"
    if entry.run_id is not None:
        known = 0 <= entry.run_id - FIRST_RUN < len(truth.runs)
        if not known or entry.request is None or truth.runs[entry.run_id - FIRST_RUN].token != entry.request.token:
            yield "the run that the entry names is not the one of its token"
            return
    if entry.state is State.SUBMITTED and entry.run_id is None:
        yield "an entry was submitted without a run"
    if len(truth.runs) > entry.generation:
        yield f"{len(truth.runs)} runs were started in {entry.generation} generations"
    if entry.state is State.SETTLED:
        state = truth.runs[entry.run_id - FIRST_RUN].state if entry.run_id is not None else ""
        expected = {Result.SUCCEEDED: SUCCEEDED, Result.FAILED: FAILED}.get(entry.result or Result.UNKNOWN)
        if state != expected:
            yield f"the entry says {entry.result}, its run says {state or 'nothing'}"
    if entry.state is State.DEAD and truth.runs:
        yield "an entry was given up though a run was started"
