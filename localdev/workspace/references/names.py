"""Which references there are. A name that none has, in a namespace that is known, is an error; all else is literal.

https://docs.databricks.com/aws/en/jobs/dynamic-value-references: "An error message is displayed if you provide" an
invalid reference that belongs to a known namespace, and other syntax errors are silently ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from localdev.workspace.references.syntax import Reference, quoted
from localdev.workspace.references.times import PARTS
from shared.errors import LandfallError
from shared.wording import shown

INPUT = "input"  # of a for_each_task's iteration
# Deprecated, and still resolved: https://docs.databricks.com/aws/en/jobs/dynamic-value-references#deprecated
LEGACY: Mapping[str, str] = {
    "job_id": "job.id",
    "run_id": "task.run_id",
    "start_date": "job.start_time.iso_date",
    "start_time": "job.start_time.timestamp_ms",
    "task_key": "task.name",
    "parent_run_id": "job.run_id",
    "task_retry_count": "task.execution_count",
}
# What people write, and what they mean.
_MEANT = {
    "job.start_date": "job.start_time.iso_date",
    "job.start_time": "job.start_time.iso_datetime",
    "job.date": "job.start_time.iso_date",
    "job.trigger_time": "job.trigger.time.iso_datetime",
    "job.trigger.time": "job.trigger.time.iso_datetime",
    "job.job_id": "job.id",
    "task.id": "task.run_id",
    "task.key": "task.name",
    "workspace.host": "workspace.url",
    "task.task_key": "task.name",
}
_ANY = "<name>"
_OF_TIME = ("job.start_time", "job.trigger.time")
KNOWN: tuple[str, ...] = (
    *("job.id", "job.name", "job.run_id", "job.repair_count"),
    *(f"{moment}.{part}" for moment in _OF_TIME for part in PARTS),
    "job.parameters.<name>",
    *("job.trigger.type", "job.trigger.file_arrival.location", "job.trigger.table_update.updated_tables"),
    *("task.name", "task.run_id", "task.execution_count", "task.notebook_path"),
    *(f"tasks.<name>.{what}" for what in ("run_id", "result_state", "error_code", "execution_count", "notebook_path")),
    "tasks.<name>.values.<name>",
    *(f"tasks.<name>.output.{what}" for what in ("rows", "first_row", "first_row.<name>", "alert_state")),
    *("workspace.id", "workspace.url"),
)
NAMESPACES = frozenset(pattern.partition(".")[0] for pattern in KNOWN)
_PATTERNS = tuple(tuple(pattern.split(".")) for pattern in KNOWN)
# After these comes a table's name, which has dots of its own.
_TABLE = ("job", "trigger", "table_update")


class UnknownReference(LandfallError):
    """A reference names what does not exist, or what has no value; `name` is without its braces."""

    def __init__(self, name: str, reason: str, *, hint: str = "") -> None:
        super().__init__(f"The reference {shown(f'{{{{{name}}}}}')} {reason}.", hint=hint)
        self.name = name


def is_literal(reference: Reference) -> bool:
    """Tell whether it is none of ours, and stays as it is."""
    if len(reference.names) == 1:
        return reference.names[0] not in LEGACY and reference.names[0] != INPUT
    return reference.names[0] not in NAMESPACES and reference.names[0] != INPUT


def problem_of(reference: Reference) -> UnknownReference | None:
    """Return what is wrong with a reference in a known namespace, None for one that exists."""
    names = reference.names
    if len(names) == 1 or names[0] not in NAMESPACES or any(_fits(names, pattern) for pattern in _PATTERNS):
        return None
    if names[:3] == _TABLE and (names[-1] == "version" or names[-2:-1] == ("commit_timestamp",)):
        return None
    return UnknownReference(reference.name, "does not exist", hint=_hint(names))


def _fits(names: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    return len(names) == len(pattern) and all(
        wanted in (_ANY, name) for name, wanted in zip(names, pattern, strict=True)
    )


def _hint(names: tuple[str, ...]) -> str:
    """Return the right name for a wrong one, or all names of its namespace."""
    name = ".".join(names)
    if meant := _MEANT.get(name):
        return f"Did you mean `{{{{{meant}}}}}`?"
    own = quoted(names[1]) if names[0] == "tasks" and len(names) > 1 else _ANY
    known = [pattern.replace(_ANY, own, 1) for pattern in KNOWN if pattern.startswith(f"{names[0]}.")]
    start = f"tasks.{own}." if own != _ANY else f"{names[0]}."
    close = get_close_matches(name[len(start) :][:200], [each.removeprefix(start) for each in known], n=1)
    if close:
        return f"Did you mean `{{{{{start}{close[0]}}}}}`?"
    return f"Known are {', '.join(known)}."
