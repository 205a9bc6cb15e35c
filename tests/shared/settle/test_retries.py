"""What `on_failure` makes of a failed run: a new generation, a repair, or nothing (rule R3)."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock import Deadline
from shared.errors import JobsBusy, JobsError, JobsRefused, JobsUnauthorised, JobsUnknown
from shared.jobs import RunOutput
from shared.model import Entry, Result, RunRequest, State, Verdict
from shared.rules import FailureAction
from shared.secret import Secret
from shared.settle import Received
from tests.fakes.world import World

MINUTE = 60.0
PASSING_END = "TERMINATED/CLUSTER_ERROR"


def rules(on_failure: str) -> str:
    """Return one rule with a policy."""
    return f'version: 1\nrules:\n  - {{name: crm, path: "landing/crm/{{name}}.csv", job: {{id: 7}}, {on_failure}}}\n'


RERUN = rules("on_failure: {rerun: 2}")
REPAIR = rules("on_failure: {repair: 2}")
RECORD = rules("on_failure: record")


async def started(policy: str) -> World:
    """Return a service with one running run, number 101, of a rule with this policy."""
    world = World(policy)
    await world.drop("landing/crm/a.csv")
    return world


async def passed(world: World, minutes: float = 1) -> Entry:
    """Run one pass after so many minutes and return the only entry."""
    world.clock.advance(minutes * MINUTE)
    await world.reconciler.run()
    return await world.only_entry()


def fail(world: World, run_id: int = 101, state: str = PASSING_END) -> None:
    """End a run in failure."""
    world.databricks.end(run_id, Verdict.FAILED, state)


async def test_dispatch_off_repairs_nothing() -> None:
    """The kill switch stops repairs too; on again, the one that was decided on takes place."""
    world = World(REPAIR)
    await world.drop("landing/crm/a.csv")
    fail(world)
    off = World(REPAIR, DISPATCH="off").settings
    on, world.settings = world.settings, off
    world.restart(REPAIR)
    for _ in range(30):
        await passed(world, 10)
    assert world.databricks.repairs == []

    world.settings = on
    world.restart(REPAIR)
    entry = await passed(world, 10)

    assert len(world.databricks.repairs) == 1
    assert entry.state is State.SUBMITTED


async def test_failure_is_recorded_by_default() -> None:
    """Without a policy nothing is started that nobody asked for."""
    world = await started(RECORD)
    fail(world)

    assert (await passed(world)).result is Result.FAILED
    assert len(world.databricks.sent) == 1


async def test_rerun_is_the_next_generation() -> None:
    """The run starts again under a new token, after a wait, and the entry says why."""
    world = await started(RERUN)
    fail(world)
    waiting = await passed(world)
    again = await passed(world)

    first, second = world.databricks.sent
    assert (waiting.state, waiting.generation, waiting.retries) == (State.PENDING, 2, 1)
    assert waiting.reason == "run 101 failed (TERMINATED/CLUSTER_ERROR: as told); rerun 1 of 2"
    assert (again.state, again.run_id, first.token != second.token) == (State.SUBMITTED, 102, True)


async def test_reruns_end() -> None:
    """After as many as the rule allows the failure stands, and says how often it was tried."""
    world = await started(RERUN)
    for _ in range(60):
        for run in list(world.databricks.runs.values()):
            if run.verdict is None:
                fail(world, run.run_id)
        entry = await passed(world)

    assert (entry.state, entry.result, entry.retries) == (State.SETTLED, Result.FAILED, 2)
    assert entry.reason == "TERMINATED/CLUSTER_ERROR: as told; after 2 retries"
    assert len(world.databricks.runs) == 3


@pytest.mark.parametrize("policy", [RERUN, REPAIR])
@pytest.mark.parametrize("code", ["RUN_EXECUTION_ERROR", "TIMEDOUT", "UNAUTHORIZED_ERROR", "NEW_IN_2031", ""])
async def test_lasting_failure_is_recorded_at_once(policy: str, code: str) -> None:
    """What would end the same way again is not tried again, nor what nobody knows."""
    world = await started(policy)
    fail(world, state=f"TERMINATED/{code}")

    assert (await passed(world)).result is Result.FAILED
    assert (len(world.databricks.sent), world.databricks.repairs) == (1, [])


@pytest.mark.parametrize("policy", [RERUN, REPAIR])
async def test_cancelled_run_is_never_tried_again(policy: str) -> None:
    """Somebody wanted it to end."""
    world = await started(policy)
    world.databricks.end(101, Verdict.CANCELLED, "TERMINATED/USER_CANCELED")

    assert (await passed(world)).result is Result.CANCELLED
    assert (len(world.databricks.sent), world.databricks.repairs) == (1, [])


async def test_entry_of_a_removed_rule_is_recorded() -> None:
    """A rule that is gone has no wishes any more."""
    world = await started(RERUN)
    fail(world)
    world.restart('version: 1\nrules:\n  - {name: other, path: "landing/x/{name}.csv", job: {id: 7}}\n')
    world.clock.advance(MINUTE)
    due = await world.redriver.due(["crm"])

    await world.redriver.settle(due, world.deadline())

    entry = await world.entries.read_at(due[0].partition, due[0].key)
    assert entry is not None
    assert entry.result is Result.FAILED


async def test_repair_is_decided_before_it_is_asked_for() -> None:
    """The ledger knows of a repair first; the request comes with a later look, and the run stays the same."""
    world = await started(REPAIR)
    fail(world)
    decided = await passed(world)
    at_decision = list(world.databricks.repairs)
    repaired = await passed(world)

    assert (decided.state, decided.run_id, decided.retries, decided.repair_id) == (State.SUBMITTED, 101, 1, 0)
    assert decided.reason == "run 101 failed (TERMINATED/CLUSTER_ERROR: as told); repair 1 of 2"
    assert at_decision == []
    assert (repaired.state, repaired.generation, world.databricks.repairs) == (State.SUBMITTED, 1, [(101, 9001)])


async def test_repaired_run_settles_as_it_ends() -> None:
    """A repair that helps makes the file a success, with one run."""
    world = await started(REPAIR)
    fail(world)
    await passed(world)
    await passed(world)
    world.databricks.end(101, Verdict.SUCCEEDED)

    entry = await passed(world)

    assert (entry.result, len(world.databricks.sent)) == (Result.SUCCEEDED, 1)
    assert entry.reason == "after 1 retry: run 101 failed (TERMINATED/CLUSTER_ERROR: as told); repair 1 of 2"


async def test_each_repair_names_the_one_before() -> None:
    """Databricks wants it from the second on; after as many as the rule allows the failure stands."""
    world = await started(REPAIR)
    for _ in range(60):
        if world.databricks.runs[101].verdict is None:
            fail(world)
        entry = await passed(world)

    assert (entry.result, entry.reason) == (Result.FAILED, "TERMINATED/CLUSTER_ERROR: as told; after 2 retries")
    assert world.databricks.repairs == [(101, 9001), (101, 9002)]


async def test_repair_by_a_person_counts_as_ours() -> None:
    """Whoever repaired the run after our decision has done what we wanted."""
    world = await started(REPAIR)
    fail(world)
    entry = await passed(world)
    assert entry.request is not None
    await world.databricks.repair_run(101, entry.request, None, world.deadline())
    fail(world)
    again = await passed(world)
    await passed(world, minutes=5)

    assert (again.retries, again.repair_id) == (2, 9001)
    assert world.databricks.repairs == [(101, 9001), (101, 9002)]


@pytest.mark.parametrize("error", [JobsUnknown("reset"), JobsRefused("lost before a retry")])
async def test_lost_answer_repairs_once(error: JobsError) -> None:
    """The run's history says that the repair was made, so it is not made again."""
    world = await started(REPAIR)
    fail(world)
    await passed(world)
    world.databricks.fail_next_repair(error, after=True)
    await passed(world)
    fail(world, state="TERMINATED/RUN_EXECUTION_ERROR")
    entry = await passed(world, minutes=5)

    assert world.databricks.repairs == [(101, 9001)]
    assert entry.result is Result.FAILED


async def test_late_request_is_refused_by_its_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that arrives when its repair has been made, and has failed again, makes no second one."""
    world = await started(REPAIR)
    fail(world)
    await passed(world)
    repair_run = world.databricks.repair_run

    async def twice(run_id: int, request: RunRequest, latest: int | None, deadline: Deadline) -> int:
        await repair_run(run_id, request, latest, deadline)
        fail(world)
        return await repair_run(run_id, request, latest, deadline)

    monkeypatch.setattr(world.databricks, "repair_run", twice)
    entry = await passed(world)

    assert (entry.state, entry.retries, world.databricks.repairs) == (State.SUBMITTED, 1, [(101, 9001)])


async def test_refused_repair_leaves_the_failure() -> None:
    """A run that cannot be repaired is recorded as failed, with the reason for that too."""
    world = await started(REPAIR)
    fail(world)
    world.databricks.fail_next_repair(JobsRefused("The job has changed."), times=9)
    for _ in range(9):
        entry = await passed(world, minutes=5)

    assert entry.result is Result.FAILED
    assert entry.reason == "TERMINATED/CLUSTER_ERROR: as told; not repaired: The job has changed."
    assert world.databricks.repairs == []


@pytest.mark.parametrize("error", [JobsBusy("429"), JobsUnauthorised("403"), JobsUnknown("500")])
async def test_unanswered_repair_is_asked_for_again(error: JobsError) -> None:
    """Trouble on the way to a repair does not end it."""
    world = await started(REPAIR)
    fail(world)
    world.databricks.fail_next_repair(error, times=3)
    for _ in range(9):
        entry = await passed(world, minutes=5)

    assert (entry.state, world.databricks.repairs) == (State.SUBMITTED, [(101, 9001)])


async def test_endless_trouble_ends_in_the_failure() -> None:
    """A repair that never gets an answer does not keep an entry open for ever."""
    world = await started(REPAIR)
    fail(world)
    world.databricks.fail_next_repair(JobsUnknown("500"), times=99)
    for _ in range(40):
        entry = await passed(world, minutes=31)

    assert entry.result is Result.FAILED
    assert entry.reason.endswith("; not repaired: 500")
    assert world.databricks.calls["repair_run"] < 15


async def test_wait_before_a_repair_is_kept() -> None:
    """Whoever read the entry before it was decided on, or is told of the run once more, does not repair it sooner."""
    world = await started(REPAIR)
    fail(world)
    world.clock.advance(MINUTE)
    due = await world.redriver.due(["crm"])
    await world.redriver.settle(due, world.deadline())
    again = await world.redriver.settle(due, world.deadline())
    hint = json.dumps({"event_type": "jobs.on_failure", "run": {"run_id": 101}}).encode()
    await hinted(world, hint)
    at_once = list(world.databricks.repairs)
    await passed(world)

    assert (again, at_once) == ({"moved on": 1}, [])
    assert world.databricks.repairs == [(101, 9001)]


async def hinted(world: World, notification: bytes) -> None:
    """Deliver a job notification to a second instance, which knows a secret."""
    world.settings = replace(world.settings, webhook_secret=Secret("secret"))
    world.restart(REPAIR)
    authorization = "Basic " + base64.b64encode(b"databricks:secret").decode()
    assert await world.run_hints.receive(authorization, notification, world.deadline()) is Received.LOOKED


async def test_explanation_leaves_time_for_the_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Databricks throttles what tells why a task failed, the run is repaired all the same."""
    world = await started(REPAIR)
    fail(world)
    repair_run = world.databricks.repair_run

    async def throttled(_: int, deadline: Deadline) -> RunOutput:
        world.clock.advance(deadline.remaining())
        raise JobsBusy("429")

    async def in_time(run_id: int, request: RunRequest, latest: int | None, deadline: Deadline) -> int:
        if deadline.passed():
            raise JobsBusy("no time left")
        return await repair_run(run_id, request, latest, deadline)

    monkeypatch.setattr(world.databricks, "get_output", throttled)
    monkeypatch.setattr(world.databricks, "repair_run", in_time)
    await passed(world)
    await passed(world)

    assert world.databricks.repairs == [(101, 9001)]


FAULTS = st.sampled_from(["none", "lost answer", "refused", "lost write", "crash after repair", "two passes"])


@settings(max_examples=60, deadline=None)
@given(st.lists(FAULTS, max_size=12), st.integers(1, 3))
def test_no_decision_repairs_twice(faults: list[str], most: int) -> None:
    """Whatever gets lost, and whoever looks at once: no more repairs than decisions, and the entry closes."""
    asyncio.run(_troubled_repairs(faults, most))


async def _troubled_repairs(faults: list[str], most: int) -> None:
    world = await started(rules(f"on_failure: {{repair: {most}}}"))
    entry = await world.only_entry()
    for fault in [*faults, *["none"] * 30]:
        if world.databricks.runs[101].verdict is None:
            fail(world)
        await _troubled_pass(world, fault)
        world.table.down = False
        entry = await world.only_entry()
        assert len(world.databricks.repairs) <= entry.retries <= most

    assert entry.result is Result.FAILED
    assert len(world.databricks.repairs) == len(set(world.databricks.repairs))


async def _troubled_pass(world: World, fault: str) -> None:
    world.clock.advance(31 * MINUTE)
    match fault:
        case "lost answer":
            world.databricks.fail_next_repair(JobsUnknown("reset"), after=True)
        case "refused":
            world.databricks.fail_next_repair(JobsUnknown("reset"))
        case "lost write":
            world.table.lose_next_answer()
        case "crash after repair":
            world.databricks.on_answer = lambda: setattr(world.table, "down", True)
    due = await world.redriver.due(["crm"])
    times = 2 if fault == "two passes" else 1
    await asyncio.gather(*(world.redriver.settle(due, world.deadline()) for _ in range(times)))
    world.databricks.on_answer = lambda: None


def test_actions_are_those_of_the_rules() -> None:
    """A new action of the rules must be thought of here."""
    assert set(FailureAction) == {"record", "rerun", "repair"}
