"""Prune: what is old goes, and nothing that a sweep still compares with."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from shared.errors import LedgerUnavailable, RequestError
from shared.ledger import Standing, partitions_of
from shared.model import Entry, Result, State, Verdict
from shared.prune import Pruned
from shared.prune_request import PruneRequest, read_prune_request
from shared.replay_request import ReplayRequest
from tests.fakes.arrivals import arrival, entry
from tests.fakes.manual_clock import START
from tests.fakes.world import World

DAY = timedelta(days=1)
LONG_AGO = START - 200 * DAY


def standing(rule: str = "crm", watermark: datetime = START) -> Standing:
    """Return what the sweep knows of a rule: everything before the watermark is proven."""
    return Standing(rule=rule, baseline=LONG_AGO, low_watermark=watermark)


async def prune(world: World, *standings: Standing, seconds: float = 10, **options: object) -> Pruned:
    """Prune these rules, `crm` unless others are given."""
    named = {one.rule: one for one in standings or (standing(),)}
    return await world.pruner.prune(named, world.deadline(seconds), **options)  # type: ignore[arg-type]  # by name


async def claimed(world: World, path: str = "crm/a.csv", at: datetime = LONG_AGO, **changes: object) -> Entry:
    """Return an entry that was committed and claimed at a moment, closed as succeeded unless told otherwise."""
    made = arrival(path, version=f"{path} {at}", committed_at=at)
    rule = str(changes.pop("rule", "crm"))
    closed = {"state": State.SETTLED, "result": Result.SUCCEEDED, "due_at": None, "settled_at": at, "claimed_at": at}
    claim = await world.entries.claim(entry(rule, of=made, claimed_at=at))
    return await world.entries.move(claim.entry, **{**closed, **changes})


async def rows(world: World, rule: str = "crm") -> Counter[str]:
    """Return how many rows of each kind a rule has."""
    return Counter([row.key[0] for part in partitions_of(rule) async for row in world.table.range(part, "", "~")])


async def test_old_entries_go_with_all_that_is_theirs() -> None:
    """Entry, time index and head are gone, and no other row is."""
    world = World()
    for number in range(70):
        await claimed(world, f"crm/{number}.csv")
    young = await claimed(world, "crm/young.csv", START - DAY)

    pruned = await prune(world)

    assert pruned.rules == {"crm": Counter(entries=70, heads=70)}
    assert pruned.complete
    assert await rows(world) == {"E": 1, "T": 1, "H": 1}
    assert await world.all_entries() == [young]


async def test_prune_may_be_repeated() -> None:
    """The second time there is nothing to do: it costs two range reads a partition, and one for the sweep under way."""
    world = World()
    await claimed(world)
    await prune(world)
    calls = world.table.calls

    again = await prune(world)

    assert again.rules == {}
    assert world.table.calls - calls == 1 + 2 * len(partitions_of("crm"))


async def test_open_entries_never_go() -> None:
    """However old: somebody must still act on them."""
    world = World()
    stuck = await claimed(world, state=State.HELD, result=None, due_at=START)

    await prune(world)

    assert await world.all_entries() == [stuck]
    assert await rows(world) == {"E": 1, "T": 1, "H": 1, "Q": 1}


async def test_nothing_goes_that_is_not_proven() -> None:
    """A rule whose sweep has not got through for months keeps what the sweep will compare with."""
    world = World()
    kept = await claimed(world)

    pruned = await prune(world, standing(watermark=LONG_AGO + DAY))

    assert pruned.rules == {}
    assert await world.all_entries() == [kept]


async def test_sweep_that_looks_back_over_the_whole_retention_starts_nothing_again() -> None:
    """A deep sweep that began before the prune still finds all that it lists."""
    world = World()
    deep_began = START - world.settings.sweep_deep_every - timedelta(hours=23)
    reached = await claimed(world, at=deep_began - world.settings.retention)

    await prune(world)

    assert await world.all_entries() == [reached]


async def test_late_claims_stay_for_their_own_retention() -> None:
    """A backfill of old files is remembered as long as anything else."""
    world = World()
    backfilled = await claimed(world, claimed_at=START - DAY, settled_at=START - DAY)

    pruned = await prune(world)

    assert pruned.totals()["entries"] == 0
    assert await world.all_entries() == [backfilled]


async def test_late_results_stay_for_their_own_retention() -> None:
    """An entry that was replayed yesterday is not forgotten today."""
    world = World()
    replayed = await claimed(world, settled_at=START - DAY)

    pruned = await prune(world)

    assert pruned.rules == {"crm": Counter(kept=1)}
    assert await world.all_entries() == [replayed]


async def test_head_of_a_younger_version_stays() -> None:
    """The head is what a late old event is compared with: it goes with the version that it names."""
    world = World()
    await claimed(world, at=LONG_AGO)
    young = await claimed(world, at=START - DAY)

    pruned = await prune(world)

    assert pruned.rules == {"crm": Counter(entries=1)}
    assert await rows(world) == {"E": 1, "T": 1, "H": 1}
    assert await world.all_entries() == [young]


async def test_old_duplicates_go() -> None:
    """They are counted for the status only."""
    world = World()
    young = await claimed(world, at=START - DAY)
    for number in range(120):
        await world.entries.count_duplicate(young, LONG_AGO + number * timedelta(seconds=1))
    await world.entries.count_duplicate(young, START - DAY)

    pruned = await prune(world)

    assert pruned.rules == {"crm": Counter(duplicates=120)}
    assert (await rows(world))["D"] == 1


async def test_rules_that_are_gone_are_pruned_too() -> None:
    """Their standing is all that it takes."""
    world = World()
    await claimed(world, rule="former")

    pruned = await prune(world, standing(), standing("former"))

    assert pruned.rules == {"former": Counter(entries=1, heads=1)}
    assert await rows(world, "former") == {}


async def test_entry_reopened_meanwhile_stays() -> None:
    """Whoever replays an entry while it is being removed wins, and the others go all the same."""
    world = World()
    failed = await claimed(world, "crm/0.csv", result=Result.FAILED)
    others = [await claimed(world, f"crm/{number}.csv") for number in range(1, 30)]
    reading = world.table.read

    async def read_late(partition: str, key: str) -> object:
        row = await reading(partition, key)
        if row and row.key == f"E|{failed.key}" and row.values["state"] == "settled":
            world.table.read = reading  # type: ignore[method-assign]  # only once
            request = ReplayRequest(asked_by="ada", entry=failed.key)
            await world.replayer.replay(request, world.deadline())
        return row

    world.table.read = read_late  # type: ignore[method-assign, assignment]  # the moment between read and write
    pruned = await prune(world)

    (left,) = await world.all_entries()
    assert (left.key, left.state, left.generation) == (failed.key, State.PENDING, 2)
    assert pruned.totals() == Counter(entries=len(others), heads=len(others), kept=1)
    assert await rows(world) == {"E": 1, "T": 1, "H": 1, "Q": 1}


async def test_index_without_its_entry_goes() -> None:
    """What somebody left with a storage tool is not found again for ever."""
    world = World()
    orphan = await claimed(world)
    for part in partitions_of("crm"):
        for row in [row async for row in world.table.range(part, f"E|{orphan.key}", "E|~")]:
            await world.table.transact(part, [world.table.deletion_of(row)])

    await prune(world)

    assert (await rows(world))["T"] == 0


async def test_time_that_is_over_ends_a_prune() -> None:
    """It says that there is more, and the next one goes on where this one stopped."""
    world = World()
    for number in range(80):
        await claimed(world, f"crm/{number}.csv")

    none = await prune(world, seconds=0)
    rest = await prune(world)

    assert (none.complete, none.rules) == (False, {})
    assert (rest.complete, rest.totals()["entries"]) == (True, 80)


async def test_dry_run_removes_nothing() -> None:
    """It counts what would go."""
    world = World()
    old = await claimed(world)
    await world.entries.count_duplicate(old, LONG_AGO)

    pruned = await prune(world, dry_run=True)

    assert pruned.as_json()["rules"] == {"crm": {"entries": 1, "duplicates": 1}}
    assert await rows(world) == {"E": 1, "T": 1, "H": 1, "D": 1}


async def test_rule_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with its reason (invariant 6)."""
    world = World()
    await claimed(world, rule="erp")
    ranging = world.table.range

    def failing(partition: str, *arguments: str, **options: object) -> object:
        if partition.startswith("crm"):
            raise LedgerUnavailable("no answer")
        return ranging(partition, *arguments, **options)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(world.table, "range", failing)
    pruned = await prune(world, standing(), standing("erp"))

    assert pruned.failures == {"crm": "no answer"}
    assert pruned.rules == {"erp": Counter(entries=1, heads=1)}


async def test_pruned_file_that_is_still_there_is_not_run_again() -> None:
    """The sweep looks back no further than what the ledger keeps."""
    world = World()
    await world.drop("landing/crm/a.csv")
    await world.reconciler.run()
    sent = len(world.databricks.sent)
    (run_id,) = world.databricks.runs
    world.databricks.end(run_id, Verdict.SUCCEEDED)
    for _ in range(130):
        world.clock.advance(DAY.total_seconds())
        await world.reconciler.run()
        await world.pruner.prune(await world.bookkeeping.standings(), world.deadline())

    assert await world.all_entries() == []
    assert len(world.databricks.sent) == sent


async def test_younger_than_the_retention_is_refused() -> None:
    """Sweeps compare with all that is younger: without it they would start the files again."""
    with pytest.raises(RequestError, match="LEDGER_RETENTION"):
        await prune(World(), older_than=DAY)


async def test_longer_than_the_retention_keeps_more() -> None:
    """A person may remove less than what is due to go; an age beyond all time removes nothing."""
    world = World()
    kept = await claimed(world)

    await prune(world, older_than=300 * DAY)
    await prune(world, older_than=timedelta(days=999_999))

    assert await world.all_entries() == [kept]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"older_than": "soon"}', "a number and a unit"),
        (b'{"older": "90d"}', "Did you mean `older_than`"),
        (b'{"dry_run": "yes"}', "true or false"),
        (b"no", "must be a JSON object"),
    ],
)
def test_unclear_request_removes_nothing(body: bytes, fault: str) -> None:
    """What is removed cannot be brought back, so nothing is guessed."""
    with pytest.raises(RequestError, match=fault):
        read_prune_request(body)


def test_request_is_read_as_it_is_meant() -> None:
    """An empty body asks for all that is old."""
    assert read_prune_request(b"") == PruneRequest()
    assert read_prune_request(b'{"older_than": "120d", "dry_run": true}') == PruneRequest(
        older_than=120 * DAY, dry_run=True
    )
