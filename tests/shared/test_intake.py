"""Intake: what arrives is claimed once and dispatched at once where time allows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import BlobsUnavailable, JobsBusy, LedgerUnavailable
from shared.ledger import Claimed
from shared.model import ENTRY_PARAMETER, Result, State
from tests.fakes.manual_clock import START
from tests.fakes.world import RULES, World, event_body


@pytest.fixture
def world() -> World:
    """Return a service over fakes."""
    return World()


async def test_event_starts_its_job(world: World) -> None:
    """A file lands, its event comes, and the mapped job runs with the default parameters."""
    claim = await world.drop("landing/crm/orders.csv")

    (request,) = world.databricks.sent
    assert claim.outcome is Claimed.WON
    assert (claim.entry.state, claim.entry.run_id) == (State.SUBMITTED, 101)
    assert json.loads(request.body) == {
        "job_id": 7,
        "idempotency_token": request.token,
        "notebook_params": {
            "file_path": "http://127.0.0.1:10000/devstoreaccount1/landing/crm/orders.csv",
            "triggered_by": "event",
            ENTRY_PARAMETER: claim.entry.key,
        },
        "queue": {"enabled": True},
    }


async def test_one_ledger_round_trip_precedes_run_now(world: World) -> None:
    """Between an event and its run stands one transaction: the claim is the lease and freezes the request."""
    await world.drop("landing/crm/warm-up.csv")
    before = world.table.calls
    calls_at_run_now: list[int] = []
    world.databricks.on_call = lambda: calls_at_run_now.append(world.table.calls)
    await world.drop("landing/crm/orders.csv")

    assert calls_at_run_now == [before + 1]


async def test_claim_does_not_wait_for_databricks(world: World) -> None:
    """While the job is looked up for the first time, the entry is in the ledger already."""
    calls: list[int] = []
    world.databricks.on_call = lambda: calls.append(world.table.calls)
    claim = await world.drop("landing/crm/orders.csv")

    assert calls[0] == 3  # whether its rule is known, that it claims, the claim
    assert claim.entry.state is State.SUBMITTED


async def test_request_is_frozen_before_it_is_sent(world: World) -> None:
    """The token and the bytes are in the ledger before Databricks sees them (rule R2)."""
    world.databricks.fail_next(JobsBusy("slow down"))
    claim = await world.drop("landing/crm/orders.csv")

    assert claim.entry.request == world.databricks.sent[0]


async def test_repeated_event_is_counted_and_starts_nothing(world: World) -> None:
    """Event Grid delivers at least once; the second and third delivery are duplicates."""
    arrival = world.landing.upload("landing/crm/orders.csv")
    await world.deliver(arrival)
    outcomes = [(await world.deliver(arrival))[0].outcome for _ in range(2)]

    status = await world.status.read()

    assert outcomes == [Claimed.DUPLICATE, Claimed.DUPLICATE]
    assert len(world.databricks.sent) == 1
    assert status.rules[0].counts.duplicates == 2


async def test_overwrite_runs_again(world: World) -> None:
    """A new version of a path is a new arrival."""
    await world.drop("landing/crm/orders.csv", b"one")
    world.clock.advance(60)
    claim = await world.drop("landing/crm/orders.csv", b"two")

    assert claim.outcome is Claimed.WON
    assert len(world.databricks.runs) == 2


async def test_late_event_of_a_replaced_version_does_not_run(world: World) -> None:
    """What a late event announces has been overwritten, and the newer version has its own run."""
    old = world.landing.upload("landing/crm/orders.csv", b"one")
    world.clock.advance(60)
    await world.drop("landing/crm/orders.csv", b"two")

    (claim,) = await world.deliver(old)

    assert claim.entry.result is Result.SUPERSEDED
    assert len(world.databricks.runs) == 1


async def test_unmatched_arrival_is_one_log_line(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A file that no rule wants leaves a line and no entry."""
    caplog.set_level("INFO")
    claims = await world.deliver(world.landing.upload("landing/other/x.csv"))

    assert claims == []
    assert [record.message for record in caplog.records] == ["arrival.unmatched path=landing/other/x.csv source=event"]


async def test_ignored_event_is_one_log_line(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """An event that starts nothing says why, and cannot forge a line by what it holds."""
    caplog.set_level("INFO")
    body = json.dumps({"eventType": "x\nrun.submitted run_id=1", "id": "e1", "data": {}})
    await world.intake.receive(body, world.deadline())

    (record,) = caplog.records
    assert "\n" not in record.message
    assert record.message.startswith('event.ignored reason="no new file: x\\nrun.submitted')


async def test_other_account_is_not_watched(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """An event that names another storage account starts nothing here."""
    caplog.set_level("INFO")
    foreign = replace(world.landing.upload("landing/crm/orders.csv"), account="elsewhere")

    assert await world.deliver(foreign) == []
    assert "account elsewhere is not watched" in caplog.text


async def test_rename_event_takes_the_version_of_its_blob(world: World) -> None:
    """A rename carries no ETag; with the blob's own the sweep will recognise it."""
    arrival = world.landing.upload("landing/crm/orders.csv")
    (claim,) = await world.deliver(replace(arrival, version=None))
    (again,) = await world.deliver(arrival)

    assert claim.entry.arrival.version == arrival.version
    assert again.outcome is Claimed.DUPLICATE


async def test_rename_of_a_vanished_blob_is_one_log_line(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is gone before its version could be read starts nothing."""
    caplog.set_level("INFO")
    arrival = world.landing.upload("landing/crm/orders.csv")
    world.landing.delete("landing/crm/orders.csv")

    assert await world.deliver(replace(arrival, version=None)) == []
    assert "arrival.vanished path=landing/crm/orders.csv" in caplog.text


async def test_version_that_cannot_be_read_asks_for_redelivery(world: World) -> None:
    """When Blob Storage is down a rename is not lost: Event Grid delivers it again."""
    arrival = replace(world.landing.upload("landing/crm/orders.csv"), version=None)
    world.landing.down = True

    with pytest.raises(BlobsUnavailable):
        await world.deliver(arrival)


async def test_dead_ledger_asks_for_redelivery(world: World) -> None:
    """Without a claim nothing is acknowledged and nothing is started (rule R7)."""
    arrival = world.landing.upload("landing/crm/orders.csv")
    world.table.down = True

    with pytest.raises(LedgerUnavailable):
        await world.deliver(arrival)

    assert world.databricks.sent == []


async def test_failing_event_does_not_spoil_its_neighbours(world: World) -> None:
    """In one payload, what can be claimed is claimed before the failure is reported."""
    renamed = replace(world.landing.upload("landing/crm/renamed.csv"), version=None)
    good = world.landing.upload("landing/crm/good.csv")
    world.landing.failing.add("landing")
    body = json.dumps([*json.loads(event_body(renamed)), *json.loads(event_body(good))])

    with pytest.raises(BlobsUnavailable):
        await world.intake.receive(body, world.deadline())

    assert [entry.arrival.path for entry in await world.all_entries()] == ["crm/good.csv"]


async def test_busy_databricks_does_not_fail_the_event(world: World) -> None:
    """A claim is enough to acknowledge the event, whatever Databricks says."""
    world.databricks.fail_next(JobsBusy("slow down", retry_after=40))
    claim = await world.drop("landing/crm/orders.csv")

    assert claim.entry.state is State.PENDING
    assert claim.entry.due_at == START + timedelta(seconds=40)


async def test_name_with_a_reference_is_given_up_with_its_reason(world: World) -> None:
    """Databricks would evaluate {{job.id}} in a parameter: such a name never reaches it."""
    world.restart(RULES.replace('job: {name: "ETL"}', 'job: {id: 7}\n    notebook_params: {path: "{blob.path}"}'))
    claim = await world.drop("landing/crm/{{job.id}}.csv")

    assert claim.outcome is Claimed.CLOSED
    assert claim.entry.state is State.DEAD
    assert "{{ or }}" in claim.entry.reason
    assert world.databricks.sent == []


async def test_parameters_over_the_limit_are_given_up_with_their_size(world: World) -> None:
    """More than Databricks takes is said at once and exactly, not learnt from its refusals."""
    rules = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {id: 7}
    notebook_params: {a: "{name}{name}{name}{name}{name}{name}", b: "{name}{name}{name}{name}{name}"}
"""
    world.restart(rules)
    claim = await world.drop(f"landing/crm/{'x' * 1000}.csv")

    assert claim.entry.state is State.DEAD
    assert claim.entry.reason == (
        "the parameter `notebook_params.a` makes `notebook_params` 11,119 bytes long, and Databricks takes 10,000"
    )


async def test_duplicate_starts_what_was_left_overdue(world: World) -> None:
    """A repeated event is a good occasion to start an entry that somebody left behind."""
    world.databricks.fail_next(JobsBusy("slow down"))
    arrival = world.landing.upload("landing/crm/orders.csv")
    await world.deliver(arrival)
    world.clock.advance(3600)

    (claim,) = await world.deliver(arrival)

    assert claim.outcome is Claimed.DUPLICATE
    assert claim.entry.state is State.SUBMITTED
    assert len(world.databricks.runs) == 1


async def test_md5_is_learnt_beside_run_now(world: World) -> None:
    """Events carry no MD5; the entry learns it, so that the sweep can tell a touch."""
    claim = await world.drop("landing/crm/orders.csv")

    assert claim.entry.arrival.md5


async def test_unreadable_md5_does_not_matter(world: World) -> None:
    """The run is recorded whether or not Blob Storage tells the MD5."""
    world.landing.failing.add("landing")
    claim = await world.drop("landing/crm/orders.csv")

    assert claim.entry.state is State.SUBMITTED
    assert claim.entry.arrival.md5 is None
