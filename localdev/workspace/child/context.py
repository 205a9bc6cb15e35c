"""What notebooks read of the run they are part of: `dbutils.notebook.getContext()` and the long way there.

No page documents it; the calls and the fields of `toJson` are those that public notebooks use:
`dbutils.notebook.entry_point.getDbutils().notebook().getContext()`. Values come in Scala's options, hence `.get()`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NoReturn

from localdev.workspace.child.surroundings import ExecutionError, Surroundings


class Option:
    """A value that may be missing, as Scala has it."""

    def __init__(self, value: object = None) -> None:
        self._value = value

    def get(self) -> object:
        """Return the value; raises ExecutionError where there is none."""
        if self._value is None:
            raise ExecutionError("java.util.NoSuchElementException: None.get")
        return self._value

    def getOrElse(self, other: object) -> object:  # noqa: N802 - Scala's name
        """Return the value, or the other one."""
        return other if self._value is None else self._value

    def isDefined(self) -> bool:  # noqa: N802 - Scala's name
        """Tell whether there is one."""
        return self._value is not None

    def __str__(self) -> str:
        return "None" if self._value is None else f"Some({self._value})"

    toString = __str__  # noqa: N815 - Scala's name


class RunId:
    """The id of a task run, as Scala has it."""

    def __init__(self, number: int) -> None:
        self._number = number

    def id(self) -> int:
        """Return the number."""
        return self._number

    def __str__(self) -> str:
        return f"RunId({self._number})"

    toString = __str__  # noqa: N815 - Scala's name


class Tags:
    """A map of Scala."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def apply(self, name: str) -> str:
        """Return a tag; raises ExecutionError where there is none."""
        return str(self.get(name).get())

    def get(self, name: str) -> Option:
        """Return a tag, if there is one."""
        return Option(self._values.get(name))

    def __str__(self) -> str:
        return f"Map({', '.join(f'{key} -> {value}' for key, value in self._values.items())})"

    toString = __str__  # noqa: N815 - Scala's name


class Context:
    """The run that a notebook is part of."""

    def __init__(self, path: str, surroundings: Surroundings) -> None:
        self._path = path
        self._run = surroundings
        self._tags = {
            "jobId": str(surroundings.job_id),
            "multitaskParentRunId": str(surroundings.run_id),
            "runId": str(surroundings.attempt_id),
            "taskKey": surroundings.task_key,
        }

    def notebookPath(self) -> Option:  # noqa: N802 - Databricks' name
        """Return the notebook's path in the workspace."""
        return Option(self._path)

    def currentRunId(self) -> Option:  # noqa: N802 - Databricks' name
        """Return the id of the task run."""
        return Option(RunId(self._run.attempt_id))

    def jobId(self) -> Option:  # noqa: N802 - Databricks' name
        """Return the job's id."""
        return Option(self._tags["jobId"])

    def tags(self) -> Tags:
        """Return ids and names as text."""
        return Tags(self._tags)

    def toJson(self) -> str:  # noqa: N802 - Databricks' name
        """Return the same as JSON."""
        run_id = {"id": self._run.attempt_id}
        extra = {"notebook_path": self._path}
        return json.dumps({"currentRunId": run_id, "rootRunId": run_id, "tags": self._tags, "extraContext": extra})

    safeToJson = toJson  # noqa: N815 - Databricks' name

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotImplementedError(f"The notebook context of the local workspace has no {name}.")


class EntryPoint:
    """`dbutils.notebook.entry_point`: each step of the long way leads to the next."""

    def __init__(self, context: Context, bindings: Callable[[], Mapping[str, str]]) -> None:
        self._context = context
        self._bindings = bindings

    def getDbutils(self) -> EntryPoint:  # noqa: N802 - Databricks' name
        """Return itself."""
        return self

    def notebook(self) -> EntryPoint:
        """Return itself."""
        return self

    def getContext(self) -> Context:  # noqa: N802 - Databricks' name
        """Return the context."""
        return self._context

    def getCurrentBindings(self) -> dict[str, str]:  # noqa: N802 - Databricks' name
        """Return the notebook's parameters."""
        return dict(self._bindings())
