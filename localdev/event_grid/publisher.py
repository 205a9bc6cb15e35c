"""Raises the events of changes, deals out their fates and hands over the parcels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from localdev.event_grid.blob_changes import Change
from localdev.event_grid.counters import Counters
from localdev.event_grid.event_bodies import Event, EventFactory
from localdev.event_grid.faults import Fate, Faults
from localdev.event_grid.webhook import Parcel
from shared.logs import fact


class Publisher:
    """The topic: from changes to parcels of at most `batch_size` events, damaged and delayed ones alone."""

    def __init__(
        self,
        events: EventFactory,
        faults: Faults,
        send: Callable[[Parcel], None],
        *,
        counters: Counters,
        batch_size: int = 1,
        created_only: bool = False,
    ) -> None:
        self._events = events
        self._faults = faults
        self._send = send
        self._counters = counters
        self._batch_size = batch_size
        self._created_only = created_only

    def publish(self, changes: Iterable[Change]) -> None:
        """Raise an event for each change, in order."""
        prompt: list[Event] = []
        for change in changes:
            event = self._events.event_of(change)
            if self._created_only and not event.is_created:
                continue
            fate = self._raise(event)
            for parcel in _parcels(event, fate):
                if _is_plain(parcel):
                    prompt.append(event)
                else:
                    self._flush(prompt)
                    self._send(parcel)
        self._flush(prompt)

    def _raise(self, event: Event) -> Fate:
        self._counters.published += 1
        fact("eventgrid.published", path=event.full_path, api=event.api, event=event.id)
        fate = self._faults.fate_of(event)
        if not fate.delays:
            self._counters.dropped += 1
            fact("eventgrid.dropped", path=event.full_path, by="plan" if fate.planned else "chance", event=event.id)
            return fate
        self._counters.duplicated += len(fate.delays) - 1
        self._counters.delayed += any(fate.delays)
        self._counters.reordered += fate.reorder
        self._counters.malformed += fate.malformation is not None
        return fate

    def _flush(self, prompt: list[Event]) -> None:
        """Send what may go at once, in parcels of the batch size."""
        for start in range(0, len(prompt), self._batch_size):
            self._send(Parcel(events=tuple(prompt[start : start + self._batch_size])))
        prompt.clear()


def _parcels(event: Event, fate: Fate) -> Iterator[Parcel]:
    for delay in fate.delays:
        yield Parcel(events=(event,), delay=delay, reorder=fate.reorder, malformation=fate.malformation)


def _is_plain(parcel: Parcel) -> bool:
    return not (parcel.delay or parcel.reorder or parcel.malformation)
