"""The parameters of a task run as it got them, merged and with their references resolved.

https://docs.databricks.com/api/workspace/jobs/getrun, `include_resolved_values`
"""

from __future__ import annotations

from localdev.workspace.core import Core
from localdev.workspace.flow.launching import facts_for, work_of
from localdev.workspace.json_fields import Document
from localdev.workspace.model.job import Work
from localdev.workspace.model.run import Attempt, Phase, Run
from localdev.workspace.tasks.condition import ConditionWork
from localdev.workspace.tasks.dbt import DbtWork
from localdev.workspace.tasks.jar import JarWork
from localdev.workspace.tasks.notebook import NotebookWork
from localdev.workspace.tasks.pipeline import PipelineWork
from localdev.workspace.tasks.python_file import PythonFileWork
from localdev.workspace.tasks.run_job import RunJobWork
from localdev.workspace.tasks.sql import SqlWork
from localdev.workspace.tasks.wheel import WheelWork
from shared.errors import LandfallError

_NOT_KNOWN_YET = frozenset({Phase.QUEUED, Phase.BLOCKED, Phase.WAITING_FOR_RETRY})


def of_attempt(core: Core, run: Run, attempt: Attempt) -> Document:
    """Return `resolved_values` of an attempt, or nothing as long as what it refers to may still change."""
    if attempt.phase in _NOT_KNOWN_YET:
        return {}
    try:
        work = work_of(run, attempt, facts_for(core.store, core.scheduler.place, run, attempt))
    except LandfallError:  # a reference that cannot be resolved: the task's own error says which
        return {}
    values = {name: value for name, value in _values(work).items() if value}
    return {"resolved_values": {work.kind: values}} if values else {}


def _values(work: Work) -> Document:
    values: Document = {}
    match work:
        case NotebookWork():
            values = {"base_parameters": dict(work.parameters)}
        case PythonFileWork() | JarWork():
            values = {"parameters": list(work.arguments)}
        case WheelWork():
            values = {"parameters": list(work.arguments), "named_parameters": dict(work.named or {})}
        case SqlWork() | PipelineWork():
            values = {"parameters": dict(work.parameters)}
        case DbtWork():
            values = {"commands": list(work.commands)}
        case ConditionWork():
            values = {"left": work.left, "right": work.right}
        case RunJobWork():
            values = {"job_parameters": dict(work.job_parameters)}
    return values
