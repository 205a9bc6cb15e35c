"""What a workspace adds to a job's settings by itself: a file need not say it, and a difference in it is none.

The values are those that a new job shows in jobs/get: https://docs.databricks.com/api/workspace/jobs/get, and what
https://github.com/databricks/cli (acceptance/bundle) records of a workspace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localdev.workspace.model.job import TaskKind

_LEVEL: Mapping[str, Any] = {"timeout_seconds": 0, "notification_settings": {}}
_JOB: Mapping[str, Any] = {**_LEVEL, "max_concurrent_runs": 1, "format": "MULTI_TASK", "edit_mode": "EDITABLE"}
_TASK: Mapping[str, Any] = {
    **_LEVEL,
    "run_if": "ALL_SUCCESS",
    "max_retries": 0,
    "min_retry_interval_millis": 0,
    "retry_on_timeout": False,
    "disabled": False,
}
_WORK: Mapping[str, Any] = {"source": "WORKSPACE"}
_TRIGGER: Mapping[str, Any] = {"pause_status": "UNPAUSED"}
# On Azure; a file that says something else differs.
_CLUSTER: Mapping[str, Any] = {
    "azure_attributes": {"first_on_demand": 1, "availability": "ON_DEMAND_AZURE", "spot_bid_max_price": -1},
    "enable_elastic_disk": True,
    "data_security_mode": "LEGACY_SINGLE_USER_STANDARD",
    "runtime_engine": "STANDARD",
    "cluster_name": "",
}
_NOTIFICATIONS: Mapping[str, Any] = {"no_alert_for_skipped_runs": False, "no_alert_for_canceled_runs": False}
_NOTIFIED = ("email_notifications", "webhook_notifications", "notification_settings")
# Of who made the job, and who may see it, which jobs/get does not tell and jobs/reset does not take.
_NO_SETTINGS = ("deployment", "access_control_list")


def without_defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's settings without what the workspace would add by itself; new, down to the last list."""
    job = _level({name: value for name, value in settings.items() if name not in _NO_SETTINGS}, _JOB)
    for name in ("schedule", "trigger", "continuous"):
        if isinstance(job.get(name), Mapping):
            job[name] = _without(job[name], _TRIGGER)
    if isinstance(job.get("job_clusters"), list):
        job["job_clusters"] = [_with_cluster(each) for each in job["job_clusters"]]
    if isinstance(job.get("tasks"), list):
        job["tasks"] = [_task(each) for each in job["tasks"]]
    return job


def _task(task: Any) -> Any:
    if not isinstance(task, Mapping):
        return task
    found = _with_cluster(_level(task, _TASK))
    for kind in TaskKind:
        if isinstance(found.get(kind), Mapping):
            found[kind] = _without(found[kind], _WORK)
    if isinstance(found.get(TaskKind.FOR_EACH), Mapping):
        loop = _without(found[TaskKind.FOR_EACH], {"concurrency": 1})
        found[TaskKind.FOR_EACH] = {**loop, "task": _task(loop.get("task"))}
    return found


def _level(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(values)
    for name in _NOTIFIED:
        if isinstance(found.get(name), Mapping):
            found[name] = _without(found[name], _NOTIFICATIONS)
    return _without(found, defaults)


def _with_cluster(holder: Any) -> Any:
    if not isinstance(holder, Mapping):
        return holder
    found = dict(holder)
    if isinstance(found.get("new_cluster"), Mapping):
        found["new_cluster"] = _without(found["new_cluster"], _CLUSTER)
    return found


def _without(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return values without defaults, and without what is empty, which a workspace leaves out."""
    return {
        name: value
        for name, value in values.items()
        if value not in (None, {}, []) and not (name in defaults and value == defaults[name])
    }
