"""What the simulator does to events on purpose: at random by rates, or to chosen blobs by plan."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from localdev.event_grid.event_bodies import Event


class Malformation(StrEnum):
    """How the body of an event is damaged."""

    TRUNCATED = "truncated"  # cut in the middle: no JSON
    MISSING_DATA = "missing-data"  # an event without `data`
    GARBLED_NAME = (
        "garbled-name"  # U+FFFD in the subject: https://github.com/Azure-Samples/azure-event-grid-viewer/issues/9
    )


@dataclass(frozen=True, slots=True)
class Drop:
    """Never deliver it."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Deliver it `times` times in all, each successfully."""

    times: int


@dataclass(frozen=True, slots=True)
class Delay:
    """Deliver it `seconds` late; these are real seconds, whatever the time scale."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reorder:
    """Deliver it after an event that is published later."""


@dataclass(frozen=True, slots=True)
class Malform:
    """Deliver it damaged, at every attempt."""

    how: Malformation


Fault: TypeAlias = Drop | Repeat | Delay | Reorder | Malform


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultRates:
    """Shares of all events, 0 to 1, and the range from which each delivery's delay in seconds is drawn."""

    duplicate: float = 0.0
    drop: float = 0.0
    reorder: float = 0.0
    delay: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """What becomes of one event: a delivery for each delay in `delays` (seconds), none when it is dropped."""

    delays: tuple[float, ...]
    planned: bool
    reorder: bool = False
    malformation: Malformation | None = None


class FaultPlan:
    """Faults for chosen blobs, by `container/path`; those of one path strike the next event that announces it, once."""

    def __init__(self, faults: Mapping[str, Sequence[Fault]] | None = None) -> None:
        self._faults: dict[str, tuple[Fault, ...]] = {}
        for full_path, planned in (faults or {}).items():
            self.add(full_path, *planned)

    def add(self, full_path: str, *faults: Fault) -> None:
        """Plan faults for the next event about a blob, besides those already planned for it."""
        self._faults[full_path] = self._faults.get(full_path, ()) + faults

    def take(self, full_path: str) -> tuple[Fault, ...]:
        """Return what is planned for a blob, and forget it."""
        return self._faults.pop(full_path, ())

    @property
    def pending(self) -> Mapping[str, Sequence[Fault]]:
        """Return what has not struck yet."""
        return dict(self._faults)


class Faults:
    """Decides the fate of each event: by the plan where it names the blob, at random elsewhere."""

    def __init__(self, rates: FaultRates, plan: FaultPlan, seed: int) -> None:
        self._rates = rates
        self._plan = plan
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def fate_of(self, event: Event) -> Fate:
        """Return what becomes of an event. Depends on the seed and the order of the events alone."""
        planned = self._plan.take(event.full_path) if event.is_created else ()
        return _planned_fate(planned) if planned else self._random_fate()

    def _random_fate(self) -> Fate:
        # All draws are made for every event, so that changing one rate leaves the others' victims the same.
        dropped, duplicated, reordered = (self._random.random() for _ in range(3))
        delays = tuple(self._random.uniform(*self._rates.delay) for _ in range(2))
        if dropped < self._rates.drop:
            return Fate(delays=(), planned=False)
        copies = 2 if duplicated < self._rates.duplicate else 1
        return Fate(delays=delays[:copies], planned=False, reorder=reordered < self._rates.reorder)


def _planned_fate(faults: Sequence[Fault]) -> Fate:
    times, delay, reorder, malformation = 1, 0.0, False, None
    for fault in faults:
        match fault:
            case Drop():
                times = 0
            case Repeat(copies):
                times = times and copies
            case Delay(seconds):
                delay += seconds
            case Reorder():
                reorder = True
            case Malform(how):
                malformation = how
    return Fate(delays=(delay,) * times, planned=True, reorder=reorder, malformation=malformation)
