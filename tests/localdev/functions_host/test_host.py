"""A started host: its timers and queues run, what it cannot run it says, and it stops."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from localdev.functions_host import EmbeddedHost
from localdev.functions_host.datums import NEVER_RAN, ScheduleStatus, event_grid_datum
from localdev.functions_host.schedule_status import StatusMemory
from tests.fakes.waiting import give_way, until
from tests.localdev.functions_host.sample import FOLDER, SETTINGS
from tests.localdev.functions_host.signature_apps import HEADER

if TYPE_CHECKING:
    import pytest

YEARLY = "0 0 0 1 1 *"


def timer(name: str, schedule: str, options: str = "") -> str:
    """Return the source of a timer function that notes its runs."""
    return (
        f'@app.timer_trigger(arg_name="timer", schedule="{schedule}"{options})\n'
        f'async def {name}(timer: func.TimerRequest): runs.append("{name}")\n'
    )


def app_of(folder: Path, source: str) -> Path:
    """Write an app with a list of runs."""
    (folder / "function_app.py").write_text(f"{HEADER}runs = []\n{source}", "utf-8")
    return folder


async def until_there(path: Path) -> None:
    """Wait until a file exists."""
    await until(path.exists)


async def test_monitored_timers_are_remembered(tmp_path: Path) -> None:
    """Only timers that are monitored, and due at most once a minute, have a status in the state folder."""
    source = timer("kept", YEARLY) + timer("free", YEARLY, ", use_monitor=False") + timer("often", "0,30 * * * * *")
    state = tmp_path / "state"
    host = EmbeddedHost(app_of(tmp_path, source), state=state)

    await host.start()
    await until_there(state / "timers" / "kept" / "status")
    await give_way()
    await host.stop(1)

    assert [path.name for path in (state / "timers").iterdir()] == ["kept"]
    status = json.loads((state / "timers" / "kept" / "status").read_text("utf-8"))
    assert status["Last"] == NEVER_RAN.isoformat()


async def test_run_on_startup_runs_when_the_host_starts(tmp_path: Path) -> None:
    """A timer with run_on_startup runs at the start; one without waits."""
    source = timer("eager", YEARLY, ", run_on_startup=True") + timer("patient", YEARLY)
    host = EmbeddedHost(app_of(tmp_path, source))
    runs = host.functions["eager"].user_function.__globals__["runs"]

    await host.start()
    await until(lambda: bool(runs))
    await host.stop(1)

    assert runs == ["eager"]


async def test_says_which_functions_do_not_run(caplog: pytest.LogCaptureFixture) -> None:
    """At the start, functions in error and disabled ones are logged, each with what is the matter."""
    settings = {name: value for name, value in SETTINGS.items() if name not in {"SAMPLE_SCHEDULE", "SampleStorage"}}
    host = EmbeddedHost(FOLDER, {**settings, "AzureWebJobs.hello.Disabled": "true"})

    await host.start()
    await host.stop(1)

    assert 'function.in_error function=on_timer problem="the setting SAMPLE_SCHEDULE is not defined' in caplog.text
    assert 'function.in_error function=on_message problem="the connection SampleStorage is not defined' in caplog.text
    assert "function.disabled function=hello" in caplog.text


async def test_quiet_host_starts_nothing_more(tmp_path: Path) -> None:
    """After quiesce, timers and queues are over although the host still runs."""
    host = EmbeddedHost(app_of(tmp_path, timer("kept", YEARLY)))
    await host.start()
    await asyncio.sleep(0)

    host.quiesce()
    await give_way()

    assert all(listener.done() for listener in host._listeners)
    await host.stop(1)


async def test_stop_may_be_repeated(tmp_path: Path) -> None:
    """Stopping twice is stopping once, and a host that was never started can be stopped."""
    host = EmbeddedHost(app_of(tmp_path, timer("kept", YEARLY)), {"SAMPLE_ONLY_HERE": "1"})

    await host.stop(1)
    await host.stop(1)

    assert "SAMPLE_ONLY_HERE" not in os.environ


async def test_defect_of_a_listener_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A listener that dies says so, and the others go on."""
    host = EmbeddedHost(app_of(tmp_path, timer("kept", YEARLY)))

    class Broken(StatusMemory):
        def read(self, function: str) -> ScheduleStatus | None:
            raise RuntimeError(f"a defect in {function}")

    host._statuses = Broken()
    await host.start()
    await give_way()
    await host.stop(1)

    assert "listener.died function=kept" in caplog.text


def test_no_thread_outlives_the_host() -> None:
    """A closed host leaves no threads behind."""
    before = threading.active_count()

    with EmbeddedHost(FOLDER, SETTINGS) as host:
        asyncio.run(host.invoke("on_anything", event_grid_datum({})))

    for thread in threading.enumerate():
        if thread.name.startswith("function"):
            thread.join(5)
    assert threading.active_count() <= before
