"""Where everybody stands at one moment of a search; equal situations are visited once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from tests.search.asking import Answer
from tests.search.truth import Truth
from tests.search.workers import Step


@dataclass(frozen=True)
class Late:
    """An answer that is under way: its call has been applied, and time must pass before it comes."""

    sign: Hashable
    answer: Answer
    since: int


@dataclass(frozen=True)
class Slot:
    """A worker: not begun (no step), at its question, waiting for a late answer, done, or crashed."""

    step: Step | None = None
    late: Late | None = None
    is_crashed: bool = False

    @property
    def is_busy(self) -> bool:
        """Tell whether the worker stands at a question."""
        return self.step is not None and self.step.ask is not None and self.late is None

    @property
    def is_done(self) -> bool:
        """Tell whether the worker has nothing more to do."""
        return self.step is not None and self.step.ask is None

    @property
    def key(self) -> Hashable:
        """Return what tells this standing from others; how a worker that is done got there does not."""
        if self.step is None:
            return "crashed" if self.is_crashed else None
        if self.step.ask is None:
            return "failed" if self.step.failure else "done"
        return self.step.number if self.late is None else (self.step.number, self.late.sign, self.late.since)


@dataclass(frozen=True)
class Situation:
    """All there is at one moment."""

    truth: Truth
    phase: int
    faults: int  # that may still happen
    slots: tuple[Slot, ...]

    @property
    def key(self) -> Hashable:
        """Return what tells this situation from others."""
        return (self.truth.number, self.phase, self.faults, tuple(slot.key for slot in self.slots))

    def after(self, number: int, slot: Slot, truth: Truth, cost: int) -> Situation:
        """Return the situation after one worker's step, which costs so many faults."""
        slots = (*self.slots[:number], slot, *self.slots[number + 1 :])
        return Situation(truth, self.phase, self.faults - cost, slots)


CRASHED = Slot(is_crashed=True)
