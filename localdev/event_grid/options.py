"""What the simulator is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from localdev.event_grid.event_bodies import Schema
from localdev.event_grid.faults import FaultRates
from localdev.event_grid.retry_policy import RetryPolicy
from shared.storage_connection import StorageConnection

_ANSWER_TIMEOUT = timedelta(seconds=30)  # https://learn.microsoft.com/azure/event-grid/delivery-and-retry
_SHORTEST_ANSWER_TIMEOUT = 15.0  # the app may work on an event for 10 s, at any time scale


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatorOptions:
    """What to watch, where to deliver, and what goes wrong; seconds are real ones unless the policy scales them."""

    connection: StorageConnection  # with a key
    webhook: str  # a URL, or the address of a Functions host whose Event Grid trigger `function` it then is
    function: str = "on_blob_event"
    subscription: str = "landfall"
    schema: Schema = Schema.EVENT_GRID
    containers: tuple[str, ...] = ()  # empty: all but system ones and the dead letters
    created_only: bool = False  # as a subscription that includes BlobCreated alone
    announce_existing: bool = False  # raise events for the blobs that are there at the start, which Azure does not
    poll_interval: float = 0.2
    batch_size: int = 1
    concurrency: int = 16  # requests to the webhook at a time
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    answer_timeout: float | None = None  # None: Event Grid's 30 s, scaled, but long enough for a healthy app
    dead_letter_container: str | None = "landfall-dead-letters"  # None: what is given up on is gone, Azure's default
    rates: FaultRates = field(default_factory=FaultRates)
    seed: int | None = None  # None: chosen, and logged
    handshake_patience: float = 60.0

    @property
    def seconds_to_answer(self) -> float:
        """Return how long the webhook may take to answer."""
        if self.answer_timeout is not None:
            return self.answer_timeout
        return max(self.policy.scaled(_ANSWER_TIMEOUT), _SHORTEST_ANSWER_TIMEOUT)
