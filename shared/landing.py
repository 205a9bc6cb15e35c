"""The landing account as use cases see it: two implementations exist, Blob Storage and tests' memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.errors import BlobsUnavailable
from shared.model import Arrival

# What `identify` says of a blob. A directory of an account with a hierarchical namespace, and what WASB and Data
# Factory make in one without, is a blob without content that has this metadata, in upper or lower case.
DIRECTORY = "Directory"  # the type of such a blob
DIRECTORY_METADATA = "hdi_isfolder"
NO_FILE = "it marks a directory and is no file"
COPYING = "a copy into it is going on"
LEASED = "somebody holds a lease on it"
# Many leases are never given back (they may be endless), and what a lease protects need not change at all.
LONGEST_LEASED = timedelta(hours=1)

# Reading a blob's MD5 is a courtesy to the sweep and must not hold up the door.
LEARNING_SECONDS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page of a listing."""

    arrivals: tuple[Arrival, ...]
    server_time: datetime  # the storage service's own clock when it answered
    cursor: str  # where the next page starts; "" on the last one


class Landing(Protocol):
    """The blobs that people drop, and beside them our manifests. Every method raises BlobsUnavailable.

    What people drop is only ever read; what is written lies in the container MANIFESTS.
    """

    def pages(self, container: str, prefix: str, cursor: str = "", *, start_from: str = "") -> AsyncIterator[Page]:
        """Yield the committed blobs below a prefix, page by page, from where a cursor says; not a snapshot.

        Without a cursor, `start_from` asks for names from it on; services that do not know it give all.
        """

    async def containers(self, prefix: str = "") -> list[str]:
        """Return the names of the containers that people own."""

    async def server_time(self) -> datetime:
        """Return the storage service's own clock, in whole seconds."""

    async def identify(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival with the version, size and MD5 that its blob has now, or None when it is gone.

        What a listing saw also gets the blob's time; an event keeps its own. `blob_type` is DIRECTORY where the blob
        only marks one, and `unfinished` says COPYING or LEASED where its content may still change.
        """

    async def write_manifest(self, path: str, content: bytes) -> bool:
        """Write a manifest that is not there yet; return whether it was written now. One that is there stays.

        Makes the container on first use. Where BlobsUnavailable is raised it may have been written. Safe to repeat.
        """

    async def read_manifest(self, path: str) -> bytes | None:
        """Return a manifest's content, or None where there is none."""

    async def remove_manifest(self, path: str) -> None:
        """Remove a manifest. Safe to repeat."""


def is_directory(arrival: Arrival) -> bool:
    """Tell whether an arrival, once identified, only marks a directory and is no file."""
    return arrival.blob_type == DIRECTORY


def still_changing(arrival: Arrival, now: datetime) -> bool:
    """Tell whether an arrival, once identified, is better left alone for now; `now` is the storage service's.

    A blob that is being copied has no content of its own yet, and gets another ETag with it. Whoever holds a lease
    may be about to write more; after an hour without a write the lease says nothing about the file any more.
    """
    if arrival.unfinished == LEASED:
        return now - arrival.committed_at < LONGEST_LEASED
    return bool(arrival.unfinished)


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
