"""Whether a task may run, given how the tasks before it ended.

The table is that of https://docs.databricks.com/aws/en/jobs/run-if and, for disabled tasks, that of
https://docs.databricks.com/aws/en/jobs/disabled-tasks. What they leave open:

- An excluded task counts as successful, as documented. The branch that a condition did not take counts as neither: a
  task that wants both that branch and something else does not run, which real workspaces do
  (https://community.databricks.com/t5/data-engineering/if-else-condition-task-doubt/m-p/112576).
- A cancelled task counts as failed where a condition asks for failures, so that what cleans up runs after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from localdev.workspace.model.job import RunIf
from localdev.workspace.model.run import Outcome


class Standing(StrEnum):
    """What one dependency says to the task that waits for it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXCLUDED = "excluded"  # skipped, and treated as successful
    NOT_TAKEN = "not taken"  # the condition went the other way
    DISABLED = "disabled"


class Verdict(StrEnum):
    """What becomes of the task."""

    WAIT = "wait"
    RUN = "run"
    EXCLUDED = "excluded"
    DISABLED = "disabled"
    UPSTREAM_FAILED = "upstream failed"
    UPSTREAM_CANCELLED = "upstream cancelled"


_STANDINGS = {
    "SUCCESS": Standing.SUCCEEDED,
    "SUCCESS_WITH_FAILURES": Standing.SUCCEEDED,
    "CANCELED": Standing.CANCELLED,
    "UPSTREAM_CANCELED": Standing.CANCELLED,
    "EXCLUDED": Standing.EXCLUDED,
    "DISABLED": Standing.DISABLED,
}
_SKIPPED = frozenset({Standing.EXCLUDED, Standing.NOT_TAKEN})
_FAILED = frozenset({Standing.FAILED, Standing.CANCELLED})
_NOT_SUCCESSFUL = frozenset({*_FAILED, Standing.NOT_TAKEN, Standing.DISABLED})


def standing_of(outcome: Outcome | None, branch: str | None, wanted: str | None) -> Standing | None:
    """Return what an ended dependency says, None while it has not ended.

    `branch` is the way that a condition went, `wanted` the way that the dependency asks for.
    """
    if outcome is None:
        return None
    standing = _STANDINGS.get(outcome.result_state or "", Standing.FAILED)
    if standing is Standing.SUCCEEDED and wanted is not None and branch != wanted:
        return Standing.NOT_TAKEN
    return standing


def verdict(run_if: RunIf, upstream: Sequence[Standing | None]) -> Verdict:
    """Return what becomes of a task that waits for these dependencies; a task without any runs."""
    if not upstream:
        return Verdict.RUN
    if _cannot_be_met(run_if, upstream):
        return Verdict.DISABLED
    known = [standing for standing in upstream if standing is not None]
    if len(known) < len(upstream):
        return Verdict.WAIT
    if _SKIPPED.issuperset(known):
        return Verdict.EXCLUDED
    return Verdict.RUN if _is_met(run_if, known) else _unmet(run_if, known)


def _cannot_be_met(run_if: RunIf, upstream: Sequence[Standing | None]) -> bool:
    """Tell whether disabled dependencies alone make the condition impossible, whatever the others do."""
    disabled = upstream.count(Standing.DISABLED)
    match run_if:
        case RunIf.ALL_SUCCESS | RunIf.ALL_FAILED:
            return disabled > 0
        case RunIf.AT_LEAST_ONE_SUCCESS | RunIf.AT_LEAST_ONE_FAILED | RunIf.NONE_FAILED:
            return disabled == len(upstream)
        case RunIf.ALL_DONE:
            return False


def _is_met(run_if: RunIf, upstream: Sequence[Standing]) -> bool:
    match run_if:
        case RunIf.ALL_SUCCESS:
            return _NOT_SUCCESSFUL.isdisjoint(upstream)
        case RunIf.AT_LEAST_ONE_SUCCESS:
            return any(standing not in _NOT_SUCCESSFUL for standing in upstream)
        case RunIf.NONE_FAILED:
            return _FAILED.isdisjoint(upstream)
        case RunIf.ALL_DONE:
            return True
        case RunIf.AT_LEAST_ONE_FAILED:
            return not _FAILED.isdisjoint(upstream)
        case RunIf.ALL_FAILED:
            return _FAILED.issuperset(upstream)


def _unmet(run_if: RunIf, upstream: Sequence[Standing]) -> Verdict:
    """Return the end of a task that does not run: one that handles failures is excluded, others tell why."""
    if run_if in {RunIf.AT_LEAST_ONE_FAILED, RunIf.ALL_FAILED}:
        return Verdict.EXCLUDED
    if Standing.FAILED in upstream:
        return Verdict.UPSTREAM_FAILED
    return Verdict.UPSTREAM_CANCELLED if Standing.CANCELLED in upstream else Verdict.EXCLUDED
