"""Databricks' own SDK as the client: it must not notice that this is no cloud."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from databricks.sdk.service.jobs import (
    JobAccessControlRequest,
    JobParameterDefinition,
    JobPermissionLevel,
    JobSettings,
    NotebookTask,
    QueueDetailsCodeCode,
    QueueSettings,
    Run,
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunResultState,
    RunType,
    SparkPythonTask,
    SubmitTask,
    Task,
    TaskDependency,
    TerminationCodeCode,
    ViewsToExport,
    ViewType,
)
from databricks.sdk.service.workspace import ExportFormat, ImportFormat, Language, ObjectType

from localdev.workspace.app import create_app
from localdev.workspace.server import running
from shared.secret import Secret
from tests.fakes.waiting import block_until
from tests.localdev.workspace.kit import TOKEN, notebook, workspace_settings

CLIENT, SECRET = "3b1c-application", "dose-canary"


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
        settings = workspace_settings(folder, users={"ada": Secret("dapi-ada")}, clients={CLIENT: Secret(SECRET)})
        async with running(create_app(settings)) as url:
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
    with pytest.raises(NotFound, match="Bad Target"):
        sdk.warehouses.get("x")
    with pytest.raises(PermissionDenied, match="Invalid access token"):
        list(WorkspaceClient(host=host, token="dapi-other").jobs.list())


def test_update_changes_what_it_names(sdk: WorkspaceClient) -> None:
    """The rest of a job stays, tasks are merged by their keys, and fields can be removed."""
    job_id = create(sdk, "update", notebook_task("a", "/fails"), notebook_task("b", "/fails"))
    sdk.jobs.update(
        job_id,
        new_settings=JobSettings(max_concurrent_runs=5, tasks=[notebook_task("c", "/fails")]),
        fields_to_remove=["tasks/b", "name"],
    )

    settings = sdk.jobs.get(job_id).settings

    assert settings is not None
    assert (settings.name, settings.max_concurrent_runs) == ("Untitled", 5)
    assert [each.task_key for each in settings.tasks or []] == ["a", "c"]


def test_one_time_run(sdk: WorkspaceClient) -> None:
    """Submit, wait as the SDK waits, find it by its type, and no job of it."""
    task = SubmitTask(task_key="once", notebook_task=NotebookTask(notebook_path="/ETL/01_Ingestion"))

    run = sdk.jobs.submit(run_name="one-time", tasks=[task], timeout_seconds=60).result(timeout=timedelta(seconds=30))

    assert (run.run_name, run.run_type) == ("one-time", RunType.SUBMIT_RUN)
    assert run.state is not None
    assert run.state.result_state is RunResultState.SUCCESS
    assert run.run_id in [each.run_id for each in sdk.jobs.list_runs(run_type=RunType.SUBMIT_RUN)]
    assert list(sdk.jobs.list(name="one-time")) == []


def test_all_runs_are_cancelled(sdk: WorkspaceClient) -> None:
    """Running and queued ones of a job."""
    job_id = create(sdk, "cancel all", notebook_task("main", "/sleeps"))
    runs = [sdk.jobs.run_now(job_id).run_id for _ in range(3)]

    sdk.jobs.cancel_all_runs(job_id=job_id)

    states = [ended(sdk, run_id).state for run_id in runs]
    assert [state and state.result_state for state in states] == [RunResultState.CANCELED] * 3


def test_failed_run_is_repaired(sdk: WorkspaceClient, folder: Path) -> None:
    """Once its cause is gone; the history tells of both."""
    notebook(folder / "notebooks", "mended", "raise RuntimeError('not yet')")
    job_id = create(sdk, "repair", notebook_task("main", "/mended"))
    run_id = ended(sdk, sdk.jobs.run_now(job_id).run_id).run_id or 0
    notebook(folder / "notebooks", "mended", "dbutils.notebook.exit('mended')")

    run = sdk.jobs.repair_run(run_id, rerun_all_failed_tasks=True).result(timeout=timedelta(seconds=30))
    history = sdk.jobs.get_run(run_id, include_history=True).repair_history

    assert run.state is not None
    assert run.state.result_state is RunResultState.SUCCESS
    assert [each.type and each.type.value for each in history or []] == ["ORIGINAL", "REPAIR"]


def test_run_is_exported_and_resolved(sdk: WorkspaceClient) -> None:
    """The notebook as HTML, and the parameters as the task got them."""
    task = Task(
        task_key="ingest",
        notebook_task=NotebookTask(notebook_path="/ETL/01_Ingestion", base_parameters={"file_path": "{{job.id}}.csv"}),
    )
    job_id = create(sdk, "export", task)
    run_id = ended(sdk, sdk.jobs.run_now(job_id).run_id).run_id or 0

    (attempt,) = sdk.jobs.get_run(run_id, include_resolved_values=True).tasks or []
    (view,) = sdk.jobs.export_run(attempt.run_id or 0, views_to_export=ViewsToExport.ALL).views or []

    assert attempt.resolved_values is not None
    assert attempt.resolved_values.notebook_task is not None
    assert attempt.resolved_values.notebook_task.base_parameters == {"file_path": f"{job_id}.csv"}
    assert (view.name, view.type) == ("01_Ingestion", ViewType.NOTEBOOK)
    assert f"{job_id}.csv" in (view.content or "")


def test_permissions_are_read_and_changed(sdk: WorkspaceClient, host: str) -> None:
    """Another user may run a job once it was granted, and is told what is missing before."""
    ada = WorkspaceClient(host=host, token="dapi-ada")
    job_id = create(sdk, "permissions", notebook_task("main", "/ETL/01_Ingestion"))
    with pytest.raises(PermissionDenied, match="does not have Manage Run or Owner or Admin permissions on job"):
        ada.jobs.run_now(job_id)
    grant = JobAccessControlRequest(user_name="ada", permission_level=JobPermissionLevel.CAN_MANAGE_RUN)
    sdk.jobs.update_permissions(str(job_id), access_control_list=[grant])

    run_id = ada.jobs.run_now(job_id).run_id
    acl = sdk.jobs.get_permissions(str(job_id)).access_control_list or []
    levels = sdk.jobs.get_permission_levels(str(job_id)).permission_levels or []

    assert sdk.jobs.get_run(run_id).creator_user_name == "ada"
    assert [each.user_name or each.group_name for each in acl] == ["landfall@localhost", "ada", "admins"]
    assert {each.permission_level for each in levels} == set(JobPermissionLevel)
    owner = JobAccessControlRequest(user_name="ada", permission_level=JobPermissionLevel.IS_OWNER)
    sdk.jobs.set_permissions(str(job_id), access_control_list=[owner])
    assert sdk.jobs.get(job_id).run_as_user_name == "ada"


def test_client_secret_signs_in(host: str, monkeypatch: pytest.MonkeyPatch, sdk: WorkspaceClient) -> None:
    """OAuth M2M: the SDK finds the token endpoint by itself, and says who it is."""
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
    machine = WorkspaceClient(host=host, client_id=CLIENT, client_secret=SECRET)
    job_id = machine.jobs.create(name="of a machine", tasks=[notebook_task("main", "/fails")]).job_id or 0

    assert machine.config.auth_type == "oauth-m2m"
    assert machine.current_user.me().user_name == CLIENT
    assert sdk.current_user.me().user_name == "landfall@localhost"
    assert [each.job_id for each in machine.jobs.list()] == [job_id]
    with pytest.raises(Exception, match="invalid_client"):
        WorkspaceClient(host=host, client_id=CLIENT, client_secret="wrong").current_user.me()


def test_notebooks_are_uploaded_and_run(sdk: WorkspaceClient) -> None:
    """upload, download, list and delete, in each format, and a job that runs what was uploaded."""
    folder = "/Users/ada@example.com/été"
    sdk.workspace.mkdirs(folder)
    source = b"# Databricks notebook source\ndbutils.notebook.exit('uploaded')\n"
    sdk.workspace.upload(f"{folder}/load", source, format=ImportFormat.SOURCE, language=Language.PYTHON)
    sdk.workspace.upload(f"{folder}/auto.py", source, format=ImportFormat.AUTO)
    sdk.workspace.upload(f"{folder}/data.bin", bytes(range(256)), format=ImportFormat.AUTO)
    with pytest.raises(ResourceAlreadyExists):
        sdk.workspace.upload(f"{folder}/load", source, format=ImportFormat.SOURCE, language=Language.PYTHON)
    sdk.workspace.upload(f"{folder}/data.bin", b"\r\nnew\r\n", format=ImportFormat.AUTO, overwrite=True)

    job_id = create(sdk, "uploaded", notebook_task("main", f"/Workspace{folder}/load"))
    (attempt,) = sdk.jobs.run_now(job_id).result(timeout=timedelta(seconds=30)).tasks or []
    output = sdk.jobs.get_run_output(attempt.run_id or 0).notebook_output
    found = list(sdk.workspace.list("/Users", recursive=True))

    assert output is not None
    assert output.result == "uploaded"
    assert [(each.path, each.object_type, each.language) for each in found] == [
        (f"{folder}/auto", ObjectType.NOTEBOOK, Language.PYTHON),
        (f"{folder}/data.bin", ObjectType.FILE, None),
        (f"{folder}/load", ObjectType.NOTEBOOK, Language.PYTHON),
    ]
    assert sdk.workspace.download(f"{folder}/load").read() == source
    assert sdk.workspace.download(f"{folder}/data.bin", format=ExportFormat.AUTO).read() == b"\r\nnew\r\n"
    assert sdk.workspace.get_status(folder).object_type is ObjectType.DIRECTORY
    with pytest.raises(BadRequest, match="is not empty"):
        sdk.workspace.delete(folder)
    sdk.workspace.delete(folder, recursive=True)
    with pytest.raises(ResourceDoesNotExist):
        sdk.workspace.get_status(folder)
