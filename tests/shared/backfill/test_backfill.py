"""Backfill: what it claims, what it leaves, and that it can be interrupted anywhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.backfill_request import BackfillRequest
from shared.errors import BlobsUnavailable, LedgerConflict, LedgerUnavailable
from shared.ledger import Backfill, BackfillCursor, BackfillState
from shared.model import Source, State
from tests.fakes.manual_clock import START
from tests.fakes.world import World

HOUR, DAY = 3600.0, 86400.0
RULES = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {id: 7}
  - name: all
    path: "landing/**/*.csv"
    job: {id: 8}
"""


@pytest.fixture
async def world() -> World:
    """Return a service whose rules were deployed over ten files of the last ten days."""
    world = World(RULES)
    for number in range(10):
        world.landing.upload(f"landing/crm/{number}.csv")
        world.clock.advance(DAY)
    await world.reconciler.run()
    return world


def request(**changes: object) -> BackfillRequest:
    """Return what a person asks for."""
    values: dict[str, object] = {"rule": "crm", "asked_by": "a test", "rate": 1000.0, **changes}
    return BackfillRequest(**values)  # type: ignore[arg-type]  # each test says what it wants


async def backfilled(world: World, **changes: object) -> Backfill:
    """Ask for a backfill and work on it to its end."""
    return await world.backfiller.work(await world.backfill_orders.ask(request(**changes)), world.deadline(HOUR))


async def claimed(world: World) -> list[str]:
    """Return the paths that have entries, sorted."""
    return sorted(entry.arrival.path for entry in await world.all_entries())


async def test_older_than_the_rule_run_when_asked_for(world: World) -> None:
    """The baseline holds for the sweep and not for a backfill."""
    assert await world.all_entries() == []

    done = await backfilled(world)

    assert done.state is BackfillState.DONE
    assert done.counts == {"listed": 10, "claimed": 10}
    assert len(world.databricks.runs) == 10
    assert {entry.arrival.source for entry in await world.all_entries()} == {Source.BACKFILL}


async def test_window_is_from_since_on_and_before_until(world: World) -> None:
    """A file at `since` is in, one at `until` is not, by Last-Modified."""
    done = await backfilled(world, since=START + timedelta(days=2), until=START + timedelta(days=5))

    assert await claimed(world) == ["crm/2.csv", "crm/3.csv", "crm/4.csv"]
    assert done.counts == {"listed": 10, "outside": 7, "claimed": 3}


async def test_window_may_begin_with_the_calendar(world: World) -> None:
    """A year that leaves no room for a margin means from the beginning, and is no reason to fail."""
    done = await backfilled(world, since=START.replace(year=1, month=1, day=1, hour=0))

    assert (done.state, done.counts["claimed"]) == (BackfillState.DONE, 10)


async def test_prefix_lists_nothing_else(world: World) -> None:
    """A prefix below the rule's own narrows the listing."""
    world.landing.listed.clear()

    await backfilled(world, prefix="landing/crm/3")

    assert await claimed(world) == ["crm/3.csv"]
    assert world.landing.listed == ["landing/crm/3"]


async def test_limit_bounds_claims_and_not_what_is_listed(world: World) -> None:
    """What is known does not use up the limit."""
    await backfilled(world, limit=4)

    done = await backfilled(world, limit=3)

    assert (done.counts["claimed"], done.counts["known"], done.reason) == (3, 4, "The limit was reached.")
    assert len(world.databricks.runs) == 7


async def test_rate_paces_the_claims(world: World) -> None:
    """Two a second means that ten take at least four and a half seconds."""
    before = world.clock.monotonic()

    await backfilled(world, rate=2.0)

    assert world.clock.monotonic() - before == pytest.approx(4.5)


async def test_claimed_files_are_known_without_a_read_each(world: World) -> None:
    """A second backfill of a range finds its entries by range reads."""
    await backfilled(world)
    world.clock.advance(DAY)
    before = world.table.calls

    done = await backfilled(world)

    assert done.counts == {"listed": 10, "known": 10}
    assert world.table.calls - before < 12


async def test_dry_run_counts_and_claims_nothing(world: World) -> None:
    """A preview tells what would be claimed, and leaves no row behind."""
    await backfilled(world, limit=4)
    world.clock.advance(DAY)
    draft = await world.backfill_orders.draft(request())

    told = await world.backfiller.work(draft, world.deadline(HOUR), dry_run=True)

    assert told.counts == {"listed": 10, "known": 4, "claimed": 6}
    assert len(await world.all_entries()) == 4
    assert await world.backfill_orders.read(draft.id) is None


async def test_other_rules_win_what_is_theirs(world: World) -> None:
    """A backfill asks the same rules as an event: of two rules that fit, the first has the file."""
    world.landing.upload("landing/erp/x.csv")

    done = await backfilled(world, rule="all")

    assert await claimed(world) == ["erp/x.csv"]
    assert done.counts == {"listed": 11, "unmatched": 10, "claimed": 1}


async def test_file_that_goes_meanwhile_is_counted(world: World) -> None:
    """What was listed and is gone when its turn comes is no claim."""
    asked = await world.backfill_orders.ask(request(rate=1.0))
    gone: list[str] = []

    def remove(_: Backfill) -> None:
        if not gone:
            gone.append("landing/crm/9.csv")
            world.landing.delete(gone[0])

    done = await world.backfiller.work(asked, world.deadline(HOUR), on_progress=remove)

    assert (done.counts["claimed"], done.counts["vanished"]) == (9, 1)


async def test_passed_deadline_leaves_the_rest_to_the_next(world: World) -> None:
    """Out of time it gives its lease back, and goes on where it was."""
    world.landing.page_size = 3
    asked = await world.backfill_orders.ask(request(rate=1.0))

    first = await world.backfiller.work(asked, world.deadline(4))
    second = await world.backfiller.work(first, world.deadline(HOUR))

    assert first.is_running
    assert 0 < first.counts["claimed"] < 10
    assert (second.state, second.counts["claimed"], second.counts["listed"]) == (BackfillState.DONE, 10, 10)
    await _settle(world)
    assert len(world.databricks.runs) == 10


async def test_lease_keeps_others_away_until_it_ends(world: World) -> None:
    """One worker at a time; of one that died anybody takes over after the lease."""
    asked = await world.backfill_orders.ask(request())
    await world.backfills.take(asked.id, "somebody", world.clock.now())

    with pytest.raises(LedgerConflict, match="somebody is working on"):
        await world.backfiller.work(asked, world.deadline(HOUR))
    world.clock.advance(HOUR)
    (done,) = await world.backfiller.advance(world.deadline(HOUR))

    assert (done.state, done.counts["claimed"]) == (BackfillState.DONE, 10)


async def test_cancelled_backfill_stops(world: World) -> None:
    """Its worker learns of it where it next writes, and what was claimed stays claimed."""
    world.landing.page_size = 2
    asked = await world.backfill_orders.ask(request())

    def call_off(now: Backfill) -> None:
        if now.counts["listed"] == 4:
            calling.append(asyncio.ensure_future(world.backfill_orders.cancel(asked.id)))

    calling: list[asyncio.Future[Backfill | None]] = []
    stopped = await world.backfiller.work(asked, world.deadline(HOUR), on_progress=call_off)

    assert stopped.state is BackfillState.CANCELLED
    assert 0 < len(await world.all_entries()) < 10
    assert await world.backfiller.advance(world.deadline(HOUR)) == []


async def test_passes_share_their_time_between_backfills(world: World) -> None:
    """A long backfill does not keep a later one waiting."""
    world.landing.upload("landing/erp/x.csv")
    await world.backfill_orders.ask(request(rate=0.1))
    world.clock.advance(1)
    await world.backfill_orders.ask(request(rule="all"))

    slow, quick = await world.backfiller.advance(world.deadline(60))

    assert (slow.state, quick.state) == (BackfillState.RUNNING, BackfillState.DONE)


async def test_one_that_fails_does_not_stop_the_others(world: World) -> None:
    """A container that cannot be listed is that backfill's trouble, and its row says so."""
    world.restart(RULES.replace('"landing/**/*.csv"', '"elsewhere/**/*.csv"'))
    world.landing.failing.add("elsewhere")
    broken = await world.backfill_orders.ask(request(rule="all"))
    world.clock.advance(1)
    await world.backfill_orders.ask(request())

    (done,) = await world.backfiller.advance(world.deadline(60))

    assert done.state is BackfillState.DONE
    stored = await world.backfill_orders.read(broken.id)
    assert stored is not None
    assert (stored.state, stored.reason, stored.failures) == (BackfillState.RUNNING, "Could not list elsewhere.", 1)


async def test_outage_that_does_not_end_fails_it(world: World) -> None:
    """After an hour of passes a person must look; until then it is tried again."""
    await world.backfill_orders.ask(request())
    world.landing.failing.add("landing")

    for _ in range(70):
        await world.backfiller.advance(world.deadline(60))

    (failed,) = await world.backfill_orders.recent(timedelta(days=1))
    assert (failed.state, failed.reason) == (BackfillState.FAILED, "Could not list landing.")


async def test_cursor_that_stays_refused_begins_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blob Storage does not promise to take a cursor for ever; counts come out right all the same."""
    world.landing.page_size = 3
    asked = await world.backfill_orders.ask(request(rate=1.0))
    half = await world.backfiller.work(asked, world.deadline(5))
    assert half.cursor is not None
    pages = world.landing.pages

    def refusing(container: str, prefix: str, cursor: str = "") -> object:
        if cursor:
            raise BlobsUnavailable("no such marker")
        return pages(container, prefix)

    monkeypatch.setattr(world.landing, "pages", refusing)
    for _ in range(3):
        with pytest.raises(BlobsUnavailable):
            await world.backfiller.work(half, world.deadline(HOUR))
    done = await world.backfiller.work(half, world.deadline(HOUR))

    assert (done.state, done.counts) == (BackfillState.DONE, {"listed": 10, "claimed": 10})
    assert len(world.databricks.runs) == 10


async def test_places_that_the_rules_left_begin_anew(world: World) -> None:
    """A cursor into what its rule does not look at any more says nothing."""
    asked = await world.backfill_orders.ask(request())
    await world.backfills.save(replace(asked, cursor=BackfillCursor("other", "x/", "y"), counts={"listed": 5}))

    done = await world.backfiller.work(asked, world.deadline(HOUR))

    assert done.counts == {"listed": 10, "claimed": 10}


async def test_rule_that_is_gone_ends_it(world: World) -> None:
    """Nothing can be claimed for a rule that is not there, and somebody must know."""
    asked = await world.backfill_orders.ask(request())
    world.restart(RULES.replace("name: crm", "name: other"))

    done = await world.backfiller.work(asked, world.deadline(HOUR))

    assert (done.state, done.reason) == (BackfillState.FAILED, "Its rule is not in force any more, or is disabled.")


async def test_rule_that_is_renamed_meanwhile_goes_on(world: World) -> None:
    """Its entries stay under its ledger name, and so does what was asked for: nothing runs twice or is left."""
    asked = await world.backfill_orders.ask(request(rate=1.0))
    await world.backfiller.work(asked, world.deadline(4))
    half = len(world.databricks.runs)
    world.restart(RULES.replace("name: crm", "name: sales\n    renamed_from: crm"))

    (done,) = await world.backfiller.advance(world.deadline(HOUR))
    await world.reconciler.run()

    assert 0 < half < 10
    assert (done.state, done.counts["claimed"], len(world.databricks.runs)) == (BackfillState.DONE, 10, 10)


async def test_rule_that_is_removed_meanwhile_claims_no_more(world: World) -> None:
    """The next page is not claimed for whoever comes next; what was claimed keeps its runs."""
    world.landing.page_size = 2
    asked = await world.backfill_orders.ask(request(rate=1.0))
    await world.backfiller.work(asked, world.deadline(4))
    half = len(world.databricks.runs)
    world.restart(RULES.replace("name: crm", "name: other"))

    (done,) = await world.backfiller.advance(world.deadline(HOUR))

    assert 0 < half < 10
    assert (done.state, len(world.databricks.runs)) == (BackfillState.FAILED, half)


async def test_event_and_sweep_beside_it_run_each_file_once(world: World) -> None:
    """All three at once, twice each, from two instances: one claim and one run."""
    arrivals = [world.landing.upload(f"landing/crm/new-{number}.csv") for number in range(6)]
    world.clock.advance(HOUR)
    asked = await world.backfill_orders.ask(request())

    async def lent(number: int) -> object:
        return await world.deliver(arrivals[number % 6])

    work = [world.backfiller.work(asked, world.deadline(HOUR)), world.reconciler.run(), world.reconciler.run()]
    await asyncio.gather(*work, *(lent(number) for number in range(12)))
    for _ in range(3):
        world.clock.advance(HOUR)
        await world.reconciler.run()

    entries = await world.all_entries()
    assert len(entries) == len({entry.arrival.full_path for entry in entries}) == 16
    assert len(world.databricks.runs) == 16


async def test_renamed_directory_arrives_when_it_was_renamed() -> None:
    """A rename keeps Last-Modified, so that the files' time is the event's; no rule's window leaves them out."""
    world = World(RULES)
    for number in range(3):
        world.landing.upload(f"landing/crm/new/{number}.csv")
    world.clock.advance(30 * DAY)
    await world.reconciler.run()
    moved_at = world.clock.now()

    asked = await world.backfill_orders.ask_for_subtree("landing", "crm/new/", moved_at, "event-1")
    again = await world.backfill_orders.ask_for_subtree("landing", "crm/new/", moved_at, "event-1")
    (done,) = await world.backfiller.lend_a_hand(world.deadline())

    assert asked.id == again.id == done.id
    assert done.counts == {"listed": 3, "claimed": 3}
    entries = await world.all_entries()
    assert {(entry.rule, entry.arrival.committed_at) for entry in entries} == {("all", moved_at)}


async def test_helping_hand_asks_nothing_where_nothing_was_asked(world: World) -> None:
    """An event's door pays nothing for backfills."""
    await world.backfill_orders.ask(request())
    before = world.table.calls

    worked = await world.backfiller.lend_a_hand(world.deadline())

    assert (worked, world.table.calls) == ([], before)


class _Crash(BaseException):
    """The end of a process, which nothing catches."""


class _Crashing:
    """Ends the process at one call of the ledger or one listing page, before or behind it."""

    def __init__(self, world: World, at: int) -> None:
        self.left = at
        self._call = world.table._call
        world.table._call = self.call  # type: ignore[method-assign]  # the seam at which every call passes

    async def call(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise _Crash
        await self._call()


@settings(max_examples=60, deadline=None)
@given(
    crashes=st.lists(st.integers(1, 60), max_size=6),
    page_size=st.integers(1, 6),
    known=st.sets(st.integers(0, 9)),
    limit=st.none() | st.integers(1, 12),
    seconds=st.sampled_from([0.5, 3.0, HOUR]),
)
async def test_interrupted_anywhere_each_file_is_claimed_once(
    crashes: list[int], page_size: int, known: set[int], limit: int | None, seconds: float
) -> None:
    """Killed at any call and out of time at any page, each file has one entry, one run and one count."""
    world = World(RULES)
    world.landing.page_size = page_size
    for number in range(10):
        arrival = world.landing.upload(f"landing/crm/{number}.csv")
        if number in known:
            await world.deliver(arrival)
    world.clock.advance(DAY)
    await world.reconciler.run()  # the baseline: the sweep leaves all of them alone
    asked = await world.backfill_orders.ask(request(limit=limit, rate=4.0))

    for at in crashes:
        original = world.table._call
        _Crashing(world, at)
        try:
            await world.backfiller.work(asked, world.deadline(seconds))
        except (_Crash, LedgerConflict):
            pass
        finally:
            world.table._call = original  # type: ignore[method-assign]  # the next process
            world.restart(RULES)
            world.clock.advance(HOUR)
    done = await _to_the_end(world, asked)

    wanted = 10 - len(known) if limit is None else min(limit, 10 - len(known))
    entries = await world.all_entries()
    claims = Counter(entry.arrival.path for entry in entries if entry.arrival.source is Source.BACKFILL)
    assert done.state is BackfillState.DONE
    assert done.counts.get("claimed", 0) == len(claims) == wanted
    assert set(claims.values()) <= {1}
    assert len(entries) == wanted + len(known)
    await _settle(world)
    assert len(world.databricks.runs) == len(entries)


async def _to_the_end(world: World, asked: Backfill) -> Backfill:
    found = await world.backfill_orders.read(asked.id)
    while found is not None and found.is_running:
        found = await world.backfiller.work(found, world.deadline(HOUR))
    assert found is not None
    return found


async def _settle(world: World) -> None:
    """Let what a crash left unstarted be started."""
    await _until(world, lambda states: not states & {State.PENDING, State.DISPATCHING})


async def _until(world: World, enough: Callable[[set[State]], bool]) -> None:
    for _ in range(10):
        if enough({entry.state for entry in await world.all_entries()}):
            return
        world.clock.advance(600)
        await world.reconciler.run()
    raise TimeoutError("it never came to that")


async def test_lost_answer_of_a_save_is_recognised(world: World) -> None:
    """A repeated write inside the SDK looks like somebody else's, and is told by its nonce."""
    asked = await world.backfill_orders.ask(request())
    world.table.repeat_next()

    saved = await world.backfills.save(replace(asked, reason="x"))

    assert saved.reason == "x"
    world.table.lose_next_answer()
    with pytest.raises(LedgerUnavailable):
        await world.backfills.save(replace(saved, reason="y"))
    stored = await world.backfills.read(asked.id)
    assert stored is not None
    assert stored.reason == "y"
