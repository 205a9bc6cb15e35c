"""A landing account in memory: blobs that are dropped, touched and removed by tests."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

from shared.clock import Clock
from shared.containers import MANIFESTS
from shared.errors import BlobsUnavailable
from shared.events import CREATED, RENAMED
from shared.landing import COPYING, DIRECTORY, LEASED, Page
from shared.model import Arrival, Source
from tests.fakes.arrivals import ACCOUNT


class MemoryLanding:
    """What use cases ask of Blob Storage; times are the clock's, in whole seconds as listings have them."""

    def __init__(self, clock: Clock, page_size: int = 5000) -> None:
        self._clock = clock
        self._blobs: dict[tuple[str, str], Arrival] = {}
        self._unfinished: dict[tuple[str, str], str] = {}
        self._directories: set[tuple[str, str]] = set()
        self._etags = itertools.count(1)
        self._events = itertools.count(1)
        self.page_size = page_size
        self.failing: set[str] = set()  # containers whose listing fails
        self.down = False
        self.listed: list[str] = []  # what was listed, in order
        self.cursors: list[str] = []  # and from where
        self.looked_up: list[str] = []  # what was identified, in order
        self.manifests: dict[str, bytes] = {}  # by path, in the container that Landfall keeps for them

    def upload(
        self, full_path: str, content: bytes = b"1,2,3", *, in_blocks: bool = False, api: str = "PutBlob"
    ) -> Arrival:
        """Commit a new version; return it as an event would announce it."""
        container, path = _place(full_path)
        md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        blob = Arrival(
            account=ACCOUNT,
            container=container,
            path=path,
            version=self._etag(),
            committed_at=self._now(),
            source=Source.SWEEP,
            size=len(content),
            md5=None if in_blocks else md5,
            content_type="text/csv",
            blob_type="BlockBlob",
        )
        self._blobs[container, path] = blob
        return self._event(blob, api)

    def touch(self, full_path: str) -> None:
        """Set metadata: a new ETag and a new time, the same content, no event."""
        place = _place(full_path)
        self._blobs[place] = replace(self._blobs[place], version=self._etag(), committed_at=self._now())

    def delete(self, full_path: str) -> Arrival:
        """Remove a blob; return it, for `restore`."""
        return self._blobs.pop(_place(full_path))

    def restore(self, blob: Arrival) -> None:
        """Undelete a blob: it is there again as it was, and no event says so."""
        self._blobs[blob.container, blob.path] = blob

    def rename(self, full_path: str, new_path: str) -> Arrival:
        """Rename a file: it keeps its ETag and its time; return it as its event announces it, without an ETag."""
        container, path = _place(new_path)
        blob = replace(self._blobs.pop(_place(full_path)), container=container, path=path)
        self._blobs[container, path] = blob
        return replace(self._event(blob, "RenameFile"), version=None, size=None, content_type=None, event_type=RENAMED)

    def rename_directory(self, full_path: str, new_path: str) -> None:
        """Rename a directory: all files below keep their ETags and times."""
        container, directory = _place(full_path)
        new_container, new_directory = _place(new_path)
        for place in [place for place in self._blobs if place[0] == container and place[1].startswith(f"{directory}/")]:
            path = new_directory + place[1].removeprefix(directory)
            self._blobs[new_container, path] = replace(self._blobs.pop(place), container=new_container, path=path)

    def start_copy(self, full_path: str) -> Arrival:
        """Begin to copy something into an empty blob; return it as an event announces it."""
        self._unfinished[_place(full_path)] = COPYING
        return self.upload(full_path, b"", in_blocks=True, api="CopyBlob")

    def finish_copy(self, full_path: str, content: bytes = b"1,2,3") -> Arrival:
        """Finish a copy: the blob gets its content, another ETag and another time."""
        del self._unfinished[_place(full_path)]
        return self.upload(full_path, content, api="CopyBlob")

    def lease(self, full_path: str) -> None:
        """Take an endless lease on a blob."""
        self._unfinished[_place(full_path)] = LEASED

    def append(self, full_path: str, content: bytes) -> None:
        """Append to an append blob, made where it is not there: another size, ETag and time, no event."""
        place = _place(full_path)
        if place not in self._blobs:
            self.upload(full_path, b"", in_blocks=True)
        blob = self._blobs[place]
        changes = {"version": self._etag(), "size": (blob.size or 0) + len(content), "blob_type": "AppendBlob"}
        self._blobs[place] = replace(blob, **changes, committed_at=self._now())  # type: ignore[arg-type]  # mixed values

    def mark_directory(self, full_path: str) -> Arrival:
        """Make a blob without content that marks a directory; return it as an event announces it."""
        self._directories.add(_place(full_path))
        return self.upload(full_path, b"", in_blocks=True)

    async def pages(
        self, container: str, prefix: str, cursor: str = "", *, start_from: str = ""
    ) -> AsyncIterator[Page]:
        """Yield the committed blobs below a prefix; see Landing."""
        self._check(container)
        self.listed.append(f"{container}/{prefix}")
        self.cursors.append(cursor)
        names = sorted(name for place, name in self._blobs if place == container and name.startswith(prefix))
        names = [name for name in names if name >= (cursor or start_from)]
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
        if self.down:
            raise BlobsUnavailable("Could not ask for the time.")
        return self._now()

    async def identify(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival as its blob is now; see Landing."""
        self._check(arrival.container)
        self.looked_up.append(arrival.full_path)
        place = (arrival.container, arrival.path)
        blob = self._blobs.get(place)
        if blob is None:
            return None
        return replace(
            arrival,
            version=blob.version,
            size=blob.size,
            md5=blob.md5,
            committed_at=arrival.committed_at if arrival.source is Source.EVENT else blob.committed_at,
            content_type=arrival.content_type or blob.content_type,
            blob_type=DIRECTORY if place in self._directories else arrival.blob_type or blob.blob_type,
            unfinished=self._unfinished.get(place, ""),
        )

    async def write_manifest(self, path: str, content: bytes) -> bool:
        """Write a manifest that is not there yet; see Landing."""
        self._check(MANIFESTS)
        if path in self.manifests:
            return False
        self.manifests[path] = content
        return True

    async def read_manifest(self, path: str) -> bytes | None:
        """Return a manifest's content, or None; see Landing."""
        self._check(MANIFESTS)
        return self.manifests.get(path)

    async def remove_manifest(self, path: str) -> None:
        """Remove a manifest; see Landing."""
        self._check(MANIFESTS)
        self.manifests.pop(path, None)

    def _event(self, blob: Arrival, api: str) -> Arrival:
        """Return a blob as an event tells of it: its own time, no MD5."""
        told = {"api": api, "event_type": CREATED, "event_id": f"event-{next(self._events)}"}
        return replace(blob, source=Source.EVENT, md5=None, committed_at=self._clock.now(), **told)  # type: ignore[arg-type]  # only texts

    def _etag(self) -> str:
        return f"0x{next(self._etags):X}"

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    def _check(self, container: str) -> None:
        if self.down or container in self.failing:
            raise BlobsUnavailable(f"Could not list {container}.")


def _place(full_path: str) -> tuple[str, str]:
    container, _, path = full_path.partition("/")
    return container, path
