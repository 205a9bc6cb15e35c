"""Processes of the local stack: known to be ready, ended with all their children, and never left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from localdev.child_process import ChildNotStarted, ChildProcess, supervised
from tests.fakes.waiting import block_until

ROOT = Path(__file__).parent.parent.parent
READY = re.compile(r"ready at (\S+)")
SLEEP = "import time, sys; print('ready at 7', flush=True); time.sleep(600)"


@pytest.fixture
def children() -> Iterator[list[ChildProcess]]:
    """Yield a list whose processes are ended after the test."""
    started: list[ChildProcess] = []
    yield started
    for child in started:
        child.stop()


def child(children: list[ChildProcess], tmp_path: Path, program: str) -> ChildProcess:
    """Return a process that runs a Python program."""
    made = ChildProcess(
        "sample",
        [sys.executable, "-c", program],
        environment=dict(os.environ),
        folder=tmp_path,
        log=tmp_path / "sample.log",
        ready=READY,
    )
    children.append(made)
    return made


def test_start_returns_what_the_ready_line_says(children: list[ChildProcess], tmp_path: Path) -> None:
    """A process is started when it says so, and its words go to its log."""
    made = child(children, tmp_path, SLEEP)

    assert made.start(20) == "7"
    assert made.running
    assert "ready at 7" in (tmp_path / "sample.log").read_text()


def test_process_that_dies_at_once_says_its_last_words(children: list[ChildProcess], tmp_path: Path) -> None:
    """What a process said before it died is the message, and its log is named."""
    made = child(children, tmp_path, "import sys; sys.exit('the port is taken')")

    with pytest.raises(ChildNotStarted, match="sample did not start:\nthe port is taken") as caught:
        made.start(20)

    assert "sample.log" in caught.value.hint
    assert not made.running


def test_silent_process_is_given_up(children: list[ChildProcess], tmp_path: Path) -> None:
    """A process that never becomes ready is ended."""
    made = child(children, tmp_path, "import time; time.sleep(600)")

    with pytest.raises(ChildNotStarted, match="it said nothing"):
        made.start(0.5)

    assert not made.running


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"


def test_stop_ends_the_whole_group(children: list[ChildProcess], tmp_path: Path) -> None:
    """Children of the process end with it, also those that ignore SIGTERM."""
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(f'ready at {child.pid}', flush=True)\n"
        "time.sleep(600)\n"
    )
    made = child(children, tmp_path, program)
    grandchild = int(made.start(20))

    made.stop()

    block_until(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == "zombie")
    assert not made.running


def test_killed_process_can_be_started_again(children: list[ChildProcess], tmp_path: Path) -> None:
    """After a crash the same process object starts a new process."""
    made = child(children, tmp_path, SLEEP)
    made.start(20)
    first = made.pid

    made.kill()
    assert not made.running
    made.start(20)

    assert made.pid != first


def test_supervised_module_ends_with_its_parent(tmp_path: Path) -> None:
    """However the parent dies, a supervised module is gone soon after."""
    (tmp_path / "patient.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n")
    command = supervised("patient")
    program = f"import subprocess, time; subprocess.Popen({command!r}, stdin=subprocess.PIPE); time.sleep(600)"
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())

    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    block_until(lambda: not psutil.pid_exists(pid))
