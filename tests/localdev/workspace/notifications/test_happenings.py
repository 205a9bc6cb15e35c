"""What is worth telling about a run, and to whom."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.flow import lifecycle, outcomes
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Ending, Outcome, Phase, Run
from localdev.workspace.notifications.happenings import Happening, exceeded, happenings, next_warning
from localdev.workspace.notifications.model import Event, Notifications
from tests.localdev.workspace.kit import START, Json, settings_of, task

SECOND = timedelta(seconds=1)
DESTINATION = "0481e838-0a59-4eff-9541-a4ca6f149574"
EVERYTHING: Json = {
    "email_notifications": {event.value: ["a@b.c"] for event in Event},
    "webhook_notifications": {event.value: [{"id": DESTINATION}] for event in Event},
}
EXCLUDED = Outcome(life_cycle_state="SKIPPED", result_state="EXCLUDED", code="SKIPPED", type="SUCCESS", message="")
PARTLY = replace(outcomes.SUCCEEDED, result_state="SUCCESS_WITH_FAILURES")
TIMED_OUT = outcomes.timed_out(SECOND)
Told = tuple[str, int, str]  # event, id of the run or task run, channel


def wanting(**switches: bool) -> Json:
    """Return settings that want everything told but for these switches."""
    own = {name: value for name, value in switches.items() if name != "emails_only"}
    emails = dict(EVERYTHING["email_notifications"])
    if switches.get("emails_only"):
        emails["no_alert_for_skipped_runs"] = True
    return {**EVERYTHING, "email_notifications": emails, "notification_settings": own}


def new_run(*tasks: Json, active: int = 0, queue: bool = True, **settings: Any) -> Run:
    """Return a new run; its ids count from 1, the run's own at first."""
    request = RunRequest(job_id=7, queue=queue)
    ids = itertools.count(1).__next__
    return lifecycle.new_run(7, settings_of(*tasks, **settings), request, START, active=active, new_id=ids)


def ended(run: Run, attempt_id: int, outcome: Outcome) -> Run:
    """Return the run after an attempt was started and has ended, before anything else happens."""
    return lifecycle.ended(lifecycle.started(run, attempt_id, START), attempt_id, outcome, START)


def later(run: Run, now: datetime = START) -> Run:
    """Return the run as it goes on."""
    return lifecycle.advanced(run, now, itertools.count(run.attempts[-1].id + 1).__next__)


def events(found: list[Happening]) -> list[tuple[str, int]]:
    """Return what happened to whom."""
    return [(happening.event.value, happening.subject_id) for happening in found]


def told(found: list[Happening]) -> list[Told]:
    """Return who is told of what."""
    return [
        (happening.event.value, happening.subject_id, receiver.channel.value)
        for happening in found
        for receiver in happening.receivers()
    ]


def test_run_is_told_of_from_start_to_end() -> None:
    """A run and its tasks, each once; task runs by their own ids."""
    run = new_run(task("a", **EVERYTHING), **EVERYTHING)
    running = lifecycle.started(run, 2, START)
    done = lifecycle.ended(running, 2, outcomes.SUCCEEDED, START)

    assert events(happenings(None, run)) == [("on_start", 1)]
    assert events(happenings(run, running)) == [("on_start", 2)]
    assert events(happenings(running, done)) == [("on_success", 2)]
    assert events(happenings(done, later(done))) == [("on_success", 1)]
    assert happenings(later(done), later(done)) == []


def test_nobody_asked_nobody_told() -> None:
    """A job without notifications makes no happenings at all."""
    run = new_run(task("a"))

    assert happenings(None, run) == []


def test_queued_run_starts_when_it_is_let_in() -> None:
    """And not when it is asked for."""
    run = new_run(task("a", **EVERYTHING), active=1, **EVERYTHING)

    assert happenings(None, run) == []
    assert events(happenings(run, lifecycle.admitted(run, START))) == [("on_start", 1)]


def test_run_that_never_ran_is_told_once() -> None:
    """It is skipped as a whole: its tasks tell nothing."""
    run = new_run(task("a", **EVERYTHING), active=1, queue=False, **EVERYTHING)

    assert events(happenings(None, run)) == [("on_failure", 1)]


def test_job_is_silent_about_retries() -> None:
    """https://docs.databricks.com/aws/en/jobs/notifications: only its tasks tell about them."""
    first = new_run(task("a", max_retries=1, **EVERYTHING), **EVERYTHING)
    failed = ended(first, 2, outcomes.FAILED)
    retried = later(failed)
    done = later(ended(retried, 3, outcomes.SUCCEEDED))

    assert events(happenings(first, failed)) == [("on_start", 2), ("on_failure", 2)]
    assert happenings(failed, retried) == []
    assert events(happenings(retried, done)) == [("on_start", 3), ("on_success", 3), ("on_success", 1)]


def test_last_attempt_alone_is_told_of() -> None:
    """With alert_on_last_attempt: no start of a retry, and no failure that a retry may make up for."""
    first = new_run(task("a", max_retries=1, **wanting(alert_on_last_attempt=True)))
    failed = ended(first, 2, outcomes.FAILED)
    retried = later(failed)
    failed_again = ended(retried, 3, outcomes.FAILED)

    assert events(happenings(first, failed)) == [("on_start", 2)]
    assert happenings(failed, retried) == []
    assert events(happenings(retried, failed_again)) == [("on_failure", 3)]
    assert told(happenings(failed_again, later(failed_again))) == []


def test_retry_that_never_comes_is_made_up_for() -> None:
    """Cancelling takes the retry away: the failure that waited for it is the last one, and told now."""
    first = new_run(task("a", max_retries=1, **wanting(alert_on_last_attempt=True)))
    failed = ended(first, 2, outcomes.FAILED)
    cancelled = lifecycle.told_to_end(failed, Ending.CANCELLED)

    assert events(happenings(failed, cancelled)) == [("on_failure", 2)]
    assert told(happenings(cancelled, later(cancelled))) == []


def test_repair_tells_all_over_again() -> None:
    """Somebody asked for it: the run starts and ends once more, and its attempts are no retries."""
    first = new_run(task("a", **wanting(alert_on_last_attempt=True)), **EVERYTHING)
    failed = later(ended(first, 2, outcomes.FAILED))
    repaired = lifecycle.repaired(failed, failed.request, START, itertools.count(3).__next__)
    done = later(ended(repaired, 3, outcomes.SUCCEEDED))

    assert events(happenings(failed, repaired)) == [("on_start", 1)]
    assert events(happenings(repaired, done)) == [("on_start", 3), ("on_success", 3), ("on_success", 1)]


@pytest.mark.parametrize(
    ("outcome", "switches", "expected"),
    [
        (outcomes.SUCCEEDED, {}, {("on_success", "email"), ("on_success", "destination")}),
        (PARTLY, {}, {("on_success", "email"), ("on_success", "destination")}),
        (outcomes.FAILED, {"no_alert_for_skipped_runs": True, "no_alert_for_canceled_runs": True}, "failure"),
        (TIMED_OUT, {"no_alert_for_skipped_runs": True, "no_alert_for_canceled_runs": True}, "failure"),
        (outcomes.LOST, {}, "failure"),
        (outcomes.CANCELLED, {"no_alert_for_skipped_runs": True}, "failure"),
        (outcomes.CANCELLED, {"no_alert_for_canceled_runs": True}, set()),
        (outcomes.skipped(1), {"no_alert_for_canceled_runs": True}, "failure"),
        (outcomes.skipped(1), {"no_alert_for_skipped_runs": True}, set()),
        (outcomes.skipped(1), {"emails_only": True}, {("on_failure", "destination")}),
        (outcomes.CANCELLED, {"emails_only": True}, "failure"),
        (outcomes.UPSTREAM_FAILED, {}, "failure"),
        (outcomes.UPSTREAM_FAILED, {"no_alert_for_skipped_runs": True}, set()),
        (EXCLUDED, {}, set()),
    ],
)
def test_ends_are_told_as_the_switches_say(outcome: Outcome, switches: dict[str, bool], expected: object) -> None:
    """Of runs and of tasks alike; the two switches mute failures of their own kind only."""
    running = new_run(task("a", **wanting(**switches)), **wanting(**switches))
    attempt = running.attempts[0].evolve(phase=Phase.ENDED, outcome=outcome, ended_at=START)
    over = running.with_attempts(attempt).evolve(phase=Phase.ENDED, outcome=outcome, ended_at=START)
    wanted = {("on_failure", "email"), ("on_failure", "destination")} if expected == "failure" else expected

    found = told(happenings(running, over))

    for subject in (1, 2):
        assert {(event, channel) for event, told_of, channel in found if told_of == subject} == wanted


def limited(seconds: int) -> Json:
    """Return a health rule."""
    rule = {"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": seconds}
    return {**EVERYTHING, "health": {"rules": [rule]}}


def test_durations_are_measured_from_the_start() -> None:
    """Of the run from leaving the queue, of a task from its own start; equal is not greater."""
    run = lifecycle.started(new_run(task("a", **limited(10)), **limited(60)), 2, START + 5 * SECOND)

    assert next_warning(run, START) == START + timedelta(seconds=15, milliseconds=1)
    assert exceeded(run, START + 15 * SECOND) == []
    assert events(exceeded(run, START + 16 * SECOND)) == [("on_duration_warning_threshold_exceeded", 2)]
    assert next_warning(run, START + 16 * SECOND) == START + timedelta(seconds=60, milliseconds=1)
    assert len(exceeded(run, START + 61 * SECOND)) == 2


def test_durations_end_with_the_end() -> None:
    """What ended in time is never late, whenever one looks."""
    run = later(ended(new_run(task("a", **limited(10)), **limited(60)), 2, outcomes.SUCCEEDED))

    assert exceeded(run, START + timedelta(days=1)) == []
    assert next_warning(run, START) is None


def test_no_health_rule_no_warning() -> None:
    """Addresses alone warn nobody: the tutorial's never would have."""
    run = new_run(task("a", **EVERYTHING), **EVERYTHING)

    assert exceeded(run, START + timedelta(days=9)) == []
    assert next_warning(run, START) is None


def test_time_in_the_queue_is_no_duration() -> None:
    """A run that has not begun takes no time."""
    run = new_run(task("a"), active=1, **limited(1))

    assert exceeded(run, START + timedelta(days=1)) == []


# The property: whatever happens to a run, and however much of it is saved at once, exactly those are told who should
# be. The oracle knows nothing of changes: it reads the run as it is at the end.

SWITCHES = st.fixed_dictionaries(
    {
        "no_alert_for_skipped_runs": st.booleans(),
        "no_alert_for_canceled_runs": st.booleans(),
        "emails_only": st.booleans(),
        "alert_on_last_attempt": st.booleans(),
    }
)
RESULTS = st.sampled_from([outcomes.SUCCEEDED, outcomes.FAILED, TIMED_OUT, outcomes.LOST, outcomes.CANCELLED])


@st.composite
def histories(draw: st.DrawFn) -> list[Run]:
    """Return a run as it was saved, time after time, until it had ended."""
    run = draw(first_runs())
    ids = itertools.count(100).__next__
    now, saved = START, [run] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, 20))):
        now += draw(st.sampled_from([0, 1, 30, 100])) * SECOND
        run = lifecycle.advanced(run, now, ids) if draw(st.booleans()) else changed(draw, run, now)
        if draw(st.booleans()):
            saved.append(run)
    return [*saved, *finished(draw, run, now, ids)]


@st.composite
def first_runs(draw: st.DrawFn) -> Run:
    """Return a new run of three tasks, with a slot or without one."""
    tasks = [
        task(key, *upstream, max_retries=draw(st.integers(0, 2)), retry_on_timeout=True, **wanting(**draw(SWITCHES)))
        for key, upstream in (("a", ()), ("b", ("a",)), ("c", ()))
    ]
    settings = wanting(**draw(SWITCHES))
    return new_run(*tasks, active=draw(st.integers(0, 1)), queue=draw(st.booleans()), timeout_seconds=300, **settings)


def changed(draw: st.DrawFn, run: Run, now: datetime) -> Run:
    """Return the run after something happened to it."""
    waiting = [attempt.id for attempt in run.attempts if attempt.phase is Phase.PENDING]
    active = [attempt.id for attempt in run.attempts if attempt.phase in {Phase.RUNNING, Phase.TERMINATING}]
    choice = draw(st.sampled_from(["start", "start", "end", "end", "cancel", "cancel one", "admit"]))
    if choice == "admit" and run.phase is Phase.QUEUED:
        return lifecycle.admitted(run, now)
    if choice == "start" and waiting:
        return lifecycle.started(run, draw(st.sampled_from(waiting)), now)
    if choice == "end" and active:
        return lifecycle.ended(run, draw(st.sampled_from(active)), draw(RESULTS), now)
    if choice == "cancel":
        return lifecycle.told_to_end(run, Ending.CANCELLED)
    if choice == "cancel one" and active:
        return lifecycle.attempt_told_to_end(run, draw(st.sampled_from(active)), Ending.CANCELLED)
    return run


def finished(draw: st.DrawFn, run: Run, now: datetime, ids: Callable[[], int]) -> list[Run]:
    """Return the run until it has ended, told to if need be."""
    saved = []
    run = lifecycle.told_to_end(run, Ending.CANCELLED)
    while run.is_active:
        run = lifecycle.advanced(run, now, ids)
        for attempt in run.attempts:
            if attempt.phase is Phase.TERMINATING:
                run = lifecycle.ended(run, attempt.id, draw(RESULTS), now)
        if draw(st.booleans()):
            saved.append(run)
    return [*saved, run]


def expected_of(run: Run) -> Counter[Told]:
    """Return who should have been told of what in the life of a run, from how it was at the end."""
    expected: Counter[Told] = Counter()
    if run.admitted_at is not None:
        expected.update(both("on_start", run.id))
    assert run.outcome is not None
    expected.update(expected_end(run.settings.notifications, run.id, run.outcome))
    for attempt in run.attempts if run.admitted_at is not None else ():
        wanted = run.settings.tasks[attempt.task_key].notifications
        if attempt.started_at is not None and not (wanted.last_attempt_only and attempt.number > 0):
            expected.update(both("on_start", attempt.id))
        assert attempt.outcome is not None
        last = max(each.number for each in run.attempts if each.task_key == attempt.task_key)
        if not wanted.last_attempt_only or attempt.number == last:
            expected.update(expected_end(wanted, attempt.id, attempt.outcome))
    return expected


def expected_end(wanted: Notifications, subject: int, outcome: Outcome) -> list[Told]:
    """Return who should be told of an end."""
    if outcome.result_state == "SUCCESS":
        return both("on_success", subject)
    if outcome.result_state == "CANCELED":
        return [] if wanted.mute_cancelled else both("on_failure", subject)
    if outcome.life_cycle_state == "SKIPPED":
        if wanted.mute_skipped:
            return []
        return [("on_failure", subject, "destination")] if wanted.mute_skipped_emails else both("on_failure", subject)
    return both("on_failure", subject)


def both(event: str, subject: int) -> list[Told]:
    """Return an event told to the e-mail address and to the destination."""
    return [(event, subject, "email"), (event, subject, "destination")]


@given(histories())
def test_exactly_what_should_be_is_told(history: list[Run]) -> None:
    """Once each, starts before ends, whatever happened and however it was saved."""
    found: list[Told] = []
    before: Run | None = None
    for run in history:
        found += told(happenings(before, run))
        before = run

    assert Counter(found) == expected_of(history[-1])
    for position, (event, subject, channel) in enumerate(found):
        if event == "on_start":
            assert not [each for each in found[:position] if each[1:] == (subject, channel)]
