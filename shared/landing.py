"""The landing account as use cases see it: two implementations exist, Blob Storage and tests' memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from shared.errors import BlobsUnavailable
from shared.model import Arrival

# Reading a blob's MD5 is a courtesy to the sweep and must not hold up the door.
LEARNING_SECONDS = 5


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


async def with_md5(landing: Landing, arrival: Arrival) -> Arrival:
    """Return the arrival with its content's MD5 where Blob Storage has it; never raises.

    Events carry none, and the sweep tells a touch from a new version by it.
    """
    if arrival.md5:
        return arrival
    try:
        async with asyncio.timeout(LEARNING_SECONDS):
            found = await landing.identify(arrival)
    except (BlobsUnavailable, TimeoutError):
        return arrival
    return replace(arrival, md5=found.md5) if found and found.version == arrival.version else arrival
