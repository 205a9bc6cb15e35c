"""file_arrival triggers: what counts as an arrival, when a run starts for it, and what it is told."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from localdev.azurite import Azurite
from localdev.workspace.model.request import TriggerType
from localdev.workspace.scripted_runner import ScriptedRunner
from localdev.workspace.storage.store import Store
from localdev.workspace.triggers import places
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import StandingClock
from tests.localdev.workspace.triggers.trigger_kit import triggering


def arrival(folder: Path, **timers: int) -> dict[str, Any]:
    """Return the trigger of a folder."""
    return {"file_arrival": {"url": f"file:{folder}", **timers}}


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """Return a folder for files."""
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


async def test_new_files_start_one_run_at_the_next_look(tmp_path: Path, landing: Path, clock: StandingClock) -> None:
    """All files of a minute make one run, wherever below the folder they are; it is told the folder alone."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing))
        await triggers.idle()
        (landing / "a.csv").write_text("1")
        (landing / "2026" / "11").mkdir(parents=True)
        (landing / "2026" / "11" / "b.csv").write_text("1")
        await triggers.after(seconds=59)
        before = triggers.runs(job_id)
        await triggers.after(seconds=1)
        await triggers.after(minutes=1)
        (run,) = triggers.runs(job_id)

        assert before == []
        assert run.request.trigger.type is TriggerType.FILE_ARRIVAL
        assert run.request.trigger.location == f"file:{landing}"


async def test_files_that_are_there_already_start_nothing(tmp_path: Path, landing: Path, clock: StandingClock) -> None:
    """What lies there when the trigger is made counts as known."""
    (landing / "old.csv").write_text("1")
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing))
        await triggers.after(minutes=1)
        await triggers.after(minutes=1)

        assert triggers.runs(job_id) == []


async def test_overwritten_file_starts_nothing(tmp_path: Path, landing: Path, clock: StandingClock) -> None:
    """Only new names count: other content under the same name is no arrival."""
    (landing / "daily.csv").write_text("Monday")
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing))
        await triggers.idle()
        (landing / "daily.csv").unlink()
        (landing / "daily.csv").write_text("Tuesday, and longer")
        await triggers.after(minutes=1)

        assert triggers.runs(job_id) == []


async def test_file_that_was_gone_is_new_again(tmp_path: Path, landing: Path, clock: StandingClock) -> None:
    """A look that misses a file forgets it."""
    (landing / "daily.csv").write_text("Monday")
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing))
        await triggers.idle()
        (landing / "daily.csv").unlink()
        await triggers.after(minutes=1)
        (landing / "daily.csv").write_text("Tuesday")
        await triggers.after(minutes=1)

        assert len(triggers.runs(job_id)) == 1


async def test_wait_starts_again_with_each_new_file(tmp_path: Path, landing: Path, clock: StandingClock) -> None:
    """wait_after_last_change_seconds: a batch that comes in over minutes makes one run when it is over."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing, wait_after_last_change_seconds=120))
        await triggers.idle()
        for name in ("a", "b", "c"):
            (landing / name).write_text("1")
            await triggers.after(minutes=1)
        await triggers.after(minutes=1)
        before = triggers.runs(job_id)
        await triggers.after(minutes=1)

        assert before == []
        assert len(triggers.runs(job_id)) == 1


async def test_files_between_two_runs_wait_for_the_second(tmp_path: Path, landing: Path, clock: StandingClock) -> None:
    """min_time_between_triggers_seconds: they are not lost, but start the next run when the time is over."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing, min_time_between_triggers_seconds=300))
        await triggers.idle()
        counts = []
        for minute in range(1, 8):
            if minute <= 3:
                (landing / f"{minute}.csv").write_text("1")
            await triggers.after(minutes=1)
            counts.append(len(triggers.runs(job_id)))

        assert counts == [1, 1, 1, 1, 1, 2, 2]


async def test_without_queue_arrivals_at_the_limit_are_lost(
    tmp_path: Path, landing: Path, clock: StandingClock
) -> None:
    """The run for them is skipped and they are known from now on, as on Databricks."""
    async with triggering(tmp_path, clock, ScriptedRunner({"main": [None]})) as triggers:
        job_id = triggers.create(trigger=arrival(landing))
        await triggers.idle()
        for name in ("a", "b"):
            (landing / name).write_text("1")
            await triggers.after(minutes=1)
        await triggers.after(minutes=5)
        first, second = triggers.runs(job_id)

        assert first.is_active
        assert second.outcome is not None
        assert second.outcome.life_cycle_state == "SKIPPED"


async def test_files_that_come_while_down_start_a_run(tmp_path: Path, landing: Path, clock: StandingClock) -> None:
    """The next server looks at once, and knows what the killed one had seen."""
    (landing / "old.csv").write_text("1")
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing))
        await triggers.idle()
    (landing / "new.csv").write_text("1")

    async with triggering(tmp_path, clock) as triggers:
        first = triggers.runs(job_id)
    async with triggering(tmp_path, clock) as triggers:
        await triggers.after(minutes=5)

        assert len(first) == 1
        assert len(triggers.runs(job_id)) == 1


async def test_what_was_seen_and_its_run_are_saved_together(
    tmp_path: Path, landing: Path, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that dies while it starts the run has not seen the files: the next one starts it."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing))
        await triggers.idle()
        (landing / "new.csv").write_text("1")
        with monkeypatch.context() as patched:
            patched.setattr(Store, "save_run", _die)
            clock.advance(minutes=1)
            await until(lambda: clock.sleepers > 0)  # the pause after the fault
        seen = triggers.core.store.triggers.seen(job_id)

    async with triggering(tmp_path, clock) as triggers:
        assert seen == frozenset()
        assert len(triggers.runs(job_id)) == 1


async def test_pausing_forgets_what_was_seen(tmp_path: Path, landing: Path, clock: StandingClock) -> None:
    """A trigger that goes on after a pause is as good as new: what came meanwhile counts as known."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing))
        await triggers.idle()
        triggers.change(job_id, trigger={**arrival(landing), "pause_status": "PAUSED"})
        (landing / "new.csv").write_text("1")
        await triggers.after(minutes=5)
        triggers.change(job_id, trigger=arrival(landing))
        await triggers.after(minutes=1)

        assert triggers.runs(job_id) == []


async def test_volume_is_a_folder_of_dbfs(tmp_path: Path, clock: StandingClock) -> None:
    """/Volumes/… lies where dbutils.fs sees it too; a folder that is not there yet is empty."""
    async with triggering(tmp_path, clock) as triggers:
        url = "/Volumes/main/landing/files/"
        job_id = triggers.create(trigger={"file_arrival": {"url": url}})
        await triggers.idle()
        folder = tmp_path / "dbfs/Volumes/main/landing/files"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("1")
        await triggers.after(minutes=1)

        assert [run.request.trigger.location for run in triggers.runs(job_id)] == [url]


async def test_name_that_is_no_text_is_remembered(tmp_path: Path, landing: Path, clock: StandingClock) -> None:
    """Linux lets files be named by any bytes: such a file starts one run, and not one a minute."""
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing))
        await triggers.idle()
        (landing / os.fsdecode(b"\xff\n'.csv")).write_text("1")
        await triggers.after(minutes=1)
        await triggers.after(minutes=1)

        assert len(triggers.runs(job_id)) == 1


async def test_too_many_files_are_not_watched(
    tmp_path: Path,
    landing: Path,
    clock: StandingClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Above the limit nothing starts, and the log says so; below it again, what came meanwhile is new."""
    monkeypatch.setattr(places, "MOST_FILES", 2)
    async with triggering(tmp_path, clock) as triggers:
        job_id = triggers.create(trigger=arrival(landing))
        await triggers.idle()
        for name in ("a", "b", "c"):
            (landing / name).write_text("1")
        await triggers.after(minutes=1)
        before = triggers.runs(job_id)
        (landing / "c").unlink()
        await triggers.after(minutes=1)

        assert before == []
        assert "holds more than 2 files" in caplog.text
        assert len(triggers.runs(job_id)) == 1


@pytest.mark.azurite
async def test_blobs_of_a_container_start_a_run(tmp_path: Path, clock: StandingClock, azurite: Azurite) -> None:
    """A container of Azurite, by its own address: below the prefix, whole segments only, new names only."""
    name = f"arrivals-{uuid.uuid4().hex[:8]}"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as container:
        container.create_container()
        container.upload_blob("landing/old.csv", b"1")
        url = f"{azurite.connection.blob_endpoint}/{name}/landing"
        async with triggering(tmp_path, clock, connection=azurite.connection) as triggers:
            job_id = triggers.create(trigger={"file_arrival": {"url": url}})
            await triggers.idle()
            container.upload_blob("landing/old.csv", b"other", overwrite=True)
            container.upload_blob("landing2/new.csv", b"1")
            await triggers.after(minutes=1)
            before = triggers.runs(job_id)
            container.upload_blob("landing/2026/ä #%.csv", b"1")
            container.upload_blob("landing/b.csv", b"1")
            await triggers.after(minutes=1)
            await triggers.after(minutes=1)

            assert before == []
            assert [run.request.trigger.location for run in triggers.runs(job_id)] == [url]


@pytest.mark.azurite
async def test_container_that_fails_is_looked_at_again(
    tmp_path: Path, clock: StandingClock, azurite: Azurite, caplog: pytest.LogCaptureFixture
) -> None:
    """A container that is not there is a line in the log each minute; nothing is known of it until it answers."""
    name = f"arrivals-{uuid.uuid4().hex[:8]}"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as container:
        url = f"abfss://{name}@{azurite.connection.account}.dfs.core.windows.net/"
        async with triggering(tmp_path, clock, connection=azurite.connection) as triggers:
            job_id = triggers.create(trigger={"file_arrival": {"url": url}})
            await triggers.idle()
            container.create_container()
            await triggers.after(minutes=1)
            container.upload_blob("a.csv", b"1")
            await triggers.after(minutes=1)

            assert "workspace.files_not_listed" in caplog.text
            assert len(triggers.runs(job_id)) == 1


async def test_container_without_connection_is_told_how_to_get_one(
    tmp_path: Path, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the option, and the trigger starts nothing."""
    async with triggering(tmp_path, clock) as triggers:
        url = "abfss://landing@lake.dfs.core.windows.net/in"
        job_id = triggers.create(trigger={"file_arrival": {"url": url}})
        await triggers.after(minutes=1)

        assert "--storage" in caplog.text
        assert triggers.runs(job_id) == []


def _die(*_: object, **__: object) -> None:
    raise OSError("killed here")
