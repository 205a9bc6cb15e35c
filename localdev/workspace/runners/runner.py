"""What runs tasks: the seam between the scheduler and processes, which a script of outcomes can take in tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from localdev.workspace.model.job import Library, TaskKind, Work
from localdev.workspace.model.run import Outcome, TaskOutput


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """All that has to be known to run one attempt at a task."""

    run_id: int
    job_id: int
    attempt_id: int
    task_key: str
    work: Work  # with its parameters as they are in this run
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # task values so far, by task key and key
    libraries: tuple[Library, ...] = ()

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return self.work.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskResult:
    """How a task ended; `by_itself` is false when its process was gone before it could say so."""

    outcome: Outcome
    output: TaskOutput = field(default_factory=TaskOutput)
    by_itself: bool = True
    branch: str | None = None  # (condition) the way it went: "true" or "false"


class Execution(Protocol):
    """A task that has been started."""

    async def wait(self) -> TaskResult:
        """Wait until nothing of the task runs any more, and return how it ended."""

    def end(self) -> None:
        """Make the task end, gently at first; safe to repeat."""


class TaskRunner(Protocol):
    """Starts tasks."""

    async def start(self, launch: Launch) -> Execution:
        """Start a task; raises OSError when the machine cannot."""

    def recover(self, attempt_id: int) -> TaskResult | None:
        """End what an earlier server left of a task; return its result if it had one, None when that is lost."""

    def forget(self, attempt_id: int) -> None:
        """Remove what a task left behind; safe to repeat."""
