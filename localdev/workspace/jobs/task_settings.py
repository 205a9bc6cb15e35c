"""Reading one task of a job's settings."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from datetime import timedelta

from localdev.workspace.errors import invalid, not_supported
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model.job import Dependency, RunIf, TaskKind, TaskSettings
from localdev.workspace.notifications import settings as notification_settings
from localdev.workspace.tasks import for_each, libraries
from localdev.workspace.tasks.registry import READERS

LONGEST_TIMEOUT = 10 * 365 * 86400  # seconds
_TASK_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")


def read(document: Document, clusters: AbstractSet[str]) -> TaskSettings:
    """Return a task; raises ApiError for what is wrong or not supported locally."""
    fields = Fields(document)
    key = fields.text("task_key")
    if not _TASK_KEY.fullmatch(key):
        raise invalid(f"task_key is {key!r}; it must have 1 to 100 letters, digits, - and _.")
    where = f"Task {key!r}"
    kind = _kind(document, where)
    cluster = fields.text("job_cluster_key")
    if cluster and cluster not in clusters:
        raise invalid(f"{where}: job_cluster_key {cluster!r} is not among the job's job_clusters.")
    work = READERS[kind](Fields(fields.object(kind)), where)
    if kind is TaskKind.FOR_EACH:
        read(
            for_each.nested_task(Fields(fields.object(kind))), clusters
        )  # what is wrong with the nested task is said now, and not when it runs
    return TaskSettings(
        key=key,
        work=work,
        depends_on=tuple(_dependency(Fields(each), where) for each in fields.objects("depends_on")),
        run_if=_run_if(fields, where),
        is_disabled=fields.flag("disabled") or False,
        timeout=seconds(fields),
        max_retries=fields.whole_number("max_retries", 0, least=-1),
        retry_interval=timedelta(
            milliseconds=fields.whole_number("min_retry_interval_millis", 0, most=LONGEST_TIMEOUT * 1000)
        ),
        retry_on_timeout=fields.flag("retry_on_timeout") or False,
        libraries=libraries.read(fields, where),
        document=document,
        notifications=notification_settings.read(fields),
    )


def seconds(fields: Fields) -> timedelta | None:
    """Return timeout_seconds, None for no time-out."""
    found = fields.whole_number("timeout_seconds", 0, most=LONGEST_TIMEOUT)
    return timedelta(seconds=found) if found else None


def _kind(document: Document, where: str) -> TaskKind:
    found = sorted(name for name, value in document.items() if name.endswith("_task") and value is not None)
    for name in found:
        if name not in list(READERS):
            raise not_supported(f"{where}: {name}")
    if len(found) != 1:
        raise invalid(f"{where} must have exactly one of {' and '.join(READERS)}.")
    return TaskKind(found[0])


def _dependency(fields: Fields, where: str) -> Dependency:
    outcome = fields.text("outcome") or None
    if outcome not in {None, "true", "false"}:
        raise invalid(f'{where}: depends_on.outcome is {outcome!r}; it must be "true" or "false".')
    return Dependency(key=fields.required_text("task_key", where), outcome=outcome)


def _run_if(fields: Fields, where: str) -> RunIf:
    run_if = fields.text("run_if", RunIf.ALL_SUCCESS)
    if run_if not in list(RunIf):
        raise invalid(f"{where}: run_if is {run_if!r}; it must be one of {', '.join(sorted(RunIf))}.")
    return RunIf(run_if)
