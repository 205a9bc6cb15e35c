"""References that are none, or have no value when their task runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cli.jobs.checks.settings import Settings
from cli.jobs.findings import Finding
from localdev.workspace.references import Found, found_in
from localdev.workspace.references.names import INPUT, LEGACY, problem_of
from shared.jobs.json_values import objects_of
from shared.wording import shown, unknown


def check(settings: Settings) -> Iterator[Finding]:
    """Yield what is to be said of a job's references."""
    parameters = [name for each in objects_of(settings.get("parameters")) if isinstance(name := each.get("name"), str)]
    upstream = _upstream(settings)
    for found in found_in(settings):
        if finding := _judge(found, parameters, upstream):
            yield finding


def _judge(found: Found, parameters: list[str], upstream: Mapping[str, frozenset[str]]) -> Finding | None:
    if found.meant or found.reference.names[0] == INPUT:
        return _literal(found)
    if problem := problem_of(found.reference):
        return Finding("unknown-reference", str(problem), found.path)
    written, names = shown(found.reference.text), found.reference.names
    if names[0] in LEGACY:
        message = f"{written} is deprecated: write {{{{{LEGACY[names[0]]}}}}}."
        return Finding("reference-deprecated", message, found.path)
    if names[:2] == ("job", "parameters") and names[2] not in parameters:
        message = f"{written}: {unknown(names[2], parameters or ['none'], 'is no parameter of the job')}"
        return Finding("unknown-reference", message, found.path)
    return _of_task(found, upstream) if names[0] == "tasks" else None


def _literal(found: Found) -> Finding | None:
    if found.in_for_each and not found.meant:
        return None
    reason = "it has a value in the nested task of a for_each_task only"
    if found.meant:
        reason = f"a name with other characters than letters, digits and _ needs backticks, {found.meant}"
    return Finding(
        "reference-literal", f"{shown(found.reference.text)} is passed on as it stands: {reason}.", found.path
    )


def _of_task(found: Found, upstream: Mapping[str, frozenset[str]]) -> Finding | None:
    written, key = shown(found.reference.text), found.reference.names[1]
    if key not in upstream:
        message = f"{written}: {unknown(key, upstream or ['none'], 'is no task of the job')}"
        return Finding("unknown-reference", message, found.path)
    if found.task_key and key not in upstream.get(found.task_key, frozenset()):
        message = f"{written} may have no value yet: the task does not depend on {shown(key)}."
        return Finding("reference-not-upstream", message, found.path)
    return None


def _upstream(settings: Settings) -> dict[str, frozenset[str]]:
    """Return what each task depends on, directly or through others."""
    direct = {
        key: [on for each in objects_of(task.get("depends_on")) if isinstance(on := each.get("task_key"), str)]
        for task in objects_of(settings.get("tasks"))
        if isinstance(key := task.get("task_key"), str)
    }
    found = {}
    for key, dependencies in direct.items():
        seen: set[str] = set()
        waiting = [*dependencies]
        while waiting:
            on = waiting.pop()
            if on not in seen:
                seen.add(on)
                waiting += direct.get(on, [])
        found[key] = frozenset(seen)
    return found
