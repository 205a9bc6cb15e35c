"""The ways in which runs and attempts end.

The pair that clients stumble over is measured on a real workspace: the run of a failed notebook says INTERNAL_ERROR
and FAILED in the old `state`, and TERMINATED and RUN_EXECUTION_ERROR in the new `status`
(https://github.com/databricks/cli, acceptance/bundle/resources/job_runs/failed_run).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from localdev.workspace.model import Attempt, Ending, Outcome

FAILED_TASK_MESSAGE = "Workload failed, see run output for details"

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


def crashed(what_happened: str) -> Outcome:
    """Return the outcome of a task whose process was gone before it could say how it ended."""
    return Outcome(
        life_cycle_state="INTERNAL_ERROR",
        result_state="FAILED",
        code="DRIVER_ERROR",
        type="INTERNAL_ERROR",
        message=what_happened,
    )


def told_to_end(ending: Ending, timeout: timedelta | None) -> Outcome:
    """Return the outcome of what was told to end before it had ended by itself."""
    return timed_out(timeout or timedelta(0)) if ending is Ending.TIMED_OUT else CANCELLED


def of_run(latest: Iterable[Attempt]) -> Outcome:
    """Return the outcome of a run that nobody told to end, from the last attempts of its tasks."""
    ended = [(attempt, attempt.outcome) for attempt in latest if attempt.outcome is not None]
    for attempt, outcome in ended:
        if outcome.result_state in {"FAILED", "TIMEDOUT"}:
            skips = any(other.result_state == "UPSTREAM_FAILED" for _, other in ended)
            return _failed_by(attempt.task_key, outcome, skips=skips)
    return SUCCEEDED if all(outcome.succeeded for _, outcome in ended) else CANCELLED


def _failed_by(task_key: str, outcome: Outcome, *, skips: bool) -> Outcome:
    consequence = " This caused all downstream tasks to get skipped." if skips else ""
    return Outcome(
        life_cycle_state="INTERNAL_ERROR",
        result_state=outcome.result_state,
        code=outcome.code,
        type=outcome.type,
        message=f"Task {task_key} failed with message: {outcome.message.rstrip('.')}.{consequence}",
    )


def _never_ran(message: str) -> Outcome:
    return Outcome(
        life_cycle_state="SKIPPED",
        result_state=None,
        code="MAX_CONCURRENT_RUNS_EXCEEDED",
        type="CLIENT_ERROR",
        message=message,
    )
