"""Limits: what is over them waits in its turn, is never lost, and costs nothing while it waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.backfill_request import BackfillRequest
from shared.errors import JobsBusy, JobsUnknown
from shared.ledger.table import Put
from shared.limits.windows import counted_for
from shared.model import Entry, State, Verdict
from shared.replay_request import ReplayRequest
from shared.rules import Limit, Per
from tests.fakes.manual_clock import START
from tests.fakes.world import World

MINUTE, HOUR = 60.0, 3600.0
RULES = """
version: 1
rules:
  - {name: crm, path: "landing/crm/*.csv", job: {id: 7}, limit: %s}
  - {name: erp, path: "landing/erp/*.csv", job: {id: 8}}
"""


async def drop(world: World, files: int, rule: str = "crm", first: int = 0) -> None:
    """Let so many files land, one a second, each with its event."""
    for number in range(first, first + files):
        await world.drop(f"landing/{rule}/{number:04d}.csv")
        world.clock.advance(1)


async def passes(world: World, minutes: int) -> None:
    """Let the timer fire each minute."""
    for _ in range(minutes):
        world.clock.advance(MINUTE)
        await world.reconciler.run()


def started(world: World) -> list[str]:
    """Return the names of the files whose runs were started, in the order of their runs."""
    runs = sorted(world.databricks.runs.values(), key=lambda run: run.run_id)
    return [run.parameters["file_path"].rpartition("/")[2] for run in runs]


async def held_back(world: World) -> list[Entry]:
    """Return the entries that wait in a line."""
    return [entry for entry in await world.all_entries() if entry.is_held_back]


async def test_runs_over_the_limit_wait_with_their_reason() -> None:
    """The files are claimed and held; each knows what for and when its turn comes, and no two are due at once."""
    world = World(RULES % "3/hour")
    await drop(world, 8)

    waiting = await held_back(world)
    assert started(world) == ["0000.csv", "0001.csv", "0002.csv"]
    assert [(entry.state, entry.reason) for entry in waiting] == [
        (State.HELD, "held back: the rule's limit of 3 runs an hour")
    ] * 5
    due = [entry.due_at for entry in waiting if entry.due_at]
    assert due == sorted(set(due))
    assert due[0] - START > timedelta(hours=1)


async def test_backlog_drains_oldest_first_at_the_limits_pace() -> None:
    """When permits are back, those who waited longest go first; in no hour more than the limit, and in the end all."""
    world = World(RULES % "3/hour")
    await drop(world, 10)
    await passes(world, 63)
    assert len(started(world)) == 6

    await passes(world, 63)
    assert len(started(world)) == 9

    await passes(world, 63)
    assert started(world) == [f"{number:04d}.csv" for number in range(10)]
    assert await held_back(world) == []


async def test_what_is_new_does_not_go_before_those_who_wait() -> None:
    """A file that lands when permits are back goes behind the line, until the line is at its end."""
    world = World(RULES % "2/hour")
    await drop(world, 3)
    world.clock.advance(HOUR + 3 * MINUTE)

    await drop(world, 1, first=3)
    assert started(world) == ["0000.csv", "0001.csv"]

    await passes(world, 1)
    assert started(world) == [f"{number:04d}.csv" for number in range(4)]
    await passes(world, 70)
    await drop(world, 1, first=4)
    assert started(world)[-1] == "0004.csv"


async def test_other_rules_do_not_wait() -> None:
    """A rule at its limit holds up nobody else, neither events nor the pass."""
    world = World(RULES % "1/day")
    await drop(world, 50)
    await drop(world, 3, "erp")

    assert len(started(world)) == 4
    world.databricks.fail_next(JobsBusy("busy"), times=2)
    await drop(world, 2, "erp", first=3)
    await passes(world, 1)

    assert len(started(world)) == 6


async def test_service_wide_limit_is_shared_by_rules_in_turns() -> None:
    """When it has permits again a rule with a few files does not wait for the end of another's backlog."""
    world = World(RULES % "1000/hour", MOST_RUNS_PER_HOUR="4")
    await drop(world, 20)
    await drop(world, 2, "erp", first=100)
    assert len(started(world)) == 4
    assert (await held_back(world))[-1].reason == "held back: MOST_RUNS_PER_HOUR, 4 runs an hour of all rules"

    await passes(world, 64)

    assert sorted(started(world)[4:]) == ["0004.csv", "0005.csv", "0100.csv", "0101.csv"]


async def test_all_limits_of_a_rule_hold() -> None:
    """Of several the strictest decides at each moment, and what one refuses takes nothing of the others."""
    world = World(RULES % "[2/minute, 5/hour]")
    await drop(world, 9)
    assert len(started(world)) == 2

    await passes(world, 2)
    assert len(started(world)) == 4

    await passes(world, 30)
    assert len(started(world)) == 5

    await passes(world, 34)
    assert len(started(world)) > 5


async def test_permit_of_one_limit_comes_back_when_another_refuses() -> None:
    """What the service-wide limit does not let start uses up nothing of the rule's."""
    world = World(RULES % "2/day", MOST_RUNS_PER_HOUR="1")
    await drop(world, 3)
    assert len(started(world)) == 1

    await passes(world, 64)

    assert started(world) == ["0000.csv", "0001.csv"]


async def test_waiting_costs_no_calls() -> None:
    """A pass looks at none of those who wait while there is nothing to be had: its cost does not grow with the line."""
    calls = []
    for files in (5, 200):
        world = World(RULES % "2/day")
        await drop(world, files)
        await passes(world, 5)
        before = world.table.calls
        await passes(world, 1)
        calls.append(world.table.calls - before)

    assert calls[0] == calls[1]


async def test_rule_without_limit_costs_one_call_in_a_while() -> None:
    """The service-wide permits come in blocks: a burst of files costs few calls beside its own."""
    world = World(RULES % "10/day")
    await world.drop("landing/erp/first.csv")
    await world.drop("landing/erp/second.csv")
    before = world.table.calls

    await drop(world, 100, "erp")

    assert world.table.calls - before <= 2 * 100 + 10  # the claim and the run of each


async def test_limit_of_zero_costs_nothing() -> None:
    """Without the service-wide limit a rule that has none asks for no permits."""
    world = World(RULES % "10/day", MOST_RUNS_PER_HOUR="0")
    await world.drop("landing/erp/first.csv")
    before = world.table.calls

    await drop(world, 10, "erp")

    assert world.table.calls - before == 2 * 10  # the claim and the run of each
    assert [row async for row in world.table.range("budgets", "", "~")] == []


async def test_raised_limit_lets_the_line_go_at_once() -> None:
    """Who waits for tomorrow under the old limit starts with the next pass; who comes then finds no line."""
    world = World(RULES % "1/day")
    await drop(world, 6)
    world.restart(RULES % "100/day")

    await passes(world, 1)
    assert len(started(world)) == 6

    await passes(world, 1)
    await drop(world, 1, first=6)
    assert len(started(world)) == 7


async def test_limit_taken_out_lets_the_line_go_at_once() -> None:
    """No limit, no line."""
    world = World(RULES % "1/day")
    await drop(world, 6)
    world.restart((RULES % "1/day").replace(", limit: 1/day", ""))

    await passes(world, 1)

    assert len(started(world)) == 6
    assert await held_back(world) == []


async def test_lowered_limit_counts_what_was_started_before() -> None:
    """Of the new limit as many are gone as were started within its length; who comes too early waits again."""
    world = World(RULES % "20/hour")
    await drop(world, 40)
    world.restart(RULES % "4/hour")
    await passes(world, 60)
    assert len(started(world)) == 20

    await passes(world, 4)
    assert len(started(world)) == 24

    for _ in range(20):
        await passes(world, 10)
    assert 32 <= len(started(world)) <= 36
    for _ in range(20):
        await passes(world, 10)
    assert started(world) == [f"{number:04d}.csv" for number in range(40)] or len(started(world)) == 40


async def test_dispatch_off_claims_and_starts_nothing() -> None:
    """The kill switch holds everything, also what is due and what is asked for by a person; nothing is lost."""
    world = World(RULES % "10/hour")
    world.databricks.fail_next(JobsBusy("busy"), times=1)
    world.databricks.fail_next(JobsUnknown("reset"), times=1, after=True)
    await drop(world, 2)
    world.settings = World(RULES % "10/hour", DISPATCH="off").settings
    world.restart(RULES % "10/hour")
    sent = len(world.databricks.sent)
    await drop(world, 3, first=2)
    await passes(world, 30)
    await world.replayer.replay(ReplayRequest(asked_by="ada", rule="crm", states=("dead",)), world.deadline())

    entries = await world.all_entries()
    assert len(world.databricks.sent) == sent
    assert len(entries) == 5
    assert {entry.reason for entry in entries} == {"held back: DISPATCH is off"}
    assert [entry.state for entry in entries[:2]] == [State.PENDING, State.DISPATCHING]


async def test_dispatch_off_stops_repetitions_too() -> None:
    """A request without an answer is not sent again while dispatch is off; then the same one is."""
    world = World(RULES % "3/hour")
    world.databricks.fail_next(JobsUnknown("no answer"))
    await drop(world, 1)
    off = World(RULES % "3/hour", DISPATCH="off")
    off.table, off.databricks, off.landing, off.clock = world.table, world.databricks, world.landing, world.clock
    off.use_nonces_of(world)
    off.restart(RULES % "3/hour")
    await passes(off, 10)
    (waiting,) = await held_back(off)
    assert (waiting.state, len(world.databricks.sent)) == (State.DISPATCHING, 1)

    world.restart(RULES % "3/hour")
    await passes(world, 2)

    assert len({request.body for request in world.databricks.sent}) == 1
    assert len(world.databricks.runs) == 1
    assert await held_back(world) == []


async def test_dispatch_on_again_starts_all_by_itself() -> None:
    """With the first pass after the switch, however long it was off, whatever the entries' due times say."""
    world = World(RULES % "100/hour", DISPATCH="off")
    await drop(world, 5)
    await drop(world, 5, "erp", first=5)
    for _ in range(30):  # a day and more
        world.clock.advance(HOUR)
        await world.reconciler.run()
        assert all(entry.due_at and entry.due_at > world.clock.now() for entry in await held_back(world))
    world.settings = World(RULES % "100/hour").settings
    world.restart(RULES % "100/hour")

    await passes(world, 1)

    assert len(started(world)) == 10


async def test_unknown_outcome_needs_a_permit_to_be_asked_again() -> None:
    """What may start a run now counts now; the same request is sent, and the run that it has made is found."""
    world = World(RULES % "2/hour")
    world.databricks.fail_next(JobsUnknown("reset"), after=True)
    await drop(world, 3)
    assert len(world.databricks.runs) == 2
    await passes(world, 10)
    unknown = (await world.all_entries())[0]
    assert (unknown.state, len(world.databricks.sent)) == (State.DISPATCHING, 2)

    await passes(world, 60)

    sent = world.databricks.sent
    assert [request.body for request in sent].count(sent[0].body) == 2
    assert len(world.databricks.runs) == 3


async def test_permit_of_a_request_that_was_refused_comes_back() -> None:
    """While Databricks is too busy nothing starts, and nothing of the limit is used up."""
    world = World(RULES % "2/hour")
    world.databricks.fail_next(JobsBusy("busy"), times=6)
    await drop(world, 2)
    await passes(world, 8)

    assert len(world.databricks.runs) == 2


async def test_file_that_was_replaced_while_it_waited_runs_once() -> None:
    """Whoever waits for long is looked at before it starts: its newer version has its own place."""
    world = World(RULES % "1/hour")
    await world.drop("landing/crm/first.csv")
    await world.drop("landing/crm/a.csv", b"old")
    world.clock.advance(MINUTE)
    await world.drop("landing/crm/a.csv", b"new")

    for _ in range(15):
        await passes(world, 10)

    assert started(world) == ["first.csv", "a.csv"]


@pytest.mark.parametrize("limit", [Limit(100, Per.MINUTE), Limit(100, Per.HOUR), Limit(100, Per.DAY)])
def test_backlog_drains_nearly_as_fast_as_the_limit_says(limit: Limit) -> None:
    """A permit counts a little longer than the limit's length: a sixth for minutes, a thirtieth for hours."""
    share = counted_for(limit) / limit.per.length

    assert 1 < share <= {Per.MINUTE: 7 / 6, Per.HOUR: 31 / 30, Per.DAY: 1.002}[limit.per]


async def test_status_tells_how_many_wait_and_until_when() -> None:
    """Of each rule and of all together: a person sees the flood, and when it ends."""
    world = World(RULES % "3/hour")
    await drop(world, 8)
    await drop(world, 2, "erp")

    status = await world.status.read()
    by_rule = {rule.rule: rule.as_json(status.at) for rule in status.rules}

    first = (await held_back(world))[0].due_at
    assert first is not None
    assert (by_rule["crm"]["held_back"], by_rule["erp"]["held_back"], status.totals.held_back) == (5, 0, 5)
    assert by_rule["crm"]["next_in_line"] == first.isoformat(timespec="milliseconds")
    assert by_rule["erp"]["next_in_line"] is None
    assert status.totals.next_in_line is not None


async def test_reached_limit_is_told_once_in_its_length(caplog: pytest.LogCaptureFixture) -> None:
    """A flood must not become a flood of log lines either."""
    world = World(RULES % "3/hour")
    await drop(world, 50)
    await passes(world, 40)
    assert [record.message.split()[0] for record in caplog.records].count("limit.reached") == 1

    await passes(world, 30)
    assert [record.message.split()[0] for record in caplog.records].count("limit.reached") == 2


async def test_replay_passes_through_the_limit() -> None:
    """A person who opens a thousand entries again starts no more of them than the rule may."""
    world = World(RULES % "3/hour")
    for number in range(9):
        await world.drop(f"landing/crm/{number}.csv")
        await passes(world, 21)
        for run in list(world.databricks.runs):
            world.databricks.end(run, Verdict.FAILED, "TERMINATED/RUN_EXECUTION_ERROR")
    for _ in range(12):
        await passes(world, 10)
    before = len(world.databricks.runs)
    request = ReplayRequest(asked_by="ada", rule="crm", states=("failed",))
    replayed = await world.replayer.replay(request, world.deadline())
    await world.redriver.redrive(replayed.markers, world.deadline())

    assert (before, len(replayed.reopened), len(world.databricks.runs)) == (9, 9, 12)
    assert len(await held_back(world)) == 6


async def test_backfill_passes_through_the_limit() -> None:
    """What landed before the rule was there is claimed, and runs in its turn."""
    world = World(RULES % "3/hour")
    for number in range(9):
        world.landing.upload(f"landing/crm/{number}.csv")
    world.clock.advance(HOUR)
    await world.reconciler.run()
    asked = await world.backfill_orders.ask(BackfillRequest(rule="crm", asked_by="a test", rate=1000.0))
    await world.backfiller.work(asked, world.deadline(HOUR))

    assert (len(world.databricks.runs), len(await held_back(world))) == (3, 6)


async def test_damaged_budget_starts_nothing_and_says_so() -> None:
    """Where nobody can tell what was given out, nothing is; the files are claimed, and the pass names the row."""
    world = World(RULES % "3/hour")
    await world.table.transact("budgets", [Put("crm|hour", {"grants": "many"})])
    await drop(world, 2)
    await drop(world, 1, "erp")
    world.clock.advance(2 * MINUTE)
    result = await world.reconciler.run()

    assert [run.job_id for run in world.databricks.runs.values()] == [8]
    assert len(await world.all_entries()) == 3
    assert any("crm|hour" in failure for failure in result.failures)


async def test_damaged_budget_is_of_its_own_rule_only() -> None:
    """Those who wait under another limit go as soon as it is raised."""
    world = World((RULES % "3/hour").replace("{id: 8}", "{id: 8}, limit: 3/hour"))
    await drop(world, 8, "erp")
    await world.table.transact("budgets", [Put("crm|hour", {"grants": "many"})])
    world.restart((RULES % "3/hour").replace("{id: 8}", "{id: 8}, limit: 100/hour"))
    await passes(world, 3)

    assert len(world.databricks.runs) == 8


async def test_removed_rule_sets_no_flood_free() -> None:
    """Who waits under a limit waits under it when his rule is taken out, or not known to this instance yet."""
    world = World(RULES % "3/hour")
    await drop(world, 30)
    await passes(world, 2)
    world.restart("version: 1\nrules:\n  - {name: erp, path: 'landing/erp/*.csv', job: {id: 8}}\n")
    await passes(world, 10)

    assert len(world.databricks.runs) == 3

    await passes(world, 120)

    assert 6 <= len(world.databricks.runs) <= 9


async def test_limit_of_another_unit_takes_over_the_line() -> None:
    """Who waited for hours goes at the new pace, with the next passes."""
    world = World(RULES % "3/hour")
    await drop(world, 30)
    world.restart(RULES % "2/minute")
    await passes(world, 60)

    assert len(world.databricks.runs) == 30
    assert await held_back(world) == []


async def test_run_of_gathered_files_needs_one_permit() -> None:
    """However many files it is for; a batch over the limit waits like any other, and its files with it."""
    world = World((RULES % "2/hour").replace("limit:", "gather: {files: 3, quiet: 5m, wait: 1h}, limit:"))
    await drop(world, 9)
    await passes(world, 12)
    assert len(world.databricks.runs) == 2
    assert len(await held_back(world)) == 1

    await passes(world, 62)

    assert len(world.databricks.runs) == 3
    assert await held_back(world) == []


async def test_being_due_without_a_permit_costs_no_calls() -> None:
    """After a limit was lowered many are due and none may start: a pass passes over them, however many."""
    calls = []
    for files in (60, 100):
        world = World(RULES % "50/hour")
        await drop(world, files)
        world.restart(RULES % "1/day")
        await passes(world, 1)
        for run in list(world.databricks.runs):
            world.databricks.end(run, Verdict.SUCCEEDED)
        world.clock.advance(3 * HOUR)
        await world.reconciler.run()
        waiting = await held_back(world)
        assert len(waiting) == files - 51
        assert all(entry.due_at and entry.due_at < world.clock.now() for entry in waiting)
        before = world.table.calls
        await passes(world, 1)
        calls.append(world.table.calls - before)

    assert calls[0] == calls[1]
