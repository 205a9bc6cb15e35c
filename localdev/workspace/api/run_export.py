"""jobs/runs/export: the notebook of a task run as HTML."""

from __future__ import annotations

from localdev.workspace.access import permissions
from localdev.workspace.access.access_level import Level
from localdev.workspace.api.endpoint import Call
from localdev.workspace.core import Core
from localdev.workspace.errors import invalid, run_missing
from localdev.workspace.files import notebook_page
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.run import Attempt, Run, TaskOutput

_VIEWS = ("CODE", "DASHBOARDS", "ALL")


def export(core: Core, call: Call) -> Document:
    """Show the notebook of a task run, as it is now, with what the run left behind; it has no dashboards here."""
    fields = call.fields()
    run_id = fields.identifier("run_id")
    views = fields.text("views_to_export", "CODE")
    if views not in _VIEWS:
        raise invalid(f"views_to_export is {views!r}; it must be one of {', '.join(_VIEWS)}.")
    run = core.store.runs.get_seen(run_id)
    if run is None:
        raise run_missing(run_id)
    permissions.require(core, call, run.job_id, Level.CAN_VIEW)
    attempt = _attempt(run, run_id)
    path = _notebook_path(run, attempt)
    notebook = core.files.find(path)
    if views == "DASHBOARDS":
        return {}
    page = notebook_page.page(notebook, notebook.file.read_bytes(), _outputs(core.store.runs.output(attempt.id)))
    return {"views": [{"content": page, "name": path.rpartition("/")[2], "type": "NOTEBOOK"}]}


def _attempt(run: Run, run_id: int) -> Attempt:
    if run_id != run.id:
        return run.attempt(run_id)
    if len(run.attempts) > 1:
        raise invalid(f"Run {run_id} has several task runs: export them one by one, each by its own run_id.")
    return run.attempts[0]


def _notebook_path(run: Run, attempt: Attempt) -> str:
    task = run.settings.tasks[attempt.task_key]
    if task.kind is not TaskKind.NOTEBOOK:
        raise invalid(f"Task {attempt.task_key!r} is no notebook_task: only runs of notebooks can be exported.")
    return Fields(Fields(task.document).object(TaskKind.NOTEBOOK)).text("notebook_path")


def _outputs(output: TaskOutput) -> list[tuple[str, str]]:
    found = [("Result", output.result), ("Error", output.error_trace or output.error)]
    return [(heading, text) for heading, text in found if text is not None]
