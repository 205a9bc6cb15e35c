"""A landing account in virtual time: what lies in it now, sorted by name, and what each process sees of it."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime

from shared.errors import BlobsUnavailable
from shared.landing import Page
from shared.model import Arrival, Source
from tests.simulation.gate import Client, Gate
from tests.simulation.process import Process, SimulatedClock

BLOBS = Client(
    service="blobs",
    seconds=19.0,
    rejected=lambda: BlobsUnavailable("Could not list the blobs: HTTP 503."),
    unanswered=lambda: BlobsUnavailable("Could not list the blobs: ServiceResponseTimeoutError."),
)


class Blobs:
    """The blobs that there are."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._names: dict[str, list[str]] = defaultdict(list)  # by container
        self._blobs: dict[tuple[str, str], Arrival] = {}
        self.page_size = 5000
        self.failing: set[str] = set()  # containers whose listing fails
        self.manifests: dict[str, bytes] = {}
        self.written: Callable[[str, bytes], None] = lambda *_: None  # is told of each manifest
        self.removed: Callable[[str], None] = lambda _: None

    def put(self, blob: Arrival) -> None:
        """Have a blob in the place of any other."""
        place = (blob.container, blob.path)
        if place not in self._blobs:
            insort(self._names[blob.container], blob.path)
        self._blobs[place] = blob

    def remove(self, container: str, path: str) -> Arrival:
        """Remove a blob and return it."""
        names = self._names[container]
        del names[bisect_left(names, path)]
        return self._blobs.pop((container, path))

    def find(self, container: str, path: str) -> Arrival | None:
        """Return a blob as it is now."""
        return self._blobs.get((container, path))

    def page(self, container: str, prefix: str, start: str) -> Page:
        """Return one page of a listing."""
        if container in self.failing:
            raise BlobsUnavailable(f"Could not list {container}.")
        names = self._names.get(container, [])
        begin = bisect_left(names, max(prefix, start))
        found = names[begin : begin + self.page_size + 1]
        found = [name for name in found if name.startswith(prefix)] if prefix else found
        blobs = tuple(self._blobs[container, name] for name in found[: self.page_size])
        cursor = found[self.page_size] if len(found) > self.page_size else ""
        return Page(arrivals=blobs, server_time=self.server_time(), cursor=cursor)

    def containers(self, prefix: str) -> list[str]:
        """Return the names of the containers."""
        return sorted(container for container in self._names if container.startswith(prefix))

    def write_manifest(self, path: str, content: bytes) -> bool:
        """Write a manifest unless there is one, and tell whether it was written."""
        if path in self.manifests:
            return False
        self.manifests[path] = content
        self.written(path, content)
        return True

    def remove_manifest(self, path: str) -> None:
        """Remove a manifest."""
        if self.manifests.pop(path, None) is not None:
            self.removed(path)

    def now(self) -> datetime:
        """Return the true time."""
        return self._clock.now()

    def server_time(self) -> datetime:
        """Return the service's own clock, in whole seconds."""
        return self._clock.now().replace(microsecond=0)

    def identify(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival as its blob is now; see shared.landing.Landing."""
        blob = self._blobs.get((arrival.container, arrival.path))
        if blob is None:
            return None
        return replace(
            arrival,
            version=blob.version,
            size=blob.size,
            md5=blob.md5,
            committed_at=arrival.committed_at if arrival.source is Source.EVENT else blob.committed_at,
            content_type=arrival.content_type or blob.content_type,
            blob_type=arrival.blob_type or blob.blob_type,
        )


class BlobsPort:
    """Implements shared.landing.Landing for one process."""

    def __init__(self, blobs: Blobs, process: Process, gate: Gate) -> None:
        self._blobs = blobs
        self._process = process
        self._gate = gate

    async def pages(
        self, container: str, prefix: str, cursor: str = "", *, start_from: str = ""
    ) -> AsyncIterator[Page]:
        """Yield the committed blobs below a prefix; see Landing."""
        start = cursor or start_from
        while True:
            page = await self._page(container, prefix, start)
            yield page
            if not page.cursor:
                return
            start = page.cursor

    async def containers(self, prefix: str = "") -> list[str]:
        """Return the names of the containers; see Landing."""
        return await self._gate.call(self._process, BLOBS, "blobs.containers", lambda: self._blobs.containers(prefix))

    async def server_time(self) -> datetime:
        """Return the time; see Landing."""
        return await self._gate.call(self._process, BLOBS, "blobs.time", self._blobs.server_time)

    async def identify(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival as its blob is now; see Landing."""
        return await self._gate.call(
            self._process, BLOBS, "blobs.identify", lambda: self._blobs.identify(arrival), subject=arrival.full_path
        )

    async def write_manifest(self, path: str, content: bytes) -> bool:
        """Write a manifest that is not there yet; see Landing."""

        def effect() -> bool:
            return self._blobs.write_manifest(path, content)

        return await self._gate.call(self._process, BLOBS, "blobs.write", effect, writes=True, subject=path)

    async def read_manifest(self, path: str) -> bytes | None:
        """Return a manifest's content, or None; see Landing."""
        return await self._gate.call(self._process, BLOBS, "blobs.read", lambda: self._blobs.manifests.get(path))

    async def remove_manifest(self, path: str) -> None:
        """Remove a manifest; see Landing."""

        def effect() -> None:
            self._blobs.remove_manifest(path)

        await self._gate.call(self._process, BLOBS, "blobs.remove", effect, writes=True, subject=path)

    async def _page(self, container: str, prefix: str, start: str) -> Page:
        return await self._gate.call(
            self._process, BLOBS, "blobs.list", lambda: self._blobs.page(container, prefix, start)
        )
