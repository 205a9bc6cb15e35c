"""What a task's process leaves in its folder: its output while it runs, and a report when it has ended by itself."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from localdev.workspace import outcomes
from localdev.workspace.model import TaskKind, TaskOutput
from localdev.workspace.runner import TaskResult

LONGEST_OUTPUT = 5 * 1024 * 1024  # bytes: get-output gives the first 5 MB of a result and the last 5 MB of logs


def report_file(folder: Path) -> Path:
    """Return where the process writes its report, at once and whole."""
    return folder / "report.json"


def output_file(folder: Path) -> Path:
    """Return where the process's standard output and standard error go."""
    return folder / "output.txt"


def read(folder: Path) -> TaskResult | None:
    """Return what a process reported, None when it did not come to that."""
    try:
        report = json.loads(report_file(folder).read_bytes())
    except (OSError, ValueError):
        return None
    return TaskResult(
        outcome=outcomes.SUCCEEDED if report["succeeded"] else outcomes.FAILED, output=_output(report, folder)
    )


def of_crash(folder: Path, code: int) -> TaskResult:
    """Return the result of a process that ended with this code (negative: by this signal) and reported nothing."""
    if code < 0:
        name = str(-code)
        with suppress(ValueError):
            name = signal.Signals(-code).name
        words = f"The process of the task was ended by signal {name}"
    else:
        words = f"The process of the task ended with exit code {code} before the task was finished"
    logs, truncated = _logs(folder)
    output = TaskOutput(error=words, error_trace=logs or None, logs=logs, logs_truncated=truncated)
    return TaskResult(outcome=outcomes.crashed(words) if code < 0 else outcomes.FAILED, output=output, by_itself=False)


def _output(report: dict[str, Any], folder: Path) -> TaskOutput:
    result, result_truncated = _first(report["result"])
    logs, logs_truncated = _logs(folder) if report["kind"] == TaskKind.PYTHON else (None, False)
    return TaskOutput(
        result=result,
        result_truncated=result_truncated,
        error=report["error"],
        error_trace=report["error_trace"],
        logs=logs,
        logs_truncated=logs_truncated,
    )


def _first(text: str | None) -> tuple[str | None, bool]:
    if text is None or len(data := text.encode(errors="replace")) <= LONGEST_OUTPUT:
        return text, False
    return data[:LONGEST_OUTPUT].decode(errors="ignore"), True


def _logs(folder: Path) -> tuple[str, bool]:
    try:
        with output_file(folder).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LONGEST_OUTPUT))
            return file.read(LONGEST_OUTPUT).decode(errors="replace"), size > LONGEST_OUTPUT
    except OSError:
        return "", False
