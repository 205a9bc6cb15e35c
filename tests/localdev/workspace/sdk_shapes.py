"""Requests made from the SDK's own dataclasses: a value for each field, good enough to be taken where it can be."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from typing import Any

from databricks.sdk.service import jobs

Json = dict[str, Any]

TASK_KINDS: dict[type, str] = {
    jobs.NotebookTask: "notebook_task",
    jobs.SparkPythonTask: "spark_python_task",
    jobs.PythonWheelTask: "python_wheel_task",
    jobs.SparkJarTask: "spark_jar_task",
    jobs.SqlTask: "sql_task",
    jobs.DbtTask: "dbt_task",
    jobs.PipelineTask: "pipeline_task",
    jobs.ConditionTask: "condition_task",
    jobs.ForEachTask: "for_each_task",
    jobs.RunJobTask: "run_job_task",
}
NOTEBOOK: Json = {"notebook_path": "/x"}
WORK: dict[str, Json] = {  # what makes each kind of task complete
    "notebook_task": NOTEBOOK,
    "spark_python_task": {"python_file": "/x.py"},
    "python_wheel_task": {"package_name": "x", "entry_point": "main"},
    "spark_jar_task": {"main_class_name": "x.Main"},
    "sql_task": {"warehouse_id": "w", "file": {"path": "/x.sql", "source": "WORKSPACE"}},
    "dbt_task": {"commands": ["dbt run"], "project_directory": "/dbt", "warehouse_id": "w"},
    "pipeline_task": {"pipeline_id": "x"},
    "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "1"},
    "for_each_task": {"inputs": "[1]", "task": {"task_key": "x", "notebook_task": NOTEBOOK}},
    "run_job_task": {"job_id": 1},
}
_SPECIAL: dict[str, Any] = {  # where any value of the right type would not do
    "git_source": {"git_url": "https://example.com/x.git", "git_provider": "gitHub", "git_branch": "main"},
    "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "UTC"},
    "trigger": {"periodic": {"interval": 1, "unit": "DAYS"}},
    "depends_on": [{"task_key": "first"}],
    "job_cluster_key": "small",
    "job_clusters": [{"job_cluster_key": "small", "new_cluster": {}}, {"job_cluster_key": "x"}],
    "libraries": [{"pypi": {"package": "x"}}],
    "health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 10}]},
    "tasks": [{"task_key": "x", "notebook_task": NOTEBOOK}],
    "source": "WORKSPACE",
    "project_directory": "/dbt",
    "parent_path": "/Users/x",
    "query": {"query_id": "x"},
    "duration_target": "4h",
    **WORK,
}
_SIMPLE: dict[Any, Any] = {str: "x", int: 1, bool: True, float: 1.0}
_NOT_WITH = {
    "query": ("file",),
    "alert": ("file",),
    "dashboard": ("file",),
    "profiles_directory": ("warehouse_id",),
}


def sample(name: str, kind: Any) -> Any:
    """Return a value for a field of a type."""
    if name in _SPECIAL:
        return _SPECIAL[name]
    arguments = [each for each in typing.get_args(kind) if each is not types.NoneType]
    origin = typing.get_origin(kind)
    if origin is dict:
        return {"k": "v"}
    if origin is not None:
        inner = sample("" if origin is list else name, arguments[0])
        return [inner] if origin is list else inner
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(iter(kind)).value
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        required = [field for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING]
        return {field.name: sample(field.name, hints[field.name]) for field in required}
    return _SIMPLE[kind]


def fields_of(cls: type) -> list[str]:
    """Return the names of a dataclass's fields."""
    return [field.name for field in dataclasses.fields(cls)]


def value_of(cls: type, name: str) -> Any:
    """Return a value for a field of a dataclass."""
    if cls in TASK_KINDS and name in WORK[TASK_KINDS[cls]]:
        return WORK[TASK_KINDS[cls]][name]
    if cls is jobs.NotebookTask and name == "base_parameters":
        return {"k": "v"}
    return sample(name, typing.get_type_hints(cls)[name])


def settings_with(cls: type, name: str) -> Json:
    """Return the settings of a job in which a field of a dataclass has a value."""
    value = value_of(cls, name)
    if cls is jobs.JobSettings:
        return {"name": "x", "tasks": [_task()], name: value}
    if cls in TASK_KINDS:
        kind = TASK_KINDS[cls]
        others = {key: each for key, each in WORK[kind].items() if key not in _NOT_WITH.get(name, ())}
        task: Json = {"task_key": "x", kind: {**others, name: value}}
    else:
        task = {**({"task_key": "x"} if name.endswith("_task") else _task()), name: value}
    return {"name": "x", "tasks": [{**_task(), "task_key": "first"}, task], "job_clusters": _SPECIAL["job_clusters"]}


def _task() -> Json:
    return {"task_key": "x", "notebook_task": NOTEBOOK}
