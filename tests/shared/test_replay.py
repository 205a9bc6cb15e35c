"""Replay: what ended without its purpose is opened again as a new generation."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared.errors import JobsRefused, RequestError
from shared.model import Entry, Result, State, Verdict
from shared.replay import Replayed
from shared.replay_request import ReplayRequest, read_replay_request
from tests.fakes.manual_clock import START
from tests.fakes.world import RULES, World

HOUR = timedelta(hours=1)
LONG_NAME = "landing/crm/" + "x" * 900 + ".csv"
TELLS_MUCH = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {name: "ETL"}
    notebook_params: {text: "{name}%s"}
""" % ("y" * 9_000)


async def replay(world: World, **request: object) -> Replayed:
    """Ask for a replay as Ada does."""
    return await world.replayer.replay(ReplayRequest(asked_by="ada", **request), world.deadline())  # type: ignore[arg-type]  # by name


async def ended(world: World, full_path: str = "landing/crm/a.csv", **changes: object) -> Entry:
    """Return an entry of a file whose run has ended without success, or as told."""
    claim = await world.drop(full_path)
    closed = {"state": State.SETTLED, "result": Result.FAILED, "due_at": None, "settled_at": world.clock.now()}
    return await world.entries.move(claim.entry, **{**closed, **changes})


async def test_failed_entry_becomes_a_new_generation() -> None:
    """It is pending and due at once, under a token of its own, and remembers nothing of its former run."""
    world = World()
    failed = await ended(world, retries=2, repair_id=5, attempts=1)

    replayed = await replay(world, entry=failed.key[:12])

    entry = await world.only_entry()
    assert replayed.reopened == [entry]
    assert (entry.state, entry.generation, entry.due_at) == (State.PENDING, 2, world.clock.now())
    assert (entry.request, entry.run_id, entry.result, entry.settled_at, entry.repair_id) == (None,) * 5
    assert (entry.attempts, entry.retries, entry.run_url) == (0, 0, "")
    assert "ada" in entry.reason
    assert entry.parameters == failed.parameters


async def test_replayed_entry_runs_once_more() -> None:
    """Its new token starts a new run; started at once or by a pass, it is one run."""
    world = World()
    failed = await ended(world)

    replayed = await replay(world, entry=failed.key)
    started = await world.redriver.redrive(replayed.markers, world.deadline())
    await world.reconciler.run()

    entry = await world.only_entry()
    assert started == {"submitted": 1}
    assert entry.state is State.SUBMITTED
    assert entry.run_id not in {None, failed.run_id}
    assert len(world.databricks.runs) == 2


async def test_open_entry_is_left_alone() -> None:
    """A replay that is repeated, or comes too early, changes nothing and says so."""
    world = World()
    failed = await ended(world)
    await replay(world, entry=failed.key)
    opened = await world.only_entry()

    again = await replay(world, entry=failed.key)

    assert (again.reopened, again.counts["open"]) == ([], 1)
    assert await world.only_entry() == opened


async def test_succeeded_entry_is_refused() -> None:
    """What has done its work is not done again."""
    world = World()
    done = await ended(world, result=Result.SUCCEEDED)

    replayed = await replay(world, entry=done.key)

    assert [one.reason for one in replayed.refused] == ["it is succeeded: nothing is left to be done"]
    assert await world.only_entry() == done


async def test_dry_run_changes_nothing() -> None:
    """It tells what would be opened, and there is nothing to start."""
    world = World()
    failed = await ended(world)

    replayed = await replay(world, rule="crm", dry_run=True)

    assert [(entry.key, entry.generation) for entry in replayed.reopened] == [(failed.key, 2)]
    assert replayed.markers == []
    assert await world.only_entry() == failed


async def test_entries_of_a_rule_are_chosen_by_outcome_and_time() -> None:
    """Only those that ended so, and landed then, are opened: the oldest first, as many as the limit allows."""
    world = World()
    for number in range(6):
        result = Result.CANCELLED if number == 2 else Result.FAILED
        await ended(world, f"landing/crm/{number}.csv", result=result)
        world.clock.advance(3600)
    await ended(world, "landing/erp/1.csv")

    replayed = await replay(world, rule="crm", states=("failed",), since=START + HOUR, until=START + 5 * HOUR, limit=2)

    assert [entry.arrival.path for entry in replayed.reopened] == ["crm/1.csv", "crm/3.csv"]
    assert replayed.more
    assert sorted(e.arrival.path for e in await world.all_entries() if e.is_open) == ["crm/1.csv", "crm/3.csv"]


async def test_renamed_rule_is_found_by_both_names() -> None:
    """People say what the rule is called now, or what it was called when the file landed."""
    world = World()
    await ended(world)
    world.restart(RULES.replace("name: crm", "name: customers\n    renamed_from: [crm]"))

    by_new = await replay(world, rule="customers", dry_run=True)
    by_old = await replay(world, rule="crm", dry_run=True)

    assert len(by_new.reopened) == len(by_old.reopened) == 1


async def test_unknown_rule_is_refused_with_those_there_are() -> None:
    """A slip of the pen is told, not taken for a rule without entries."""
    with pytest.raises(RequestError, match="Did you mean `crm`"):
        await replay(World(), rule="cmr")


async def test_unknown_entry_is_refused() -> None:
    """Digits that no entry begins with are an error and not an empty answer."""
    with pytest.raises(RequestError, match="No entry begins with"):
        await replay(World(), entry="0123456789ab")


async def test_ambiguous_digits_name_the_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several entries begin so, all are named and none is touched."""
    monkeypatch.setattr("shared.drafts.entry_key", lambda _, arrival: f"abcdef{arrival.path.encode().hex():0>58}"[:64])
    world = World()
    await ended(world, "landing/crm/a.csv")
    await ended(world, "landing/erp/b.csv")

    with pytest.raises(RequestError, match="Several entries") as caught:
        await replay(world, entry="abcdef")

    assert "crm/a.csv" in str(caught.value)
    assert "erp/b.csv" in str(caught.value)


async def test_refused_entry_is_sent_again_as_it_was() -> None:
    """No later version of the rules changes what its job is told, unless that is asked for."""
    world = World()
    world.databricks.fail_next(JobsRefused("no"), times=3)
    claim = await world.drop("landing/crm/a.csv")
    for _ in range(3):
        world.clock.advance(3600)
        await world.reconciler.run()
    dead = await world.only_entry()
    world.restart(RULES.replace('{name: "ETL"}', "{id: 99}"))

    (same,) = (await replay(world, rule="crm", dry_run=True)).reopened
    (anew,) = (await replay(world, rule="crm", anew=True)).reopened

    assert dead.state is State.DEAD
    assert (same.job, same.parameters) == (claim.entry.job, claim.entry.parameters)
    assert anew.job.id == 99
    assert anew.generation == 2


async def test_entry_that_never_had_a_request_gets_one() -> None:
    """Dead on arrival: the rules in force make its request, once they can."""
    world = World(TELLS_MUCH)
    await world.drop(LONG_NAME)
    refused = (await replay(world, rule="crm")).refused
    world.restart(RULES)

    (opened,) = (await replay(world, rule="crm")).reopened

    assert "Databricks takes 10,000" in refused[0].reason
    assert opened.parameters["notebook_params"]["landfall_entry"] == opened.key
    await world.reconciler.run()
    assert (await world.only_entry()).state is State.SUBMITTED


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (RULES.replace("name: crm", "name: other"), "its rule is gone"),
        (RULES.replace("landing/crm/", "landing/cloud/"), "does not take its path any more"),
    ],
)
async def test_request_that_cannot_be_made_is_told(rules: str, why: str) -> None:
    """Without a rule for it nobody knows what to tell the job."""
    world = World(TELLS_MUCH)
    await world.bookkeeping.activate("crm", START)
    dead = (await world.drop(LONG_NAME)).entry
    world.restart(rules)

    replayed = await replay(world, entry=dead.key)

    assert why in replayed.refused[0].reason
    assert await world.only_entry() == dead


async def test_vanished_file_is_looked_for_first() -> None:
    """A file that is still gone starts nothing; one that was restored does."""
    world = World()
    gone = await ended(world, "landing/crm/gone.csv", result=Result.VANISHED)
    back = await ended(world, "landing/crm/back.csv", result=Result.VANISHED)
    world.landing.delete("landing/crm/gone.csv")
    runs = len(world.databricks.runs)

    await replay(world, rule="crm", states=("vanished",))
    await world.reconciler.run()

    states = {entry.key: (entry.state, entry.result) for entry in await world.all_entries()}
    assert states[gone.key] == (State.SETTLED, Result.VANISHED)
    assert states[back.key] == (State.SUBMITTED, None)
    assert len(world.databricks.runs) == runs + 1


async def test_replaced_file_is_left_to_its_newer_version() -> None:
    """However young it is: the newer version has an entry of its own, and its content runs once."""
    world = World()
    failed = await ended(world)
    await world.drop("landing/crm/a.csv", b"newer")

    replayed = await replay(world, entry=failed.key)
    started = await world.redriver.redrive(replayed.markers, world.deadline())

    entry = await world.entries.read(failed.rule, failed.arrival, failed.key)
    assert (started, entry and entry.result) == ({"settled": 1}, Result.SUPERSEDED)
    assert len(world.databricks.runs) == 2


async def test_replay_and_reruns_make_one_run_a_generation() -> None:
    """Replays, passes and duplicates at once: each generation has one token and one run, and reruns count anew."""
    world = World(RULES.replace('job: {name: "ETL"}', 'job: {name: "ETL"}\n    on_failure: {rerun: 1}'))
    arrival = world.landing.upload("landing/crm/a.csv")
    await world.deliver(arrival)
    for _ in range(4):
        for run in list(world.databricks.runs.values()):
            if run.verdict is None:
                world.databricks.end(run.run_id, Verdict.FAILED, "TERMINATED/CLUSTER_ERROR")
        world.clock.advance(3600)
        await world.reconciler.run()
        entry = await world.only_entry()
        jobs = [replay(world, entry=entry.key), replay(world, entry=entry.key), world.deliver(arrival)]
        await asyncio.gather(*jobs, world.reconciler.run(), world.reconciler.run())

    world.clock.advance(3600)
    await world.reconciler.run()  # a rerun that was decided on last is due a little later
    entry = await world.only_entry()
    assert len(world.databricks.runs) == len({sent.token for sent in world.databricks.sent}) == entry.generation
    assert entry.retries <= 1


async def test_replayed_run_is_settled_like_any_other() -> None:
    """The new run's result is the entry's."""
    world = World()
    failed = await ended(world)
    await replay(world, entry=failed.key)
    await world.reconciler.run()
    world.databricks.end((await world.only_entry()).run_id or 0, Verdict.SUCCEEDED)
    world.clock.advance(3600)

    await world.reconciler.run()

    assert (await world.only_entry()).result is Result.SUCCEEDED


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "Nothing is named"),
        (b"[]", "must be a JSON object"),
        (b"{", "must be a JSON object"),
        (b'{"rule": "crm", "state": ["dead"]}', "Did you mean `states`"),
        (b'{"rule": "crm", "states": ["deed"]}', "Did you mean `dead`"),
        (b'{"rule": "crm", "states": ["succeeded"]}', "cannot be replayed"),
        (b'{"rule": "crm", "states": []}', "names none"),
        (b'{"rule": "crm", "states": "dead"}', "list of texts"),
        (b'{"rule": 7}', "must be text"),
        (b'{"entry": "12345"}', "6 to 64 of its hex digits"),
        (b'{"entry": "E|~"}', "6 to 64 of its hex digits"),
        (b'{"entry": "123456", "since": "2h"}', "needs no `since`"),
        (b'{"rule": "crm", "since": "soon"}', "`since`: it must be a length of time ago"),
        (b'{"rule": "crm", "since": "1h", "until": "2h"}', "Nothing is from"),
        (b'{"rule": "crm", "limit": 0}', "from 1 to 10000"),
        (b'{"rule": "crm", "limit": true}', "whole number"),
        (b'{"rule": "crm", "dry_run": 1}', "true or false"),
        (b'{"rule": "crm", "asked_by": "a\\nb"}', "printable"),
    ],
)
def test_unclear_request_is_refused(body: bytes, fault: str) -> None:
    """Nothing is guessed: a request that is not clear says why, and opens nothing."""
    with pytest.raises(RequestError, match=fault):
        read_replay_request(body, START, "somebody")


def test_request_is_read_as_it_is_meant() -> None:
    """Lengths of time count back from now; what is not said has its default."""
    request = read_replay_request(b'{"rule": "crm", "since": "2h", "limit": 5, "dry_run": true}', START, "somebody")

    assert request == ReplayRequest(asked_by="somebody", rule="crm", since=START - 2 * HOUR, limit=5, dry_run=True)
    assert request.states == ("dead", "failed")
