"""Databricks' own SDK as the client: it must not notice that this is no cloud."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient, errors
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceDoesNotExist,
)
from databricks.sdk.service.jobs import (
    JobParameterDefinition,
    JobSettings,
    NotebookTask,
    QueueDetailsCodeCode,
    QueueSettings,
    Run,
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunResultState,
    SparkPythonTask,
    Task,
    TaskDependency,
    TerminationCodeCode,
)

from localdev.workspace.app import create_app
from localdev.workspace.server import running
from tests.fakes.waiting import block_until
from tests.localdev.workspace.kit import TOKEN, notebook, workspace_settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the notebooks of all tests."""
    folder = tmp_path_factory.mktemp("workspace")
    notebooks = folder / "notebooks"
    notebook(
        notebooks,
        "ETL/01_Ingestion",
        'dbutils.widgets.text("file_path", "none")',
        'dbutils.notebook.exit(dbutils.widgets.get("file_path"))',
    )
    notebook(notebooks, "fails", "raise RuntimeError('intentional failure')")
    notebook(notebooks, "sleeps", "import time\ntime.sleep(600)")
    (notebooks / "report.py").write_text("import sys\nprint('reporting', *sys.argv[1:])\n")
    return folder


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[str]:
    """Serve a workspace in a thread of its own: the SDK blocks."""
    address: list[str] = []
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop.append((asyncio.get_running_loop(), asyncio.Event()))
        async with running(create_app(workspace_settings(folder))) as url:
            address.append(url)
            await stop[0][1].wait()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    block_until(lambda: bool(address))
    yield address[0]
    stop[0][0].call_soon_threadsafe(stop[0][1].set)
    thread.join()


@pytest.fixture
def sdk(host: str, monkeypatch: pytest.MonkeyPatch) -> WorkspaceClient:
    """Return the SDK's client, with nothing of this machine's own configuration."""
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
    return WorkspaceClient(host=host, token=TOKEN)


def notebook_task(key: str, path: str, *upstream: str) -> Task:
    """Return a notebook task."""
    depends_on = [TaskDependency(task_key=each) for each in upstream]
    return Task(task_key=key, notebook_task=NotebookTask(notebook_path=path), depends_on=depends_on)


def create(sdk: WorkspaceClient, name: str, *tasks: Task) -> int:
    """Create a job; return its id."""
    job_id = sdk.jobs.create(name=name, tasks=list(tasks)).job_id
    assert job_id is not None
    return job_id


def ended(sdk: WorkspaceClient, run_id: int) -> Run:
    """Return a run once it has ended."""
    block_until(lambda: bool(sdk.jobs.get_run(run_id).end_time))
    return sdk.jobs.get_run(run_id)


def test_job_is_found_by_its_name(sdk: WorkspaceClient) -> None:
    """Create, get, and list by name."""
    job_id = create(sdk, "ETL Pipeline Daily", notebook_task("ingest", "/Workspace/ETL/01_Ingestion"))

    found = list(sdk.jobs.list(name="etl pipeline daily", expand_tasks=True))
    job = sdk.jobs.get(job_id)

    assert [each.job_id for each in found] == [job_id]
    assert job.settings is not None
    assert job.settings.tasks is not None
    assert job.settings.tasks[0].notebook_task == NotebookTask.from_dict(
        {"notebook_path": "/Workspace/ETL/01_Ingestion", "source": "WORKSPACE"}
    )
    assert job.settings.queue == QueueSettings(enabled=True)


def test_run_now_to_output(sdk: WorkspaceClient) -> None:
    """Run with a token and parameters, wait as the SDK waits, read every task's output."""
    report = SparkPythonTask(python_file="/Workspace/report.py", parameters=["daily"])
    job_id = create(
        sdk,
        "run now",
        notebook_task("ingest", "/ETL/01_Ingestion"),
        Task(task_key="report", spark_python_task=report, depends_on=[TaskDependency(task_key="ingest")]),
    )
    waiter = sdk.jobs.run_now(job_id, notebook_params={"file_path": "é.csv"}, idempotency_token="t" * 64)
    again = sdk.jobs.run_now(job_id, notebook_params={"file_path": "é.csv"}, idempotency_token="t" * 64)

    run = waiter.result(timeout=timedelta(seconds=30))

    assert again.run_id == run.run_id
    assert run.state is not None
    assert run.status is not None
    assert run.status.termination_details is not None
    assert run.tasks is not None
    assert (run.state.life_cycle_state, run.state.result_state) == (
        RunLifeCycleState.TERMINATED,
        RunResultState.SUCCESS,
    )
    assert run.status.state is RunLifecycleStateV2State.TERMINATED
    assert run.status.termination_details.code is TerminationCodeCode.SUCCESS
    assert run.overriding_parameters is not None
    assert run.overriding_parameters.notebook_params == {"file_path": "é.csv"}
    ingest, report_run = (sdk.jobs.get_run_output(each.run_id or 0) for each in run.tasks)
    assert ingest.notebook_output is not None
    assert ingest.notebook_output.result == "é.csv"
    assert report_run.logs == "reporting daily\n"


def test_failed_run_is_understood(sdk: WorkspaceClient) -> None:
    """The states of a failure are known to the SDK, and the error is in the task's output."""
    job_id = create(sdk, "fails", notebook_task("main", "/fails"), notebook_task("next", "/fails", "main"))

    run = ended(sdk, sdk.jobs.run_now(job_id).run_id)

    assert run.state is not None
    assert run.tasks is not None
    assert (run.state.life_cycle_state, run.state.result_state) == (
        RunLifeCycleState.INTERNAL_ERROR,
        RunResultState.FAILED,
    )
    assert [each.state and each.state.result_state for each in run.tasks] == [
        RunResultState.FAILED,
        RunResultState.UPSTREAM_FAILED,
    ]
    assert sdk.jobs.get_run_output(run.tasks[0].run_id or 0).error == "RuntimeError: intentional failure"


def test_cancelled_run_ends(sdk: WorkspaceClient) -> None:
    """Cancel and wait, while another run waits in the queue and a third one is skipped."""
    job_id = create(sdk, "sleeps", notebook_task("main", "/sleeps"))
    first, second = sdk.jobs.run_now(job_id).run_id, sdk.jobs.run_now(job_id).run_id
    third = ended(sdk, sdk.jobs.run_now(job_id, queue=QueueSettings(enabled=False)).run_id)
    queued = sdk.jobs.get_run(second)
    sdk.jobs.cancel_run(second)

    cancelled = sdk.jobs.cancel_run_and_wait(first, timeout=timedelta(seconds=30))

    assert cancelled.state is not None
    assert cancelled.state.result_state is RunResultState.CANCELED
    assert queued.status is not None
    assert queued.status.queue_details is not None
    assert queued.status.state is RunLifecycleStateV2State.QUEUED
    assert queued.status.queue_details.code is QueueDetailsCodeCode.MAX_CONCURRENT_RUNS_REACHED
    assert third.status is not None
    assert third.status.termination_details is not None
    assert third.status.termination_details.code is TerminationCodeCode.MAX_CONCURRENT_RUNS_EXCEEDED


def test_sdk_follows_all_pages(sdk: WorkspaceClient) -> None:
    """Its iterators find every job and every run, however small the pages are."""
    created = sdk.jobs.create(name="paged", tasks=[notebook_task("main", "/fails")], max_concurrent_runs=0)
    job_id = created.job_id or 0
    others = [create(sdk, "paged", notebook_task("main", "/fails")) for _ in range(4)]
    made = [sdk.jobs.run_now(job_id).run_id for _ in range(7)]

    runs = [each.run_id for each in sdk.jobs.list_runs(job_id=job_id, limit=3)]
    jobs = [each.job_id for each in sdk.jobs.list(name="paged", limit=2)]

    assert runs == made[::-1]
    assert jobs == [*others[::-1], job_id]


def test_tasks_of_large_jobs_are_paged(sdk: WorkspaceClient) -> None:
    """The SDK asks for the tasks after the first hundred by itself."""
    tasks = [notebook_task(f"t{number}", "/fails") for number in range(130)]
    job_id = sdk.jobs.create(name="large", tasks=tasks, max_concurrent_runs=0).job_id or 0
    run_id = sdk.jobs.run_now(job_id).run_id

    settings, run = sdk.jobs.get(job_id).settings, sdk.jobs.get_run(run_id)

    assert settings is not None
    assert len(settings.tasks or []) == len(run.tasks or []) == 130


def test_job_parameters_reach_the_notebook(sdk: WorkspaceClient) -> None:
    """They come back as a list, and as widgets in the notebook."""
    job_id = (
        sdk.jobs.create(
            name="parameters",
            tasks=[notebook_task("ingest", "/ETL/01_Ingestion")],
            parameters=[JobParameterDefinition(name="file_path", default="default.csv")],
        ).job_id
        or 0
    )

    run = sdk.jobs.run_now(job_id, job_parameters={"file_path": "now.csv"}).result(timeout=timedelta(seconds=30))

    assert run.job_parameters is not None
    assert [each.as_dict() for each in run.job_parameters] == [
        {"name": "file_path", "default": "default.csv", "value": "now.csv"}
    ]
    assert run.tasks is not None
    output = sdk.jobs.get_run_output(run.tasks[0].run_id or 0)
    assert output.notebook_output is not None
    assert output.notebook_output.result == "now.csv"


def test_reset_and_delete(sdk: WorkspaceClient) -> None:
    """New settings take effect, and a deleted job is gone."""
    job_id = create(sdk, "before", notebook_task("main", "/fails"))
    sdk.jobs.reset(job_id, JobSettings(name="after", tasks=[notebook_task("main", "/fails")]))
    settings = sdk.jobs.get(job_id).settings
    sdk.jobs.delete(job_id)

    assert settings is not None
    assert settings.name == "after"
    with pytest.raises(ResourceDoesNotExist):
        sdk.jobs.get(job_id)


def test_errors_have_the_sdk_types(sdk: WorkspaceClient, host: str) -> None:
    """What the SDK makes of our refusals is what it makes of the cloud's."""
    job_id = create(sdk, "errors", notebook_task("main", "/fails"))

    with pytest.raises(ResourceDoesNotExist, match="Run 998 does not exist"):
        sdk.jobs.get_run(998)
    with pytest.raises(InvalidParameterValue, match="Job 998 does not exist"):
        sdk.jobs.run_now(998)
    with pytest.raises(InvalidParameterValue, match="at most 64"):
        sdk.jobs.run_now(job_id, idempotency_token="t" * 65)
    with pytest.raises(BadRequest, match="multiple tasks is not supported"):
        sdk.jobs.get_run_output(sdk.jobs.run_now(job_id).run_id)
    with pytest.raises(errors.NotImplemented, match="not supported by the local workspace"):
        sdk.jobs.cancel_all_runs(job_id=job_id)
    with pytest.raises(NotFound, match="Bad Target"):
        sdk.warehouses.get("x")
    with pytest.raises(PermissionDenied, match="Invalid access token"):
        list(WorkspaceClient(host=host, token="dapi-other").jobs.list())
