"""Replacing the references of a task's settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from typing import Any, cast

from localdev.workspace.model.job import TaskSettings, Work
from localdev.workspace.references.facts import RunFacts
from localdev.workspace.references.syntax import replaced
from localdev.workspace.references.values import value_of
from localdev.workspace.tasks.for_each import IterationWork


def resolved(work: Work, facts: RunFacts) -> Work:
    """Return the work with every reference in its strings replaced; raises UnknownReference.

    Call it before `Work.given`, with which the run's own parameters come in, and once: what came in by a value is not
    looked at. It also raises for a reference whose place those parameters would have taken, as a workspace does:
    https://github.com/databricks/cli/issues/3827. Of an iteration it is the nested task's work, the
    element put in as well.
    """
    if isinstance(work, IterationWork):
        return resolved(work.work, dataclasses.replace(facts, input=work.element))
    return cast("Work", _walk(work, _replacing(facts), top=True))


def job_parameters(facts: RunFacts) -> dict[str, str]:
    """Return the job's parameters as the run has them: defaults with their references replaced, given ones as given.

    A default that refers to another parameter gets what that was given, or its default as it stands.
    """
    raw = {**facts.defaults, **facts.given}
    defaults = {
        name: replaced(default, partial(value_of, facts=facts, parameters=raw))
        for name, default in facts.defaults.items()
        if name not in facts.given
    }
    return {**raw, **defaults}


def _replacing(facts: RunFacts) -> Callable[[str], str]:
    values: dict[str, str] = {}

    def replace(text: str) -> str:
        if "{{" not in text:
            return text
        if not values:
            values.update(job_parameters(facts))
        return replaced(text, partial(value_of, facts=facts, parameters=values))

    return replace


def _walk(value: Any, replace: Callable[[str], str], *, top: bool = False) -> Any:
    """Return a value with its strings replaced; the same object where nothing was."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return replace(value)
    if isinstance(value, Mapping):
        return {key: _walk(each, replace) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_walk(each, replace) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and (top or not _is_task(value)):
        before = {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.init}
        after = {name: _walk(each, replace) for name, each in before.items()}
        changed = {name: each for name, each in after.items() if each != before[name]}
        return dataclasses.replace(value, **changed) if changed else value
    return value


def _is_task(value: object) -> bool:
    return isinstance(value, TaskSettings) or hasattr(value, "given")
