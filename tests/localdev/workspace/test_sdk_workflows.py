"""Databricks' own SDK against conditions, iterations, runs of other jobs and repairs, with real notebooks."""

from __future__ import annotations

import asyncio
from pathlib import Path

from databricks.sdk import WorkspaceClient
from databricks.sdk.service import jobs

from tests.fakes.waiting import block_until
from tests.localdev.workspace.kit import TOKEN, Workspace, notebook


async def test_sdk_understands_a_workflow(real: Workspace, tmp_path: Path) -> None:
    """Its dataclasses hold what runs/get shows of each task, before and after a repair."""
    folder = tmp_path / "notebooks"
    notebook(folder, "count", "dbutils.jobs.taskValues.set('names', ['a', 'b', 'c'])")
    notebook(
        folder,
        "load",
        "name = dbutils.widgets.get('name')",
        "from pathlib import Path",
        f"seen = Path({str(tmp_path / 'seen')!r})",
        "if name == 'b' and not seen.exists():\n    seen.touch()\n    raise RuntimeError(name)",
        "dbutils.notebook.exit(name)",
    )
    notebook(folder, "report", "dbutils.notebook.exit(dbutils.widgets.get('day'))")

    result, repaired, outputs = await asyncio.to_thread(_workflow, real.url)

    assert result == {
        "count": "SUCCESS",
        "any": "SUCCESS",
        "each": "FAILED",
        "none": "EXCLUDED",
        "call": "UPSTREAM_FAILED",
    }
    assert repaired == {"count": "SUCCESS", "any": "SUCCESS", "each": "SUCCESS", "none": "EXCLUDED", "call": "SUCCESS"}
    assert outputs == ["monday", "true", "3/3"]


def _workflow(url: str) -> tuple[dict[str, str], dict[str, str], list[str]]:
    client = WorkspaceClient(host=url, token=TOKEN, auth_type="pat")
    report = client.jobs.create(name="report", tasks=[_notebook("report")])
    nested = _notebook("load", base_parameters={"name": "{{input}}"})
    made = client.jobs.create(
        name="load",
        parameters=[jobs.JobParameterDefinition(name="day", default="monday")],
        tasks=[
            _notebook("count"),
            jobs.Task(
                task_key="any",
                depends_on=[jobs.TaskDependency(task_key="count")],
                condition_task=jobs.ConditionTask(
                    op=jobs.ConditionTaskOp.NOT_EQUAL, left="{{tasks.count.values.names}}", right="[]"
                ),
            ),
            jobs.Task(
                task_key="each",
                depends_on=[jobs.TaskDependency(task_key="any", outcome="true")],
                for_each_task=jobs.ForEachTask(inputs="{{tasks.count.values.names}}", concurrency=2, task=nested),
            ),
            jobs.Task(
                task_key="none",
                depends_on=[jobs.TaskDependency(task_key="any", outcome="false")],
                notebook_task=jobs.NotebookTask(notebook_path="/report"),
            ),
            jobs.Task(
                task_key="call",
                run_if=jobs.RunIf.NONE_FAILED,
                depends_on=[jobs.TaskDependency(task_key="each"), jobs.TaskDependency(task_key="none")],
                run_job_task=jobs.RunJobTask(job_id=_id(report.job_id)),
            ),
        ],
    )
    run_id = _id(client.jobs.run_now(_id(made.job_id)).run_id)
    first = _ended(client, run_id)
    client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)
    last = _ended(client, run_id)
    tasks = {task.task_key: task for task in last.tasks or []}
    called = client.jobs.get_run_output(_id(tasks["call"].run_id)).run_job_output
    child = client.jobs.get_run(_id(called.run_id if called else None))
    (reported,) = child.tasks or []
    note = client.jobs.get_run_output(_id(reported.run_id)).notebook_output
    condition, loop = tasks["any"].condition_task, tasks["each"].for_each_task
    stats = loop.stats.task_run_stats if loop and loop.stats else None
    return (
        _results(first),
        _results(last),
        [
            (note.result if note else None) or "",
            (condition.outcome if condition else None) or "",
            f"{stats.succeeded_iterations}/{stats.total_iterations}" if stats else "",
        ],
    )


def _notebook(key: str, base_parameters: dict[str, str] | None = None) -> jobs.Task:
    work = jobs.NotebookTask(notebook_path=f"/{key}", base_parameters=base_parameters)
    return jobs.Task(task_key=key, notebook_task=work)


def _ended(client: WorkspaceClient, run_id: int) -> jobs.Run:
    """Return a run once it has ended; the SDK's own waiter raises for one that has failed."""
    block_until(lambda: bool(client.jobs.get_run(run_id).end_time), 40)
    return client.jobs.get_run(run_id)


def _results(run: jobs.Run) -> dict[str, str]:
    found = {}
    for task in run.tasks or []:
        state = task.state.result_state if task.state else None
        found[task.task_key] = state.value if state else ""
    return found


def _id(value: int | None) -> int:
    assert value
    return value
