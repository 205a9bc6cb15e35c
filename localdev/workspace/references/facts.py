"""What references of one attempt at a task may be replaced with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from localdev.workspace.model.job import TaskKind, TaskSettings
from localdev.workspace.model.request import Trigger, TriggerType
from localdev.workspace.model.run import Attempt, Run

NO_INPUT = object()  # outside of a for_each_task, where any value may be one


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFacts:
    """What is known of a task of the run so far."""

    run_id: int
    execution_count: int  # attempts, those of repairs included
    notebook_path: str | None  # None for a task that is no notebook
    result_state: str | None  # None until it has ended
    code: str | None  # the termination code, likewise
    values: Mapping[str, Any] = field(default_factory=dict)  # what it has set with dbutils.jobs.taskValues
    rows: Sequence[Mapping[str, Any]] | None = None  # (SQL) what its last statement has returned


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """What is known of a run, and of one attempt in it."""

    job_id: int
    job_name: str
    run_id: int
    repair_count: int
    started_at: datetime  # of the run, as runs/get shows it
    trigger: Trigger
    task_key: str
    task_started_at: datetime
    tasks: Mapping[str, TaskFacts]  # by task key, this one among them
    defaults: Mapping[str, str]  # of the job's parameters; they may hold references
    given: Mapping[str, str]  # the values of job parameters that the run was given: never looked into
    workspace_id: int
    workspace_url: str
    input: Any = NO_INPUT  # of a for_each_task's iteration

    @property
    def task(self) -> TaskFacts:
        """Return the facts of the attempt itself."""
        return self.tasks[self.task_key]

    @property
    def triggered_at(self) -> datetime:
        """Return when the run was due; a schedule's moments are whole minutes."""
        if self.trigger.type is TriggerType.PERIODIC:
            moment = self.trigger.time or self.started_at
            return moment - timedelta(seconds=moment.second, microseconds=moment.microsecond)
        return self.trigger.time or self.started_at


def facts_of(
    run: Run,
    attempt: Attempt,
    values: Mapping[str, Mapping[str, Any]],
    *,
    workspace_id: int,
    workspace_url: str,
    repair_count: int = 0,
    rows: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> RunFacts:
    """Return the facts of an attempt of a run.

    `values` are the task values and `rows` the rows of SQL tasks so far, by task key. For an iteration of a
    for_each_task evolve it: `replace(facts, input=item)`.
    """
    latest = {**run.latest_attempts(), attempt.task_key: attempt}
    tasks = {
        key: _task_facts(run.settings.tasks[key], each, values.get(key, {}), (rows or {}).get(key))
        for key, each in latest.items()
    }
    return RunFacts(
        job_id=run.job_id,
        job_name=run.settings.name,
        run_id=run.id,
        repair_count=repair_count,
        started_at=run.created_at,
        trigger=run.request.trigger,
        task_key=attempt.task_key,
        task_started_at=attempt.started_at or run.created_at,
        tasks=tasks,
        defaults=run.settings.parameters,
        given=run.request.job_parameters,
        workspace_id=workspace_id,
        workspace_url=workspace_url,
    )


def _task_facts(
    task: TaskSettings, attempt: Attempt, values: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] | None
) -> TaskFacts:
    outcome = attempt.outcome
    notebook = task.document.get(TaskKind.NOTEBOOK) or {}
    return TaskFacts(
        run_id=attempt.id,
        execution_count=attempt.number + 1,
        notebook_path=notebook.get("notebook_path"),
        result_state=None if outcome is None else outcome.result_state or "",
        code=None if outcome is None else outcome.code,
        values=values,
        rows=rows,
    )
