"""Settings of jobs are kept as they are, or refused by name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localdev.workspace.errors import ApiError
from localdev.workspace.jobs import job_settings
from localdev.workspace.model.job import TaskKind
from localdev.workspace.tasks.notebook import NotebookWork
from tests.localdev.workspace.kit import job, settings_of, task

TUTORIAL_TASK = {
    "task_key": "ingest_raw_data",
    "description": "Ingestion des données brutes",
    "notebook_task": {
        "notebook_path": "/Workspace/ETL/01_Ingestion",
        "base_parameters": {"date": "{{job.start_date}}", "environment": "production"},
    },
    "new_cluster": {"spark_version": "13.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 2},
    "libraries": [{"pypi": {"package": "great-expectations==0.18.0"}}],
    "timeout_seconds": 3600,
    "max_retries": 2,
    "retry_on_timeout": True,
}


def refusal(body: dict[str, Any], version: str = "2.2") -> ApiError:
    """Return the error that creating this job ends with."""
    with pytest.raises(ApiError) as caught:
        job_settings.read(job_settings.completed(body, version))
    return caught.value


def test_notebook_task_is_read() -> None:
    """A task of the tutorial's job is read with its path, parameters, time-out and retries."""
    found = settings_of(TUTORIAL_TASK).tasks["ingest_raw_data"]

    assert found.kind is TaskKind.NOTEBOOK
    assert found.work == NotebookWork(
        path="/Workspace/ETL/01_Ingestion", parameters={"date": "{{job.start_date}}", "environment": "production"}
    )
    assert found.timeout is not None
    assert (found.timeout.total_seconds(), found.max_retries, found.retry_on_timeout) == (3600, 2, True)


def test_what_is_not_acted_on_is_kept() -> None:
    """Clusters, libraries, notifications, schedules and tags are shown again as they were given."""
    given_settings: dict[str, Any] = {
        "job_clusters": [{"job_cluster_key": "k", "new_cluster": {"num_workers": 1}}],
        "email_notifications": {"on_failure": ["data-team@company.com"]},
        "webhook_notifications": {"on_failure": [{"id": "x"}]},
        "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "Europe/Paris"},
        "tags": {"team": "data-engineering"},
    }

    document = settings_of(TUTORIAL_TASK, **given_settings).document

    assert {name: document[name] for name in given_settings} == given_settings
    assert document["tasks"][0] | TUTORIAL_TASK == document["tasks"][0] | {
        "notebook_task": TUTORIAL_TASK["notebook_task"]
    }


@pytest.mark.parametrize(("version", "queue"), [("2.2", True), ("2.1", False)])
def test_queueing_default_depends_on_version(version: str, queue: bool) -> None:  # noqa: FBT001 - a table's column
    """Jobs created through 2.2 queue their runs, those created through 2.1 skip them."""
    assert settings_of(version=version).queue is queue


def test_given_queue_setting_wins() -> None:
    """The default of the version is only a default."""
    assert not settings_of(queue={"enabled": False}).queue
    assert settings_of(version="2.1", queue={"enabled": True}).queue


def test_defaults_are_shown() -> None:
    """A job shows the defaults that a workspace adds."""
    document = settings_of(task()).document

    assert (document["max_concurrent_runs"], document["timeout_seconds"], document["format"]) == (1, 0, "MULTI_TASK")
    assert document["tasks"][0]["run_if"] == "ALL_SUCCESS"
    assert document["tasks"][0]["notebook_task"]["source"] == "WORKSPACE"


def test_tasks_come_after_what_they_depend_on() -> None:
    """Whatever order tasks are declared in, each one is looked at after its upstream tasks."""
    settings = settings_of(task("d", "b", "c"), task("c", "a"), task("b", "a"), task("a"))

    order = list(settings.tasks)

    assert order[0] == "a"
    assert order[-1] == "d"


@pytest.mark.parametrize(
    "kind",
    [
        "spark_submit_task",
        "clean_rooms_notebook_task",
    ],
)
def test_other_task_types_are_refused_by_name(kind: str) -> None:
    """What cannot run locally is refused when the job is created, naming the task and its type."""
    error = refusal(job({"task_key": "publish", kind: {"query": {}}}))

    assert (error.status, error.error_code) == (400, "INVALID_PARAMETER_VALUE")
    assert f"Task 'publish': {kind} is not supported by the local workspace" in error.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(job(git_source={"git_url": "u"}), "git_source is not supported", id="git"),
        pytest.param(
            job({"task_key": "x", "notebook_task": {"notebook_path": "/x", "source": "GIT"}}),
            "source GIT is not supported",
            id="git-task",
        ),
    ],
)
def test_other_features_are_refused_by_name(body: dict[str, Any], message: str) -> None:
    """What would run differently from the cloud does not run at all."""
    assert message in refusal(body).message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"name": "x"}, "between 1 and 1000 tasks", id="no tasks"),
        pytest.param({"notebook_task": {}, "tasks": [task()]}, "single-task format", id="single-task format"),
        pytest.param(job(task("a"), task("a")), "Two tasks have the task_key 'a'", id="same key"),
        pytest.param(job(task("a b")), "task_key is 'a b'", id="key"),
        pytest.param(job(task("a", "z")), "depends on 'z'", id="unknown upstream"),
        pytest.param(job(task("a", "b"), task("b", "a")), "in a circle", id="circle"),
        pytest.param(job(task("a", "a")), "in a circle", id="itself"),
        pytest.param(job({"task_key": "a"}), "exactly one of", id="nothing to do"),
        pytest.param(job(task("a", run_if="SOMETIMES")), "run_if is 'SOMETIMES'", id="unknown run_if"),
        pytest.param(job(task("a", job_cluster_key="k")), "job_cluster_key 'k'", id="unknown cluster"),
        pytest.param(job(max_concurrent_runs=1001), "max_concurrent_runs is 1001", id="too many runs"),
        pytest.param(job(task("a", timeout_seconds=-1)), "timeout_seconds is -1", id="negative"),
        pytest.param(job(parameters=[{"name": "a b"}]), "The job parameter 'a b'", id="parameter name"),
        pytest.param(job(parameters=[{"name": "a"}, {"name": "a"}]), "have the name 'a'", id="same parameter"),
        pytest.param(job(name="x" * 4097), "longer than 4096 bytes", id="name"),
        pytest.param(job(description="x" * 27_701), "description has 27701 characters", id="description"),
        pytest.param(job(tags={str(number): "" for number in range(26)}), "a maximum of 25 tags", id="tags"),
        pytest.param(
            job({"task_key": "a", "spark_python_task": {"python_file": "dbfs:/a.py"}}),
            "must be an absolute workspace path",
            id="cloud path",
        ),
        pytest.param(job({"task_key": "a", "notebook_task": {}}), "Task 'a': notebook_path is missing", id="no path"),
        pytest.param(
            job({"task_key": "a", "notebook_task": {"notebook_path": "/a", "base_parameters": {"k": "v" * 10**6}}}),
            "longer than 1 MB",
            id="parameters",
        ),
    ],
)
def test_unusable_settings_are_refused(body: dict[str, Any], message: str) -> None:
    """A job that could not run is not created, and the answer says why."""
    error = refusal(body)

    assert (error.status, error.error_code) == (400, "INVALID_PARAMETER_VALUE")
    assert message in error.message


def test_unreadable_field_names_its_type() -> None:
    """A field of another type is a malformed request, in Databricks' words."""
    error = refusal(job(task("a"), timeout_seconds="soon"))

    assert (error.status, error.error_code) == (400, "MALFORMED_REQUEST")
    assert error.message == "Could not parse request object: Expected integer for field 'timeout_seconds', found STRING"


def test_more_than_a_hundred_tasks_need_2_2() -> None:
    """https://docs.databricks.com/aws/en/reference/jobs-api-2-2-updates."""
    many = job(*(task(f"t{number}") for number in range(101)))

    assert "API 2.2 and above" in refusal(many, "2.1").message
    assert len(settings_of(*many["tasks"]).tasks) == 101


@settings(max_examples=500)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["tasks", "name", "queue", "job_clusters", "parameters", "depends_on", "notebook_task", "run_if"]),
    st.booleans(),
)
def test_no_settings_crash_the_reader(value: Any, name: str, inside_task: bool) -> None:  # noqa: FBT001 - generated
    """Whatever a field holds, the job is read or refused; the reader never fails in another way."""
    body = job(task("a", **{name: value})) if inside_task else {**job(), name: value}

    with suppress(ApiError):
        job_settings.read(job_settings.completed(body, "2.2"))
