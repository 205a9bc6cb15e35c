"""`dbutils.jobs.taskValues`: small values that a task leaves to the tasks after it.

https://docs.databricks.com/aws/en/jobs/task-values,
https://docs.databricks.com/aws/en/dev-tools/databricks-utils#jobs-utility-dbutilsjobs
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from localdev.workspace.child.services import Services

LONGEST = 48 * 1024  # bytes of JSON


class TaskValues:
    """The values that earlier tasks of the run have set, and those of this one."""

    def __init__(self, earlier: Mapping[str, Mapping[str, Any]], services: Services) -> None:
        self._earlier = earlier
        self._services = services

    def set(self, key: object, value: Any) -> None:
        """Set a value that JSON can express, up to 48 KiB of it; a later one of the same key replaces it."""
        if not isinstance(key, str):
            raise TypeError(f"The key of a task value must be a string, not {key!r}.")
        try:
            size = len(json.dumps(value, allow_nan=False).encode())
        except (TypeError, ValueError) as error:
            raise ValueError(f"The task value {key} cannot be expressed as JSON: {error}") from error
        if size > LONGEST:
            raise ValueError(
                f"The JSON representation of the task value {key} has {size} bytes; it cannot exceed 48 KiB."
            )
        self._services.ask("keep", key, value)

    def get(self, taskKey: str, key: str, default: Any = None, debugValue: Any = None) -> Any:  # noqa: N803 - Databricks' names
        """Return what a task has set, or `default`; ValueError where there is neither, and for a task the run has not.

        `debugValue` is for notebooks outside of a job, and there are none here.
        """
        del debugValue
        if taskKey not in self._earlier:
            raise ValueError(f"The run has no task {taskKey!r}.")
        values = self._earlier[taskKey]
        if key not in values and default is None:
            raise ValueError(f"The task {taskKey!r} has not set the task value {key!r}, and no default is given.")
        return values.get(key, default)


class JobsUtilities:
    """`dbutils.jobs`."""

    def __init__(self, task_values: TaskValues) -> None:
        self.taskValues = task_values
