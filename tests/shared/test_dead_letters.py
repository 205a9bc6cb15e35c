"""Dead letters of Event Grid: taken in through the same line, put aside when claimed, never lost, never in a circle."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from shared import dead_letters
from shared.clock import Deadline
from shared.dead_letter_store import StoredLetter
from shared.errors import BlobsUnavailable, JobsBusy
from shared.ledger import Claim
from shared.model import State
from tests.fakes.dead_letters import FOLDER, OLD, dead, take_in, use_case
from tests.fakes.memory_dead_letters import MemoryDeadLetters
from tests.fakes.world import World, directory_renamed_body, event_body


@pytest.fixture
def world() -> World:
    """Return a service over fakes."""
    return World()


@pytest.fixture
def store(world: World) -> MemoryDeadLetters:
    """Return an empty container of dead letters."""
    return MemoryDeadLetters(world.clock)


def messages(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    """Return the log lines of one fact."""
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith(f"{name} ")]


async def test_dead_letter_starts_its_job(world: World, store: MemoryDeadLetters) -> None:
    """The event that Event Grid gave up on becomes a run, and its letter is put aside."""
    content = json.dumps([dead(world.landing.upload("landing/crm/a.csv"))]).encode()
    await store.put(f"{FOLDER}/1.json", content)
    result = await take_in(world, store)

    assert (await world.only_entry()).state is State.SUBMITTED
    assert await store.contents() == {f"handled/{FOLDER}/1.json": content}
    assert result.summary() == {
        "started_at": "2026-11-22T12:00:00.000+00:00",
        "seconds": 0.0,
        "found": 1,
        "opened": 1,
        "handled": 1,
        "events": 1,
        "claimed": 1,
        "left": 0,
        "reasons": {"MaxDeliveryAttemptsExceeded": 1},
        "outcomes": {"NotFound": 1},
    }


async def test_empty_container_is_no_news(
    world: World, store: MemoryDeadLetters, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing waits there is nothing to say."""
    with caplog.at_level(logging.INFO):
        result = await take_in(world, store)

    assert (result.counts["found"], result.left) == (0, 0)
    assert caplog.messages == []


async def test_body_is_the_one_of_a_door(world: World, store: MemoryDeadLetters) -> None:
    """Intake gets one event per call, as the event door does, without what dead-lettering added."""
    arrivals = [world.landing.upload(f"landing/crm/{name}.csv") for name in "ab"]
    bodies: list[str] = []

    async def receive(body: str, deadline: Deadline) -> list[Claim]:
        bodies.append(body)
        return await world.intake.receive(body, deadline)

    await store.put("x.json", json.dumps([dead(arrival) for arrival in arrivals]).encode())
    await use_case(world, store, receive).take_in(world.deadline())

    assert [json.loads(body) for body in bodies] == [json.loads(event_body(arrival))[0] for arrival in arrivals]


async def test_event_that_had_succeeded_is_a_duplicate(world: World, store: MemoryDeadLetters) -> None:
    """A dead letter may describe a success: the ledger knows, and nothing runs twice."""
    arrival = world.landing.upload("landing/crm/a.csv")
    await world.deliver(arrival)
    await store.put("x.json", json.dumps([dead(arrival, lastDeliveryOutcome="TimedOut")]).encode())
    result = await take_in(world, store)

    assert len(world.databricks.sent) == 1
    assert result.counts == {"found": 1, "opened": 1, "handled": 1, "events": 1, "duplicates": 1}
    assert result.outcomes == {"TimedOut": 1}


async def test_events_that_start_nothing_are_counted(world: World, store: MemoryDeadLetters) -> None:
    """A file that no rule wants and an event about a deletion are ignored, by name, and their letter is handled."""
    unwanted = dead(world.landing.upload("landing/other/a.txt"))
    deleted = dead(world.landing.upload("landing/crm/a.csv"), eventType="Microsoft.Storage.BlobDeleted")
    await store.put("x.json", json.dumps([unwanted, deleted]).encode())
    result = await take_in(world, store)

    assert result.counts == {"found": 1, "opened": 1, "handled": 1, "events": 2, "ignored": 2}


async def test_renamed_directory_is_not_counted_as_ignored(world: World, store: MemoryDeadLetters) -> None:
    """Its files are claimed later, by a backfill that was written down: the letter has started something."""
    (event,) = json.loads(directory_renamed_body("landing/crm", world.clock.now()))
    await store.put("x.json", json.dumps([event]).encode())
    result = await take_in(world, store)

    assert result.counts == {"found": 1, "opened": 1, "handled": 1, "events": 1, "directories": 1}
    assert len(await world.backfills.running()) == 1


async def test_reasons_are_counted_by_event(world: World, store: MemoryDeadLetters) -> None:
    """Why Event Grid gave up and what it met last are numbers that tell a person where to look."""
    for number, (reason, outcome) in enumerate([("TimeToLiveExceeded", "Forbidden")] * 2 + [("", "Busy")]):
        arrival = world.landing.upload(f"landing/crm/{number}.csv")
        event = dead(arrival, deadLetterReason=reason, lastDeliveryOutcome=outcome)
        await store.put(f"{number}.json", json.dumps([event]).encode())
    result = await take_in(world, store)

    assert result.reasons == {"TimeToLiveExceeded": 2, "unknown": 1}
    assert result.outcomes == {"Forbidden": 2, "Busy": 1}


async def test_many_reasons_stay_bounded(world: World, store: MemoryDeadLetters) -> None:
    """The summary is bounded whatever somebody writes into the container."""
    events = [dead(world.landing.upload("landing/x/a.txt"), deadLetterReason=f"Reason{n}") for n in range(50)]
    await store.put("x.json", json.dumps(events).encode())
    result = await take_in(world, store)

    assert sum(result.reasons.values()) == 50
    assert len(result.reasons) == 21
    assert result.reasons["other"] == 30


async def test_letter_stays_while_the_ledger_is_down(
    world: World, store: MemoryDeadLetters, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be claimed is not put aside: it is counted, said, and claimed by a later pass."""
    content = json.dumps([dead(world.landing.upload("landing/crm/a.csv"))]).encode()
    await store.put("x.json", content)
    world.table.down = True
    failed = await take_in(world, store)
    left = await store.contents()
    world.table.down = False
    repaired = await take_in(world, store)

    assert (failed.counts["failed"], failed.counts["refused"], failed.counts["handled"], failed.left) == (1, 1, 0, 1)
    assert left == {"x.json": content}
    assert messages(caplog, "dead_letter.left") == ['dead_letter.left name=x.json reason="the ledger is down"']
    assert (repaired.counts["claimed"], repaired.left) == (1, 0)
    assert await store.contents() == {"handled/x.json": content}


async def test_pass_ends_when_the_ledger_stays_down(world: World, store: MemoryDeadLetters) -> None:
    """With the ledger down for all, a pass does not try them all, also where some events never ask the ledger."""
    for number in range(50):
        unwanted, event = (dead(world.landing.upload(f"landing/{folder}/{number}.csv")) for folder in ("x", "crm"))
        await store.put(f"{number}.json", json.dumps([unwanted, event]).encode())
    world.table.down = True
    result = await take_in(world, store)

    assert result.left == 50
    assert result.counts["opened"] <= dead_letters.GIVE_UP_AFTER + dead_letters.CONCURRENCY


async def test_databricks_down_holds_no_letter_up(world: World, store: MemoryDeadLetters) -> None:
    """A claim is enough: the entry waits for Databricks, its letter does not."""
    world.databricks.fail_next(JobsBusy("slow down"))
    await store.put("x.json", json.dumps([dead(world.landing.upload("landing/crm/a.csv"))]).encode())
    result = await take_in(world, store)

    assert result.counts["handled"] == 1
    assert (await world.only_entry()).state is State.PENDING


async def test_failing_event_does_not_stop_its_neighbours(world: World, store: MemoryDeadLetters) -> None:
    """Nine events of a letter are claimed though the tenth fails every time; the letter stays for that one."""
    arrivals = [world.landing.upload(f"landing/crm/{number}.csv") for number in range(10)]
    await store.put("x.json", json.dumps([dead(arrival) for arrival in arrivals]).encode())

    async def receive(body: str, deadline: Deadline) -> list[Claim]:
        if "/crm/4.csv" in body:
            raise BlobsUnavailable("Could not read the properties.")
        return await world.intake.receive(body, deadline)

    result = await use_case(world, store, receive).take_in(world.deadline())

    assert len(await world.all_entries()) == 9
    assert (result.counts["claimed"], result.counts["refused"], result.left) == (9, 1, 1)
    assert list(await store.contents()) == ["x.json"]


async def test_defect_met_by_one_letter_spares_the_others(
    world: World, store: MemoryDeadLetters, caplog: pytest.LogCaptureFixture
) -> None:
    """A letter that meets a defect stays, and says so; the others are handled."""
    for name in ("bad", "good"):
        event = dead(world.landing.upload(f"landing/crm/{name}.csv"))
        await store.put(f"{name}.json", json.dumps([event]).encode())

    async def receive(body: str, deadline: Deadline) -> list[Claim]:
        if "bad" in body:
            raise KeyError("defect")
        return await world.intake.receive(body, deadline)

    result = await use_case(world, store, receive).take_in(world.deadline())

    assert set(await store.contents()) == {"bad.json", "handled/good.json"}
    assert (result.counts["failed"], result.left) == (1, 1)
    assert messages(caplog, "dead_letter.failed") == ["dead_letter.failed name=bad.json reason=\"KeyError('defect')\""]


@pytest.mark.parametrize("content", [b"", b'[{"eventTy', b"\xff\xfe[", b"[]", b'{"a": 1}', b'[{"eventType": "x"}, 7]'])
async def test_unreadable_letter_is_kept_and_said_once(
    world: World, store: MemoryDeadLetters, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """What cannot be read is put aside as it is, with one error that says why, and is never tried again."""
    await store.put(f"{FOLDER}/1.json", content)
    world.clock.advance(OLD)
    first = await take_in(world, store)
    second = await take_in(world, store)

    assert await store.contents() == {f"unreadable/{FOLDER}/1.json": content}
    assert (first.counts["unreadable"], first.counts["handled"], first.left) == (1, 0, 0)
    assert second.counts["found"] == 0
    (line,) = messages(caplog, "dead_letter.unreadable")
    assert line.startswith(f"dead_letter.unreadable name={FOLDER}/1.json reason=")


async def test_readable_events_of_an_unreadable_letter_run(world: World, store: MemoryDeadLetters) -> None:
    """A letter with one bad item starts what its good ones announce, and is kept for a person."""
    await store.put("x.json", json.dumps([dead(world.landing.upload("landing/crm/a.csv")), 7]).encode())
    world.clock.advance(OLD)
    result = await take_in(world, store)

    assert (await world.only_entry()).state is State.SUBMITTED
    assert (result.counts["claimed"], result.counts["unreadable"]) == (1, 1)


async def test_young_unreadable_letter_may_still_be_written(world: World, store: MemoryDeadLetters) -> None:
    """A file that is empty or cut off is not judged while somebody may still be writing it."""
    await store.put("x.json", b"")
    early = await take_in(world, store)
    await store.put("x.json", json.dumps([dead(world.landing.upload("landing/crm/a.csv"))]).encode())
    complete = await take_in(world, store)

    assert (early.counts["early"], early.counts["unreadable"], early.left) == (1, 0, 1)
    assert complete.counts["handled"] == 1


async def test_oversized_letter_is_put_aside_unread(
    world: World, store: MemoryDeadLetters, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Memory is bounded: what is larger than any file of Event Grid's is not even read."""
    monkeypatch.setattr(dead_letters, "LARGEST", 10)
    await store.put("x.json", b"[" + b" " * 10 + b"]")
    world.clock.advance(OLD)
    result = await take_in(world, store)

    assert (result.counts["unreadable"], store.read_names) == (1, [])
    assert 'reason="it has 12 bytes, and at most 10 are read"' in messages(caplog, "dead_letter.unreadable")[0]


async def test_pass_opens_a_bounded_number(world: World, store: MemoryDeadLetters) -> None:
    """A pass does its part of a long backlog and leaves the rest to the next, until nothing is left."""
    for number in range(10):
        event = dead(world.landing.upload(f"landing/crm/{number}.csv"))
        await store.put(f"{number}.json", json.dumps([event]).encode())
    bounded = use_case(world, store, opened_at_most=4)
    passes = [await bounded.take_in(world.deadline()) for _ in range(3)]

    assert [one.counts["handled"] for one in passes] == [4, 4, 2]
    assert [one.left for one in passes] == [6, 2, 0]
    assert len(await world.all_entries()) == 10


async def test_letters_that_always_fail_starve_nobody(world: World, store: MemoryDeadLetters) -> None:
    """However early their names sort, letters that fail every time do not keep a good one waiting for ever."""
    for number in range(20):
        event = dead(world.landing.upload(f"landing/crm/bad-{number}.csv"))
        await store.put(f"A/{number}.json", json.dumps([event]).encode())
    await store.put("Z/good.json", json.dumps([dead(world.landing.upload("landing/crm/good.csv"))]).encode())

    async def receive(body: str, deadline: Deadline) -> list[Claim]:
        if "bad-" in body:
            raise BlobsUnavailable("Could not read the properties.")
        return await world.intake.receive(body, deadline)

    bounded = use_case(world, store, receive, opened_at_most=4)
    for _ in range(40):
        await bounded.take_in(world.deadline())

    assert "handled/Z/good.json" in await store.contents()


async def test_pass_stops_at_its_deadline(world: World, store: MemoryDeadLetters) -> None:
    """Out of time, a letter half done stays whole; the next pass takes it in, its first events as duplicates."""
    arrivals = [world.landing.upload(f"landing/crm/{number}.csv") for number in range(4)]
    await store.put("x.json", json.dumps([dead(arrival) for arrival in arrivals]).encode())

    async def slowly(body: str, deadline: Deadline) -> list[Claim]:
        world.clock.advance(20)
        return await world.intake.receive(body, deadline)

    cut_off = await use_case(world, store, slowly).take_in(world.deadline(30))
    completed = await take_in(world, store)

    assert (cut_off.counts["events"], cut_off.counts["handled"], cut_off.left) == (2, 0, 1)
    assert (completed.counts["claimed"], completed.counts["duplicates"], completed.left) == (2, 2, 0)


async def test_no_letter_is_opened_after_the_deadline(world: World, store: MemoryDeadLetters) -> None:
    """A pass that has no time left only counts what waits."""
    await store.put("x.json", b"[]")
    result = await take_in(world, store, seconds=0)

    assert (result.counts["opened"], result.left, store.read_names) == (0, 1, [])


async def test_crash_before_the_removal_is_harmless(world: World, store: MemoryDeadLetters) -> None:
    """Copied and not removed, a letter is taken in again: duplicates, no second run, one copy."""
    content = json.dumps([dead(world.landing.upload("landing/crm/a.csv"))]).encode()
    await store.put("x.json", content)
    store.crash_before_removal = True
    crashed = await take_in(world, store)
    store.crash_before_removal = False
    repeated = await take_in(world, store)

    assert (crashed.counts["claimed"], crashed.counts["failed"], crashed.left) == (1, 1, 1)
    assert (repeated.counts["duplicates"], repeated.counts["handled"], repeated.left) == (1, 1, 0)
    assert len(world.databricks.sent) == 1
    assert await store.contents() == {"handled/x.json": content}


async def test_letter_handled_elsewhere_is_no_error(
    world: World, store: MemoryDeadLetters, caplog: pytest.LogCaptureFixture
) -> None:
    """Another instance moves a letter between our claim and our move: counted, and nobody is alarmed."""
    await store.put("x.json", json.dumps([dead(world.landing.upload("landing/crm/a.csv"))]).encode())

    def taken(letter: StoredLetter) -> None:
        del store._blobs[letter.name]

    store.before_move = taken
    result = await take_in(world, store)

    assert result.counts == {"found": 1, "opened": 1, "events": 1, "claimed": 1, "elsewhere": 1}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_instances_at_once_run_each_file_once(world: World, store: MemoryDeadLetters) -> None:
    """Several instances over one container claim every event once between them and lose no letter."""
    for number in range(30):
        event = dead(world.landing.upload(f"landing/crm/{number}.csv"))
        await store.put(f"{number}.json", json.dumps([event]).encode())
    passes = await asyncio.gather(*(take_in(world, store) for _ in range(3)))

    assert sum(one.counts["claimed"] for one in passes) == 30
    assert len(world.databricks.sent) == 30
    assert len(await store.contents()) == 30
    assert await store.waiting(100) == []


@pytest.mark.parametrize("account", ["devstoreaccount1", "DevStoreAccount1"])
async def test_events_about_dead_letters_start_nothing(world: World, account: str) -> None:
    """Event Grid's own writes and our moves are events too: even under a rule for everything they go in no circle."""
    world.restart('{version: 1, rules: [{name: all, path: "**/*.json", job: {id: 7}}]}')
    store = MemoryDeadLetters(world.clock, "deadletter")
    about_itself = world.landing.upload(f"deadletter/{FOLDER}/1.json")
    event = dead(about_itself, topic=f"/subscriptions/s/providers/Microsoft.Storage/storageAccounts/{account}")
    await store.put("x.json", json.dumps([event]).encode())
    result = await take_in(world, store)

    assert await world.all_entries() == []
    assert (result.counts["ignored"], result.counts["handled"]) == (1, 1)


async def test_unlistable_container_raises(world: World, store: MemoryDeadLetters) -> None:
    """A container that cannot be listed is never taken for an empty one."""
    store.down = True

    with pytest.raises(BlobsUnavailable):
        await take_in(world, store)


async def test_hostile_name_stays_one_log_line(
    world: World, store: MemoryDeadLetters, caplog: pytest.LogCaptureFixture
) -> None:
    """A blob may be called anything; no name makes a second line or a false field."""
    name = 'x"\nentry.dead reason=fake \u202e{{job.id}}.json'
    await store.put(name, b"7")
    world.clock.advance(OLD)
    await take_in(world, store)

    (line,) = messages(caplog, "dead_letter.unreadable")
    assert "\n" not in line
    assert "\u202e" not in line
    assert f"unreadable/{name}" in await store.contents()


async def test_summary_is_json(world: World, store: MemoryDeadLetters) -> None:
    """The summary can be kept as it is, whatever happened."""
    await store.put("a.json", json.dumps([dead(world.landing.upload("landing/crm/a.csv"))]).encode())
    await store.put("b.json", b"")
    world.clock.advance(OLD)
    summary = (await take_in(world, store)).summary()

    assert json.loads(json.dumps(summary)) == summary
    assert (summary["found"], summary["handled"], summary["unreadable"], summary["left"]) == (2, 1, 1, 0)
