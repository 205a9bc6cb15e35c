"""Late arrivals: what comes or starts late is looked at once more, because the world has gone on meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared import dispatch
from shared.errors import JobMissing, JobsBusy
from shared.holds import GONE, REPLACED, RUNS_REPLACED, may_have_changed
from shared.landing import COPYING, LEASED, still_changing
from shared.ledger import Claimed
from shared.model import Arrival, Result, Source, State
from tests.fakes.arrivals import arrival, entry
from tests.fakes.manual_clock import START
from tests.fakes.world import World

MINUTE, HOUR = 60.0, 3600.0
GRACE = timedelta(minutes=5)
PATH = "landing/crm/a.csv"
CRM = '  - {name: crm, path: "landing/crm/{name}.csv", job: {id: 7}}\n'
ALL = '  - {name: all, path: "landing/**", job: {id: 8}}\n'
AUDIT = '  - {name: audit, path: "landing/**", job: {id: 9}, also: true}\n'
IGNORING = CRM.replace("}}", "}, on_overwrite: ignore}")


def rules(*written: str) -> str:
    """Return a rules file."""
    return "version: 1\nrules:\n" + "".join(written)


async def world_of(*written: str) -> World:
    """Return a service whose rules have been active since START."""
    world = World(rules(*written))
    await world.reconciler.run()
    world.clock.advance(1)
    return world


@pytest.fixture
async def world() -> World:
    """Return a service with one rule."""
    return await world_of(CRM)


async def passes(world: World, count: int, every: float = MINUTE) -> None:
    """Let time pass and the timer fire."""
    for _ in range(count):
        world.clock.advance(every)
        await world.reconciler.run()


async def test_fresh_event_asks_the_blob_nothing(world: World) -> None:
    """Between a fresh event and its run no blob is looked up: speed is what events are for."""
    looked: list[list[str]] = []
    world.databricks.on_call = lambda: looked.append(list(world.landing.looked_up))

    await world.drop(PATH)

    assert looked == [[]]


async def test_late_event_of_what_is_still_there_runs(world: World) -> None:
    """An event that comes hours late, before any sweep, starts its job after one look."""
    dropped = world.landing.upload(PATH)
    world.clock.advance(2 * HOUR)
    looked: list[list[str]] = []
    world.databricks.on_call = lambda: looked.append(list(world.landing.looked_up))

    (claim,) = await world.deliver(dropped)

    assert claim.entry.state is State.SUBMITTED
    assert looked == [[PATH]]


async def test_late_event_of_a_deleted_file_starts_nothing(world: World) -> None:
    """The file has come and gone: the entry says so, and no job fails for want of it."""
    dropped = world.landing.upload(PATH)
    world.landing.delete(PATH)
    world.clock.advance(2 * HOUR)

    (claim,) = await world.deliver(dropped)

    assert (claim.entry.state, claim.entry.result, claim.entry.reason) == (State.SETTLED, Result.VANISHED, GONE)
    assert world.databricks.sent == []


async def test_late_event_of_replaced_content_starts_nothing(world: World) -> None:
    """The newer version, of which nothing is known yet, is left to its own event or to the sweep: one run."""
    old = world.landing.upload(PATH, b"one")
    world.clock.advance(HOUR)
    world.landing.upload(PATH, b"two")

    (claim,) = await world.deliver(old)
    await passes(world, 10)

    assert (claim.entry.result, claim.entry.reason) == (Result.SUPERSEDED, REPLACED)
    assert [each.result for each in await world.all_entries()] == [Result.SUPERSEDED, None]
    assert len(world.databricks.runs) == 1


async def test_late_event_that_runs_replaced_content_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """Where overwrites do not run, the first version is the only one that can: log and entry say what it will read."""
    world = await world_of(IGNORING)
    old = world.landing.upload(PATH, b"one")
    world.clock.advance(HOUR)
    world.landing.upload(PATH, b"two")

    (claim,) = await world.deliver(old)

    assert (claim.entry.state, claim.entry.reason) == (State.SUBMITTED, RUNS_REPLACED)
    assert "arrival.replaced" in caplog.text


async def test_remark_on_replaced_content_outlasts_a_failed_start() -> None:
    """What was said of the entry before its request is still said when a later repetition has started the run."""
    world = await world_of(IGNORING)
    old = world.landing.upload(PATH, b"one")
    world.clock.advance(HOUR)
    world.landing.upload(PATH, b"two")
    world.databricks.fail_next(JobsBusy("slow down"))
    (claim,) = await world.deliver(old)
    await passes(world, 2)

    entry = (await world.all_entries())[0]
    assert claim.entry.reason == f"{RUNS_REPLACED}; slow down"
    assert (entry.state, entry.reason) == (State.SUBMITTED, RUNS_REPLACED)


async def test_late_event_waits_for_blob_storage(world: World) -> None:
    """While nobody can say what is there, the event is claimed and answered; the entry starts later."""
    dropped = world.landing.upload(PATH)
    world.clock.advance(HOUR)
    world.landing.down = True
    (claim,) = await world.deliver(dropped)
    await passes(world, 3)
    world.landing.down = False
    await passes(world, 2)

    assert (claim.outcome, claim.entry.state) == (Claimed.WON, State.PENDING)
    assert claim.entry.due_at is not None
    assert (await world.only_entry()).state is State.SUBMITTED


async def test_look_that_takes_too_long_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The door has to answer Event Grid: a blob that is slow to tell is asked again by a pass."""
    monkeypatch.setattr(dispatch, "LOOK_SECONDS", 0.01)
    dropped = world.landing.upload(PATH)
    world.clock.advance(HOUR)
    monkeypatch.setattr(world.landing, "identify", _never)

    (claim,) = await world.deliver(dropped)

    assert (claim.entry.state, claim.entry.reason) == (State.PENDING, "Blob Storage did not answer in time")
    assert claim.entry.due_at is not None


async def _never(arrival: Arrival) -> Arrival | None:
    await asyncio.Event().wait()
    return arrival


async def waits_for_its_job(world: World, content: bytes = b"one") -> None:
    """Drop a file whose rule waits for its job for some minutes; the file that told of it runs later."""
    world.databricks.fail_next(JobMissing("no such job"), times=3)
    await world.drop("landing/crm/first.csv")
    world.clock.advance(1)
    claim = await world.drop(PATH, content)
    assert claim.entry.request is None
    world.clock.advance(6 * MINUTE)


async def test_file_deleted_during_an_outage_starts_nothing(world: World) -> None:
    """An entry that waited long for its first request is looked up before it: its file may be gone."""
    await waits_for_its_job(world)
    world.landing.delete(PATH)

    await passes(world, 10)

    assert [each.result for each in await world.all_entries()] == [None, Result.VANISHED]
    assert len(world.databricks.runs) == 1


async def test_file_replaced_during_an_outage_runs_once(world: World) -> None:
    """Of two versions that waited together, the one that is there runs."""
    await waits_for_its_job(world)
    await world.drop(PATH, b"two, and longer")

    await passes(world, 20)

    assert [each.result for each in await world.all_entries()] == [None, Result.SUPERSEDED, None]
    assert len(world.databricks.runs) == 2


async def test_request_that_was_sent_is_repeated_without_a_look(world: World) -> None:
    """After a request its run may exist: the same token is sent, whatever became of the file (rules R2, R3)."""
    world.databricks.fail_next(JobsBusy("slow down", retry_after=600))
    await world.drop(PATH)
    world.landing.delete(PATH)

    await passes(world, 20)

    assert (await world.only_entry()).state is State.SUBMITTED
    assert len({request.token for request in world.databricks.sent}) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"size": 0}, True),
        ({"api": "CopyBlob"}, True),
        ({"committed_at": START - GRACE}, False),
        ({"committed_at": START - GRACE - timedelta(seconds=1)}, True),
        ({"source": Source.SWEEP, "committed_at": START - timedelta(days=9), "size": 0}, False),
        ({"source": Source.BACKFILL}, True),
    ],
)
def test_only_what_may_have_changed_is_looked_up(changes: dict[str, Any], *, expected: bool) -> None:
    """Late, empty, copied or taken from an old page: then the blob is asked. A sweep has asked it just before."""
    drafted = entry(of=arrival(**changes))

    assert may_have_changed(drafted, START, GRACE) is expected


@pytest.mark.parametrize("changes", [{"first_sent_at": START}, {"retries": 1}])
def test_run_of_ones_own_is_no_reason_to_look(changes: dict[str, Any]) -> None:
    """A repetition must be the same, and a job that failed late may have moved its file away itself."""
    waited = entry(of=arrival(size=0), **changes)

    assert not may_have_changed(waited, START + timedelta(days=1), GRACE)


def test_later_generation_is_looked_up() -> None:
    """The run before it, or the wait for a person, gave the file time to be replaced."""
    assert may_have_changed(entry(generation=2), START, GRACE)
    assert not may_have_changed(entry(generation=2, retries=1), START, GRACE)


def test_sweeps_entry_that_waited_is_looked_up() -> None:
    """What the sweep saw when it claimed the file is as old as the claim."""
    swept = entry(of=arrival(source=Source.SWEEP))

    assert may_have_changed(swept, START + GRACE + timedelta(seconds=1), GRACE)


async def test_late_event_of_a_removed_rules_file_starts_nothing() -> None:
    """The rule that had the file is gone from the rules and not from the ledger; of no other file it keeps anything."""
    world = await world_of(CRM, ALL)
    had, lost = world.landing.upload(PATH), world.landing.upload("landing/crm/b.csv")
    await world.deliver(had)
    world.restart(rules(ALL))
    world.clock.advance(HOUR)

    (claim,) = await world.deliver(lost)

    assert await world.deliver(had) == []
    assert (claim.entry.rule, claim.entry.state) == ("all", State.SUBMITTED)
    assert len(world.databricks.runs) == 2


async def test_standings_are_asked_of_the_ledger_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Late events come in thousands after an outage, and removed rules are known by then."""
    world = await world_of(ALL)
    arrivals = [world.landing.upload(f"landing/crm/{number}.csv") for number in range(9)]
    world.clock.advance(HOUR)
    asked: list[None] = []
    standings = world.bookkeeping.standings

    async def counted() -> object:
        asked.append(None)
        return await standings()

    monkeypatch.setattr(world.bookkeeping, "standings", counted)
    for late in arrivals:
        await world.deliver(late)

    assert len(asked) == 1


@pytest.mark.parametrize(
    ("unfinished", "age", "expected"),
    [
        ("", timedelta(0), False),
        (LEASED, timedelta(minutes=59), True),
        (LEASED, timedelta(hours=1), False),
        (COPYING, timedelta(minutes=1), True),
        (COPYING, timedelta(days=13), True),
    ],
)
def test_changing_file_is_left_alone(unfinished: str, age: timedelta, *, expected: bool) -> None:
    """Always while a copy goes on; under a lease for an hour after the last write."""
    assert still_changing(arrival(unfinished=unfinished), START + age) is expected


@pytest.mark.parametrize("changed", [(ALL, CRM), (CRM.replace("crm,", "crm, enabled: false,"), ALL)])
async def test_changed_rules_fire_nothing_again(changed: tuple[str, ...], caplog: pytest.LogCaptureFixture) -> None:
    """Put in another order, or switched off: what a rule has had is no other rule's, by sweep or by late event."""
    caplog.set_level("INFO")
    world = await world_of(CRM, ALL)
    dropped = world.landing.upload(PATH)
    await world.deliver(dropped)
    world.restart(rules(*changed))
    await passes(world, 10)

    claims = await world.deliver(dropped)

    assert claims == []
    assert [each.rule for each in await world.all_entries()] == ["crm"]
    assert f"arrival.taken rule=all by=crm path={PATH}" in caplog.text


async def test_new_rule_before_another_takes_new_files_only() -> None:
    """A rule put before one that has had a file takes the files that land from then on."""
    world = await world_of(ALL)
    dropped = world.landing.upload(PATH)
    await world.deliver(dropped)
    world.restart(rules(CRM, ALL))
    await passes(world, 10)
    late = await world.deliver(dropped)
    await world.drop("landing/crm/new.csv")

    assert late == []
    assert [each.rule for each in await world.all_entries()] == ["all", "crm"]


async def test_rule_beside_others_is_never_taken() -> None:
    """With `also` a rule fires beside the one that wins, whoever has had the file, and takes it from nobody."""
    world = await world_of(CRM)
    dropped = world.landing.upload(PATH)
    await world.deliver(dropped)
    world.restart(rules(AUDIT, CRM))
    world.clock.advance(HOUR)

    claims = await world.deliver(dropped)

    assert [(claim.entry.rule, claim.outcome) for claim in claims] == [
        ("audit", Claimed.WON),
        ("crm", Claimed.DUPLICATE),
    ]


async def test_superseded_entry_takes_nothing() -> None:
    """An entry that was closed because its version was not there is no reason to leave the file alone."""
    world = await world_of(CRM, ALL)
    first, second = world.landing.upload(PATH, b"one"), world.landing.upload(PATH, b"two")
    world.clock.advance(MINUTE)
    await world.deliver(replace(first, committed_at=world.clock.now()))
    (closed,) = await world.deliver(second)
    assert closed.entry.result is Result.SUPERSEDED
    world.restart(rules(ALL, CRM))
    world.clock.advance(HOUR)

    (claim,) = await world.deliver(second)

    assert (claim.entry.rule, claim.outcome) == ("all", Claimed.WON)


async def test_vanished_entry_takes_nothing() -> None:
    """A file that was gone ran nowhere; once it is back, the rules of today decide about it."""
    world = await world_of(CRM, ALL)
    landed = world.landing.upload(PATH)
    blob = world.landing.delete(PATH)
    world.clock.advance(HOUR)
    (closed,) = await world.deliver(landed)
    assert closed.entry.result is Result.VANISHED
    world.restart(rules(ALL, CRM))
    world.landing.restore(blob)
    world.clock.advance(HOUR)

    await world.reconciler.run()

    assert [run.job_id for run in world.databricks.runs.values()] == [8]


async def test_fresh_event_reads_no_other_rules_entry() -> None:
    """Only what comes late can have been there under other rules: a fresh claim stays one round trip."""
    world = await world_of(ALL, CRM)
    await world.drop(PATH.replace(".csv", "-first.csv"))  # which takes permits also for those who come next
    before = world.table.calls
    calls_at_run_now: list[int] = []
    world.databricks.on_call = lambda: calls_at_run_now.append(world.table.calls)

    await world.drop(PATH)

    assert calls_at_run_now == [before + 1]


async def test_renamed_rule_keeps_its_files() -> None:
    """`renamed_from` tells whose entries are the rule's: a rename starts nothing again, by sweep or by event."""
    world = await world_of(CRM)
    dropped = world.landing.upload(PATH)
    await world.deliver(dropped)
    world.restart(rules(CRM.replace("name: crm", "name: customers, renamed_from: [crm]")))
    await passes(world, 10)

    (claim,) = await world.deliver(dropped)

    assert (claim.outcome, claim.entry.rule) == (Claimed.DUPLICATE, "crm")
    assert len(world.databricks.runs) == 1


async def test_claim_for_one_rule_only(world: World) -> None:
    """A sweep of one rule claims for it alone, and only where it would have got the file."""
    world.restart(rules(CRM, ALL, AUDIT))
    found = replace(world.landing.upload(PATH), source=Source.SWEEP)

    loser = await world.intake.accept(found, world.deadline(), only="all")
    winner = await world.intake.accept(found, world.deadline(), only="crm")
    beside = await world.intake.accept(found, world.deadline(), only="audit")

    assert loser == []
    assert [claim.entry.rule for claim in (*winner, *beside)] == ["crm", "audit"]
