"""What run-now may be asked."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.errors import ApiError
from localdev.workspace.jobs import run_request


def refusal(**body: Any) -> ApiError:
    """Return the error that this request ends with."""
    with pytest.raises(ApiError) as caught:
        run_request.read({"job_id": 7, **body})
    return caught.value


def test_parameters_are_echoed() -> None:
    """What was given comes back as overriding_parameters."""
    request = run_request.read({"job_id": 7, "notebook_params": {"file_path": "a.csv"}, "jar_params": []})

    assert request.overriding == {"notebook_params": {"file_path": "a.csv"}}


def test_job_id_may_be_a_string() -> None:
    """Databricks tolerates ids as numbers and as strings of digits."""
    assert run_request.read({"job_id": "7"}).job_id == 7


@pytest.mark.parametrize(("value", "kind"), [("x", "STRING"), (3, "NUMBER"), ([], "ARRAY"), (True, "BOOLEAN")], ids=str)
def test_parameters_must_be_an_object(value: Any, kind: str) -> None:
    """https://github.com/databrickslabs/dbx/issues/182."""
    error = refusal(notebook_params=value)

    assert (error.status, error.error_code) == (400, "MALFORMED_REQUEST")
    assert error.message == (
        f"Could not parse request object: Expected object for field 'notebook_params', found {kind}"
    )


@pytest.mark.parametrize(("value", "kind"), [(3, "NUMBER"), ({}, "OBJECT"), (False, "BOOLEAN")], ids=str)
def test_parameter_values_must_be_strings(value: Any, kind: str) -> None:
    """Numbers and the like are not turned into strings behind the caller's back."""
    error = refusal(notebook_params={"n": value})

    assert error.error_code == "MALFORMED_REQUEST"
    assert error.message.endswith(f"Expected string for field 'notebook_params.n', found {kind}")


def test_null_parameter_is_refused() -> None:
    """https://learn.microsoft.com/azure/data-factory/connector-troubleshoot-azure-databricks."""
    error = refusal(notebook_params={"n": None})

    assert "Expected 'key' and 'value' to be set for JSON map field notebook_params" in error.message


@pytest.mark.parametrize("other", ["notebook_params", "python_named_params"])
def test_job_parameters_stand_alone(other: str) -> None:
    """Job parameters and those of a task type cannot be given together."""
    error = refusal(job_parameters={"a": "b"}, **{other: {"a": "b"}})

    assert f"job_parameters cannot be specified in conjunction with {other}" in error.message


@pytest.mark.parametrize("other", ["python_params", "jar_params", "spark_submit_params", "dbt_commands"])
def test_job_parameters_stand_without_lists(other: str) -> None:
    """The same holds for parameters that are lists."""
    error = refusal(job_parameters={"a": "b"}, **{other: ["b"]})

    assert f"job_parameters cannot be specified in conjunction with {other}" in error.message


def test_notebook_and_jar_parameters_exclude_each_other() -> None:
    """Databricks names this pair in the field's own documentation."""
    assert "in conjunction with jar_params" in refusal(notebook_params={"a": "b"}, jar_params=["c"]).message


def test_longest_parameters_are_taken() -> None:
    """Exactly 10,000 bytes, the field's name and the braces among them, are still allowed."""
    frame = len('{"notebook_params":{"k":""}}')

    request = run_request.read({"job_id": 7, "notebook_params": {"k": "v" * (10_000 - frame)}})

    assert len(request.overriding["notebook_params"]["k"]) == 10_000 - frame
    assert "has 10001 bytes" in refusal(notebook_params={"k": "v" * (10_001 - frame)}).message


@given(st.dictionaries(st.text(), st.text(max_size=4000), max_size=6))
def test_length_counts_utf8_bytes(parameters: dict[str, str]) -> None:
    """The limit is on the compact JSON in UTF-8, where a letter with an accent has two bytes and not six."""
    size = len(json.dumps({"notebook_params": parameters}, ensure_ascii=False, separators=(",", ":")).encode())

    taken = False
    with suppress(ApiError):
        run_request.read({"job_id": 7, "notebook_params": parameters})
        taken = True

    assert taken == (size <= 10_000)


def test_python_parameters_are_ascii() -> None:
    """Databricks takes only ASCII on a command line."""
    assert "ASCII" in refusal(python_params=["é"]).message
    assert run_request.read({"job_id": 7, "python_params": ["e"]}).overriding == {"python_params": ["e"]}


def test_token_has_at_most_64_characters() -> None:
    """A SHA-256 in hex just fits."""
    assert run_request.read({"job_id": 7, "idempotency_token": "t" * 64}).token == "t" * 64
    assert "at most 64" in refusal(idempotency_token="t" * 65).message


def test_empty_token_is_no_token() -> None:
    """Clients that always send the field do not all share one run."""
    assert run_request.read({"job_id": 7, "idempotency_token": ""}).token is None


def test_part_of_a_job_may_be_asked_for() -> None:
    """Which tasks there are is the job's to say: test_task_selection.py."""
    assert run_request.read({"job_id": 7, "only": ["+a", "b"]}).only == ("+a", "b")


def test_parameters_for_pipelines_are_an_object() -> None:
    """Of run-now's parameters they alone are neither a list nor a map of strings."""
    request = run_request.read({"job_id": 7, "pipeline_params": {"full_refresh": True}})

    assert request.overriding == {"pipeline_params": {"full_refresh": True}}


def test_job_id_is_needed() -> None:
    """The answer names the field."""
    with pytest.raises(ApiError, match="Missing required field: job_id"):
        run_request.read({})


def test_unknown_fields_are_ignored() -> None:
    """Databricks drops what it does not know, a mistyped performance_target among it."""
    assert run_request.read({"job_id": 7, "performance_target": "FAST", "x": 1}).job_id == 7


@pytest.mark.parametrize("job_id", [True, 1.5, "x", [], -1, 2**63, "9" * 30], ids=str)
def test_ids_must_be_64_bit_numbers(job_id: Any) -> None:
    """Anything else could not be kept, or would mean another job."""
    assert refusal(job_id=job_id).status == 400
