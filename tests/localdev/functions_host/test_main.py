"""The host as a process: what it prints, how it stops, and what it says when it cannot start."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from localdev.functions_host.__main__ import _parser
from tests.localdev.functions_host.sample import FOLDER, SETTINGS, event
from tests.localdev.functions_host.signature_apps import EVENT, HEADER, ROUTE

REPOSITORY = Path(__file__).parents[3]
DOCUMENT = REPOSITORY / "docs" / "functions-host.md"
ANNOUNCED = re.compile(r'host\.listening url=(http://127\.0\.0\.1:\d+) functions=("?)(.*)\2\n')


@dataclass
class Running:
    """A host in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    functions: list[str]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Tell it to stop, and return its exit status and what it logged."""
        self.process.send_signal(number)
        _, logged = self.process.communicate(timeout=20)
        return self.process.returncode, logged


def command(app: Path, *options: str) -> list[str]:
    """Return the command that serves an app on any free port."""
    return [sys.executable, "-m", "localdev.functions_host", "--app", str(app), "--port", "0", *options]


@contextmanager
def running(app: Path, *options: str, settings: dict[str, str] | None = None) -> Iterator[Running]:
    """Yield a host that listens, and end it."""
    environment = {**os.environ, **(SETTINGS if settings is None else settings)}
    with subprocess.Popen(
        command(app, *options),
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            announced = ANNOUNCED.fullmatch(line)
            assert announced, f"announced {line!r}, logged {process.communicate(timeout=20)[1]}"
            yield Running(process, announced[1], announced[3].split(","))
        finally:
            if process.poll() is None:
                process.kill()


def refused(app: Path, *options: str) -> str:
    """Return what a host says that cannot start."""
    done = subprocess.run(
        command(app, *options), cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def app_of(folder: Path, source: str) -> Path:
    """Write an app."""
    (folder / "function_app.py").write_text(HEADER + source, "utf-8")
    return folder


def test_announces_its_address_and_functions(tmp_path: Path) -> None:
    """When it listens it prints one line with its URL and the functions that run, and it answers there."""
    with running(FOLDER, "--state", str(tmp_path)) as host:
        status = httpx.get(f"{host.url}/admin/host/status").json()
        text = httpx.get(f"{host.url}/api/text?setting=SAMPLE_GREETING").text

    assert {"on_text", "on_timer", "hello"} <= set(host.functions)
    assert status["state"] == "Running"
    assert text == SETTINGS["SAMPLE_GREETING"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly_when_told_to(number: signal.Signals, tmp_path: Path) -> None:
    """SIGTERM and SIGINT end it with status 0 and without a word."""
    with running(app_of(tmp_path, ROUTE + "def f(req: func.HttpRequest) -> str: return ''")) as host:
        assert host.stop(number) == (0, "")


def test_logs_a_line_per_run_in_utc(tmp_path: Path) -> None:
    """A delivered event is logged by one line with the function, its duration and the outcome."""
    with running(app_of(tmp_path, EVENT + "async def f(event: str): pass")) as host:
        answer = httpx.post(
            f"{host.url}/runtime/webhooks/EventGrid?functionName=f",
            json=event("eg_BlobCreated_PutBlockList"),
            headers={"aeg-event-type": "Notification"},
        )
        _, logged = host.stop()

    assert answer.status_code == 202
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO     Function\.f function\.succeeded function=f "
        r"seconds=\d+\.\d{3} invocation=[0-9a-f-]{36}",
        logged.splitlines()[-1],
    )


def test_run_under_way_gets_its_grace(tmp_path: Path) -> None:
    """A request under way when the host is told to stop is still answered."""
    source = ROUTE + (
        "async def slow(req: func.HttpRequest) -> str:\n"
        "    import asyncio, os, signal\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    await asyncio.sleep(0.5)\n"
        "    return 'done'"
    )
    with running(app_of(tmp_path, source)) as host:
        answer = httpx.get(f"{host.url}/api/slow", timeout=20)
        host.process.wait(20)

    assert answer.text == "done"
    assert host.process.returncode == 0


def test_nothing_new_starts_during_the_grace(tmp_path: Path) -> None:
    """Once the host is told to stop, no timer starts any more, however long a request keeps it."""
    source = (
        '@app.timer_trigger(arg_name="timer", schedule="* * * * * *")\n'
        "async def tick(timer: func.TimerRequest): print('tick', flush=True)\n"
        + ROUTE
        + "async def slow(req: func.HttpRequest) -> str:\n"
        "    import asyncio, os, signal\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('stopping', flush=True)\n"
        "    await asyncio.sleep(3)\n"
        "    return 'done'"
    )
    with running(app_of(tmp_path, source)) as host:
        httpx.get(f"{host.url}/api/slow", timeout=20)
        said, _ = host.process.communicate(timeout=20)

    assert said[said.index("stopping") :].count("tick") <= 1


def test_thread_that_never_ends_does_not_keep_it(tmp_path: Path) -> None:
    """A sync function that does not come back is left behind after the grace."""
    source = (
        EVENT
        + "def f(event: str):\n    import threading\n    print('running', flush=True)\n    threading.Event().wait()"
    )
    with running(app_of(tmp_path, source), "--grace", "0.2") as host:
        httpx.post(f"{host.url}/admin/functions/f", json={"input": "{}"})
        assert host.process.stdout is not None
        assert host.process.stdout.readline() == "running\n"
        began = time.monotonic()
        status, logged = host.stop()

    assert status == 0
    assert time.monotonic() - began < 10
    assert "host.cut_short runs=1" in logged


def test_timer_catches_up_after_a_restart(tmp_path: Path) -> None:
    """A timer that was due while the host was down runs once, late, when it is back: the state folder tells."""
    source = (
        '@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")\n'
        "async def f(timer: func.TimerRequest): print(f'late={timer.past_due}', flush=True)"
    )
    app, state = tmp_path / "app", tmp_path / "state"
    app.mkdir()
    app_of(app, source)
    with running(app, "--state", str(state)) as host:
        host.stop()
    status = state / "timers" / "f" / "status"
    written = json.loads(status.read_text("utf-8"))
    status.write_text(
        json.dumps({**written, "LastUpdated": "2020-06-01T00:00:00+00:00", "Next": "2021-01-01T00:00:00+00:00"})
    )

    with running(app, "--state", str(state)) as host:
        assert host.process.stdout is not None
        said = host.process.stdout.readline()
        host.stop()

    assert said == "late=True\n"
    assert json.loads(status.read_text("utf-8"))["Last"] > "2026"


def test_settings_come_from_the_file_and_the_environment(tmp_path: Path) -> None:
    """Settings are those of the file that --settings names, and what the environment holds wins."""
    source = (
        ROUTE + "def show(req: func.HttpRequest) -> str:\n    import os\n    return os.environ['A'] + os.environ['B']"
    )
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": {"A": "file ", "B": "file"}}), "utf-8")

    with running(app_of(tmp_path, source), "--settings", str(file), settings={"B": "environment"}) as host:
        text = httpx.get(f"{host.url}/api/show").text

    assert text == "file environment"


def test_app_finds_its_own_files(tmp_path: Path) -> None:
    """The app runs in its own folder, as under Core Tools, so that relative paths are its own."""
    (tmp_path / "data.txt").write_text("from the app's folder", "utf-8")
    source = ROUTE + "def show(req: func.HttpRequest) -> str: return open('data.txt').read()"

    with running(app_of(tmp_path, source)) as host:
        assert httpx.get(f"{host.url}/api/show").text == "from the app's folder"


def test_keys_are_checked_when_asked_for(tmp_path: Path) -> None:
    """With --enable-auth a function needs the key given at start, and no key is ever printed."""
    app = app_of(tmp_path, ROUTE + "def show(req: func.HttpRequest) -> str: return 'open'")
    with running(app, "--enable-auth", "--function-key", "canary-key", "--verbose") as host:
        without = httpx.get(f"{host.url}/api/show")
        with_key = httpx.get(f"{host.url}/api/show?code=canary-key")
        _, logged = host.stop()

    assert (without.status_code, with_key.text) == (401, "open")
    assert "canary-key" not in logged


def test_taken_port_is_said_clearly(tmp_path: Path) -> None:
    """A port that somebody else listens on is refused in one sentence."""
    app_of(tmp_path, EVENT + "def f(event: str): pass")
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = refused(tmp_path, "--port", str(other.getsockname()[1]))

    assert "cannot listen on 127.0.0.1:" in said
    assert "Choose another port" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        (EVENT + "def f(event: dict): pass", "The function f cannot be loaded"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_app_that_does_not_load_is_said_clearly(source: str, said: str, tmp_path: Path) -> None:
    """An app that cannot be loaded ends the host with the reason and no traceback, which --verbose adds."""
    app_of(tmp_path, source)

    plain, verbose = refused(tmp_path), refused(tmp_path, "--verbose")

    assert said in plain
    assert "Traceback" not in plain
    assert said in verbose
    assert ("Traceback" in verbose) is ("cannot be loaded" not in said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--app", "/nowhere/at/all"], "There is no folder /nowhere/at/all"),
        (["--settings", "/nowhere.json"], "There is no file /nowhere.json"),
        (["--port", "70000"], "cannot listen on 127.0.0.1:70000"),
    ],
)
def test_wrong_options_are_said_clearly(options: list[str], said: str, tmp_path: Path) -> None:
    """An option that cannot be used ends the host with the reason."""
    app_of(tmp_path, EVENT + "def f(event: str): pass")

    assert said in refused(tmp_path, *options)


def test_broken_host_json_is_said_clearly(tmp_path: Path) -> None:
    """A host.json that cannot be used ends the host with every fault in it."""
    app_of(tmp_path, EVENT + "def f(event: str): pass")
    (tmp_path / "host.json").write_text('{"version": "3.0", "functionTimeout": "soon"}', "utf-8")

    said = refused(tmp_path)

    assert "version" in said
    assert "functionTimeout" in said


def test_function_in_error_does_not_stop_the_others(tmp_path: Path) -> None:
    """A function whose setting is missing is logged as in error and not announced; the rest runs."""
    source = (
        '@app.timer_trigger(arg_name="timer", schedule="%NOWHERE%")\ndef tick(timer): pass\n'
        + EVENT
        + "def f(event: str): pass"
    )
    with running(app_of(tmp_path, source)) as host:
        _, logged = host.stop()

    assert host.functions == ["f"]
    assert 'function.in_error function=tick problem="the setting NOWHERE is not defined' in logged


def test_document_names_every_option() -> None:
    """docs/functions-host.md explains each option of the command, and no other."""
    options = {option for action in _parser()._actions for option in action.option_strings if option.startswith("--")}

    assert set(re.findall(r"`(--[a-z-]+)", DOCUMENT.read_text("utf-8"))) == options - {"--help"}
