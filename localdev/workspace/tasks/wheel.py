"""python_wheel_task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Fields
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.request import RunRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelWork:
    """An entry point of a package and its arguments, which are a list or, where `named` is not None, by name."""

    package: str
    entry_point: str
    arguments: tuple[str, ...]
    named: Mapping[str, str] | None

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind.WHEEL

    @property
    def command_line(self) -> tuple[str, ...]:
        """Return all arguments as the entry point finds them in sys.argv."""
        return (*self.arguments, *(f"--{name}={value}" for name, value in (self.named or {}).items()))

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> WheelWork:
        """Return it with python_params instead of its own arguments, or python_named_params over its named ones.

        The job's parameters reach only a task that is set up with named ones:
        https://learn.microsoft.com/azure/databricks/jobs/task-parameters.
        """
        if params := request.overriding.get("python_params"):
            return replace(self, arguments=tuple(params), named=None)
        params = request.overriding.get("python_named_params", {})
        if self.named is None and not params:
            return self
        pushed = {} if self.named is None else job_parameters
        return replace(self, arguments=(), named={**(self.named or {}), **params, **pushed})


def read(work: Fields, where: str) -> WheelWork:
    """Return the work of a python_wheel_task; raises ApiError."""
    arguments, named = work.text_list("parameters"), work.text_map("named_parameters")
    if arguments and named:
        raise invalid(f"{where}: leave named_parameters empty if there are parameters.")
    return WheelWork(
        package=work.required_text("package_name", where),
        entry_point=work.required_text("entry_point", where),
        arguments=arguments,
        named=named if work.has("named_parameters") and not arguments else None,
    )
