"""The landing account as use cases see it: two implementations exist, Blob Storage and tests' memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.model import Arrival


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page of a listing."""

    arrivals: tuple[Arrival, ...]
    server_time: datetime  # the storage service's own clock when it answered
    cursor: str  # where the next page starts; "" on the last one


class Landing(Protocol):
    """The blobs that people drop. Every method reads only, and raises BlobsUnavailable."""

    def pages(self, container: str, prefix: str, cursor: str = "") -> AsyncIterator[Page]:
        """Yield the committed blobs below a prefix, page by page, from where a cursor says; not a snapshot."""

    async def containers(self, prefix: str = "") -> list[str]:
        """Return the names of the containers that people own."""

    async def server_time(self) -> datetime:
        """Return the storage service's own clock, in whole seconds."""

    async def identify(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival with the version, size and MD5 that its blob has now, or None when it is gone.

        What a sweep saw also gets the blob's time; an event keeps its own.
        """
