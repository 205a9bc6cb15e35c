"""How a task's own program says that it failed, when no exception of the user's code says it."""

from __future__ import annotations

from pathlib import Path

_LONGEST_TRACE = 64 * 1024  # bytes of output that are searched for a trace


class TaskFailed(Exception):
    """The task has failed; `trace` is what get-output shows as error_trace, `code` how its run is said to end."""

    def __init__(self, message: str, *, trace: str | None = None, code: str = "RUN_EXECUTION_ERROR") -> None:
        super().__init__(message)
        self.trace = trace
        self.code = code


class LibrariesNotInstalled(TaskFailed):
    """A library that the task needs cannot be had."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="LIBRARY_INSTALLATION_ERROR")


def end_of(output: Path, begun: int = 0) -> str:
    """Return the last of what the task has printed so far, from the byte `begun` on."""
    with output.open("rb") as file:
        file.seek(max(begun, file.seek(0, 2) - _LONGEST_TRACE))
        return file.read().decode(errors="replace")
