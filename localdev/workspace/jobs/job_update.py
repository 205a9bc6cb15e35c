"""jobs/update: some settings of a job changed, the others kept.

Top-level fields are replaced whole, except for arrays whose elements have a key of their own: those are merged by it.
`triggers` is none of these. https://docs.databricks.com/api/workspace/jobs/update
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Document, Fields

_KEYS = {
    "tasks": "task_key",
    "job_clusters": "job_cluster_key",
    "environments": "environment_key",
    "parameters": "name",
}
_REMOVED_BY_KEY = ("tasks", "job_clusters")


def merged(old: Mapping[str, Any], new: Document, remove: Sequence[str]) -> Document:
    """Return settings with what is to be removed taken out and the new fields put in; raises ApiError."""
    document = dict(old)
    for path in remove:
        _remove(document, path)
    for name, value in new.items():
        if name in _KEYS and value is not None:
            document[name] = _by_key(document.get(name) or [], Fields(new).objects(name), _KEYS[name])
        elif value is not None:
            document[name] = value
    return document


def _by_key(old: Sequence[Document], new: Sequence[Document], key: str) -> list[Document]:
    """Return the old elements, those with the key of a new one replaced, and the other new ones behind them."""
    replacing = {Fields(element).text(key): element for element in new}
    kept = [replacing.pop(element.get(key, ""), element) for element in old]
    return [*kept, *replacing.values()]


def _remove(document: Document, path: str) -> None:
    """Remove `timeout_seconds`, or `tasks/ingest`; what is not there needs no removing."""
    name, separator, key = path.partition("/")
    if not separator:
        document.pop(name, None)
        return
    if name not in _REMOVED_BY_KEY or not key:
        raise invalid(
            f"fields_to_remove: {path!r} is nested. Removing nested fields is not supported, except for tasks and "
            "job clusters (tasks/task_1)."
        )
    document[name] = [element for element in document.get(name, []) if element.get(_KEYS[name]) != key]
