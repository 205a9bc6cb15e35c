"""Ending a task's process with all that it started, also when another server started it."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

_FILE_NAME = "process.json"
_PATIENCE = 5.0  # seconds for a killed process to be gone


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to the group of a process that we started as its leader; nothing if the group is gone."""
    with suppress(ProcessLookupError):
        os.killpg(leader, number)


def remember(folder: Path, leader: int) -> None:
    """Note in a task's folder which process runs it."""
    with suppress(psutil.NoSuchProcess):
        identity = {"pid": leader, "created": psutil.Process(leader).create_time()}
        (folder / _FILE_NAME).write_text(json.dumps(identity), encoding="utf-8")


def end_leftover(folder: Path) -> None:
    """Kill the group of the process noted in the folder, if it still is that process and not another of its number."""
    with suppress(OSError, ValueError, psutil.NoSuchProcess):
        identity = json.loads((folder / _FILE_NAME).read_text(encoding="utf-8"))
        process = psutil.Process(identity["pid"])
        if process.create_time() == identity["created"]:
            signal_group(process.pid, signal.SIGKILL)
            psutil.wait_procs([process], timeout=_PATIENCE)
