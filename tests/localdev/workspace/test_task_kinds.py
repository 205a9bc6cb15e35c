"""What tasks that run in processes are read as, and what run-now and the job's parameters make of them."""

from __future__ import annotations

from typing import Any

import pytest

from localdev.workspace.errors import ApiError
from localdev.workspace.jobs import task_settings
from localdev.workspace.model.job import Library, LibraryKind, TaskSettings
from localdev.workspace.model.request import RunRequest
from localdev.workspace.tasks.dbt import DbtWork
from localdev.workspace.tasks.jar import JarWork
from localdev.workspace.tasks.pipeline import PipelineWork
from localdev.workspace.tasks.sql import SqlWork
from localdev.workspace.tasks.wheel import WheelWork
from tests.localdev.workspace.kit import Json


def read(**task: Any) -> TaskSettings:
    """Read a task."""
    return task_settings.read({"task_key": "main", **task}, set())


def given(task: Json, job_parameters: dict[str, str] | None = None, **overriding: Any) -> Any:
    """Return a task's work as it is in a run."""
    return read(**task).work.given(RunRequest(job_id=1, overriding=overriding), job_parameters or {})


def wheel(**more: Any) -> Json:
    """Return a task that runs a wheel."""
    return {"python_wheel_task": {"package_name": "shop", "entry_point": "run", **more}}


def sql(**more: Any) -> Json:
    """Return a task that runs SQL."""
    return {"sql_task": {"warehouse_id": "w1", "query": {"query_id": "q1"}, **more}}


def dbt(**more: Any) -> Json:
    """Return a task that runs dbt."""
    return {"dbt_task": {"commands": ["dbt run"], "project_directory": "/Workspace/shop", **more}}


def test_named_parameters_become_options() -> None:
    """`named_parameters` reach the entry point as --name=value."""
    work = given(wheel(named_parameters={"date": "2026-11-22", "note": "a b"}))

    assert work.command_line == ("--date=2026-11-22", "--note=a b")


def test_job_parameters_reach_named_parameters_only() -> None:
    """A wheel that is set up with keyword arguments gets them, over its own; one with positions does not."""
    named = given(wheel(named_parameters={"date": "own"}), {"date": "job", "more": "1"})
    empty = given(wheel(named_parameters={}), {"date": "job"})
    positional = given(wheel(parameters=["own"]), {"date": "job"})
    neither = given(wheel(), {"date": "job"})

    assert named.command_line == ("--date=job", "--more=1")
    assert empty.command_line == ("--date=job",)
    assert positional.command_line == ("own",)
    assert neither.command_line == ()


def test_python_params_replace_and_named_ones_merge() -> None:
    """python_params instead of all the task's own, python_named_params over those of the same kind."""
    replaced = given(wheel(named_parameters={"date": "own"}), python_params=["x", "y"])
    merged = given(wheel(named_parameters={"date": "own", "kept": "1"}), python_named_params={"date": "new"})
    changed = given(wheel(parameters=["own"]), python_named_params={"date": "new"})

    assert replaced.command_line == ("x", "y")
    assert merged.command_line == ("--date=new", "--kept=1")
    assert changed.command_line == ("--date=new",)


def test_sql_parameters_are_merged() -> None:
    """sql_params over the task's own, the job's over both."""
    work = given(sql(parameters={"a": "1", "b": "1", "c": "1"}), {"c": "3"}, sql_params={"b": "2"})

    assert work.parameters == {"a": "1", "b": "2", "c": "3"}


def test_queries_are_files_by_their_id() -> None:
    """A saved query of the workspace is queries/<query_id>.sql; a file is itself."""
    query, file = read(**sql()).work, read(**sql(query=None, file={"path": "/Workspace/a.sql"})).work

    assert isinstance(query, SqlWork)
    assert isinstance(file, SqlWork)
    assert (query.path, file.path) == ("/Workspace/queries/q1.sql", "/Workspace/a.sql")


def test_list_parameters_replace_and_job_parameters_do_not_reach() -> None:
    """jar_params and dbt_commands take the place of the task's own; the job's parameters are no list."""
    jar: JarWork = given(
        {"spark_jar_task": {"main_class_name": "shop.Main", "parameters": ["own"]}}, {"date": "job"}, jar_params=["x"]
    )
    commands: DbtWork = given(dbt(), {"date": "job"}, dbt_commands=["dbt deps", "dbt build"])

    assert jar.arguments == ("x",)
    assert commands.commands == ("dbt deps", "dbt build")


def test_pipeline_params_replace_the_selection() -> None:
    """What run-now says about refreshing holds instead of what the task says."""
    task = {"pipeline_task": {"pipeline_id": "sales", "full_refresh": True, "parameters": {"a": "1"}}}

    work: PipelineWork = given(task, {"b": "2"}, pipeline_params={"refresh_selection": ["orders"]})

    assert (work.full_refresh, work.refresh_of, work.parameters) == (False, ("orders",), {"a": "1"})
    assert given(task).full_refresh is True


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (wheel(parameters=["a"], named_parameters={"b": "c"}), "leave named_parameters empty"),
        ({"python_wheel_task": {"package_name": "shop"}}, "entry_point is missing"),
        ({"sql_task": {"warehouse_id": "w1"}}, "exactly one of query, file"),
        (sql(query=None, alert={"alert_id": "a"}), "sql_task.alert is not supported"),
        (sql(query=None, dashboard={"dashboard_id": "a"}), "sql_task.dashboard is not supported"),
        (sql(warehouse_id=None), "warehouse_id is missing"),
        (dbt(commands=[]), "between 1 and 10 commands"),
        (dbt(commands=["dbt run"] * 11), "between 1 and 10 commands"),
        (dbt(commands=["rm -rf /"]), "must start with dbt"),
        (dbt(commands=["dbt run 'open"]), "must start with dbt"),
        (dbt(catalog="lake"), "catalog can only be specified if a warehouse_id is"),
        (dbt(profiles_directory="p", warehouse_id="w"), "profiles_directory can only be specified if no"),
        (dbt(project_directory="shop"), "must be an absolute workspace path"),
        ({"spark_jar_task": {"main_class_name": "@options"}}, "is no name of a class"),
        ({"spark_jar_task": {"main_class_name": "a.B", "jar_uri": "x.jar"}}, "jar_uri"),
        ({"spark_submit_task": {"parameters": ["a.py"]}}, "spark_submit_task is not supported"),
        ({"pipeline_task": {}}, "pipeline_id is missing"),
        ({"pipeline_task": {"pipeline_id": "p", "refresh_flow_selection": ["f"]}}, "refresh_flow_selection is not"),
    ],
)
def test_wrong_tasks_are_refused_by_name(task: Json, words: str) -> None:
    """When the job is made, and in words that say what to change."""
    task = {kind: {name: value for name, value in work.items() if value is not None} for kind, work in task.items()}

    with pytest.raises(ApiError, match=words) as refusal:
        read(**task)

    assert "'main'" in str(refusal.value)


def test_libraries_are_read() -> None:
    """Wheels, jars and requirements by their path, packages with their version and index."""
    libraries = [
        {"whl": "/Workspace/a.whl"},
        {"jar": "/Volumes/main/jars/a.jar"},
        {"requirements": "/Workspace/requirements.txt"},
        {"pypi": {"package": "great-expectations==0.18.0"}},
        {"pypi": {"package": "shop[cli] >= 1, < 2", "repo": "https://pypi.example.org/simple"}},
    ]

    found = read(**wheel(), libraries=libraries).libraries

    assert found == (
        Library(kind=LibraryKind.WHEEL, name="/Workspace/a.whl"),
        Library(kind=LibraryKind.JAR, name="/Volumes/main/jars/a.jar"),
        Library(kind=LibraryKind.REQUIREMENTS, name="/Workspace/requirements.txt"),
        Library(kind=LibraryKind.PYPI, name="great-expectations==0.18.0"),
        Library(kind=LibraryKind.PYPI, name="shop[cli] >= 1, < 2", index="https://pypi.example.org/simple"),
    )


@pytest.mark.parametrize(
    "library",
    [
        {},
        {"whl": "/Workspace/a.whl", "jar": "/Workspace/a.jar"},
        {"whl": "dbfs:/a.whl"},
        {"whl": "s3://bucket/a.whl"},
        {"jar": "/dbfs/a.jar"},
        {"egg": "/Workspace/a.egg"},
        {"maven": {"coordinates": "org.jsoup:jsoup:1.7.2"}},
        {"cran": {"package": "ada"}},
        {"pypi": {}},
        {"pypi": {"package": "--index-url=http://elsewhere"}},
        {"pypi": {"package": "-r/etc/passwd"}},
        {"pypi": {"package": "git+https://example.org/a.git"}},
        {"pypi": {"package": "shop @ https://example.org/shop.whl"}},
        {"pypi": {"package": "shop\n--pre"}},
        {"pypi": {"package": "shop", "repo": "file:///etc"}},
    ],
)
def test_other_libraries_are_refused(library: Json) -> None:
    """What cannot be had locally, and what would be an option or an address to pip."""
    with pytest.raises(ApiError, match="'main'"):
        read(**wheel(), libraries=[library])


def test_works_are_their_own_kinds() -> None:
    """Each kind is read as its own type, and knows its name in the API."""
    works = [
        read(**wheel()).work,
        read(**sql()).work,
        read(**dbt()).work,
        read(spark_jar_task={"main_class_name": "a.B"}).work,
        read(pipeline_task={"pipeline_id": "p"}).work,
    ]

    assert [type(work) for work in works] == [WheelWork, SqlWork, DbtWork, JarWork, PipelineWork]
    assert [str(work.kind) for work in works] == [
        "python_wheel_task",
        "sql_task",
        "dbt_task",
        "spark_jar_task",
        "pipeline_task",
    ]
