from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jobs.answers import job_of, output_of, run_of
from shared.jobs.json_values import id_of, moment_of, parse_object
from shared.jobs.verdicts import state_message, state_words, verdict_of
from shared.model import Run, Verdict

SUCCEEDED, FAILED, CANCELLED, NEVER_RAN = Verdict


def older(life_cycle: str, result: str | None = None) -> dict[str, Any]:
    """Return a run as the older model tells it."""
    return {"state": {"life_cycle_state": life_cycle, **({"result_state": result} if result else {})}}


def newer(state: str, code: str | None = None) -> dict[str, Any]:
    """Return a run as the newer model tells it."""
    return {"status": {"state": state, **({"termination_details": {"code": code}} if code else {})}}


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("SUCCESS", SUCCEEDED),
        ("SUCCESS_WITH_FAILURES", SUCCEEDED),
        ("CANCELED", CANCELLED),
        ("USER_CANCELED", CANCELLED),
        ("SKIPPED", NEVER_RAN),
        ("MAX_CONCURRENT_RUNS_EXCEEDED", NEVER_RAN),
        ("MAX_JOB_QUEUE_SIZE_EXCEEDED", NEVER_RAN),
        ("WORKSPACE_RUN_LIMIT_EXCEEDED", NEVER_RAN),
        ("RUN_EXECUTION_ERROR", FAILED),
        ("INTERNAL_ERROR", FAILED),
        ("CLUSTER_ERROR", FAILED),
        ("DISABLED", FAILED),
        ("A_CODE_OF_NEXT_YEAR", FAILED),
        (None, FAILED),
    ],
)
def test_newer_model_is_judged_by_its_code(code: str | None, verdict: Verdict) -> None:
    """TERMINATED is the one terminal state; the code says how it ended, and an unknown one is a failure."""
    assert verdict_of(newer("TERMINATED", code)) is verdict


@pytest.mark.parametrize(
    ("life_cycle", "result", "verdict"),
    [
        ("TERMINATED", "SUCCESS", SUCCEEDED),
        ("TERMINATED", "SUCCESS_WITH_FAILURES", SUCCEEDED),
        ("TERMINATED", "FAILED", FAILED),
        ("INTERNAL_ERROR", "FAILED", FAILED),
        ("INTERNAL_ERROR", None, FAILED),
        ("TERMINATED", "TIMEDOUT", FAILED),
        ("TERMINATED", "CANCELED", CANCELLED),
        ("SKIPPED", None, NEVER_RAN),
        ("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED", NEVER_RAN),
        ("TERMINATED", "MAXIMUM_CONCURRENT_RUNS_REACHED", NEVER_RAN),
        ("SKIPPED", "A_RESULT_OF_NEXT_YEAR", NEVER_RAN),
        ("SKIPPED", "DISABLED", FAILED),
        ("SKIPPED", "EXCLUDED", FAILED),
        ("SKIPPED", "UPSTREAM_FAILED", FAILED),
        ("SKIPPED", "UPSTREAM_CANCELED", CANCELLED),
        ("TERMINATED", "A_RESULT_OF_NEXT_YEAR", FAILED),
        ("TERMINATED", None, FAILED),
    ],
)
def test_older_model_is_judged_by_its_result(life_cycle: str, result: str | None, verdict: Verdict) -> None:
    """INTERNAL_ERROR is how an ordinary failure looks; a skipped run never ran, unless it is of no use to try again."""
    assert verdict_of(older(life_cycle, result)) is verdict


@pytest.mark.parametrize(
    "state",
    ["QUEUED", "PENDING", "RUNNING", "TERMINATING", "BLOCKED", "WAITING", "WAITING_FOR_RETRY", "NEW_IN_2030", ""],
)
def test_active_and_unknown_states_have_no_verdict(state: str) -> None:
    """What is not known to be over is not over, whatever codes it carries."""
    assert verdict_of(newer(state, "SUCCESS")) is None
    assert verdict_of(older(state, "SUCCESS")) is None


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        pytest.param(
            newer("TERMINATED", "RUN_EXECUTION_ERROR") | older("INTERNAL_ERROR", "FAILED"),
            FAILED,
            id="a failed notebook",
        ),
        pytest.param(newer("TERMINATED", "CANCELED") | older("TERMINATED", "TIMEDOUT"), FAILED, id="a time-out"),
        pytest.param(newer("TERMINATED", "NEW") | older("TERMINATED", "SUCCESS"), SUCCEEDED, id="a new code"),
        pytest.param(newer("NEW") | older("TERMINATED", "SUCCESS"), SUCCEEDED, id="a new state, ended in the older"),
        pytest.param(newer("RUNNING") | older("TERMINATED", "SUCCESS"), None, id="the newer model decides"),
        pytest.param(newer("NEW") | older("RUNNING"), None, id="a new state, active in the older"),
    ],
)
def test_models_together_agree_on_one_verdict(run: dict[str, Any], verdict: Verdict | None) -> None:
    """The newer model decides where it says something known; the older fills in."""
    assert verdict_of(run) is verdict


def test_state_is_told_in_databricks_own_words() -> None:
    """People look these words up."""
    assert state_words(newer("TERMINATED", "SUCCESS")) == "TERMINATED/SUCCESS"
    assert state_words(older("INTERNAL_ERROR", "FAILED")) == "INTERNAL_ERROR/FAILED"
    assert state_words(older("SKIPPED")) == "SKIPPED"
    assert state_words(newer("HIBERNATING")) == "HIBERNATING"
    assert state_words({}) == ""


WORDS = st.sampled_from(
    [
        *("TERMINATED", "SKIPPED", "INTERNAL_ERROR", "RUNNING", "SUCCESS", "FAILED", "TIMEDOUT", "CANCELED"),
        *("status", "state", "code", "life_cycle_state", "result_state", "termination_details", "queue_details"),
        *("message", "run_id", "job_id", "start_time", "tasks", "task_key", "overriding_parameters", "name", "value"),
        *("notebook_params", "job_parameters", "settings", "queue", "continuous", "notebook_output"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS
ANY_JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(WORDS | st.text(), inner), max_leaves=12
)
ANY_OBJECT = st.dictionaries(WORDS | st.text(), ANY_JSON)


@given(ANY_OBJECT)
def test_any_object_has_a_verdict_or_none(answer: dict[str, Any]) -> None:
    """Nothing that Databricks may ever say makes reading a state raise."""
    assert verdict_of(answer) in {None, *Verdict}
    assert isinstance(state_words(answer), str)
    assert isinstance(state_message(answer), str)


@given(st.sampled_from(["TERMINATED", "SKIPPED", "INTERNAL_ERROR"]), ANY_JSON, ANY_JSON)
def test_every_terminal_run_has_a_verdict(life_cycle: str, result: Any, details: Any) -> None:
    """An entry whose run is over never stays open for want of a verdict."""
    run = {
        "state": {"life_cycle_state": life_cycle, "result_state": result},
        "status": {"state": "TERMINATED", "termination_details": details},
    }

    assert verdict_of(run) in set(Verdict)


@given(ANY_OBJECT, st.integers(1, 2**63 - 1) | st.integers(1, 2**63 - 1).map(str))
def test_any_answer_parses_or_is_refused(answer: dict[str, Any], run_id: int | str) -> None:
    """Parsing never raises; what has an id is a run and keeps to its types."""
    run = run_of(answer | {"run_id": run_id})
    output_of(answer)
    job_of(answer | {"job_id": run_id})

    assert isinstance(run, Run)
    assert run.run_id == int(run_id)
    assert {type(text) for item in run.parameters.items() for text in item} <= {str}
    assert all(task > 0 for task in run.task_run_ids)


@given(st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_object_or_nothing(body: bytes) -> None:
    """Bodies come from whoever answers."""
    assert parse_object(body) is None or isinstance(parse_object(body), dict)


@given(ANY_JSON | st.integers(-(10**30), 10**30))
def test_odd_ids_and_times_read_as_nothing(value: Any) -> None:
    """An id is positive and has 64 bits; a moment is one that Python can hold."""
    number, moment = id_of(value), moment_of(value)

    assert number is None or 0 < number < 2**63
    assert moment is None or moment.utcoffset() is not None
