"""Runs and attempts as rows of their tables, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from localdev.workspace.flow import loops
from localdev.workspace.jobs import job_settings
from localdev.workspace.model.request import RunRequest, RunType, Trigger, TriggerType
from localdev.workspace.model.run import Attempt, Ending, Outcome, Phase, Run
from localdev.workspace.storage.database import milliseconds_or_none, moment, moment_or_none

ATTEMPT_COLUMNS = (
    *("id", "task_key", "number", "first_id", "phase", "due_at", "started_at", "ended_at", "ending", "outcome"),
    "branch",
)


def run_of(row: sqlite3.Row, attempts: Sequence[sqlite3.Row]) -> Run:
    """Return a run from its row and those of its attempts, of `ATTEMPT_COLUMNS` and in the order of their ids."""
    return Run(
        id=row["id"],
        job_id=row["job_id"],
        settings=(loops if row["is_loop"] else job_settings).read_text(row["settings"]),
        request=_request(json.loads(row["request"])),
        phase=Phase(row["phase"]),
        created_at=moment(row["created_at"]),
        admitted_at=moment_or_none(row["admitted_at"]),
        parent_id=row["parent_id"],
        attempts=tuple(_attempt(*each) for each in attempts),
        **_read_end(row),
    )


def changing_values(run: Run) -> tuple[object, ...]:
    """Return what changes of a run: phase, admitted_at, ended_at, ending, outcome, request."""
    return (
        run.phase,
        milliseconds_or_none(run.admitted_at),
        milliseconds_or_none(run.ended_at),
        run.ending,
        _outcome_text(run.outcome),
        _request_text(run.request),
    )


def attempt_values(attempt: Attempt) -> tuple[object, ...]:
    """Return the columns of an attempt: id, task_key, number, first_id, phase, due_at … branch."""
    return (
        attempt.id,
        attempt.task_key,
        attempt.number,
        attempt.first_id,
        attempt.phase,
        milliseconds_or_none(attempt.due_at),
        milliseconds_or_none(attempt.started_at),
        milliseconds_or_none(attempt.ended_at),
        attempt.ending,
        _outcome_text(attempt.outcome),
        attempt.branch,
    )


@lru_cache(maxsize=20_000)
def _attempt(*values: Any) -> Attempt:
    """Return an attempt of the values of `ATTEMPT_COLUMNS`: most are read again and again as they were."""
    row = dict(zip(ATTEMPT_COLUMNS, values, strict=True))
    return Attempt(
        id=row["id"],
        task_key=row["task_key"],
        number=row["number"],
        first_id=row["first_id"],
        phase=Phase(row["phase"]),
        due_at=moment_or_none(row["due_at"]),
        started_at=moment_or_none(row["started_at"]),
        branch=row["branch"],
        **_read_end(row),
    )


def _read_end(row: sqlite3.Row | Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ended_at": moment_or_none(row["ended_at"]),
        "ending": None if row["ending"] is None else Ending(row["ending"]),
        "outcome": None if row["outcome"] is None else Outcome(**json.loads(row["outcome"])),
    }


def _request_text(request: RunRequest) -> str:
    document = asdict(request)
    document["trigger"]["time"] = milliseconds_or_none(request.trigger.time)
    return json.dumps(document)


def _request(document: dict[str, Any]) -> RunRequest:
    trigger = document.pop("trigger")
    return RunRequest(
        **{**document, "only": tuple(document["only"]), "run_type": RunType(document["run_type"])},
        trigger=Trigger(
            type=TriggerType(trigger["type"]), time=moment_or_none(trigger["time"]), location=trigger["location"]
        ),
    )


def _outcome_text(outcome: Outcome | None) -> str | None:
    return None if outcome is None else json.dumps(asdict(outcome))
