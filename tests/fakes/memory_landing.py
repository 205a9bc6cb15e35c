"""A landing account in memory: blobs that are dropped, touched and removed by tests."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

from shared.clock import Clock
from shared.errors import BlobsUnavailable
from shared.landing import Page
from shared.model import Arrival, Source
from tests.fakes.arrivals import ACCOUNT


class MemoryLanding:
    """What use cases ask of Blob Storage; times are the clock's, in whole seconds as listings have them."""

    def __init__(self, clock: Clock, page_size: int = 5000) -> None:
        self._clock = clock
        self._blobs: dict[tuple[str, str], Arrival] = {}
        self._etags = itertools.count(1)
        self.page_size = page_size
        self.failing: set[str] = set()  # containers whose listing fails
        self.down = False
        self.listed: list[str] = []  # what was listed, in order

    def upload(self, full_path: str, content: bytes = b"1,2,3", *, in_blocks: bool = False) -> Arrival:
        """Commit a new version; return it as an event would announce it."""
        container, _, path = full_path.partition("/")
        md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        blob = Arrival(
            account=ACCOUNT,
            container=container,
            path=path,
            version=f"0x{next(self._etags):X}",
            committed_at=self._now(),
            source=Source.SWEEP,
            size=len(content),
            md5=None if in_blocks else md5,
            content_type="text/csv",
            blob_type="BlockBlob",
        )
        self._blobs[container, path] = blob
        return replace(blob, source=Source.EVENT, md5=None, committed_at=self._clock.now(), event_id=blob.version)

    def touch(self, full_path: str) -> None:
        """Set metadata: a new ETag and a new time, the same content, no event."""
        container, _, path = full_path.partition("/")
        blob = self._blobs[container, path]
        self._blobs[container, path] = replace(blob, version=f"0x{next(self._etags):X}", committed_at=self._now())

    def delete(self, full_path: str) -> None:
        """Remove a blob."""
        container, _, path = full_path.partition("/")
        del self._blobs[container, path]

    async def pages(self, container: str, prefix: str, cursor: str = "") -> AsyncIterator[Page]:
        """Yield the committed blobs below a prefix; see Landing."""
        self._check(container)
        self.listed.append(f"{container}/{prefix}")
        names = sorted(name for place, name in self._blobs if place == container and name.startswith(prefix))
        names = [name for name in names if name >= cursor]
        while True:
            page, names = names[: self.page_size], names[self.page_size :]
            blobs = tuple(self._blobs[container, name] for name in page)
            yield Page(arrivals=blobs, server_time=self._now(), cursor=names[0] if names else "")
            if not names:
                return
            self._check(container)

    async def containers(self, prefix: str = "") -> list[str]:
        """Return the names of the containers; see Landing."""
        self._check("")
        return sorted({container for container, _ in self._blobs if container.startswith(prefix)})

    async def server_time(self) -> datetime:
        """Return the time; see Landing."""
        self._check("")
        return self._now()

    async def identify(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival as its blob is now; see Landing."""
        self._check(arrival.container)
        blob = self._blobs.get((arrival.container, arrival.path))
        if blob is None:
            return None
        committed_at = blob.committed_at if arrival.source is Source.SWEEP else arrival.committed_at
        return replace(
            arrival,
            version=blob.version,
            size=blob.size,
            md5=blob.md5,
            committed_at=committed_at,
            content_type=arrival.content_type or blob.content_type,
            blob_type=arrival.blob_type or blob.blob_type,
        )

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    def _check(self, container: str) -> None:
        if self.down or container in self.failing:
            raise BlobsUnavailable(f"Could not list {container}.")
