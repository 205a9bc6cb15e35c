"""What happens to files and their events. Machines mix it with the rest."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.fakes.dead_letters import FOLDER
from tests.fakes.world import directory_renamed_body
from tests.machine.base import INSTANCES, NUMBERS, Machine, body_of, happening
from tests.machine.fleet import Step
from tests.machine.shore import CONTENTS, PLACES

DIRECTORIES = ("landing/crm", "landing/slow", "landing/elsewhere")
WAITS_AWAY = st.sampled_from([400.0, 1_260.0])  # longer than the grace; than any hold


class Files(Machine):
    """People write, touch, move and remove files."""

    @happening(place=st.sampled_from(PLACES), content=st.sampled_from(CONTENTS), in_blocks=st.booleans())
    def upload(self, place: str, content: bytes, in_blocks: bool) -> None:  # noqa: FBT001 - by name
        """Write a file, or write over one."""
        if place not in self.shore.there(copying=True):
            self.shore.upload(place, content, in_blocks=in_blocks)

    @precondition(lambda self: self.shore.there())
    @happening(number=NUMBERS)
    def upload_the_same_again(self, number: int) -> None:
        """Write the same bytes over a file that somebody has written."""
        place = self._file(number)
        version = self.shore.current(place)
        assert version is not None
        content = next((one for one in CONTENTS if len(one) == version.content[0]), CONTENTS[0])
        self.shore.upload(place, content)

    @precondition(lambda self: self.shore.there())
    @happening(number=NUMBERS)
    def touch(self, number: int) -> None:
        """Set metadata."""
        self.shore.touch(self._file(number))

    @precondition(lambda self: self.shore.there())
    @happening(number=NUMBERS)
    def append(self, number: int) -> None:
        """Append to a file; it has an MD5 of its beginning no more."""
        place = self._file(number)
        version = self.shore.current(place)
        if version is not None and version.content[1] is None:
            self.shore.append(place, b"more")

    @precondition(lambda self: self.shore.there())
    @happening(number=NUMBERS)
    def delete(self, number: int) -> None:
        """Remove a file."""
        self.shore.delete(self._file(number))

    @precondition(lambda self: self.shore.there())
    @happening(number=NUMBERS, wait=WAITS_AWAY)
    def be_away_for_a_while(self, number: int, wait: float) -> None:
        """Remove a file and undelete it later; a pass comes while it is away."""
        self.shore.delete(self._file(number))
        self.clock.advance(wait)
        self.do(self.passes(self.at(0)))
        self.shore.restore(-1)

    @precondition(lambda self: self.shore.deleted)
    @happening(number=NUMBERS)
    def restore(self, number: int) -> None:
        """Undelete a file."""
        number %= len(self.shore.deleted)
        if self.shore.deleted[number][0].place not in self.shore.there(copying=True):
            self.shore.restore(number)

    @precondition(lambda self: self.shore.there())
    @happening(number=NUMBERS, to=st.sampled_from(PLACES))
    def rename(self, number: int, to: str) -> None:
        """Rename a file, perhaps over another."""
        place = self._file(number)
        if to != place and to not in self.shore.there(copying=True):
            self.shore.rename(place, to)

    @happening(place=st.sampled_from(PLACES))
    def begin_a_copy(self, place: str) -> None:
        """Begin a copy into a place where no copy goes on."""
        if place not in self.shore.there(copying=True):
            self.shore.start_copy(place)

    @precondition(lambda self: self.shore.there(copying=True))
    @happening(number=NUMBERS, content=st.sampled_from(CONTENTS))
    def finish_a_copy(self, number: int, content: bytes) -> None:
        """Finish one."""
        copying = self.shore.there(copying=True)
        self.shore.finish_copy(copying[number % len(copying)], content)

    def _file(self, number: int) -> str:
        there = self.shore.there()
        return there[number % len(there)]


class Events(Machine):
    """Event Grid delivers, repeats, delays, loses and gives up on events."""

    @happening(place=st.sampled_from(PLACES), content=st.sampled_from(CONTENTS), at=INSTANCES)
    def drop(self, place: str, content: bytes, at: int) -> None:
        """Write a file, and deliver its event at once, as it mostly is."""
        if place not in self.shore.there(copying=True):
            self.shore.upload(place, content)
            self.do(self.delivers(self.shore.take(-1), self.at(at)))

    @precondition(lambda self: self.shore.pending)
    @happening(number=NUMBERS, at=INSTANCES)
    def deliver(self, number: int, at: int) -> None:
        """Deliver an event; in any order, for others may have come before it."""
        announcement = self.shore.take(number)
        self.do(self.delivers(announcement, self.at(at)))

    @precondition(lambda self: self.shore.pending)
    @happening(wait=st.sampled_from([400.0, 4_000.0]), at=INSTANCES)
    def deliver_late(self, wait: float, at: int) -> None:
        """Deliver an event when the sweep may have been faster."""
        self.clock.advance(wait)
        self.do(self.delivers(self.shore.take(0), self.at(at)))

    @precondition(lambda self: self.shore.delivered)
    @happening(number=NUMBERS, at=INSTANCES, wait=st.sampled_from([0.0, 400.0, 4_000.0]))
    def deliver_again(self, number: int, at: int, wait: float) -> None:
        """Deliver an event once more, perhaps much later."""
        self.clock.advance(wait)
        delivered = self.shore.delivered
        self.do(self.delivers(delivered[number % len(delivered)], self.at(at)))

    @precondition(lambda self: self.shore.pending)
    @happening(number=NUMBERS)
    def deliver_twice_at_once(self, number: int) -> None:
        """Deliver an event to both instances, while one of them also has a pass."""
        announcement = self.shore.take(number)
        first, second = self.at(0), self.at(1)
        self.do(self.delivers(announcement, first), self.delivers(announcement, second), self.passes(second))

    @precondition(lambda self: self.shore.pending)
    @happening(number=NUMBERS)
    def lose(self, number: int) -> None:
        """Lose an event."""
        pending = self.shore.pending
        pending.pop(number % len(pending)).is_lost = True

    @precondition(lambda self: self.shore.pending)
    @happening(number=NUMBERS)
    def give_up_on(self, number: int) -> None:
        """Give up on an event: it becomes a dead letter."""
        announcement = self.shore.take(number)
        (told,) = json.loads(body_of(announcement))
        letter = {**told, "deadLetterReason": "MaxDeliveryAttemptsExceeded", "deliveryAttempts": 3}
        store = self.fleet.common.dead_letters
        self.do(
            Step(self.at(0), store.put(f"{FOLDER}/{len(self.shore.delivered)}.json", json.dumps([letter]).encode()))
        )

    @precondition(lambda self: self.shore.there())
    @happening(at=INSTANCES, there=st.sampled_from(DIRECTORIES), told=st.booleans())
    def rename_a_directory(self, at: int, there: str, told: bool) -> None:  # noqa: FBT001 - by name
        """Move all that was staged into place; one event tells of all of it, or none does."""
        if self.shore.there(copying=True) or not self.shore.rename_directory("landing/stage", there) or not told:
            return
        self.evidence.backfills += 1
        instance = self.at(at)
        body = directory_renamed_body(there, self.clock.now(), f"moved-{self.evidence.backfills}")
        self.do(Step(instance, instance.intake.receive(body, instance.deadline(20))))
