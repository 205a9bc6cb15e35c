"""Outcomes of tasks on request, for tests of what a client makes of them: the next tasks end as the plan says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase

from localdev.workspace.errors import invalid
from localdev.workspace.flow import outcomes
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model.run import Outcome, TaskOutput
from localdev.workspace.runners.runner import Execution, Launch, TaskResult, TaskRunner

_MESSAGE = "This end was planned, and nothing ran"
_SKIPPED = Outcome(life_cycle_state="SKIPPED", result_state=None, code="SKIPPED", type="CLIENT_ERROR", message=_MESSAGE)
OUTCOMES: Mapping[str, Callable[[], Outcome]] = {
    "SUCCESS": lambda: outcomes.SUCCEEDED,
    "FAILED": lambda: outcomes.FAILED,
    "SKIPPED": lambda: _SKIPPED,
    "INTERNAL_ERROR": lambda: outcomes.crashed(_MESSAGE),
    "TIMEDOUT": lambda: outcomes.timed_out(timedelta(0)),
    "CANCELED": lambda: outcomes.CANCELLED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedOutcome:
    """How the next attempts at some tasks end."""

    task: str  # their keys; * stands for anything
    outcome: str  # one of OUTCOMES
    code: str = ""  # the code of its termination_details; what goes with the outcome without
    job_id: int | None = None  # None: of any job
    times: int = 1


class OutcomePlan:
    """The outcomes that are still to come."""

    def __init__(self) -> None:
        self._planned: list[tuple[PlannedOutcome, list[int]]] = []

    def add(self, planned: PlannedOutcome) -> None:
        """Plan an outcome behind those already planned."""
        self._planned.append((planned, [planned.times]))

    def clear(self) -> None:
        """Drop all that is planned."""
        self._planned.clear()

    def take(self, launch: Launch) -> Outcome | None:
        """Return the outcome planned first for a task that is about to start, and count it."""
        for planned, left in self._planned:
            concerns_job = planned.job_id in {None, launch.job_id}
            if left[0] and concerns_job and fnmatchcase(launch.task_key, planned.task):
                left[0] -= 1
                outcome = OUTCOMES[planned.outcome]()
                return replace(outcome, code=planned.code) if planned.code else outcome
        return None


def read(document: Document) -> PlannedOutcome:
    """Return the planned outcome that a JSON object describes; raises ApiError."""
    fields = Fields(document)
    outcome = fields.required_text("outcome", "fault")
    if outcome not in OUTCOMES:
        raise invalid(f"outcome is {outcome!r}; it must be one of {', '.join(OUTCOMES)}.")
    return PlannedOutcome(
        task=fields.text("task", "*"),
        outcome=outcome,
        code=fields.text("code"),
        job_id=fields.identifier("job_id") if fields.has("job_id") else None,
        times=fields.whole_number("times", 1, least=1),
    )


class PlannedRunner:
    """A runner in front of another one, in which planned outcomes happen."""

    def __init__(self, runner: TaskRunner, plan: OutcomePlan) -> None:
        self._runner = runner
        self._plan = plan

    async def start(self, launch: Launch) -> Execution:
        """Start a task, or make its planned end happen."""
        outcome = self._plan.take(launch)
        return await self._runner.start(launch) if outcome is None else _Ended(outcome)

    def recover(self, attempt_id: int) -> TaskResult | None:
        """Leave it to the real runner."""
        return self._runner.recover(attempt_id)

    def forget(self, attempt_id: int) -> None:
        """Leave it to the real runner."""
        self._runner.forget(attempt_id)


class _Ended:
    """A task that has ended before it began."""

    def __init__(self, outcome: Outcome) -> None:
        error = None if outcome.succeeded else outcome.message
        self._result = TaskResult(outcome=outcome, output=TaskOutput(error=error))

    async def wait(self) -> TaskResult:
        """Return the result."""
        return self._result

    def end(self) -> None:
        """Do nothing: there is nothing left to end."""
