"""The ways in which runs and attempts end.

The pair that clients stumble over is measured on a real workspace: the run of a failed notebook says INTERNAL_ERROR
and FAILED in the old `state`, and TERMINATED and RUN_EXECUTION_ERROR in the new `status`
(https://github.com/databricks/cli, acceptance/bundle/resources/job_runs/failed_run).
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta

from localdev.workspace.model.run import Attempt, Ending, Outcome

FAILED_TASK_MESSAGE = "Workload failed, see run output for details"
_FAILURES = frozenset({"FAILED", "TIMEDOUT"})

SUCCEEDED = Outcome(life_cycle_state="TERMINATED", result_state="SUCCESS", code="SUCCESS", type="SUCCESS", message="")
FAILED = Outcome(
    life_cycle_state="TERMINATED",
    result_state="FAILED",
    code="RUN_EXECUTION_ERROR",
    type="CLIENT_ERROR",
    message=FAILED_TASK_MESSAGE,
)
CANCELLED = Outcome(
    life_cycle_state="TERMINATED",
    result_state="CANCELED",
    code="USER_CANCELED",
    type="CLIENT_ERROR",
    message="Run cancelled.",
)
UPSTREAM_FAILED = Outcome(
    life_cycle_state="SKIPPED",
    result_state="UPSTREAM_FAILED",
    code="SKIPPED",
    type="CLIENT_ERROR",
    message="An upstream task failed.",
)
UPSTREAM_CANCELLED = Outcome(
    life_cycle_state="SKIPPED",
    result_state="UPSTREAM_CANCELED",
    code="SKIPPED",
    type="CLIENT_ERROR",
    message="An upstream task was canceled.",
)
EXCLUDED = Outcome(
    life_cycle_state="SKIPPED",
    result_state="EXCLUDED",
    code="SKIPPED",
    type="SUCCESS",
    message="The condition for running this task was not met.",
)
DISABLED = Outcome(
    life_cycle_state="SKIPPED",
    result_state="DISABLED",
    code="DISABLED",
    type="CLIENT_ERROR",
    message="Disabled, or without a chance to run because of a disabled task.",
)
SUCCEEDED_WITH_FAILURES = Outcome(
    life_cycle_state="TERMINATED",
    result_state="SUCCESS_WITH_FAILURES",
    code="SUCCESS_WITH_FAILURES",
    type="SUCCESS",
    message="Some tasks failed, and all that no other task depends on succeeded.",
)
LOST = Outcome(
    life_cycle_state="INTERNAL_ERROR",
    result_state="FAILED",
    code="INTERNAL_ERROR",
    type="INTERNAL_ERROR",
    message="The local workspace stopped while this task was running: how far it got is not known",
)


def skipped(limit: int) -> Outcome:
    """Return the outcome of a run that found no slot and no queue. https://github.com/databricks/cli/pull/257."""
    return _never_ran(f"Skipping this run because the limit of {limit} maximum concurrent runs has been reached.")


def dropped(limit: int, waited: timedelta) -> Outcome:
    """Return the outcome of a run that waited in the queue for as long as Databricks keeps it there."""
    hours = round(waited.total_seconds() / 3600)
    return _never_ran(
        f"Dropping this run because it was queued for {hours} hours: "
        f"the limit of {limit} maximum concurrent runs was reached all the time."
    )


def timed_out(timeout: timedelta) -> Outcome:
    """Return the outcome of what ran into its timeout_seconds."""
    return Outcome(
        life_cycle_state="TERMINATED",
        result_state="TIMEDOUT",
        code="CANCELED",
        type="CLIENT_ERROR",
        message=f"Run timed out after {timeout.total_seconds():.0f} seconds",
    )


def not_found(path: str) -> Outcome:
    """Return the outcome of a task whose notebook or file is not there."""
    return Outcome(
        life_cycle_state="INTERNAL_ERROR",
        result_state="FAILED",
        code="RESOURCE_NOT_FOUND",
        type="CLIENT_ERROR",
        message=f"Unable to access {path!r} in the workspace: it does not exist below the notebooks folder",
    )


def library_not_found(path: str) -> Outcome:
    """Return the outcome of a task one of whose libraries is not there."""
    return _without_libraries(f"The library {path!r} does not exist below the notebooks folder")


def failed(code: str | None, message: str) -> Outcome:
    """Return the outcome of a task that says it failed, and perhaps with which code of `termination_details`."""
    return _without_libraries(message) if code == "LIBRARY_INSTALLATION_ERROR" else FAILED


def crashed(what_happened: str) -> Outcome:
    """Return the outcome of a task whose process was gone before it could say how it ended."""
    return Outcome(
        life_cycle_state="INTERNAL_ERROR",
        result_state="FAILED",
        code="DRIVER_ERROR",
        type="INTERNAL_ERROR",
        message=what_happened,
    )


def misconfigured(what: str) -> Outcome:
    """Return the outcome of a task that cannot run as it is configured; trying again would not help."""
    return Outcome(
        life_cycle_state="INTERNAL_ERROR",
        result_state="FAILED",
        code="INVALID_RUN_CONFIGURATION",
        type="CLIENT_ERROR",
        message=what,
    )


def of_child(child: Outcome, what: str) -> Outcome:
    """Return the outcome of the task for which a run ran; `what` names that run."""
    if child.succeeded:
        return SUCCEEDED
    if child.result_state == "CANCELED":
        return CANCELLED
    return Outcome(
        life_cycle_state="INTERNAL_ERROR",
        result_state="FAILED",
        code=child.code,
        type=child.type,
        message=f"{what} did not succeed: {child.message}",
    )


def told_to_end(ending: Ending, timeout: timedelta | None) -> Outcome:
    """Return the outcome of what was told to end before it had ended by itself."""
    return timed_out(timeout or timedelta(0)) if ending is Ending.TIMED_OUT else CANCELLED


def of_run(latest: Sequence[Attempt], leaves: AbstractSet[str]) -> Outcome:
    """Return the outcome of a run that nobody told to end, from the last attempts of its tasks.

    The leaves decide, the tasks that no other depends on: what fails before them may have been dealt with
    (https://docs.databricks.com/aws/en/jobs/run-if).
    """
    ended = [(attempt, attempt.outcome) for attempt in latest if attempt.outcome is not None]
    results = {outcome.result_state for attempt, outcome in ended if attempt.task_key in leaves}
    if results & {*_FAILURES, "UPSTREAM_FAILED"}:
        return _failed_by(*_culprit(ended, leaves))
    if results & {"CANCELED", "UPSTREAM_CANCELED"}:
        return CANCELLED
    if all(outcome.result_state == "DISABLED" for _, outcome in ended):
        return DISABLED
    return SUCCEEDED if all(is_good(outcome) for _, outcome in ended) else SUCCEEDED_WITH_FAILURES


def is_good(outcome: Outcome) -> bool:
    """Tell whether a task came to the end that was meant for it, be it that it had no reason to run."""
    return outcome.succeeded or outcome.result_state in {"EXCLUDED", "DISABLED"}


def _culprit(
    ended: Sequence[tuple[Attempt, Outcome]], leaves: AbstractSet[str]
) -> tuple[Attempt, Outcome, Sequence[tuple[Attempt, Outcome]]]:
    """Return the task that a run's message names, a failed leaf at best, its end, and the tasks skipped for it."""
    failures = [each for each in ended if each[1].result_state in _FAILURES]
    skipped = [each for each in ended if each[1].result_state == "UPSTREAM_FAILED"]
    attempt, outcome = next((each for each in failures if each[0].task_key in leaves), [*failures, *skipped][0])
    return attempt, outcome, skipped


def _without_libraries(message: str) -> Outcome:
    return Outcome(
        life_cycle_state="INTERNAL_ERROR",
        result_state="FAILED",
        code="LIBRARY_INSTALLATION_ERROR",
        type="CLIENT_ERROR",
        message=message,
    )


def _failed_by(culprit: Attempt, outcome: Outcome, skipped: Sequence[tuple[Attempt, Outcome]]) -> Outcome:
    consequence = " This caused all downstream tasks to get skipped." if skipped else ""
    said = outcome.message.rstrip(".")
    return Outcome(
        life_cycle_state="INTERNAL_ERROR",
        result_state="TIMEDOUT" if outcome.result_state == "TIMEDOUT" else "FAILED",
        code=outcome.code,
        type=outcome.type,
        message=f"Task {culprit.task_key} failed with message: {said}{'' if said.endswith('?') else '.'}{consequence}",
    )


def _never_ran(message: str) -> Outcome:
    return Outcome(
        life_cycle_state="SKIPPED",
        result_state=None,
        code="MAX_CONCURRENT_RUNS_EXCEEDED",
        type="CLIENT_ERROR",
        message=message,
    )
