"""run_job_task: a run of another job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from localdev.workspace.errors import invalid
from localdev.workspace.jobs import run_request
from localdev.workspace.json_fields import Fields
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.request import RunRequest, Trigger, TriggerType


@dataclass(frozen=True, kw_only=True, slots=True)
class RunJobWork:
    """A job to run and the parameters to run it with, as run-now takes them."""

    job_id: int
    job_parameters: Mapping[str, str]
    overriding: Mapping[str, Any]

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind.RUN_JOB

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> RunJobWork:
        """Return it with the job's parameters pushed down, which override what it has under the same name.

        https://docs.databricks.com/aws/en/jobs/job-parameters, "Job parameter pushdown"
        """
        del request
        return replace(self, job_parameters={**self.job_parameters, **job_parameters})

    def request(self) -> RunRequest:
        """Return what the job is asked for with."""
        return RunRequest(
            job_id=self.job_id,
            job_parameters=self.job_parameters,
            overriding=self.overriding,
            trigger=Trigger(type=TriggerType.RUN_JOB_TASK),
        )


def read(work: Fields, where: str) -> RunJobWork:
    """Return the work of a run_job_task; raises ApiError."""
    if not work.has("job_id"):
        raise invalid(f"{where}: run_job_task: job_id is missing.")
    overriding, job_parameters = run_request.read_parameters(work)
    return RunJobWork(job_id=work.identifier("job_id"), job_parameters=job_parameters, overriding=overriding)
