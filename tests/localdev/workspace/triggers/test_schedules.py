"""Jobs that run by the clock, with a clock that moves as the test says (at first it is 2026-11-22 12:00 UTC)."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localdev.workspace.model.request import TriggerType
from localdev.workspace.model.run import Run
from localdev.workspace.scripted_runner import ScriptedRunner
from localdev.workspace.storage.store import FILE_NAME
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import START, StandingClock
from tests.localdev.workspace.triggers.trigger_kit import triggering


def hourly(**changes: Any) -> dict[str, Any]:
    """Return a schedule."""
    return {"quartz_cron_expression": "0 0 * * * ?", "timezone_id": "UTC", **changes}


def due_times(runs: list[Run]) -> list[datetime | None]:
    """Return when runs were due."""
    return [run.request.trigger.time for run in runs]


async def test_schedule_starts_runs_when_they_are_due(tmp_path: Path, clock: StandingClock) -> None:
    """Each time of the expression starts one run, which says what started it and for which time."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(schedule=hourly())
        await triggers.after(minutes=59, seconds=59)
        before = triggers.runs(job_id)
        await triggers.after(seconds=1)
        await triggers.after(hours=1)

        assert before == []
        assert due_times(triggers.runs(job_id)) == [START + timedelta(hours=1), START + timedelta(hours=2)]
        assert {run.request.trigger.type for run in triggers.runs(job_id)} == {TriggerType.PERIODIC}


async def test_schedule_goes_by_its_time_zone(tmp_path: Path, clock: StandingClock) -> None:
    """Nine o'clock in New York is fourteen o'clock UTC in winter."""
    async with triggering(tmp_path, clock) as triggers:
        expression = {"quartz_cron_expression": "0 0 9 * * ?", "timezone_id": "America/New_York"}
        job_id = triggers.create(schedule=expression)
        await triggers.after(hours=2)

        assert due_times(triggers.runs(job_id)) == [datetime(2026, 11, 22, 14, tzinfo=UTC)]


@pytest.mark.parametrize("way", ["paused", "removed", "deleted"])
async def test_schedule_that_is_gone_starts_nothing(tmp_path: Path, clock: StandingClock, way: str) -> None:
    """Pausing, removing and deleting take effect at once."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(schedule=hourly())
        await triggers.idle()
        if way == "paused":
            triggers.change(job_id, schedule=hourly(pause_status="PAUSED"))
        elif way == "removed":
            triggers.change(job_id)
        else:
            triggers.delete(job_id)
        await triggers.after(hours=3)

        assert triggers.runs(job_id) == []


async def test_changed_schedule_holds_at_once(tmp_path: Path, clock: StandingClock) -> None:
    """The old time does not fire any more, and the new one does."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(schedule=hourly())
        await triggers.idle()
        triggers.change(job_id, schedule=hourly(quartz_cron_expression="0 30 * * * ?"))
        await triggers.after(minutes=30)
        await triggers.after(minutes=30)

        assert due_times(triggers.runs(job_id)) == [START + timedelta(minutes=30)]


async def test_unpaused_schedule_makes_up_for_nothing(tmp_path: Path, clock: StandingClock) -> None:
    """What was due during the pause stays undone."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(schedule=hourly(pause_status="PAUSED"))
        await triggers.after(hours=3, minutes=30)
        triggers.change(job_id, schedule=hourly())
        await triggers.after(minutes=30)

        assert due_times(triggers.runs(job_id)) == [START + timedelta(hours=4)]


async def test_other_changes_of_a_job_leave_its_schedule(tmp_path: Path, clock: StandingClock) -> None:
    """A job renamed in the very moment in which it is due runs all the same."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(schedule=hourly())
        await triggers.idle()
        clock.advance(hours=1)
        triggers.change(job_id, name="renamed", schedule=hourly())
        await triggers.idle()

        assert due_times(triggers.runs(job_id)) == [START + timedelta(hours=1)]


async def test_times_passed_while_late_start_one_run(tmp_path: Path, clock: StandingClock) -> None:
    """A laptop that slept runs the job once when it wakes up, for the time that it waited for."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(schedule=hourly())
        await triggers.after(hours=5, minutes=30)
        await triggers.after(minutes=30)

        assert due_times(triggers.runs(job_id)) == [START + timedelta(hours=1), START + timedelta(hours=6)]


async def test_runs_are_ten_seconds_apart_at_least(tmp_path: Path, clock: StandingClock) -> None:
    """Whatever the seconds of the expression say."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(schedule=hourly(quartz_cron_expression="* * * * * ?"), max_concurrent_runs=100)
        for _ in range(21):
            await triggers.after(seconds=1)

        assert due_times(triggers.runs(job_id)) == [START + timedelta(seconds=at) for at in (1, 11, 21)]


async def test_times_missed_while_down_are_not_made_up_for(tmp_path: Path, clock: StandingClock) -> None:
    """A server that was down from one o'clock to half past three goes on at four."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(schedule=hourly())
    clock.advance(hours=3, minutes=30)

    async with triggering(tmp_path, clock) as triggers:
        await triggers.after(minutes=30)

        assert due_times(triggers.runs(job_id)) == [START + timedelta(hours=4)]


async def test_due_time_starts_one_run_across_restarts(tmp_path: Path, clock: StandingClock) -> None:
    """A server killed right after a run was started does not start it again, nor does one whose clock goes back."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(schedule=hourly())
        await triggers.after(hours=1)
    async with triggering(tmp_path, clock) as triggers:
        await triggers.after(seconds=30)
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("UPDATE triggers SET due_at = due_at - 3600000")  # as a clock that went back would have it
    connection.commit()
    connection.close()
    clock.advance(seconds=-30)

    async with triggering(tmp_path, clock) as triggers:
        await triggers.after(seconds=30)

        assert due_times(triggers.runs(job_id)) == [START + timedelta(hours=1)]


async def test_run_and_next_due_time_are_saved_together(
    tmp_path: Path, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the one cannot be written down, the other is not either: nothing is started twice."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(schedule=hourly())
        await triggers.idle()
        save = triggers.core.store.triggers.save
        faults = iter([sqlite3.OperationalError("disk full")])

        def failing_once(state: Any) -> None:
            if state.fired_at is not None and (fault := next(faults, None)) is not None:
                raise fault
            save(state)

        monkeypatch.setattr(triggers.core.store.triggers, "save", failing_once)
        clock.advance(hours=1)
        await until(lambda: clock.sleepers > 0)  # the pause after the fault
        after_fault = triggers.runs(job_id)
        clock.advance(seconds=5)
        await triggers.idle()

        assert after_fault == []
        assert due_times(triggers.runs(job_id)) == [START + timedelta(hours=1)]


async def test_full_job_without_queue_skips_its_run(tmp_path: Path, clock: StandingClock) -> None:
    """A schedule asks as run-now does: at the limit the run is made, and skipped."""
    async with triggering(tmp_path, clock, ScriptedRunner({"main": [None]})) as triggers:
        job_id = triggers.create(schedule=hourly())
        await triggers.after(hours=1)
        await triggers.after(hours=1)
        first, second = triggers.runs(job_id)

        assert first.is_active
        assert second.outcome is not None
        assert second.outcome.life_cycle_state == "SKIPPED"


async def test_periodic_trigger_runs_once_an_interval(tmp_path: Path, clock: StandingClock) -> None:
    """The first run ends the first interval, and they stay in step, over restarts too."""
    periodic = {"periodic": {"interval": 2, "unit": "HOURS"}}
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=periodic)
        await triggers.after(hours=2)
    clock.advance(hours=5)

    async with triggering(tmp_path, clock) as triggers:
        await triggers.after(minutes=59)
        before = due_times(triggers.runs(job_id))
        await triggers.after(minutes=1)

        assert before == [START + timedelta(hours=2)]
        assert due_times(triggers.runs(job_id)) == [START + timedelta(hours=2), START + timedelta(hours=8)]
