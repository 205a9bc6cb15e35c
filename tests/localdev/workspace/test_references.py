"""Dynamic value references: which there are, what they become, and what is never looked at."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.flow import lifecycle
from localdev.workspace.model.job import TaskKind, Work
from localdev.workspace.model.request import RunRequest, Trigger, TriggerType
from localdev.workspace.model.run import Outcome, Phase, Run
from localdev.workspace.references import (
    RunFacts,
    UnknownReference,
    facts_of,
    found_in,
    job_parameters,
    resolved,
)
from localdev.workspace.references.names import KNOWN, NAMESPACES
from localdev.workspace.references.times import PARTS
from localdev.workspace.tasks.for_each import ForEachWork, IterationWork
from localdev.workspace.tasks.notebook import NotebookWork
from localdev.workspace.tasks.python_file import PythonFileWork
from tests.localdev.workspace.kit import START, settings_of, task

URL = "http://127.0.0.1:8765"
SUNDAY = START  # 2026-11-22T12:00Z
FAILED = Outcome(
    life_cycle_state="TERMINATED", result_state="FAILED", code="RUN_EXECUTION_ERROR", type="CLIENT_ERROR", message=""
)
SUCCEEDED = Outcome(life_cycle_state="TERMINATED", result_state="SUCCESS", code="SUCCESS", type="SUCCESS", message="")


def run_of(*tasks: Mapping[str, Any], request: RunRequest | None = None, **settings: Any) -> Run:
    """Return a new run with the ids 1 for itself and 2, 3, … for its tasks, in their order."""
    ids = iter(range(1, 100))
    return lifecycle.new_run(
        7,
        settings_of(*map(dict, tasks), **settings),
        request or RunRequest(job_id=7),
        START,
        active=0,
        new_id=lambda: next(ids),
    )


def facts(run: Run | None = None, key: str = "main", values: Mapping[str, Any] | None = None, **more: Any) -> RunFacts:
    """Return the facts of a task of a run."""
    run = run or run_of(task("main"))
    attempt = run.latest_attempts()[key]
    return facts_of(run, attempt, values or {}, workspace_id=42, workspace_url=URL, **more)


def text(source: str, known: RunFacts | None = None) -> str:
    """Return what a notebook's parameter becomes."""
    work = resolved(NotebookWork(path="/n", parameters={"p": source}), known or facts())
    assert isinstance(work, NotebookWork)
    return work.parameters["p"]


def launched(run: Run) -> Work:
    """Return what the run's first task is started with."""
    known = facts(run)
    return resolved(run.settings.tasks["main"].work, known).given(run.request, job_parameters(known))


def upstream(outcome: Outcome | None, **more: Any) -> RunFacts:
    """Return the facts of `main`, which comes after `first` that has ended so."""
    run = run_of(task("first"), task("main", "first"))
    (first,) = (each for each in run.attempts if each.task_key == "first")
    phase = Phase.RUNNING if outcome is None else Phase.ENDED
    return facts(run.with_attempts(first.evolve(phase=phase, outcome=outcome)), **more)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{job.id}}", "7"),
        ("{{job.name}}", "ETL"),
        ("{{job.run_id}}", "1"),
        ("{{job.repair_count}}", "0"),
        ("{{job.trigger.type}}", "onetime"),
        ("{{job.trigger.file_arrival.location}}", ""),
        ("{{job.trigger.table_update.updated_tables}}", ""),
        ("{{job.trigger.table_update.main.sales.orders.version}}", ""),
        ("{{task.name}}", "main"),
        ("{{task.run_id}}", "2"),
        ("{{task.execution_count}}", "1"),
        ("{{task.notebook_path}}", "/Workspace/main"),
        ("{{workspace.id}}", "42"),
        ("{{workspace.url}}", URL),
        ("{{job_id}}/{{run_id}}/{{parent_run_id}}", "7/2/1"),
        ("{{task_key}} {{task_retry_count}}", "main 0"),
        ("{{start_date}} {{start_time}}", "2026-11-22 1795348800000"),
        ("job_{{job.run_id}}.csv", "job_1.csv"),
        ("{{ job.id }}{{job.id}}", "77"),
    ],
)
def test_reference_becomes_its_value(source: str, value: str) -> None:
    """Each documented reference, and the deprecated ones, is replaced wherever it stands in a text."""
    assert text(source) == value


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("iso_date", "2027-03-05"),
        ("iso_datetime", "2027-03-05T09:08:07.654Z"),
        ("iso_weekday", "5"),
        ("is_weekday", "true"),
        ("year", "2027"),
        ("month", "3"),
        ("day", "5"),
        ("hour", "9"),
        ("minute", "8"),
        ("second", "7"),
        ("timestamp_ms", "1804237687654"),
    ],
)
def test_times_have_parts(part: str, value: str) -> None:
    """Times are told in UTC, in all the documented parts and no others."""
    moment = datetime(2027, 3, 5, 9, 8, 7, 654321, tzinfo=UTC)

    assert text(f"{{{{job.start_time.{part}}}}}", replace(facts(), started_at=moment)) == value


def test_every_part_is_tested() -> None:
    """The list of the document is the list of the code."""
    documented = ["iso_weekday", "is_weekday", "iso_date", "iso_datetime", "year", "month", "day", "hour", "minute"]
    documented += ["second", "timestamp_ms"]

    assert sorted(PARTS) == sorted(documented)


def test_weekend_is_no_weekday() -> None:
    """A Sunday is the seventh day and no weekday, whatever a time zone may say."""
    assert text("{{job.start_time.iso_weekday}} {{job.start_time.is_weekday}}") == "7 false"


def test_schedule_tells_the_minute_it_was_due() -> None:
    """The trigger's time is when the schedule was due, rounded down to its minute; the run may start later."""
    trigger = Trigger(type=TriggerType.PERIODIC, time=datetime(2026, 11, 22, 1, 0, 59, tzinfo=UTC))
    known = facts(run_of(task(), request=RunRequest(job_id=7, trigger=trigger)))

    assert text("{{job.trigger.time.iso_datetime}}", known) == "2026-11-22T01:00:00.000Z"
    assert text("{{job.trigger.type}} {{job.start_time.hour}}", known) == "periodic 12"


def test_file_arrival_tells_the_place_it_watches() -> None:
    """The location is the trigger's, never a file's."""
    trigger = Trigger(type=TriggerType.FILE_ARRIVAL, location="abfss://landing@acc/in/")
    known = facts(run_of(task(), request=RunRequest(job_id=7, trigger=trigger)))

    assert text("{{job.trigger.type}} {{job.trigger.file_arrival.location}}", known).split() == [
        "file_arrival",
        "abfss://landing@acc/in/",
    ]


def test_retries_and_repairs_are_counted() -> None:
    """execution_count counts every try at the task, repair_count the repairs of the run."""
    run = run_of(task("main"))
    again = run.attempts[0].evolve(id=9, number=2)

    known = facts_of(run.with_attempts(again), again, {}, workspace_id=42, workspace_url=URL, repair_count=1)

    assert text("{{task.execution_count}} {{task.run_id}} {{job.repair_count}}", known) == "3 9 1"


@pytest.mark.parametrize(
    ("outcome", "state", "code"),
    [(SUCCEEDED, "success", ""), (FAILED, "failed", "RunExecutionError")],
)
def test_tasks_before_tell_how_they_ended(outcome: Outcome, state: str, code: str) -> None:
    """States are in small letters and codes without their underscores; what succeeded has no code."""
    known = upstream(outcome)

    assert text("{{tasks.first.result_state}}", known) == state
    assert text("{{tasks.first.error_code}}", known) == code
    assert text("{{tasks.first.run_id}}{{tasks.first.execution_count}}", known) == "21"
    assert text("{{tasks.first.notebook_path}}", known) == "/Workspace/first"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a b", "a b"), (3, "3"), (True, "true"), (None, "null"), (["é", {"k": 1}], '["é",{"k":1}]')],
)
def test_task_values_are_strings_or_json(value: object, shown: str) -> None:
    """A string stays as it is; lists, which a for_each_task takes, and all else become JSON."""
    assert text("{{tasks.first.values.v}}", upstream(SUCCEEDED, values={"first": {"v": value}})) == shown


def test_rows_of_sql_tasks_can_be_named() -> None:
    """Rows are JSON, and the columns of the first one have their values."""
    known = upstream(SUCCEEDED, rows={"first": [{"total": 3, "country": "FR"}, {"total": 1, "country": "DE"}]})

    assert text("{{tasks.first.output.first_row.country}}", known) == "FR"
    assert text("{{tasks.first.output.first_row}}", known) == '{"total":3,"country":"FR"}'
    assert text("{{tasks.first.output.rows}}", known).startswith('[{"total":3')


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{{job.start_date}}", "does not exist. Did you mean `{{job.start_time.iso_date}}`?"),
        ("{{job.start_time}}", "Did you mean `{{job.start_time.iso_datetime}}`?"),
        ("{{job.naem}}", "Did you mean `{{job.name}}`?"),
        ("{{job.start_time.week}}", "does not exist"),
        ("{{job.notebook_url}}", "does not exist"),
        ("{{task.id}}", "Did you mean `{{task.run_id}}`?"),
        ("{{tasks.main.result}}", "Did you mean `{{tasks.main.result_state}}`?"),
        ("{{workspace.host}}", "Did you mean `{{workspace.url}}`?"),
        ("{{workspace.qqqq}}", "Known are workspace.id, workspace.url."),
        ("{{tasks.mian.run_id}}", "`mian` is no task of the job. Did you mean `main`?"),
        ("{{tasks.main.values.rows}}", "`rows` is no value that the task has set"),
        ("{{tasks.main.result_state}}", "the task has not ended"),
        ("{{tasks.main.output.rows}}", "has left no such output"),
        ("{{job.parameters.date}}", "`date` is no parameter of the job"),
    ],
)
def test_unknown_name_in_a_known_namespace_is_an_error(source: str, says: str) -> None:
    """The tutorial's `{{job.start_date}}` is told with what was meant, and never passed on as text."""
    with pytest.raises(UnknownReference) as caught:
        text(f"before {source}")

    assert says in str(caught.value)
    assert source.strip("{}") in str(caught.value)
    assert caught.value.name == source.strip("{}")


@pytest.mark.parametrize(
    "source",
    [
        "{{unknown.name}}",
        "{{date}}",
        "{{job}}",
        "{{my.value}",
        "{job.id}",
        "{{job.id",
        "{{job..id}}",
        "{{job.id + 1}}",
        "{{tasks.load-crm.run_id}}",
        "{{}}",
        "{{input}}",
        "{{input.file}}",
        "{{backfill.iso_date}}",
        "{{Job.id}}",
    ],
)
def test_what_is_no_reference_stays(source: str) -> None:
    """Unknown namespaces, expressions and missing braces are literal, and so is `input` outside of a for_each_task."""
    assert text(source) == source


def test_backticks_escape_names() -> None:
    """A name with other characters than letters, digits and _ stands in backticks."""
    run = run_of(task("load-crm"), task("main", "load-crm"), parameters=[{"name": "land.date", "default": "d"}])

    assert text("{{tasks.`load-crm`.run_id}} {{job.parameters.`land.date`}}", facts(run)) == "2 d"


def test_iteration_gets_its_input() -> None:
    """`input` is the item, as JSON if it is no string, and `input.key` a value in it."""
    known = replace(facts(), input={"file": "a.csv", "size": 3})

    assert text("{{input.file}}:{{input.size}}", known) == "a.csv:3"
    assert text("{{input}}", replace(known, input="x")) == "x"
    with pytest.raises(UnknownReference, match="no key of this iteration's input"):
        text("{{input.nope}}", known)


def test_element_of_an_iteration_is_put_in_with_the_rest() -> None:
    """One pass replaces references and input together, and what the element holds is only text."""
    nested = NotebookWork(path="/n", parameters={"f": "{{input.file}}", "r": "{{job.run_id}}"})
    work = IterationWork(work=nested, element={"file": "{{job.id}} {{input}}"})

    assert resolved(work, facts()) == replace(nested, parameters={"f": "{{job.id}} {{input}}", "r": "1"})


def test_inputs_of_a_loop_are_resolved() -> None:
    """A for_each_task takes the array that a task before it has left."""
    work = ForEachWork(inputs="{{tasks.first.values.files}}", concurrency=1)

    known = upstream(SUCCEEDED, values={"first": {"files": ["a", "b"]}})

    assert resolved(work, known) == replace(work, inputs='["a","b"]')


def test_defaults_of_job_parameters_are_resolved() -> None:
    """A default may hold references; what a run was given takes its place, and is passed down as it is."""
    run = run_of(
        task("main"),
        request=RunRequest(job_id=7, job_parameters={"file": "{{job.id}}.csv"}),
        parameters=[{"name": "date", "default": "{{job.start_time.iso_date}}"}, {"name": "file", "default": "none"}],
    )

    assert job_parameters(facts(run)) == {"date": "2026-11-22", "file": "{{job.id}}.csv"}
    assert text("{{job.parameters.date}} {{job.parameters.file}}", facts(run)) == "2026-11-22 {{job.id}}.csv"


def test_what_run_now_gives_is_never_looked_at() -> None:
    """A blob may be called `{{workspace.id}}`, or `{{job.nope}}`: its run is told exactly that."""
    hostile = "in/{{workspace.id}}/{{job.nope}}.csv"
    document = task("main", notebook_task={"notebook_path": "/n", "base_parameters": {"id": "{{job.id}}"}})
    run = run_of(document, request=RunRequest(job_id=7, overriding={"notebook_params": {"file_path": hostile}}))

    work = launched(run)

    assert isinstance(work, NotebookWork)
    assert work.parameters == {"id": "7", "file_path": hostile}


def test_job_parameters_are_pushed_down_resolved() -> None:
    """A notebook gets all parameters of its job, over its own of the same name."""
    run = run_of(
        task("main", notebook_task={"notebook_path": "/n", "base_parameters": {"date": "x"}}),
        parameters=[{"name": "date", "default": "{{job.start_time.iso_date}}"}],
    )

    work = launched(run)

    assert isinstance(work, NotebookWork)
    assert work.parameters == {"date": "2026-11-22"}


def test_nothing_is_resolved_twice() -> None:
    """What a value brings in is text, even if it looks like a reference."""
    known = upstream(SUCCEEDED, values={"first": {"v": "{{job.id}} {{job.nope}}"}})

    assert text("{{tasks.first.values.v}}", known) == "{{job.id}} {{job.nope}}"


@dataclass(frozen=True, kw_only=True)
class Query:
    """Something within a task's work that is no task."""

    path: str


@dataclass(frozen=True, kw_only=True)
class Nested:
    """Work of every shape a field may have."""

    lines: tuple[str, ...]
    tree: Mapping[str, Any]
    kind: TaskKind
    query: Query
    inner: Work
    count: int = 3

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> Nested:
        """Return it as it is."""
        del request, job_parameters
        return self


def test_every_string_of_the_work_is_resolved() -> None:
    """Tuples, lists, mappings and parts are looked through; keys, kinds and the task within a task are not."""
    inner = PythonFileWork(path="/p", arguments=("{{input}}", "{{job.id}}"))
    work = Nested(
        lines=("--id", "{{job.id}}"),
        tree={"{{job.id}}": ["{{job.id}}", {"x": ("{{job.id}}",)}, 5, None]},
        kind=TaskKind.SQL,
        query=Query(path="/q/{{job.id}}.sql"),
        inner=inner,
    )

    assert resolved(work, facts()) == replace(
        work,
        lines=("--id", "7"),
        tree={"{{job.id}}": ["7", {"x": ("7",)}, 5, None]},
        query=Query(path="/q/7.sql"),
    )


@given(st.text(st.sampled_from("{}jobtasks.id_`- \n"), max_size=40).filter(lambda text: "{{" not in text) | st.text())
def test_text_without_references_is_untouched(source: str) -> None:
    """Resolution is the identity on everything that has no reference in it."""
    if not found_in({"parameters": [{"default": source}]}):
        assert text(source) == source


@given(st.lists(st.sampled_from(["{{job.id}}", "{{", "}}", "{", "x.y", "`", "{{nope.id}}", " "]), max_size=12))
def test_only_references_change(parts: list[str]) -> None:
    """Whatever stands around a reference stays as it was, braces included."""
    source = "".join(parts)

    assert text(source) == source.replace("{{job.id}}", "7")


@given(st.text(max_size=60))
def test_values_come_through_unchanged(value: str) -> None:
    """Any text at all comes out of a task value, or of a run's parameter, as it went in."""
    run = run_of(task(), request=RunRequest(job_id=7, job_parameters={"p": value}))

    assert text("{{job.parameters.p}}", facts(run)) == value
    assert text("<{{tasks.first.values.v}}>", upstream(SUCCEEDED, values={"first": {"v": value}})) == f"<{value}>"


@given(
    st.sampled_from(sorted(NAMESPACES)),
    st.lists(st.text(st.sampled_from("abdeijmnorsty_"), min_size=1, max_size=8), min_size=1, max_size=3),
)
def test_known_namespaces_have_an_error_or_a_value(namespace: str, names: list[str]) -> None:
    """No name in a known namespace ever stays as literal text."""
    source = f"{{{{{'.'.join([namespace, *names])}}}}}"
    try:
        value = text(source)
    except UnknownReference:
        return

    assert value != source


@pytest.mark.parametrize(
    "source", ["{{" * 50_000, "{{`" * 50_000, "{{ " * 50_000, "{{job" + ".a" * 50_000, "{{a" * 50_000]
)
def test_hostile_text_takes_no_time(source: str) -> None:
    """Reading is linear in the length of the text."""
    began = time.perf_counter()

    assert text(source) == source
    assert found_in({"parameters": [{"default": source}]}) == []
    assert time.perf_counter() - began < 2


def test_finding_names_the_place() -> None:
    """References of a job are found with where they stand, in tasks and in defaults, and nowhere else."""
    found = found_in(
        {
            "name": "{{job.id}}",
            "email_notifications": {"on_failure": ["{{job.parameters.mail}}"]},
            "parameters": [{"name": "d", "default": "{{job.start_date}}"}],
            "tasks": [
                {"task_key": "{{job.id}}", "notebook_task": {"base_parameters": {"a": ["{{task.name}} {{x.y}}"]}}},
                {"task_key": "f", "for_each_task": {"inputs": "{{input}}", "task": {"sql_task": {"q": "{{input}}"}}}},
            ],
        }
    )

    assert [(each.path, each.reference.name, each.task_key, each.in_for_each) for each in found] == [
        ("parameters[0].default", "job.start_date", "", False),
        ("tasks[0].notebook_task.base_parameters.a[0]", "task.name", "{{job.id}}", False),
        ("tasks[1].for_each_task.inputs", "input", "f", False),
        ("tasks[1].for_each_task.task.sql_task.q", "input", "f", True),
    ]


def test_missing_backticks_are_found() -> None:
    """A name that wants backticks makes a text of it, which nobody meant."""
    (found,) = found_in({"parameters": [{"default": "{{tasks.load-crm.values.n}}"}]})

    assert found.meant == "{{tasks.`load-crm`.values.n}}"
    assert text(found.reference.text) == found.reference.text


@pytest.mark.parametrize("document", [{}, {"tasks": None}, {"tasks": [None, 3, {"x_task": None}]}, {"parameters": {}}])
def test_any_document_can_be_looked_through(document: dict[str, Any]) -> None:
    """What is no job has no references."""
    assert found_in(document) == []


def test_every_known_reference_is_reachable() -> None:
    """No name of the list is refused as unknown, so that suggestions are always right."""
    run = run_of(task("first"), task("main", "first"), parameters=[{"name": "x", "default": ""}])
    first = run.attempts[0].evolve(phase=Phase.ENDED, outcome=SUCCEEDED)
    known = facts(run.with_attempts(first), values={"first": {"x": 1}}, rows={"first": [{"x": 1}]})
    for pattern in KNOWN:
        name = pattern.replace("tasks.<name>", "tasks.first").replace("<name>", "x")
        if not name.endswith("alert_state"):
            assert text(f"{{{{{name}}}}}", known) != f"{{{{{name}}}}}"


def test_run_starts_before_its_tasks() -> None:
    """The deprecated start_date is the task's own, and job.start_time the run's, however long it waited."""
    run = run_of(task())
    late = run.attempts[0].evolve(started_at=START + timedelta(days=1))
    known = facts_of(run.with_attempts(late), late, {}, workspace_id=42, workspace_url=URL)

    assert text("{{start_date}} {{job.start_time.iso_date}}", known) == "2026-11-23 2026-11-22"
