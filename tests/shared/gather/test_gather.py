"""Many arrivals, one run: batches that close by quiet, wait or number, and sets that close when they are complete."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta

from shared.errors import JobMissing
from shared.model import Result, Source, State, Verdict
from shared.replay_request import ReplayRequest
from tests.fakes.disturbed import Disturbance, Killed
from tests.fakes.manual_clock import START
from tests.fakes.world import World
from tests.shared.gather.gathering import (
    BATCHES,
    QUIET,
    SETS,
    WAIT,
    batches,
    check,
    instance,
    manifests,
    members,
    paths,
)

INCOMPLETE_RUNS = SETS.replace("wait: 1h", "wait: 1h, if_incomplete: run")
UNGATHERED = """
version: 1
rules:
  - name: crm
    path: "landing/{source}/{name}.csv"
    job: {id: 7}
"""
OTHER = "version: 1\nrules:\n  - {name: erp, path: 'landing/erp/*', job: {id: 8}}\n"


async def gather(world: World, seconds: float = 0) -> None:
    """Let time pass, and then a pass run."""
    world.clock.advance(seconds)
    assert (await world.reconciler.run()).failures == []


async def test_files_wait_and_run_as_one() -> None:
    """Files of one batch start one run once no file has come for `quiet`; those of another batch another run."""
    world = World(BATCHES)
    for name in ("a/1", "a/2", "b/1"):
        await world.drop(f"landing/{name}.csv")
    await gather(world)

    assert {entry.state for entry in await world.all_entries()} == {State.HELD}
    assert world.databricks.sent == []

    await gather(world, QUIET)

    assert sorted(map(paths, manifests(world))) == [["landing/a/1.csv", "landing/a/2.csv"], ["landing/b/1.csv"]]
    assert len(world.databricks.runs) == 2
    await check(world)


async def test_run_is_told_its_manifest() -> None:
    """What a batch's job is told is made of the batch: its manifest, how many files, and what they have in common."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    await gather(world, QUIET)

    (batch,) = await batches(world)
    (manifest,) = manifests(world)
    told = json.loads(world.databricks.sent[0].body)["notebook_params"]
    assert told["manifest"].endswith(f"/landfall-manifests/crm/{manifest['batch']}.json")
    assert (told["count"], told["source"], told["landfall_entry"]) == ("1", "a", batch.key)
    assert (batch.arrival.source, batch.arrival.version) == (Source.GATHER, manifest["batch"])


async def test_member_names_its_batch() -> None:
    """A person who asks for a file finds the entry that its run belongs to."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    await gather(world, QUIET)

    (member,), (batch,) = await members(world), await batches(world)
    assert (member.state, member.result, member.due_at) == (State.SETTLED, Result.GATHERED, None)
    assert member.reason == f"in the batch {batch.key[:12]} of 1 file"
    assert batch.arrival.path == f"crm/{member.batch}.json"


async def test_batch_closes_when_wait_is_over() -> None:
    """Files that keep coming do not keep the first one waiting for longer than `wait`."""
    world = World(BATCHES)
    for number in range(4):
        await world.drop(f"landing/a/{number}.csv")
        if number == 2:
            world.clock.advance(WAIT)
        await gather(world)

    assert [len(one["files"]) for one in manifests(world)] == [3]


async def test_full_batch_starts_with_its_last_event() -> None:
    """The event that fills a batch starts it, where there is time; nobody waits for the timer."""
    world = World(BATCHES)
    for number in range(4):
        claims = await world.deliver(world.landing.upload(f"landing/a/{number}.csv"))
        await world.gatherer.lend_a_hand(claims, world.deadline())
        world.clock.advance(11)

    assert [len(one["files"]) for one in manifests(world)] == [4]
    assert len(world.databricks.runs) == 1


async def test_burst_of_events_looks_once() -> None:
    """A door does not read all that waits for each of a thousand events."""
    world = World(BATCHES.replace("files: 4", "files: 400"))
    claims = [await world.drop(f"landing/a/{number}.csv") for number in range(3)]
    await world.gatherer.lend_a_hand(claims[:1], world.deadline())
    calls = world.table.calls

    await world.gatherer.lend_a_hand(claims[1:], world.deadline())

    assert world.table.calls == calls


async def test_many_files_make_batches_of_the_size_asked_for() -> None:
    """No batch is larger than `files`, whatever has come at once."""
    world = World(BATCHES)
    for number in range(11):
        await world.drop(f"landing/a/{number}.csv")
    await gather(world)

    assert [len(one["files"]) for one in manifests(world)] == [4, 4]

    await gather(world, QUIET)

    assert [len(one["files"]) for one in manifests(world)] == [4, 4, 3]
    await check(world)


async def test_swept_file_is_gathered() -> None:
    """A file whose event was lost waits for a batch like any other."""
    world = World(BATCHES)
    await gather(world)
    world.landing.upload("landing/a/1.csv")
    await gather(world, 1200)
    await gather(world, QUIET)

    (manifest,) = manifests(world)
    assert paths(manifest) == ["landing/a/1.csv"]
    assert (await members(world))[0].arrival.source is Source.SWEEP


async def test_repeated_event_of_a_member_starts_nothing() -> None:
    """A duplicate finds its entry waiting, also when it is overdue."""
    world = World(BATCHES)
    arrival = world.landing.upload("landing/a/1.csv")
    await world.deliver(arrival)
    world.clock.advance(WAIT)

    await world.deliver(arrival)

    assert (await world.only_entry()).is_gathering
    assert world.databricks.sent == []


async def test_complete_set_starts_with_its_last_event() -> None:
    """A set that is complete waits for nothing."""
    world = World(SETS)
    for name in ("d1/orders", "d2/orders", "d1/customers"):
        claims = await world.deliver(world.landing.upload(f"landing/{name}.csv"))
        await world.gatherer.lend_a_hand(claims, world.deadline())

    (manifest,) = manifests(world)
    assert paths(manifest) == ["landing/d1/customers.csv", "landing/d1/orders.csv"]
    assert (manifest["by"], manifest["missing"]) == ("d1", [])


async def test_incomplete_set_is_given_up_aloud() -> None:
    """What is missing when `wait` is over stands in the entries of what has come."""
    world = World(SETS)
    await world.drop("landing/d1/orders.csv")
    await gather(world, WAIT)

    entry = await world.only_entry()
    assert (entry.state, world.databricks.sent) == (State.DEAD, [])
    assert entry.reason == "`wait` is over, and these files have not come: customers.csv"


async def test_incomplete_set_runs_where_the_rule_says_so() -> None:
    """The manifest names what has not come."""
    world = World(INCOMPLETE_RUNS)
    await world.drop("landing/d1/orders.csv")
    await gather(world, WAIT)

    (manifest,) = manifests(world)
    assert (paths(manifest), manifest["missing"]) == (["landing/d1/orders.csv"], ["customers.csv"])
    await check(world)


async def test_replayed_member_of_an_incomplete_set_waits_for_the_rest() -> None:
    """What was given up joins what has come since."""
    world = World(SETS)
    await world.drop("landing/d1/orders.csv")
    await gather(world, WAIT)
    await world.drop("landing/d1/customers.csv")

    await world.replayer.replay(ReplayRequest(asked_by="ada", rule="crm"), world.deadline())
    await gather(world)

    (manifest,) = manifests(world)
    assert paths(manifest) == ["landing/d1/orders.csv", "landing/d1/customers.csv"]
    assert [file["generation"] for file in manifest["files"]] == [2, 1]
    await check(world)


async def test_deleted_member_is_left_out() -> None:
    """A file that has not waited for its batch is not in it."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    await world.drop("landing/a/2.csv")
    world.landing.delete("landing/a/1.csv")
    await gather(world, QUIET)

    (manifest,) = manifests(world)
    assert paths(manifest) == ["landing/a/2.csv"]
    assert {entry.arrival.path: entry.result for entry in await members(world)} == {
        "a/1.csv": Result.VANISHED,
        "a/2.csv": Result.GATHERED,
    }


async def test_member_that_is_undeleted_is_in_the_next_batch() -> None:
    """A file that was away when its batch was closed is gathered when it is seen again."""
    world = World(BATCHES)
    await gather(world)
    await world.drop("landing/a/1.csv")
    blob = world.landing.delete("landing/a/1.csv")
    await gather(world, QUIET)
    world.landing.restore(blob)
    await gather(world, 60)
    await gather(world, QUIET)

    (manifest,) = manifests(world)
    assert paths(manifest) == ["landing/a/1.csv"]
    await check(world)


async def test_batch_of_which_nothing_is_left_starts_nothing() -> None:
    """Where all files are gone there is neither a manifest nor a run."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.landing.delete("landing/a/1.csv")
    await gather(world, QUIET)

    assert world.landing.manifests == {}
    assert world.databricks.sent == []
    await check(world)


async def test_overwritten_member_is_in_its_batch_once() -> None:
    """Of a file that was overwritten while it waited only what is there is in the batch."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.clock.advance(60)
    newest = await world.drop("landing/a/1.csv", b"newer")
    await gather(world, QUIET)

    (manifest,) = manifests(world)
    assert [file["etag"] for file in manifest["files"]] == [newest.entry.arrival.version]
    assert [entry.result for entry in await members(world)] == [Result.SUPERSEDED, Result.GATHERED]


async def test_file_overwritten_after_sealing_is_in_the_next_batch() -> None:
    """A new version of a file that was in a batch is a new member."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    await gather(world, QUIET)
    await world.drop("landing/a/1.csv", b"newer")
    await gather(world, QUIET)

    assert list(map(paths, manifests(world))) == [["landing/a/1.csv"], ["landing/a/1.csv"]]
    await check(world)


async def test_copy_that_is_going_on_waits_for_the_next_batch() -> None:
    """The others do not wait for it."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    await world.deliver(world.landing.start_copy("landing/a/2.csv"))
    await gather(world, QUIET)

    (manifest,) = manifests(world)
    assert paths(manifest) == ["landing/a/1.csv"]

    await world.deliver(world.landing.finish_copy("landing/a/2.csv"))
    await gather(world, QUIET)
    await gather(world, QUIET)

    assert list(map(paths, manifests(world))) == [["landing/a/1.csv"], ["landing/a/2.csv"]]


async def test_failed_batch_is_replayed_with_its_manifest() -> None:
    """The next generation of a batch gets the same files under a new token."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    await gather(world, QUIET)
    world.databricks.end(101, Verdict.FAILED, "TERMINATED/RUN_EXECUTION_ERROR")
    await gather(world, 60)

    replayed = await world.replayer.replay(ReplayRequest(asked_by="ada", rule="crm"), world.deadline())
    await world.redriver.redrive(replayed.markers, world.deadline())

    first, second = (json.loads(sent.body) for sent in world.databricks.sent)
    assert first["notebook_params"] == second["notebook_params"]
    assert first["idempotency_token"] != second["idempotency_token"]
    assert len(manifests(world)) == 1


async def test_replayed_member_of_a_failed_batch_goes_to_a_new_one() -> None:
    """One file of a failed batch may run without the others."""
    world = World(BATCHES)
    for number in range(2):
        await world.drop(f"landing/a/{number}.csv")
    await gather(world, QUIET)
    (member, _) = await members(world)

    refused = await world.replayer.replay(ReplayRequest(asked_by="ada", entry=member.key), world.deadline())
    world.databricks.end(101, Verdict.FAILED, "TERMINATED/RUN_EXECUTION_ERROR")
    await gather(world, 60)
    await world.replayer.replay(ReplayRequest(asked_by="ada", entry=member.key), world.deadline())
    await gather(world, QUIET)

    assert refused.refused[0].reason.endswith("which is submitted: nothing is left to be done")
    assert [len(one["files"]) for one in manifests(world)] == [2, 1]
    assert manifests(world)[1]["files"][0]["generation"] == 2


async def test_batch_waits_for_its_breaker_like_any_entry() -> None:
    """A batch that cannot be started is kept, sealed as it is."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.databricks.fail_next(JobMissing("no such job"))
    await gather(world, QUIET)
    (batch,) = await batches(world)
    assert batch.state is State.PENDING

    await gather(world, 3600)
    await gather(world, 3600)

    assert len(world.databricks.runs) == 1
    assert len(manifests(world)) == 1


async def test_members_wait_while_blob_storage_is_away() -> None:
    """What cannot be looked at is not sealed; the pass says so and comes again."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.clock.advance(QUIET)
    world.landing.down = True
    failed = await world.reconciler.run()
    world.landing.down = False
    await gather(world)

    assert any(failure.startswith("gather:") for failure in failed.failures)
    await check(world)


async def test_rule_that_gathers_no_more_lets_its_members_go() -> None:
    """Without `gather` a file that waited runs by itself, at the latest when it would have."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.restart(UNGATHERED)
    await gather(world, WAIT)
    await gather(world, 60)

    entry = await world.only_entry()
    assert (entry.state, entry.gathering_since) == (State.SUBMITTED, None)
    assert json.loads(world.databricks.sent[0].body)["notebook_params"]["file_path"].endswith("/landing/a/1.csv")


async def test_members_of_a_removed_rule_are_given_up_aloud() -> None:
    """Nobody can say what their job should be told; a person who puts the rule back replays them."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    await gather(world)
    world.restart(OTHER)
    await gather(world, WAIT)
    (dead,) = await world.all_entries()
    world.restart(BATCHES)
    await world.replayer.replay(ReplayRequest(asked_by="ada", rule="crm"), world.deadline())
    await gather(world, QUIET)

    assert (dead.state, dead.reason) == (State.DEAD, "its rule is gone, and only a rule says what to tell the job")
    assert len(manifests(world)) == 1
    await check(world)


async def test_member_that_its_rule_does_not_take_any_more_is_given_up_aloud() -> None:
    """A path that was changed while a file waited."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.restart(BATCHES.replace("{name}.csv", "{name}.txt"))
    await gather(world, WAIT)

    entry = await world.only_entry()
    assert entry.state is State.DEAD
    assert entry.reason.startswith("the rule does not take its path any more: ")


async def test_rules_in_force_at_sealing_decide_what_a_batch_is_told() -> None:
    """Members hold no request; the batch's is frozen in its manifest, and later rules change nothing about it."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.restart(BATCHES.replace("{id: 7}", "{id: 8}"))
    world.databricks.fail_next(JobMissing("no such job"))
    await gather(world, QUIET)
    world.restart(BATCHES.replace("{id: 7}", "{id: 9}"))
    await gather(world, 3600)

    assert {sent.job_id for sent in world.databricks.sent} == {8}


async def test_renamed_rule_keeps_its_batches() -> None:
    """Entries and manifests stay under the first name."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.restart(BATCHES.replace("name: crm\n", "name: customers\n    renamed_from: crm\n"))
    await gather(world, QUIET)

    (path,) = world.landing.manifests
    assert path.startswith("crm/")
    await check(world)


async def test_batch_that_no_pass_has_time_for_is_sealed_by_several() -> None:
    """What a pass has assigned the next one goes on with: the batch stays one."""
    world = World(BATCHES)
    for number in range(4):
        await world.drop(f"landing/a/{number}.csv")
    slow = instance(world, BATCHES)
    world.clock.advance(QUIET)
    deadline = world.deadline(1)
    look, looks = world.landing.identify, iter(range(100))

    async def late_look(arrival: object) -> object:
        if next(looks) == 3:
            world.clock.advance(0.9)
        return await look(arrival)  # type: ignore[arg-type]  # it passes on what it is given

    world.landing.identify = late_look  # type: ignore[method-assign,assignment]  # this landing account is slow
    write, writes = world.table.transact, iter(range(100))

    async def late_write(*arguments: object) -> object:
        if next(writes) == 1:
            world.clock.advance(1)
        return await write(*arguments)  # type: ignore[arg-type]  # it passes on what it is given

    world.table.transact = late_write  # type: ignore[method-assign,assignment]  # and so is this table
    await slow.gatherer.gather([], deadline)
    assert manifests(world) == []
    assert any(entry.batch for entry in await members(world))

    await gather(world)

    assert [len(one["files"]) for one in manifests(world)] == [4]
    await check(world)


async def test_rules_take_turns_in_being_first() -> None:
    """A rule that takes all the time that there is does not starve the rules that stand below it."""
    other = BATCHES.partition("rules:\n")[2].replace("crm", "erp").replace("landing/", "raw/")
    world = World(BATCHES + other)
    first: set[str] = set()
    for minute in range(2):
        await world.drop(f"landing/a/{minute}.csv")
        await world.drop(f"raw/a/{minute}.csv")
        world.clock.advance(660)
        before = set(world.landing.manifests)
        await world.gatherer.gather([], world.deadline(1e6))
        first.add(next(path for path in world.landing.manifests if path not in before).partition("/")[0])

    assert first == {"crm", "erp"}


async def test_list_of_files_is_left_out_where_it_does_not_fit() -> None:
    """Databricks takes 10,000 bytes: of a larger batch only the manifest says all."""
    rules = BATCHES.replace('count: "{gather.count}"', 'files: "{gather.files}"').replace("files: 4", "files: 400")
    world = World(rules)
    await world.drop("landing/a/1.csv")
    await gather(world, QUIET)
    for number in range(200):
        await world.drop(f"landing/a/{number:060}.csv")
    await gather(world, QUIET)

    small, large = (json.loads(sent.body)["notebook_params"]["files"] for sent in world.databricks.sent)
    assert json.loads(small) == [manifests(world)[0]["files"][0]["uri"]]
    assert (large, len(manifests(world)[1]["files"])) == ("", 200)


async def test_name_that_databricks_would_evaluate_stays_in_the_manifest() -> None:
    """A file called `{{job.id}}` is in its batch; what is told in a parameter is not what its name says."""
    world = World(BATCHES)
    await world.drop("landing/a/{{job.id}}.csv")
    await world.drop("landing/{{x}}/1.csv")
    await gather(world, QUIET)

    (manifest,) = manifests(world)
    assert paths(manifest) == ["landing/a/{{job.id}}.csv"]
    (dead,) = [entry for entry in await members(world) if entry.state is State.DEAD]
    assert "which Databricks would evaluate" in dead.reason


async def test_captures_that_read_the_same_side_by_side_are_kept_apart() -> None:
    """`{a}{b}` of `x`, `yz` and of `xy`, `z` are two batches, for what they are told differs."""
    world = World(
        BATCHES.replace("{source}/{name}.csv", "{source}/{name}/*.csv")
        .replace('by: "{source}"', 'by: "{source}{name}"')
        .replace('count: "{gather.count}"', 'name: "{name}"')
    )
    await world.drop("landing/x/yz/1.csv")
    await world.drop("landing/xy/z/1.csv")
    await gather(world, QUIET)

    assert len(manifests(world)) == 2


async def test_foreign_manifest_stops_its_batch_only() -> None:
    """Something else is where a manifest would be: its files wait, and the pass says so, until it is gone."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.clock.advance(QUIET)
    with suppress(Killed):
        await instance(world, BATCHES, await dying_before_the_manifest()).gatherer.gather([], world.deadline())
    (member,) = await members(world)
    path = f"crm/{member.batch}.json"
    world.landing.manifests[path] = b"not ours"
    await world.drop("landing/b/1.csv")
    world.clock.advance(QUIET)
    failures = (await world.reconciler.run()).failures

    assert failures == ["gather: 1 failed; the log says why"]
    assert len(world.databricks.runs) == 1

    await world.landing.remove_manifest(path)
    await gather(world)

    await check(world)


async def dying_before_the_manifest() -> Disturbance:
    """Return what kills a process before it writes the manifest of the only file that waits."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    world.clock.advance(QUIET)
    counted = Disturbance()
    await instance(world, BATCHES, counted).gatherer.gather([], world.deadline())
    return Disturbance(at=counted.names.index("write_manifest") + 1)


async def test_old_batches_are_pruned_with_their_manifests() -> None:
    """A manifest is kept as long as its entry, and goes with it; what was gathered is not swept in again."""
    world = World(BATCHES, LEDGER_RETENTION="10d", RECONCILE_LOOK_BACK="1d")
    await world.drop("landing/a/1.csv")
    await gather(world, QUIET)
    world.databricks.end(101, Verdict.SUCCEEDED)
    await gather(world, 60)
    assert len(world.landing.manifests) == 1
    for _ in range(16):
        world.clock.advance(timedelta(days=1).total_seconds())
        await world.reconciler.run()

    assert world.landing.manifests == {}
    assert await world.all_entries() == []
    assert len(world.databricks.runs) == 1


async def test_status_counts_files_and_batches() -> None:
    """A batch is no arrival: it tells nothing of how well events come."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")
    await world.drop("landing/a/2.csv")
    await gather(world, QUIET)

    counts = (await world.status.read()).totals
    assert counts.results == {"gathered": 2}
    assert counts.states[State.SUBMITTED.value] == 1
    assert counts.missed_events["24h"].arrivals == 2


async def test_member_waits_with_a_due_time() -> None:
    """A member that is due has waited as long as it may (invariant 3): one that is overdue is somebody's fault."""
    world = World(BATCHES)
    await world.drop("landing/a/1.csv")

    entry = await world.only_entry()
    assert (entry.gathering_since, entry.due_at) == (START, START + timedelta(hours=1))
    assert entry.reason == "gathering a"
