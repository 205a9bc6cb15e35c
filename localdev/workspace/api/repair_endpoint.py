"""jobs/runs/repair, and the repair history of a run."""

from __future__ import annotations

from collections.abc import Sequence

from localdev.workspace.access import permissions
from localdev.workspace.access.access_level import Level
from localdev.workspace.api import views
from localdev.workspace.api.endpoint import Call
from localdev.workspace.core import Core
from localdev.workspace.errors import invalid, run_missing, wrong_state
from localdev.workspace.flow import lifecycle, task_selection
from localdev.workspace.jobs import repair_settings, run_request
from localdev.workspace.json_fields import LARGEST_ID, Document, Fields
from localdev.workspace.model.run import Repair, Run
from localdev.workspace.storage.database import milliseconds


def repair(core: Core, call: Call) -> Document:
    """Run tasks of an ended run again; a run with repairs wants the last one's id, and each is taken once.

    https://docs.databricks.com/api/azure/workspace/jobs/repairrun, https://github.com/databricks/databricks-sdk-py/issues/157
    """
    fields = Fields(call.body)
    run_id = fields.identifier("run_id")
    with core.store.transaction():
        run = core.store.runs.get_seen(run_id)
        if run is None or run.id != run_id:
            raise run_missing(run_id)
        permissions.require(core, call, run.job_id, Level.CAN_MANAGE_RUN)
        repairs = core.store.runs.repairs(run_id)
        _check(run, repairs, fields.whole_number("latest_repair_id", 0, most=LARGEST_ID))
        again = _with_current_settings(core, run)
        keys = _chosen(fields, again)
        request = run_request.read_repair(call.body, run.request)
        new = Repair(id=core.store.new_id(), created_at=core.clock.now(), before=_item(run, repairs))
        core.store.runs.add_repair(run_id, new)
        core.store.save_run(lifecycle.repaired(again, request, core.clock.now(), core.store.new_id, keys), run)
    core.scheduler.notice(run_id)
    return {"repair_id": new.id}


def with_history(core: Core, call: Call, run: Run) -> Document:
    """Return the field that holds a run's repair history, where it is asked for."""
    if not call.flag("include_history"):
        return {}
    repairs = core.store.runs.repairs(run.id)
    return {"repair_history": [*(dict(repair.before) for repair in repairs), _item(run, repairs)]}


def _with_current_settings(core: Core, run: Run) -> Run:
    job = core.store.jobs.get(run.job_id)
    if job is None:
        return run
    settings = repair_settings.after_repair(run, job.settings)
    core.store.runs.save_settings(run.id, settings)
    return run.evolve(settings=settings)


def _check(run: Run, repairs: Sequence[Repair], latest: int) -> None:
    if run.is_active:
        raise wrong_state(f"Run {run.id} is active and cannot be repaired.")
    if latest != (repairs[-1].id if repairs else 0):
        raise invalid("The latest repair ID needs to be provided in order to create a new repair")


def _chosen(fields: Fields, run: Run) -> frozenset[str]:
    """Return the keys of the tasks to run again."""
    named = fields.text_list("rerun_tasks")
    all_failed = fields.flag("rerun_all_failed_tasks") or False
    if all_failed and named:
        raise invalid("Only one of rerun_tasks or rerun_all_failed_tasks can be used.")
    if not all_failed and not named:
        raise invalid("Either rerun_tasks or rerun_all_failed_tasks needs to be provided.")
    keys = task_selection.failed(run) if all_failed else frozenset(named)
    if not keys:
        raise invalid(f"Run {run.id} has no failed tasks.")
    return task_selection.to_repair(run, keys, dependent=fields.flag("rerun_dependent_tasks") or False)


def _item(run: Run, repairs: Sequence[Repair]) -> Document:
    """Return the newest part of a run's history: its last repair, or the run itself as it was at first."""
    end = 0 if run.ended_at is None else milliseconds(run.ended_at)
    since = repairs[-1].id if repairs else run.id  # ids grow: what has a later one belongs to this part
    state = {**views.state_view(run), "task_run_ids": [each.id for each in run.attempts if each.id > since]}
    if not repairs:
        return {"type": "ORIGINAL", "start_time": milliseconds(run.created_at), "end_time": end, **state}
    newest = repairs[-1]
    return {
        "type": "REPAIR",
        "id": newest.id,
        "start_time": milliseconds(newest.created_at),
        "end_time": end,
        **state,
    }
