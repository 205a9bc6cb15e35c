"""From a run's settings and parameters to what one attempt at a task is started with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localdev.workspace.model import Attempt, Run
from localdev.workspace.runner import Launch


def launch_of(run: Run, attempt: Attempt, values: Mapping[str, Mapping[str, Any]]) -> Launch:
    """Return how to start an attempt; `values` are the task values that the run's tasks have set so far."""
    job_parameters = {**run.settings.parameters, **run.request.job_parameters}
    return Launch(
        run_id=run.id,
        job_id=run.job_id,
        attempt_id=attempt.id,
        task_key=attempt.task_key,
        work=run.settings.tasks[attempt.task_key].work.given(run.request, job_parameters),
        values=values,
    )
