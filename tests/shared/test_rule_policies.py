"""What rules say beside their path, carried out by the service: conditions, overwrites, shadows, waiting, `also`."""

from __future__ import annotations

import json

import pytest

from shared.errors import JobsUnknown
from shared.ledger import Claimed
from shared.model import ENTRY_PARAMETER, Entry, Result, State
from tests.fakes.world import World

MINUTE, HOUR = 60.0, 3600.0
PATH = "landing/crm/a.csv"


def world_of(policy: str, **settings: str) -> World:
    """Return a service with one rule that has this policy."""
    return World(rules(policy), **settings)


def rules(*policies: str) -> str:
    """Return rules for the same path, called crm, crm-1 and so on."""
    names = ["crm", *(f"crm-{number}" for number in range(1, len(policies)))]
    written = [
        f'  - {{name: {name}, path: "landing/crm/{{name}}.csv", job: {{id: {7 + number}}}, {policy}}}'
        for number, (name, policy) in enumerate(zip(names, policies, strict=True))
    ]
    return "\n".join(["version: 1", "rules:", *written, ""])


async def passes(world: World, count: int, every: float = MINUTE) -> None:
    """Let time pass and the timer fire."""
    for _ in range(count):
        world.clock.advance(every)
        await world.reconciler.run()


async def results(world: World) -> list[tuple[State, Result | None]]:
    """Return the states and results of all entries, in the order of their arrivals."""
    return [(entry.state, entry.result) for entry in await world.all_entries()]


async def reconciled(world: World) -> World:
    """Make the rules of a service active before anything lands."""
    await world.reconciler.run()
    return world


async def test_condition_the_event_cannot_tell_is_asked_of_the_blob() -> None:
    """An event without a content type does not make the condition false: the blob is looked up."""
    world = world_of("content_type: text/csv")

    claim = await world.drop(PATH)

    assert (claim.outcome, claim.entry.state) == (Claimed.WON, State.SUBMITTED)
    assert claim.entry.arrival.content_type == "text/csv"


async def test_false_condition_starts_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A file that a condition leaves out is one log line and no entry, by event and by sweep."""
    caplog.set_level("INFO")
    world = await reconciled(world_of("min_size: 1KB"))

    claims = await world.deliver(world.landing.upload(PATH, b"small"))
    await passes(world, 10)

    assert claims == []
    assert await world.all_entries() == []
    assert f"arrival.unmatched path={PATH}" in caplog.text


async def test_file_gone_before_its_condition_is_read_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody can tell any more whether the rule was for it."""
    caplog.set_level("INFO")
    world = world_of("content_type: text/csv")
    arrival = world.landing.upload(PATH)
    world.landing.delete(PATH)

    assert await world.deliver(arrival) == []
    assert f"arrival.vanished path={PATH}" in caplog.text


async def test_replaced_file_runs_once_for_what_is_there() -> None:
    """The condition of a version that was replaced cannot be read; the version that replaced it has its own event."""
    world = world_of("content_type: text/csv")
    first = world.landing.upload(PATH, b"one")
    world.clock.advance(10)
    second = world.landing.upload(PATH, b"two")

    claims = [*(await world.deliver(first)), *(await world.deliver(second))]

    assert [claim.entry.arrival.version for claim in claims] == [second.version]
    assert len(world.databricks.runs) == 1


async def test_condition_nobody_can_tell_is_recorded_with_its_reason() -> None:
    """A listing does not say which operation wrote a file: the swept file is ignored and says why."""
    world = await reconciled(world_of("api: PutBlob"))
    world.landing.upload(PATH)

    await passes(world, 10)

    entry = await world.only_entry()
    assert (entry.state, entry.result) == (State.SETTLED, Result.IGNORED)
    assert entry.reason == "nobody tells the api of this file"
    assert world.databricks.runs == {}


async def test_condition_on_the_operation_is_decided_by_the_event() -> None:
    """What an event has started is known to the sweep, though a listing could not have decided it."""
    world = await reconciled(world_of("api: PutBlob"))
    claim = await world.drop(PATH)

    await passes(world, 10)

    assert claim.entry.state is State.SUBMITTED
    assert len(world.databricks.runs) == 1


async def test_shadow_records_and_starts_nothing() -> None:
    """A shadow decides like any rule; the ledger says what it would have started."""
    world = world_of("mode: shadow")

    claim = await world.drop(PATH)

    assert (claim.entry.state, claim.entry.result) == (State.SETTLED, Result.IGNORED)
    assert claim.entry.reason == "the rule is a shadow: it would have started the job id:7"
    assert world.databricks.calls["run_now"] == 0


async def test_disabled_rule_leaves_the_path_to_the_next() -> None:
    """A rule that is disabled matches nothing, and takes nothing from the rules below it."""
    world = World(rules("enabled: false", "enabled: true"))

    claim = await world.drop(PATH)

    assert claim.entry.rule == "crm-1"


async def test_rule_enabled_again_catches_up() -> None:
    """What landed while the rule was disabled is swept when it is enabled again: nothing is dropped silently."""
    world = await reconciled(world_of("enabled: true"))
    world.restart(rules("enabled: false"))
    await world.deliver(world.landing.upload(PATH))
    await passes(world, 10)
    assert await world.all_entries() == []

    world.restart(rules("enabled: true"))
    await passes(world, 1)

    assert await results(world) == [(State.SUBMITTED, None)]


async def test_also_fires_beside_the_rule_that_wins() -> None:
    """One file, two jobs: the entries are the rules' own."""
    world = World(rules("also: true", "also: false", "also: false"))

    claims = await world.deliver(world.landing.upload(PATH))

    assert [claim.entry.rule for claim in claims] == ["crm", "crm-1"]
    assert len(world.databricks.runs) == 2


@pytest.mark.parametrize("policy", ["ignore", "alert"])
async def test_overwrite_is_recorded_and_not_run(policy: str, caplog: pytest.LogCaptureFixture) -> None:
    """The first version runs; a new one has an entry that says why it did not. `alert` is for a person to see."""
    world = await reconciled(world_of(f"on_overwrite: {policy}"))
    first = await world.drop(PATH, b"one")
    world.clock.advance(MINUTE)
    second = await world.drop(PATH, b"two")
    await passes(world, 10)

    alerts = [record for record in caplog.records if "arrival.overwritten" in record.getMessage()]
    assert first.entry.state is State.SUBMITTED
    assert (second.entry.state, second.entry.result) == (State.SETTLED, Result.IGNORED)
    assert second.entry.reason == "the rule does not run what overwrites a file"
    assert len(world.databricks.runs) == 1
    assert [record.levelname for record in alerts] == (["ERROR"] if policy == "alert" else [])


async def test_missed_overwrite_is_ignored_by_the_sweep_too() -> None:
    """Event and sweep obey the same policy."""
    world = await reconciled(world_of("on_overwrite: ignore"))
    await world.drop(PATH, b"one")
    world.clock.advance(MINUTE)
    world.landing.upload(PATH, b"two")

    await passes(world, 10)

    assert [result for _, result in await results(world)] == [None, Result.IGNORED]
    assert len(world.databricks.runs) == 1


async def test_young_file_waits_until_its_age() -> None:
    """`min_age` delays the run and filters nothing out."""
    world = world_of("min_age: 10m")
    claim = await world.drop(PATH)
    await passes(world, 9)
    before = len(world.databricks.runs)
    await passes(world, 1)

    assert (claim.entry.state, claim.entry.reason) == (State.HELD, "waits until 2026-11-22T12:10:00+00:00: min_age")
    assert before == 0
    assert (await world.only_entry()).state is State.SUBMITTED


async def test_old_file_does_not_wait() -> None:
    """What the sweep finds has waited long enough."""
    world = await reconciled(world_of("min_age: 2m"))
    world.landing.upload(PATH)

    await passes(world, 6)

    assert (await world.only_entry()).state is State.SUBMITTED


async def test_file_that_grows_runs_once_when_it_is_still() -> None:
    """Each version that is replaced while it waits is superseded; the last one runs."""
    world = await reconciled(world_of("min_age: 10m"))
    for number in range(4):
        await world.drop(PATH, b"x" * (number + 1))
        await passes(world, 3)
    await passes(world, 10)

    superseded = (State.SETTLED, Result.SUPERSEDED)
    assert await results(world) == [superseded, superseded, superseded, (State.SUBMITTED, None)]
    assert len(world.databricks.runs) == 1


async def test_file_deleted_while_it_waits_starts_nothing() -> None:
    """There is nothing left to run for, and the ledger says so."""
    world = world_of("min_age: 10m")
    await world.drop(PATH)
    world.landing.delete(PATH)

    await passes(world, 11)

    assert await results(world) == [(State.SETTLED, Result.VANISHED)]


async def test_first_version_runs_although_it_was_overwritten_while_it_waited() -> None:
    """Where overwrites do not run, the version that waits is the only one that can."""
    world = await reconciled(world_of("min_age: 10m, on_overwrite: ignore"))
    await world.drop(PATH, b"one")
    world.clock.advance(MINUTE)
    await world.drop(PATH, b"two")

    await passes(world, 15)

    assert await results(world) == [(State.SUBMITTED, None), (State.SETTLED, Result.IGNORED)]


async def test_touch_while_waiting_neither_loses_nor_doubles_the_run() -> None:
    """New metadata changes the ETag of a waiting file; it runs once, whoever tells of it."""
    world = await reconciled(world_of("min_age: 30m", RECONCILE_GRACE="1m"))
    world.landing.upload(PATH)
    await passes(world, 5)  # the sweep has claimed it, with its MD5
    world.landing.touch(PATH)

    await passes(world, 60)

    assert sorted(result or "" for _, result in await results(world)) == ["", Result.TOUCHED]
    assert len(world.databricks.runs) == 1


async def test_waiting_outlasts_an_outage_of_blob_storage() -> None:
    """While nobody can say what is there, the entry stays held; then it runs."""
    world = world_of("min_age: 10m")
    await world.drop(PATH)
    world.landing.down = True
    await passes(world, 15)
    during = (await world.only_entry()).state
    world.landing.down = False
    await passes(world, 2)

    assert during is State.HELD
    assert (await world.only_entry()).state is State.SUBMITTED


async def test_entry_is_told_among_the_job_parameters_where_a_rule_uses_those() -> None:
    """Databricks refuses notebook_params beside job_parameters."""
    world = world_of('job_parameters: {file: "{blob.name}"}')

    claim = await world.drop(PATH)

    body = json.loads(world.databricks.sent[0].body)
    assert body["job_parameters"] == {"file": "a.csv", ENTRY_PARAMETER: claim.entry.key}
    assert "notebook_params" not in body


async def test_unknown_outcome_of_a_run_that_cannot_be_found_is_given_up_after_a_day() -> None:
    """Beside jar_params a run cannot carry its entry, so the same token is not sent for a second day."""
    world = world_of('jar_params: ["{blob.https}"]')
    world.databricks.fail_next(JobsUnknown("no answer"), times=10_000)
    await world.drop(PATH)

    await passes(world, 26, every=HOUR)

    entry: Entry = await world.only_entry()
    assert entry.state is State.DEAD
    assert "never gave a usable answer" in entry.reason
