"""Which kinds of task the local workspace runs, and what reads each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from localdev.workspace.json_fields import Fields
from localdev.workspace.model.job import TaskKind, Work
from localdev.workspace.tasks import (
    condition,
    dbt,
    for_each,
    jar,
    notebook,
    pipeline,
    python_file,
    run_job,
    sql,
    wheel,
)

Reader = Callable[[Fields, str], Work]  # the fields of `<kind>`, and the words that name the task in an error

READERS: Mapping[TaskKind, Reader] = {
    TaskKind.NOTEBOOK: notebook.read,
    TaskKind.PYTHON: python_file.read,
    TaskKind.WHEEL: wheel.read,
    TaskKind.SQL: sql.read,
    TaskKind.DBT: dbt.read,
    TaskKind.JAR: jar.read,
    TaskKind.PIPELINE: pipeline.read,
    TaskKind.CONDITION: condition.read,
    TaskKind.FOR_EACH: for_each.read,
    TaskKind.RUN_JOB: run_job.read,
}
