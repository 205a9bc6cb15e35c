"""Takes the secrets that a task has asked for out of all it prints and reports, as Databricks does.

https://docs.databricks.com/aws/en/security/secrets/#secret-redaction

What is printed is filtered where it leaves the process, below Python: from the first secret on, standard output and
standard error go through a process of their own (output_filter.py), so that what libraries and started programs print
is filtered too, and nothing of it is lost when this process dies. One process has one set of secrets.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from localdev.workspace.child.output_filter import HIDDEN, patterns

_FILTER = Path(__file__).with_name("output_filter.py")
_hidden: set[str] = set()
_lock = threading.Lock()  # notebooks may have threads
_filter: subprocess.Popen[bytes] | None = None


def hide(secret: str) -> None:
    """Take a secret out of everything from now on, and each of its lines by itself; safe to repeat."""
    if secret in _hidden or not secret.strip():
        return
    _hidden.add(secret)
    start()
    _tell({"hide": secret})


def redacted(text: str) -> str:
    """Return a text without the secrets."""
    for pattern in patterns(_hidden):
        text = text.replace(pattern, HIDDEN)
    return text


def clean(value: Any) -> Any:
    """Return a JSON document in which no text holds a secret; its keys are ours."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    return [clean(item) for item in value] if isinstance(value, list | tuple) else value


def flush() -> None:
    """Have all that was printed so far reach the task's output; nothing without secrets."""
    _flush_streams()
    if _filter is not None:
        _tell({"flush": True})


def start() -> None:
    """Put the filter between this process and its output, before there is a secret; safe to repeat."""
    global _filter  # noqa: PLW0603 - a process has one standard output
    if _filter is not None:
        return
    _flush_streams()
    read_end, write_end = os.pipe()
    _filter = subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
        [sys.executable, "-I", "-S", str(_FILTER), str(read_end)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[read_end, _kept_output()],
        env={"LANDFALL_OUTPUT": str(_kept_output())},
    )
    os.close(read_end)
    os.dup2(write_end, 1)
    os.dup2(write_end, 2)
    os.close(write_end)
    atexit.register(flush)


_output: int | None = None


def _kept_output() -> int:
    """Return the descriptor of the task's real output."""
    global _output  # noqa: PLW0603 - the same
    if _output is None:
        _output = os.dup(1)
    return _output


def _tell(message: dict[str, Any]) -> None:
    """Send the filter a message, and wait until it has acted on it."""
    if _filter is None or _filter.stdin is None or _filter.stdout is None:
        return
    with _lock, suppress(OSError):  # it is gone, and so will this process be
        _filter.stdin.write(json.dumps(message).encode() + b"\n")
        _filter.stdin.flush()
        _filter.stdout.readline()


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a notebook may have closed it or put something of its own in its place
            stream.flush()
