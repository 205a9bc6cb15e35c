"""Continuous jobs: always one run, and ever longer pauses after failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from localdev.workspace.flow import lifecycle, starting
from localdev.workspace.model.request import RunRequest, TriggerType
from localdev.workspace.model.run import Ending
from localdev.workspace.scripted_runner import ScriptedRunner, failure
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import StandingClock, Workspace, started
from tests.localdev.workspace.triggers.trigger_kit import Triggers, triggering

CONTINUOUS = {"pause_status": "UNPAUSED"}


@pytest.fixture
def runner() -> ScriptedRunner:
    """Return a runner whose tasks run until the test finishes them."""
    return ScriptedRunner({"main": [None]})


async def finished(triggers: Triggers, runner: ScriptedRunner, job_id: int, number: int) -> None:
    """Let the last task succeed, when so many have started, and wait for its run's end."""
    await started(runner, number)
    runner.started[-1].finish()
    await triggers.ended(triggers.runs(job_id)[-1])
    await triggers.idle()


async def test_run_follows_the_last_one(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> None:
    """The first starts with the job, and each later one seconds after the last one's end; never two at once."""
    async with triggering(tmp_path, clock, runner) as triggers:
        job_id = triggers.create(continuous=CONTINUOUS)
        await triggers.after(minutes=10)
        at_first = len(triggers.runs(job_id))
        await finished(triggers, runner, job_id, 1)
        await triggers.after(seconds=5)

        assert at_first == 1
        assert [run.is_active for run in triggers.runs(job_id)] == [False, True]
        assert {run.request.trigger.type for run in triggers.runs(job_id)} == {TriggerType.CONTINUOUS}


async def test_pause_doubles_with_each_failure(tmp_path: Path, clock: StandingClock) -> None:
    """Ten seconds after the first failure, an hour at most; a restart of the server does not forget how many."""
    runner = ScriptedRunner({"main": [failure()]})
    counts = []
    async with triggering(tmp_path, clock, runner) as triggers:
        job_id = triggers.create(continuous=CONTINUOUS)
        for seconds in (9, 1, 19, 1):
            await until(lambda: triggers.core.store.runs.active_ids() == [])
            await triggers.after(seconds=seconds)
            counts.append(len(triggers.runs(job_id)))
        await until(lambda: triggers.core.store.runs.active_ids() == [])
    async with triggering(tmp_path, clock, runner) as triggers:
        for seconds in (39, 1):
            await triggers.after(seconds=seconds)
            counts.append(len(triggers.runs(job_id)))

    assert counts == [1, 2, 2, 3, 3, 4]


async def test_run_by_hand_takes_the_place_of_the_next(tmp_path: Path, clock: StandingClock) -> None:
    """run-now ends the pause after a failure, and there are never two runs at once."""
    async with triggering(tmp_path, clock, ScriptedRunner({"main": [failure(), None]})) as triggers:
        job_id = triggers.create(continuous=CONTINUOUS)
        await until(lambda: triggers.core.store.runs.active_ids() == [] and bool(triggers.runs(job_id)))
        await triggers.idle()
        starting.start(triggers.core, RunRequest(job_id=job_id))
        await triggers.after(minutes=10)

        assert [run.is_active for run in triggers.runs(job_id)] == [False, True]


async def test_cancelled_run_makes_way_for_the_next(
    tmp_path: Path, clock: StandingClock, runner: ScriptedRunner
) -> None:
    """Cancelling is how a continuous job takes up new settings: it is no failure."""
    async with triggering(tmp_path, clock, runner) as triggers:
        job_id = triggers.create(continuous=CONTINUOUS)
        await started(runner, 1)
        (run,) = triggers.runs(job_id)
        with triggers.core.store.transaction():
            triggers.core.store.save_run(lifecycle.told_to_end(run, Ending.CANCELLED), run)
        triggers.core.scheduler.notice(run.id)
        await triggers.ended(run)
        await triggers.after(seconds=5)

        assert [run.is_active for run in triggers.runs(job_id)] == [False, True]


async def test_paused_continuous_job_starts_nothing(
    tmp_path: Path, clock: StandingClock, runner: ScriptedRunner
) -> None:
    """Pausing leaves the active run alone, and no other follows."""
    async with triggering(tmp_path, clock, runner) as triggers:
        job_id = triggers.create(continuous=CONTINUOUS)
        await started(runner, 1)
        triggers.change(job_id, continuous={"pause_status": "PAUSED"})
        await triggers.idle()
        still_active = triggers.runs(job_id)[0].is_active
        await finished(triggers, runner, job_id, 1)
        await triggers.after(hours=2)

        assert still_active
        assert len(triggers.runs(job_id)) == 1


async def test_continuous_job_goes_on_after_a_restart(
    tmp_path: Path, clock: StandingClock, runner: ScriptedRunner
) -> None:
    """The run that the killed server had running counts as failed, and one other follows it."""
    async with triggering(tmp_path, clock, runner) as triggers:
        job_id = triggers.create(continuous=CONTINUOUS)
        await started(runner, 1)

    async with triggering(tmp_path, clock, runner) as triggers:
        await triggers.ended(triggers.runs(job_id)[0])
        await triggers.after(seconds=10)

        assert [run.is_active for run in triggers.runs(job_id)] == [False, True]


async def test_run_now_on_a_running_continuous_job_answers_nothing(scripted: Workspace, runner: ScriptedRunner) -> None:
    """The answer is 200 without a run_id, and the one run goes on: https://github.com/databricks/databricks-sdk-py/issues/389."""
    job_id = await scripted.create(continuous=CONTINUOUS)
    await started(runner, 1)

    answer = await scripted.post("run-now", {"job_id": job_id})

    assert (answer.status_code, answer.json()) == (200, {})
    assert len((await scripted.get("runs/list", job_id=job_id)).json()["runs"]) == 1


async def test_run_now_starts_a_paused_continuous_job(scripted: Workspace) -> None:
    """It gets one run, as any job."""
    job_id = await scripted.create(continuous={"pause_status": "PAUSED"})

    run = await scripted.run(await scripted.run_now(job_id))

    assert run["trigger"] == "ONE_TIME"
