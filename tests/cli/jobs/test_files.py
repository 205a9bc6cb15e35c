"""Jobs as files hold them, and the YAML that is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.jobs.files import JobFileError, _value, read_jobs
from cli.jobs.yaml_text import yaml_of
from shared.yaml_source import read_yaml
from tests.cli.jobs.kit import TUTORIAL, a_job, written

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=12,
)


def names(file: str) -> list[str]:
    """Return the names of a file's jobs."""
    return [job.name for job in read_jobs(file)]


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"name": "a", "tasks": []}, ["a"]),
        ([{"name": "a"}, {"name": "b"}], ["a", "b"]),
        ({"jobs": [{"name": "a"}]}, ["a"]),
        ({"jobs": {"x": {"name": "a"}, "y": {"tasks": []}}}, ["a", "y"]),
        ({"resources": {"jobs": {"x": {"name": "a"}}}}, ["a"]),
        ({"job_id": 7, "created_time": 1, "settings": {"name": "a"}}, ["a"]),
        ({"jobs": [{"job_id": 7, "settings": {"name": "a"}}]}, ["a"]),
    ],
)
def test_jobs_are_found_however_they_are_kept(document: object, found: list[str]) -> None:
    """One job, a list, a mapping `jobs`, a bundle's resources, and what jobs/get answers."""
    assert names(written(document)) == found


def test_yaml_is_read_as_json_is() -> None:
    """The language of the file makes no difference."""
    settings = json.loads(TUTORIAL.read_text(encoding="utf-8"))
    Path("job.yaml").write_text(yaml_of(settings), encoding="utf-8")

    assert read_jobs("job.yaml")[0].settings == settings == read_jobs(str(TUTORIAL))[0].settings


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", "{", "a.json:1:2: is no JSON"),
        ("a.json", '{"name": "a", "name": "b"}', "`name` is given more than once"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", "[]", "holds no job"),
        ("a.json", "3", "is no job"),
        ("a.json", '{"jobs": {"x": 3}}', "`x` is no job"),
        ("a.yaml", "name: [", "a.yaml:"),
        ("a.yaml", "name: no", "without quotes is a boolean to some readers of YAML"),
        ("a.yaml", "", "The file is empty"),
    ],
)
def test_unusable_file_is_told_with_its_place(name: str, text: str, says: str) -> None:
    """Nothing is guessed: what cannot be a job is an error that names the file."""
    Path(name).write_text(text, encoding="utf-8")

    with pytest.raises(JobFileError) as caught:
        read_jobs(name)

    assert says in str(caught.value)


@given(JSON)
def test_yaml_comes_back_as_it_was(value: Any) -> None:
    """Every value of JSON survives YAML, whatever its texts look like: numbers, dates, marks, control characters."""
    document = read_yaml(yaml_of(value))

    assert document.faults == ()
    assert document.root is not None
    assert _value(document.root) == value


@pytest.mark.parametrize(
    "text", ["no", "1:30", "0123", "2026-11-22", "~", "- a", "a: b", "a #b", "{{job.id}}", "é", "<<", ""]
)
def test_text_that_may_be_misread_is_quoted(text: str) -> None:
    """No reader of YAML takes a text for anything else."""
    assert yaml_of({"k": text}) == f"k: {json.dumps(text, ensure_ascii=False)}\n"


def test_yaml_looks_like_what_people_write() -> None:
    """Blocks, and quotes only where they are needed."""
    assert yaml_of(a_job(run_as={}, parameters=[])) == (
        "name: ETL\n"
        "queue:\n"
        "  enabled: true\n"
        "run_as: {}\n"
        "tasks:\n"
        "  - task_key: main\n"
        "    notebook_task:\n"
        "      notebook_path: /Workspace/main\n"
        "parameters: []\n"
    )
