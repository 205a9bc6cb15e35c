"""Blob changes as the events that Azure would send, in either schema.

Shaped after captured events: the id shares all but its tail with the request id, times have seven fractional digits,
the ETag is bare, the sequencer has 48 digits, and names stand in `subject` and `url` as they are, never encoded
(https://github.com/Azure/azure-sdk-for-net/issues/23634).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from azure.eventgrid import SystemEventNames

from localdev.event_grid.blob_changes import Api, Change
from shared.clock import Clock

CREATED = SystemEventNames.StorageBlobCreatedEventName.value
DELETED = SystemEventNames.StorageBlobDeletedEventName.value
_TOPIC = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/landfall"
    "/providers/Microsoft.Storage/storageAccounts/{account}"
)
_LAST_MOMENT = timedelta(microseconds=999_999)  # of the second that Last-Modified names


class Schema(StrEnum):
    """The delivery schema of an event subscription."""

    EVENT_GRID = "eventgrid"
    CLOUD_EVENTS = "cloudevents"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event as published; `document` is what is delivered, in the subscription's schema."""

    id: str
    full_path: str
    api: Api
    published_at: datetime
    document: Mapping[str, Any]

    @property
    def is_created(self) -> bool:
        """Tell whether it announces content, not a deletion."""
        return self.api is not Api.DELETE_BLOB


class EventFactory:
    """Makes events of changes; sequencers increase over its life and, by the clock, over that of its successors."""

    def __init__(self, *, account: str, blob_endpoint: str, schema: Schema, clock: Clock) -> None:
        self.topic = _TOPIC.format(account=account)
        self.schema = schema
        self._blob_endpoint = blob_endpoint.rstrip("/")
        self._clock = clock
        # Not the seeded randomness of the faults: two runs with one seed must not make the same ids.
        self._random = random.SystemRandom()
        self._epoch = int(clock.now().timestamp() * 1000)
        self._count = 0

    def event_of(self, change: Change) -> Event:
        """Return the event that Azure raises for a change."""
        now = self._clock.now()
        request = self._guid_stem()
        event_id = f"{request}{self._random.getrandbits(24):06x}"
        data = self._data(change, f"{request}000000")
        document = self.envelope(
            event_id,
            CREATED if change.api is not Api.DELETE_BLOB else DELETED,
            f"/blobServices/default/containers/{change.container}/blobs/{change.path}",
            timestamp(_moment_of(change, now)),
            data,
        )
        return Event(id=event_id, full_path=change.full_path, api=change.api, published_at=now, document=document)

    def envelope(
        self, event_id: str, event_type: str, subject: str, time: str, data: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return an event document in the subscription's schema."""
        if self.schema is Schema.CLOUD_EVENTS:
            return {
                "source": self.topic,
                "subject": subject,
                "type": event_type,
                "time": time,
                "id": event_id,
                "data": data,
                "specversion": "1.0",
            }
        return {
            "topic": self.topic,
            "subject": subject,
            "eventType": event_type,
            "id": event_id,
            "data": data,
            "dataVersion": "",
            "metadataVersion": "1",
            "eventTime": time,
        }

    def _data(self, change: Change, request_id: str) -> dict[str, Any]:
        state, created = change.state, change.api is not Api.DELETE_BLOB
        fields = {
            "api": change.api.value,
            "clientRequestId": str(UUID(int=self._random.getrandbits(128), version=4)) if created else None,
            "requestId": request_id,
            "eTag": state.etag if created else None,
            "contentType": state.content_type,
            "contentLength": state.size if created else None,
            "blobType": state.blob_type,
            "accessTier": state.access_tier if created else None,
            "url": f"{self._blob_endpoint}/{change.container}/{change.path}",
            "sequencer": self._next_sequencer(),
            "storageDiagnostics": {"batchId": f"{self._guid_stem()}000000"},
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _next_sequencer(self) -> str:
        # As captured: upper case in the first part, lower case in the second. Compared as text within one length.
        self._count += self._random.randint(1, 0xFFFF)
        return f"{self._epoch:032X}{self._count:016x}"

    def _guid_stem(self) -> str:
        bits = self._random.getrandbits
        return f"{bits(32):08x}-{bits(4):x}01e-{bits(8):04x}-{bits(16):04x}-{bits(24):06x}"


def timestamp(moment: datetime) -> str:
    """Return a UTC time as Event Grid writes it, with seven fractional digits."""
    # Python counts microseconds; the seventh digit is made up, and never the 0 that Event Grid would leave out.
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}{moment.microsecond % 9 + 1}Z"


def _moment_of(change: Change, now: datetime) -> datetime:
    """Return when the change took place: `now`, unless Last-Modified proves that it was before."""
    if change.api is Api.DELETE_BLOB:
        return now
    earliest = change.state.last_modified
    return max(earliest, min(now, earliest + _LAST_MOMENT))
