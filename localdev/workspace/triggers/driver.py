"""What every kind of trigger can be asked, and the one way in which a trigger starts a run."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from localdev.workspace.core import Core
from localdev.workspace.errors import ApiError
from localdev.workspace.flow import starting
from localdev.workspace.model.job import Job
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Run
from localdev.workspace.triggers.trigger_table import TriggerState
from shared import logs


class Driver(Protocol):
    """Knows when a kind of trigger has to do something, and does it."""

    def begun(self, job: Job, state: TriggerState, now: datetime) -> TriggerState:
        """Return the state of a trigger that is new."""

    def resumed(self, job: Job, state: TriggerState, now: datetime) -> TriggerState:
        """Return the state with which a trigger goes on after the server was down; it may be as it was."""

    async def act(self, job: Job) -> None:
        """Do what is due, and save in the same transaction when something is due again."""


def started(core: Core, request: RunRequest) -> Run | None:
    """Start a run, or log why there is none; belongs into the transaction that remembers it."""
    try:
        run = starting.start(core, request)
    except ApiError as error:
        logs.warning("workspace.trigger_refused", job=request.job_id, reason=error.message)
        return None
    logs.fact("workspace.triggered", job=request.job_id, run=run.id, trigger=request.trigger.type)
    return run
