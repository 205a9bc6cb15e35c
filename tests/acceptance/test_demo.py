"""The demo, undisturbed and disturbed: every file runs exactly once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from localdev.azurite import Azurite
from localdev.stack import Stack, StackOptions
from tests.acceptance.conftest import Performance, after
from tests.fakes.waiting import block_until

pytestmark = pytest.mark.acceptance
ROOT = Path(__file__).parent.parent.parent
OUTAGE_SECONDS = 15.0


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
def test_demo_ends_as_expected(azurite: Azurite, schema: str) -> None:
    """`landfall demo` shows real files dropped, matched, run and settled, and exits with 0, in either schema."""
    del azurite
    command = [sys.executable, "-m", "cli", "demo", "--events", schema, "--json"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["totals"]["lost"] == report["totals"]["run twice"] == 0
    assert report["totals"]["runs"] == 14
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("settled", [0, 4, 9])
def test_killed_host_costs_nothing(performance: Performance, settled: int) -> None:
    """After a kill -9 early, in the middle or late the host is started again, and the totals come out right."""
    killed = performance.stack.children["host"].pid

    report = performance.play((settled, partial(performance.stack.kill, "host")))

    assert report.faults == ()
    assert performance.stack.children["host"].pid != killed
    assert "host has died; it is started again" in performance.said


def test_host_killed_again_and_again_costs_nothing(performance: Performance) -> None:
    """Five kills in one demo, at whatever the host is doing then."""
    kills = [(number, partial(performance.stack.kill, "host")) for number in (0, 1, 3, 6, 10)]

    assert performance.play(*kills).faults == ()


@pytest.mark.parametrize(
    ("process", "settled", "words"),
    [("azurite", 2, "Could not"), ("workspace", 0, "run.unstarted why=JobsBusy"), ("workspace", 4, "run.unread")],
)
def test_outage_costs_nothing(performance: Performance, process: str, settled: int, words: str) -> None:
    """With Azurite or the workspace away in the middle nothing is lost, nothing runs twice, and the log says why."""
    stack = performance.stack

    def outage() -> None:
        stack.pause(process)
        after(OUTAGE_SECONDS, partial(stack.resume, process))

    report = performance.play((settled, outage))

    assert report.faults == ()
    assert words in performance.log("host") + performance.log("events")


def test_nothing_is_left_running(performance: Performance) -> None:
    """When the stack ends, so do all its processes."""
    pids = [child.pid for child in performance.stack.children.values()] + [performance.stack.azurite.pid]

    performance.stack.stop()

    assert not [pid for pid in pids if _exists(pid)]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def run_cli(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `landfall` in an environment that holds only what is given, and what finding programs takes."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _bad_rules(folder: Path) -> list[str]:
    file = folder / "rules.yaml"
    file.write_text("version: 1\nrules:\n  - name: crm\n    path: landing/{date:%Q}/x\n    job: {id: no}\n")
    return ["up", "--rules", str(file)]


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        pytest.param(_bad_rules, {}, ["rules.yaml:4:", "rules.yaml:5:"], id="bad rules"),
        pytest.param(
            lambda _: ["up", "--workspace", "remote"], {}, ["DATABRICKS_HOST is missing"], id="a missing setting"
        ),
        pytest.param(
            lambda _: ["up", "--workspace", "remote"],
            {"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_TOKEN": "x"},
            ["The workspace http://127.0.0.1:9 cannot be used", "check DATABRICKS_HOST"],
            id="no workspace",
        ),
        pytest.param(lambda _: ["status"], {}, ["no local stack runs here"], id="no stack"),
        pytest.param(lambda _: ["up", "--host", "func"], {}, ["There is no `func` on the PATH"], id="no func"),
    ],
)
def test_bad_start_is_one_clear_message(
    azurite: Azurite,
    tmp_path: Path,
    arguments: Callable[[Path], list[str]],
    environment: dict[str, str],
    words: list[str],
) -> None:
    """What is wrong, where, and what to do; exit status 1; never a traceback."""
    del azurite
    state = {"LANDFALL_STATE": str(tmp_path / "state")}

    done = run_cli(*arguments(tmp_path), environment={**environment, **state})

    assert done.returncode == 1, done.stdout + done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr


FUNC = """#!/bin/sh
# Stands in for Azure Functions Core Tools: the same command, the same environment, the same words when it is ready.
test "$1" = start && test "$2" = --port || exit 64
echo "Functions:"
echo "        http_status: [GET] http://localhost:$3/api/status"
exec "{python}" -m localdev.functions_host --app . --port "$3"
"""


def test_func_serves_where_it_is_installed(
    stack_options: StackOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `--host func` the stack runs `func start` in the app's folder and waits until its functions answer."""
    func = tmp_path / "bin" / "func"
    func.parent.mkdir()
    func.write_text(FUNC.format(python=sys.executable))
    func.chmod(0o755)
    monkeypatch.setenv("PATH", f"{func.parent}{os.pathsep}{os.environ['PATH']}")

    with Stack(replace(stack_options, host="func")) as stack:
        answer = httpx.get(f"{stack.host_url}/api/status", timeout=30)

    assert answer.status_code == 200
    assert [rule["rule"] for rule in answer.json()["rules"]] == ["climate", "economy", "inbox", "quality"]


def test_wrong_token_at_the_start_is_one_clear_message(stack_options: StackOptions, tmp_path: Path) -> None:
    """A workspace that does not let us in is told before anything is dropped."""
    with Stack(stack_options) as stack:
        environment = {
            "DATABRICKS_HOST": stack.environment["DATABRICKS_HOST"],
            "DATABRICKS_TOKEN": "wrong-canary",
            "LANDFALL_STATE": str(tmp_path / "other"),
        }
        done = run_cli("up", "--workspace", "remote", environment=environment)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "cannot be used: Databricks answered 403" in done.stderr
    assert "DATABRICKS_AUTH_TYPE" in done.stderr
    assert "Traceback" not in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_token_that_is_withdrawn_trips_the_breaker(stack_options: StackOptions) -> None:
    """When Databricks refuses us, files wait, nothing is lost, and status and log name the reason."""
    token_file = stack_options.state / "workspace-token"
    with Stack(stack_options) as stack:
        stack.pause("workspace")
        token_file.write_text("another token")
        stack.resume("workspace")
        with BlobServiceClient.from_connection_string(stack.azurite.connection_string) as storage:
            storage.get_blob_client("landing", "quality/x.csv").upload_blob(b"a,b\n1,2\n")

        def breaker() -> dict[str, str] | None:
            rules = httpx.get(f"{stack.host_url}/api/status", timeout=30).json()["rules"]
            found: dict[str, str] | None = next(rule["breaker"] for rule in rules if rule["rule"] == "quality")
            return found

        block_until(lambda: breaker() is not None, 30)
        reason = (breaker() or {})["reason"]
        log = (stack.options.state / "logs" / "host.log").read_text(encoding="utf-8")

    assert "Databricks answered 403" in reason
    assert "breaker.tripped rule=quality" in log
    assert stack.environment["DATABRICKS_TOKEN"] not in log
    assert "Traceback" not in log
