"""What starts a job, in a few words, from its settings as they were given; and what started a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localdev.workspace.model.request import TriggerType

ON_REQUEST = "on request"
_STARTERS = {
    TriggerType.PERIODIC: "the clock",
    TriggerType.ONE_TIME: "a request",
    TriggerType.RETRY: "a retry",
    TriggerType.RUN_JOB_TASK: "a task of another run",
    TriggerType.FILE_ARRIVAL: "files arriving",
    TriggerType.CONTINUOUS: "the end of the run before it",
    TriggerType.TABLE: "updates of tables",
}


def starter_words(kind: TriggerType) -> str:
    """Return what started a run."""
    return _STARTERS[kind]


def trigger_words(settings: Mapping[str, Any]) -> str:
    """Return what starts a job; a shape that is not known is named and not explained."""
    words = [_PARTS[name](settings[name]) for name in _PARTS if isinstance(settings.get(name), Mapping)]
    more = settings.get("triggers")
    words += [_trigger(each) for each in more if isinstance(each, Mapping)] if isinstance(more, list) else []
    return "; ".join(words) or ON_REQUEST


def _schedule(document: Mapping[str, Any]) -> str:
    zone = document.get("timezone_id", "UTC")
    return f"cron {document.get('quartz_cron_expression', '?')} ({zone}){_paused(document)}"


def _continuous(document: Mapping[str, Any]) -> str:
    return f"continuous{_paused(document)}"


def _trigger(document: Mapping[str, Any]) -> str:
    arrival, periodic, table = (document.get(name) for name in ("file_arrival", "periodic", "table_update"))
    if isinstance(arrival, Mapping):
        return f"files arriving at {arrival.get('url', '?')}{_paused(document)}"
    if isinstance(periodic, Mapping):
        return f"every {periodic.get('interval', '?')} {str(periodic.get('unit', '?')).lower()}{_paused(document)}"
    if isinstance(table, Mapping):
        return f"updates of tables{_paused(document)}"
    kinds = ", ".join(sorted(str(name) for name in document if name != "pause_status"))
    return f"trigger: {kinds or '?'}{_paused(document)}"


def _paused(document: Mapping[str, Any]) -> str:
    return ", paused" if document.get("pause_status") == "PAUSED" else ""


_PARTS = {"schedule": _schedule, "trigger": _trigger, "continuous": _continuous}
