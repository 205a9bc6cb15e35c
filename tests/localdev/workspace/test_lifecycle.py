"""What becomes of runs as time passes and tasks end."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.flow import lifecycle, outcomes, run_if
from localdev.workspace.model.job import JobSettings, RunIf
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Attempt, Ending, Outcome, Phase, Run
from tests.localdev.workspace.kit import START, settings_of, task
from tests.localdev.workspace.test_run_if import documented

SECOND = timedelta(seconds=1)


def ids(start: int = 1) -> Callable[[], int]:
    """Return a source of ids."""
    return itertools.count(start).__next__


def new_run(settings: JobSettings, *, active: int = 0, queue: bool | None = None) -> Run:
    """Return the run that run-now makes."""
    request = RunRequest(job_id=7, queue=queue)
    return lifecycle.new_run(7, settings, request, START, active=active, new_id=ids())


def latest(run: Run, key: str = "a") -> Attempt:
    """Return a task's newest attempt."""
    return run.latest_attempts()[key]


def after(run: Run, key: str, outcome: Outcome, now: datetime = START, seconds: float = 1) -> Run:
    """Return the run after a pending task was started and has ended, `seconds` later."""
    run = lifecycle.started(run, latest(run, key).id, now)
    end = now + timedelta(seconds=seconds)
    run = lifecycle.ended(run, latest(run, key).id, outcome, end)
    return lifecycle.advanced(run, end, ids(100 + run.attempts[-1].id))


def phases(run: Run) -> dict[str, str]:
    """Return each task's phase, or how it ended."""
    return {
        key: attempt.outcome.result_state or "" if attempt.outcome else attempt.phase.value
        for key, attempt in run.latest_attempts().items()
    }


def test_free_slot_admits_at_once() -> None:
    """The first run of a job waits for nothing but a place to run."""
    run = new_run(settings_of(task("a"), task("b", "a")))

    assert run.phase is Phase.PENDING
    assert phases(run) == {"a": "PENDING", "b": "BLOCKED"}


def test_full_job_without_queue_skips() -> None:
    """https://github.com/databricks/cli/pull/257: the run exists, and has ended before it began."""
    run = new_run(settings_of(task("a"), version="2.1"), active=1)

    assert run.outcome is not None
    assert (run.outcome.life_cycle_state, run.outcome.result_state) == ("SKIPPED", None)
    assert run.outcome.code == "MAX_CONCURRENT_RUNS_EXCEEDED"
    assert run.outcome.message == ("Skipping this run because the limit of 1 maximum concurrent runs has been reached.")
    assert run.ended_at == START


def test_full_job_with_queue_waits() -> None:
    """Queueing keeps the run for later."""
    run = new_run(settings_of(task("a")), active=1)

    assert run.phase is Phase.QUEUED
    assert lifecycle.next_due(run) == START + timedelta(hours=48)


@pytest.mark.parametrize(("own", "asked", "phase"), [("2.2", False, Phase.ENDED), ("2.1", True, Phase.QUEUED)])
def test_queue_of_a_request_overrides_the_job(own: str, asked: bool, phase: Phase) -> None:  # noqa: FBT001 - a table's column
    """`queue` of run-now wins over the job's own setting, either way."""
    assert new_run(settings_of(task("a"), version=own), active=1, queue=asked).phase is phase


def test_limit_zero_skips_even_with_a_queue() -> None:
    """max_concurrent_runs 0 skips all new runs."""
    assert new_run(settings_of(task("a"), max_concurrent_runs=0), queue=True).phase is Phase.ENDED


def test_queue_drops_after_48_hours() -> None:
    """https://docs.azure.cn/en-us/databricks/jobs/advanced: a queued run does not wait for ever."""
    run = new_run(settings_of(task("a")), active=1)
    almost = lifecycle.advanced(run, START + timedelta(hours=48) - SECOND, ids(50))
    dropped = lifecycle.advanced(run, START + timedelta(hours=48), ids(50))

    assert almost == run
    assert dropped.outcome is not None
    assert dropped.outcome.life_cycle_state == "SKIPPED"
    assert dropped.outcome.message.startswith("Dropping this run because it was queued for 48 hours")


def test_cancelled_in_queue_never_runs() -> None:
    """A queued run ends as soon as it is cancelled."""
    run = lifecycle.told_to_end(new_run(settings_of(task("a")), active=1), Ending.CANCELLED)

    assert lifecycle.advanced(run, START, ids(50)).outcome == outcomes.CANCELLED


def test_fan_in_waits_for_all() -> None:
    """A task starts when everything it depends on has succeeded."""
    run = new_run(settings_of(task("a"), task("b"), task("c", "a", "b")))
    half = after(run, "a", outcomes.SUCCEEDED)
    whole = after(half, "b", outcomes.SUCCEEDED)

    assert phases(half) == {"a": "SUCCESS", "b": "PENDING", "c": "BLOCKED"}
    assert phases(whole)["c"] == "PENDING"


def test_run_succeeds_with_its_last_task() -> None:
    """A run ends when all its tasks have."""
    run = after(
        after(new_run(settings_of(task("a"), task("b", "a"))), "a", outcomes.SUCCEEDED), "b", outcomes.SUCCEEDED
    )

    assert (run.phase, run.outcome) == (Phase.ENDED, outcomes.SUCCEEDED)


def test_failure_skips_everything_downstream() -> None:
    """What depends on a failed task, however far, is skipped, and the run says which task it was."""
    run = after(new_run(settings_of(task("a"), task("b", "a"), task("c", "b"))), "a", outcomes.FAILED)

    assert phases(run) == {"a": "FAILED", "b": "UPSTREAM_FAILED", "c": "UPSTREAM_FAILED"}
    assert run.outcome is not None
    assert (run.outcome.life_cycle_state, run.outcome.result_state) == ("INTERNAL_ERROR", "FAILED")
    assert (run.outcome.code, run.outcome.type) == ("RUN_EXECUTION_ERROR", "CLIENT_ERROR")
    assert run.outcome.message == (
        "Task a failed with message: Workload failed, see run output for details. "
        "This caused all downstream tasks to get skipped."
    )


def test_failure_waits_for_parallel_tasks() -> None:
    """Tasks that do not depend on the failed one are not disturbed."""
    run = after(new_run(settings_of(task("a"), task("b"))), "a", outcomes.FAILED)

    assert run.is_active
    assert phases(after(run, "b", outcomes.SUCCEEDED)) == {"a": "FAILED", "b": "SUCCESS"}


def test_single_failed_task_has_the_documented_message() -> None:
    """Measured on a real workspace: databricks/cli, acceptance/bundle/resources/job_runs/failed_run."""
    run = after(new_run(settings_of(task("main"))), "main", outcomes.FAILED)

    assert run.outcome is not None
    assert run.outcome.message == "Task main failed with message: Workload failed, see run output for details."


def test_question_ends_a_message_by_itself() -> None:
    """A hint that asks is not given a full stop as well."""
    wrong = outcomes.misconfigured("The reference does not exist. Did you mean `{{job.id}}`?")
    run = after(new_run(settings_of(task("main"))), "main", wrong)

    assert run.outcome is not None
    assert run.outcome.message.endswith("Did you mean `{{job.id}}`?")


def test_failed_task_is_tried_again() -> None:
    """max_retries counts the tries after the first; each has its own id and the first one's as origin."""
    run = new_run(settings_of(task("a", max_retries=1), task("b", "a")))
    first = latest(run)
    again = after(run, "a", outcomes.FAILED)
    second = latest(again)

    assert (second.number, second.phase, second.first_id) == (1, Phase.PENDING, first.id)
    assert second.id != first.id
    assert phases(again)["b"] == "BLOCKED"
    assert phases(after(again, "a", outcomes.SUCCEEDED)) == {"a": "SUCCESS", "b": "PENDING"}
    assert phases(after(again, "a", outcomes.FAILED)) == {"a": "FAILED", "b": "UPSTREAM_FAILED"}


def test_retry_waits_from_the_last_start() -> None:
    """min_retry_interval_millis lies between the starts of two attempts."""
    run = after(new_run(settings_of(task("a", max_retries=-1, min_retry_interval_millis=5000))), "a", outcomes.FAILED)

    assert latest(run).phase is Phase.WAITING_FOR_RETRY
    assert lifecycle.next_due(run) == START + 5 * SECOND
    assert latest(lifecycle.advanced(run, START + 5 * SECOND, ids(50))).phase is Phase.PENDING


def test_task_time_out_tells_its_process_to_end() -> None:
    """A task past its timeout_seconds is terminating until its process is gone, and then timed out."""
    run = new_run(settings_of(task("a", timeout_seconds=10)))
    run = lifecycle.started(run, latest(run).id, START)
    due = lifecycle.next_due(run)
    told = lifecycle.advanced(run, START + 10 * SECOND, ids(50))
    gone = lifecycle.ended(told, latest(told).id, outcomes.crashed("ended by signal"), START + 11 * SECOND)
    ended = lifecycle.advanced(gone, START + 11 * SECOND, ids(50))

    assert due == START + 10 * SECOND
    assert latest(told).phase is Phase.TERMINATING
    assert phases(ended) == {"a": "TIMEDOUT"}
    assert ended.outcome is not None
    assert ended.outcome.message == "Task a failed with message: Run timed out after 10 seconds."


@pytest.mark.parametrize(("retry_on_timeout", "attempts"), [(False, 1), (True, 2)])
def test_time_outs_are_retried_only_when_asked(retry_on_timeout: bool, attempts: int) -> None:  # noqa: FBT001 - a table's column
    """retry_on_timeout is off by default."""
    run = new_run(settings_of(task("a", max_retries=3, retry_on_timeout=retry_on_timeout)))

    run = after(run, "a", outcomes.timed_out(SECOND))

    assert len(run.attempts) == attempts


def test_job_time_out_ends_all_tasks() -> None:
    """A run past its timeout_seconds ends its running tasks and starts no others."""
    run = new_run(settings_of(task("a", max_retries=5), task("b", "a"), timeout_seconds=60))
    run = lifecycle.started(run, latest(run).id, START)
    told = lifecycle.advanced(run, START + 60 * SECOND, ids(50))
    gone = lifecycle.ended(told, latest(told).id, outcomes.crashed("x"), START + 61 * SECOND)
    ended = lifecycle.advanced(gone, START + 61 * SECOND, ids(50))

    assert lifecycle.next_due(run) == START + 60 * SECOND
    assert told.phase is Phase.TERMINATING
    assert (phases(ended), ended.phase) == ({"a": "TIMEDOUT", "b": "TIMEDOUT"}, Phase.ENDED)
    assert ended.outcome == outcomes.timed_out(60 * SECOND)


def test_cancelled_run_ends_with_its_processes() -> None:
    """Cancelling is asynchronous: the run is terminating until its tasks are gone."""
    run = new_run(settings_of(task("a", max_retries=5), task("b", "a")))
    run = lifecycle.told_to_end(lifecycle.started(run, latest(run).id, START), Ending.CANCELLED)
    told = lifecycle.advanced(run, START, ids(50))
    gone = lifecycle.ended(told, latest(told).id, outcomes.crashed("x"), START)
    ended = lifecycle.advanced(gone, START, ids(50))

    assert (told.phase, phases(told)) == (Phase.TERMINATING, {"a": "TERMINATING", "b": "CANCELED"})
    assert (ended.outcome, phases(ended)) == (outcomes.CANCELLED, {"a": "CANCELED", "b": "CANCELED"})


def test_task_that_won_the_race_keeps_its_success() -> None:
    """A run told to end whose tasks have all succeeded meanwhile has succeeded."""
    run = new_run(settings_of(task("a")))
    run = lifecycle.told_to_end(lifecycle.started(run, latest(run).id, START), Ending.CANCELLED)
    told = lifecycle.advanced(run, START, ids(50))

    ended = lifecycle.advanced(lifecycle.ended(told, latest(told).id, outcomes.SUCCEEDED, START), START, ids(50))

    assert ended.outcome == outcomes.SUCCEEDED


def test_cancelled_task_cancels_what_follows() -> None:
    """One task run can be cancelled by its own id; the others go on."""
    run = new_run(settings_of(task("a"), task("b", "a"), task("c")))
    run = lifecycle.attempt_told_to_end(run, latest(run).id, Ending.CANCELLED)
    run = lifecycle.advanced(run, START, ids(50))
    ended = after(run, "c", outcomes.SUCCEEDED)

    assert phases(run) == {"a": "CANCELED", "b": "UPSTREAM_CANCELED", "c": "PENDING"}
    assert ended.outcome == outcomes.CANCELLED


def test_handled_failure_is_a_success_with_failures() -> None:
    """The leaves decide: a failure that a later task has dealt with does not fail the run."""
    run = new_run(settings_of(task("a"), task("b", "a", run_if="AT_LEAST_ONE_FAILED")))
    ended = after(after(run, "a", outcomes.FAILED), "b", outcomes.SUCCEEDED)

    assert ended.outcome == outcomes.SUCCEEDED_WITH_FAILURES
    assert lifecycle.repaired(ended, ended.request, START, ids(50)).attempts[-1].task_key == "a"


def test_task_for_failures_is_excluded_without_any() -> None:
    """And what depends on it alone, whatever its own condition; the run has succeeded all the same."""
    run = new_run(settings_of(task("a"), task("b", "a", run_if="ALL_FAILED"), task("c", "b", run_if="ALL_DONE")))
    ended = after(run, "a", outcomes.SUCCEEDED)

    assert phases(ended) == {"a": "SUCCESS", "b": "EXCLUDED", "c": "EXCLUDED"}
    assert ended.outcome == outcomes.SUCCEEDED


def test_task_that_cleans_up_runs_after_a_cancelled_one() -> None:
    """https://docs.databricks.com/aws/en/jobs/run-if: tasks that handle failures run after cancellations."""
    run = new_run(settings_of(task("a"), task("b", "a"), task("c", "a", run_if="AT_LEAST_ONE_FAILED")))
    run = lifecycle.attempt_told_to_end(run, latest(run).id, Ending.CANCELLED)

    assert phases(lifecycle.advanced(run, START, ids(50))) == {
        "a": "CANCELED",
        "b": "UPSTREAM_CANCELED",
        "c": "PENDING",
    }


def test_condition_opens_one_way_only() -> None:
    """The other way is excluded with all that follows it, and where both meet again the job goes on."""
    tasks = [
        {"task_key": "if", "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "1"}},
        {**task("yes"), "depends_on": [{"task_key": "if", "outcome": "true"}]},
        {**task("no"), "depends_on": [{"task_key": "if", "outcome": "false"}]},
        task("after", "no"),
        task("both", "yes", "after", run_if="NONE_FAILED"),
    ]
    run = new_run(settings_of(*tasks))
    run = lifecycle.started(run, latest(run, "if").id, START)
    run = lifecycle.ended(run, latest(run, "if").id, outcomes.SUCCEEDED, START, "true")
    run = lifecycle.advanced(run, START, ids(50))

    assert phases(run) == {"if": "SUCCESS", "yes": "PENDING", "no": "EXCLUDED", "after": "EXCLUDED", "both": "BLOCKED"}
    assert phases(after(run, "yes", outcomes.SUCCEEDED))["both"] == "PENDING"


def test_disabled_tasks_take_others_with_them() -> None:
    """What cannot run without them is disabled at once; a run of nothing else has not run."""
    run = new_run(settings_of(task("a", disabled=True), task("b", "a"), task("c", "a", "b", run_if="ALL_DONE")))
    nothing = new_run(settings_of(task("a", disabled=True)))

    assert phases(run) == {"a": "DISABLED", "b": "DISABLED", "c": "PENDING"}
    assert (nothing.phase, nothing.outcome) == (Phase.ENDED, outcomes.DISABLED)


def test_configuration_is_not_retried() -> None:
    """Trying the same again would not help."""
    run = after(new_run(settings_of(task("a", max_retries=-1))), "a", outcomes.misconfigured("No."))

    assert run.phase is Phase.ENDED


def test_ended_run_stays_as_it_is() -> None:
    """Neither a cancellation nor time changes what has ended."""
    run = after(new_run(settings_of(task("a"))), "a", outcomes.SUCCEEDED)

    assert lifecycle.told_to_end(run, Ending.CANCELLED) == run
    assert lifecycle.attempt_told_to_end(run, run.attempts[0].id, Ending.CANCELLED) == run
    assert lifecycle.advanced(run, START + timedelta(days=1), ids(50)) == run
    assert lifecycle.next_due(run) is None


RESULTS = [outcomes.SUCCEEDED, outcomes.FAILED, outcomes.LOST, outcomes.crashed("x"), outcomes.not_found("/x")]


@st.composite
def graphs(draw: st.DrawFn) -> JobSettings:
    """Draw a job of up to six tasks that depend on earlier ones."""
    tasks = []
    for number in range(draw(st.integers(1, 6))):
        upstream = draw(st.lists(st.sampled_from([f"t{n}" for n in range(number)]), unique=True)) if number else []
        more = {
            "max_retries": draw(st.integers(0, 2)),
            "timeout_seconds": draw(st.sampled_from([0, 3])),
            "run_if": draw(st.sampled_from(RunIf)),
            "disabled": draw(st.integers(0, 9)) == 0,
        }
        tasks.append(task(f"t{number}", *upstream, **more))
    return settings_of(*tasks, timeout_seconds=draw(st.sampled_from([0, 8])))


@given(graphs(), st.data())
def test_every_history_keeps_the_rules(settings: JobSettings, data: st.DataObject) -> None:
    """Whatever happens and when: order, one attempt at a time, bounded retries, no change twice, and an end."""
    new_id = ids()
    run = lifecycle.new_run(7, settings, RunRequest(job_id=7), START, active=0, new_id=new_id)
    now = START
    while run.is_active:
        now += data.draw(st.integers(0, 4)) * SECOND
        run = _something_happens(run, now, data)
        run = lifecycle.advanced(run, now, new_id)
        check(run)
        assert lifecycle.advanced(run, now, new_id) == run
        due = lifecycle.next_due(run)
        assert due is None or due > now

    assert run.outcome is not None
    assert {attempt.phase for attempt in run.attempts} == {Phase.ENDED}
    assert run.outcome.result_state == expected_result(run)


def expected_result(run: Run) -> str:
    """Return what https://docs.databricks.com/aws/en/jobs/run-if says of a run: its leaves decide."""
    results = {key: result for key, result in phases(run).items() if result not in {"SUCCESS", "EXCLUDED", "DISABLED"}}
    if run.ending is not None and results:
        return "CANCELED" if run.ending is Ending.CANCELLED else "TIMEDOUT"
    upstream = {each.key for settings in run.settings.tasks.values() for each in settings.depends_on}
    at_leaves = {result for key, result in results.items() if key not in upstream}
    if at_leaves - {"CANCELED", "UPSTREAM_CANCELED"}:
        assert run.outcome is not None
        return "TIMEDOUT" if run.outcome.message.find("Run timed out") > 0 else "FAILED"
    if at_leaves:
        return "CANCELED"
    if set(phases(run).values()) == {"DISABLED"}:
        return "DISABLED"
    return "SUCCESS_WITH_FAILURES" if results else "SUCCESS"


def _something_happens(run: Run, now: datetime, data: st.DataObject) -> Run:
    movable = [
        attempt for attempt in run.attempts if attempt.phase in {Phase.PENDING, Phase.RUNNING, Phase.TERMINATING}
    ]
    if not movable or data.draw(st.integers(0, 19)) == 0:
        return lifecycle.told_to_end(run, Ending.CANCELLED)
    attempt = data.draw(st.sampled_from(movable))
    if attempt.phase is Phase.PENDING:
        return lifecycle.started(run, attempt.id, now)
    return lifecycle.ended(run, attempt.id, data.draw(st.sampled_from(RESULTS)), now)


def check(run: Run) -> None:
    """Check what is always true of a run."""
    by_task: dict[str, list[Attempt]] = {}
    for attempt in run.attempts:
        by_task.setdefault(attempt.task_key, []).append(attempt)
    for key, attempts in by_task.items():
        settings = run.settings.tasks[key]
        assert len(attempts) <= settings.max_retries + 1
        assert [attempt.number for attempt in attempts] == list(range(len(attempts)))
        assert all(attempt.phase is Phase.ENDED for attempt in attempts[:-1])
        if any(attempt.started_at for attempt in attempts):
            ends = [by_task[each.key][-1].outcome for each in settings.depends_on]
            upstream = [standing for end in ends if (standing := run_if.standing_of(end, None, None)) is not None]
            assert len(upstream) == len(ends)
            assert not upstream or documented(settings.run_if, upstream) is run_if.Verdict.RUN
            assert not settings.is_disabled
        assert all((attempt.phase is Phase.ENDED) == (attempt.outcome is not None) for attempt in attempts)
