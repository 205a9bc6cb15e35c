"""What a task's process leaves in its folder: its output while it runs, and a report when it has ended by itself."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from localdev.workspace.flow import outcomes
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.run import TaskOutput
from localdev.workspace.runners.runner import TaskResult

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
    output = _output(report, folder)
    if report["succeeded"]:
        return TaskResult(outcome=outcomes.SUCCEEDED, output=output)
    return TaskResult(outcome=outcomes.failed(report.get("code"), report["error"]), output=output)


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
    output = TaskOutput(
        error=words, error_trace=logs or None, logs=logs, logs_truncated=truncated, values=_values_of_crash(folder)
    )
    return TaskResult(outcome=outcomes.crashed(words) if code < 0 else outcomes.FAILED, output=output, by_itself=False)


def _output(report: dict[str, Any], folder: Path) -> TaskOutput:
    result, result_truncated = _first(report["result"])
    logs, logs_truncated = (None, False) if report["kind"] == TaskKind.NOTEBOOK else _logs(folder)
    return TaskOutput(
        result=result,
        result_truncated=result_truncated,
        error=report["error"],
        error_trace=report["error_trace"],
        logs=logs,
        logs_truncated=logs_truncated,
        fields=report["fields"],
        values=report["values"],
        rows=report.get("rows"),
    )


def _values_of_crash(folder: Path) -> dict[str, Any]:
    """Return the task values that a process had set before it ended: they count from the moment they are set."""
    try:
        values: dict[str, Any] = json.loads((folder / "values.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return values


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
