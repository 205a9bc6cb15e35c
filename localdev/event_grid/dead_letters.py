"""Events that were given up on, written where and as Event Grid writes them.

Path and shape: https://learn.microsoft.com/azure/event-grid/manage-event-delivery and
https://github.com/Azure/azure-sdk-for-net/issues/30508 (an array). CloudEvents take lower-case names only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError

from localdev.event_grid.event_bodies import Event, Schema, timestamp
from localdev.event_grid.retry_policy import GiveUp
from shared.clock import Clock
from shared.logs import warning

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """How the delivery of a parcel ended."""

    reason: GiveUp
    attempts: int
    outcome: str  # of the last attempt
    last_attempt_at: datetime


class DeadLetters:
    """The dead-letter container of one event subscription; it is created when it is first needed."""

    def __init__(
        self, service: BlobServiceClient, *, container: str, subscription: str, schema: Schema, clock: Clock
    ) -> None:
        self._service = service
        self.container = container
        self._folder = subscription.upper()
        self._schema = schema
        self._clock = clock

    async def write(self, events: Sequence[Event], failure: Failure) -> str | None:
        """Write one blob for the events and return its path; None when storage does not take it now."""
        documents = [self._document(event, failure) for event in events]
        now = self._clock.now()
        path = f"{self._folder}/{now.year}/{now.month}/{now.day}/{now.hour}/{uuid4()}.json"
        try:
            await self._upload(path, json.dumps(documents, ensure_ascii=False).encode())
        except (AzureError, OSError) as error:
            warning("eventgrid.dead_letter_failed", container=self.container, reason=type(error).__name__)
            return None
        return path

    async def _upload(self, path: str, body: bytes) -> None:
        container = self._service.get_container_client(self.container)
        try:
            await container.upload_blob(path, body)
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):  # another dead letter may have created it meanwhile
                await container.create_container()
            await container.upload_blob(path, body)

    def _document(self, event: Event, failure: Failure) -> dict[str, Any]:
        notes = {
            "deadLetterReason": failure.reason.value,
            "deliveryAttempts": failure.attempts,
            "lastDeliveryOutcome": failure.outcome,
            "publishTime": timestamp(event.published_at),
            "lastDeliveryAttemptTime": timestamp(failure.last_attempt_at),
        }
        if self._schema is Schema.CLOUD_EVENTS:
            notes = {name.lower(): value for name, value in notes.items()}
        return {**event.document, **notes}
