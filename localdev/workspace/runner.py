"""What runs tasks: the seam between the scheduler and processes, which a script of outcomes can take in tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from localdev.workspace.model import Attempt, Outcome, Run, TaskKind, TaskOutput


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """All that a task's process has to know."""

    attempt_id: int
    task_key: str
    kind: TaskKind
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)  # of a notebook
    arguments: tuple[str, ...] = ()  # of a Python file


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskResult:
    """How a task ended; `by_itself` is false when its process was gone before it could say so."""

    outcome: Outcome
    output: TaskOutput = field(default_factory=TaskOutput)
    by_itself: bool = True


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


def launch_of(run: Run, attempt: Attempt) -> Launch:
    """Return how to start an attempt.

    A notebook gets notebook_params merged over base_parameters and below the job's parameters, which "override" what
    a task has under the same name (https://docs.databricks.com/aws/en/jobs/job-parameters). python_params replace a
    Python task's own parameters.
    """
    task = run.settings.tasks[attempt.task_key]
    job_parameters = {**run.settings.parameters, **run.request.job_parameters}
    return Launch(
        attempt_id=attempt.id,
        task_key=task.key,
        kind=task.kind,
        path=task.path,
        parameters={**task.parameters, **run.request.notebook_params, **job_parameters},
        arguments=task.arguments if run.request.python_params is None else run.request.python_params,
    )
