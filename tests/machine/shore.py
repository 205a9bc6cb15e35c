"""What really happened to the files: every version that was ever at a place, when it was there, and who was told.

The oracle's own memory. It asks nobody of the code under test.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.clock import Clock
from shared.model import Arrival
from tests.fakes.memory_landing import MemoryLanding
from tests.machine.rule_edits import RuleHistory

Place = str  # container/path
PLACES = (
    "landing/crm/a.csv",
    "landing/crm/b.csv",
    "landing/keep/a.csv",
    "landing/slow/a.csv",
    "landing/crm/notes.txt",
    "landing/stage/a.csv",
)
CONTENTS = (b"1,2,3", b"4,5,6", b"a longer one")


@dataclass(slots=True)
class Version:
    """One version of the content at one place."""

    place: Place
    etag: str
    written_at: datetime  # Last-Modified
    content: tuple[int | None, str | None]  # size and MD5; the MD5 of uploads in blocks is None
    made_by: str
    edition: int  # of the rules that were in force then
    touch_of: str | None = None  # the ETag whose content it has, where only metadata was set
    away: int = 0  # how often it has left its place
    is_there: bool = True
    was_moved: bool = False  # it is here by a rename: its time is older than its being here
    is_copying: bool = False
    told_at: list[datetime] = field(default_factory=list)  # when an event of it was answered with success
    events: int = 0  # that were made of it

    @property
    def never_left(self) -> bool:
        """Tell whether it has been at its place ever since it was written there."""
        return self.is_there and not self.away and not self.was_moved


@dataclass(slots=True)
class Announcement:
    """An event on its way; a rename tells no version."""

    arrival: Arrival
    version: Version
    made_at: datetime
    deliveries: int = 0
    is_lost: bool = False


class Shore:
    """People's side of the landing account: does things to files, and remembers."""

    def __init__(self, landing: MemoryLanding, clock: Clock, rules: RuleHistory, *, has_sequencers: bool) -> None:
        self.landing = landing
        self._clock, self._rules = clock, rules
        self._has_sequencers = has_sequencers
        self._numbers = 0
        self.history: dict[Place, list[Version]] = defaultdict(list)  # in the order of their coming to be there
        self.deleted: list[tuple[Version, Arrival]] = []
        self.pending: list[Announcement] = []
        self.delivered: list[Announcement] = []

    def current(self, place: Place) -> Version | None:
        """Return the version that is at a place."""
        versions = self.history[place]
        return versions[-1] if versions and versions[-1].is_there else None

    def there(self, *, copying: bool = False) -> list[Place]:
        """Return the places that hold a file, those that are being copied or the others."""
        found = ((place, self.current(place)) for place in sorted(self.history))
        return [place for place, version in found if version is not None and version.is_copying is copying]

    def version(self, place: Place, etag: str) -> Version | None:
        """Return the version of an ETag that was ever at a place."""
        return next((version for version in self.history[place] if version.etag == etag), None)

    def was_replaced(self, version: Version) -> bool:
        """Tell whether another version ever came to the place after this one had."""
        versions = self.history[version.place]
        return any(later is not version for later in versions[versions.index(version) + 1 :])

    def all_versions(self) -> list[Version]:
        """Return every version once."""
        return [
            version
            for versions in self.history.values()
            for number, version in enumerate(versions)
            if version not in versions[:number]
        ]

    def upload(self, place: Place, content: bytes, *, in_blocks: bool = False) -> None:
        """Write a file; its event is on its way."""
        self._announced(self.landing.upload(place, content, in_blocks=in_blocks), "upload")

    def start_copy(self, place: Place) -> None:
        """Begin a copy into a place; its event is on its way already."""
        self._announced(self.landing.start_copy(place), "copy begins").is_copying = True

    def finish_copy(self, place: Place, content: bytes) -> None:
        """Finish it: another version, another event."""
        self._announced(self.landing.finish_copy(place, content), "copy")

    def touch(self, place: Place) -> None:
        """Set metadata: another ETag, the same content, no event."""
        former = self.current(place)
        assert former is not None
        self.landing.touch(place)
        self._appeared(place, "touch", touch_of=former.touch_of or former.etag)

    def append(self, place: Place, content: bytes) -> None:
        """Append; nobody is told."""
        self.landing.append(place, content)
        self._appeared(place, "append")

    def delete(self, place: Place) -> None:
        """Remove a file; it may come back."""
        version = self.current(place)
        assert version is not None
        self.deleted.append((version, self.landing.delete(place)))
        _left(version)

    def restore(self, number: int) -> None:
        """Undelete, in the place of what is there now; nobody is told."""
        version, blob = self.deleted.pop(number % len(self.deleted))
        self._gone(version.place)
        self.landing.restore(blob)
        version.is_there = True
        self.history[version.place].append(version)

    def rename(self, place: Place, to: Place) -> None:
        """Rename a file; its event tells no version."""
        former = self.current(place)
        assert former is not None
        arrival = self.landing.rename(place, to)
        _left(former)
        version = self._appeared(to, "rename")
        version.was_moved = True
        self._tell(arrival, version)

    def rename_directory(self, directory: Place, to: Place) -> list[Version]:
        """Rename a directory; return what lies in its new place by it."""
        moved = [place for place in self.there() if place.startswith(f"{directory}/")]
        for place in moved:
            former = self.current(place)
            assert former is not None
            _left(former)
        self.landing.rename_directory(directory, to)
        arrived = [self._appeared(to + place.removeprefix(directory), "directory") for place in moved]
        for version in arrived:
            version.was_moved = True
        return arrived

    def take(self, number: int) -> Announcement:
        """Take an event from those on their way, to deliver it."""
        announcement = self.pending.pop(number % len(self.pending))
        self.delivered.append(announcement)
        return announcement

    def _announced(self, arrival: Arrival, made_by: str) -> Version:
        version = self._appeared(arrival.full_path, made_by)
        self._tell(arrival, version)
        return version

    def _tell(self, arrival: Arrival, version: Version) -> None:
        if self._has_sequencers:
            self._numbers += 1
            arrival = replace(arrival, sequencer=f"{self._numbers:032x}")
        version.events += 1
        self.pending.append(Announcement(arrival, version, self._clock.now()))

    def _appeared(self, place: Place, made_by: str, *, touch_of: str | None = None) -> Version:
        self._gone(place)
        container, _, path = place.partition("/")
        blob = self.landing._blobs[container, path]
        etag = blob.version or ""
        known = self.version(place, etag)
        if known is not None:  # a file that was moved back
            known.is_there, known.was_moved = True, True
            self.history[place].append(known)
            return known
        edition = len(self._rules.editions) - 1
        version = Version(place, etag, blob.committed_at, (blob.size, blob.md5), made_by, edition, touch_of)
        self.history[place].append(version)
        return version

    def _gone(self, place: Place) -> None:
        version = self.current(place)
        if version is not None:
            _left(version)


def _left(version: Version) -> None:
    version.is_there = False
    version.away += 1
