"""Whether a task may run, against the documentation's own tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.flow import outcomes, run_if
from localdev.workspace.flow.run_if import Standing, Verdict
from localdev.workspace.model.job import RunIf
from localdev.workspace.model.run import Outcome

S, F, C, E, N, D = (
    Standing.SUCCEEDED,
    Standing.FAILED,
    Standing.CANCELLED,
    Standing.EXCLUDED,
    Standing.NOT_TAKEN,
    Standing.DISABLED,
)
known = st.lists(st.sampled_from(Standing), min_size=1, max_size=6)
some_unknown = st.lists(st.sampled_from([*Standing, None]), min_size=1, max_size=6).filter(lambda each: None in each)
conditions = st.sampled_from(RunIf)


def documented(condition: RunIf, upstream: list[Standing]) -> Verdict:
    """Return what the tables of run-if and disabled-tasks say, row by row; written without the code under test."""
    text = "".join({S: "s", F: "f", C: "c", E: "e", N: "n", D: "d"}[each] for each in upstream)
    if condition in {"ALL_SUCCESS", "ALL_FAILED"} and "d" in text:
        return Verdict.DISABLED
    if condition != "ALL_DONE" and text.strip("d") == "":
        return Verdict.DISABLED
    if text.strip("en") == "":
        return Verdict.EXCLUDED
    runs = {
        "ALL_SUCCESS": text.strip("se") == "",
        "AT_LEAST_ONE_SUCCESS": "s" in text or "e" in text,
        "NONE_FAILED": "f" not in text and "c" not in text,
        "ALL_DONE": True,
        "AT_LEAST_ONE_FAILED": "f" in text or "c" in text,
        "ALL_FAILED": text.strip("fc") == "",
    }[condition]
    if runs:
        return Verdict.RUN
    if condition in {"AT_LEAST_ONE_FAILED", "ALL_FAILED"} or ("f" not in text and "c" not in text):
        return Verdict.EXCLUDED
    return Verdict.UPSTREAM_FAILED if "f" in text else Verdict.UPSTREAM_CANCELLED


@given(conditions, known)
def test_verdict_is_the_documented_one(condition: RunIf, upstream: list[Standing]) -> None:
    """Whatever the tasks before it did, all of them or any number."""
    assert run_if.verdict(condition, upstream) is documented(condition, upstream)


@given(conditions, known, st.randoms())
def test_order_and_number_do_not_matter(condition: RunIf, upstream: list[Standing], random: object) -> None:
    """All conditions speak of all, any or none."""
    shuffled = [*upstream, *upstream]
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis gives a Random, and types it as object

    assert run_if.verdict(condition, shuffled) is run_if.verdict(condition, upstream)


@given(conditions, some_unknown, st.data())
def test_nothing_is_decided_too_early(condition: RunIf, upstream: list[Standing | None], data: st.DataObject) -> None:
    """A condition is evaluated when all have ended; only what disabled tasks alone decide is said before."""
    early = run_if.verdict(condition, upstream)
    completed = [data.draw(st.sampled_from(Standing)) if each is None else each for each in upstream]

    assert early in {Verdict.WAIT, Verdict.DISABLED}
    assert early is Verdict.WAIT or run_if.verdict(condition, completed) is Verdict.DISABLED


@pytest.mark.parametrize("condition", RunIf)
def test_task_without_dependencies_runs(condition: RunIf) -> None:
    """There is nothing to wait for."""
    assert run_if.verdict(condition, []) is Verdict.RUN


@pytest.mark.parametrize(
    ("condition", "upstream", "expected"),
    [
        (RunIf.ALL_SUCCESS, [D], Verdict.DISABLED),
        (RunIf.AT_LEAST_ONE_SUCCESS, [D, S], Verdict.RUN),
        (RunIf.NONE_FAILED, [D, E], Verdict.RUN),
        (RunIf.ALL_DONE, [D], Verdict.RUN),
        (RunIf.AT_LEAST_ONE_FAILED, [D, F], Verdict.RUN),
        (RunIf.ALL_FAILED, [D], Verdict.DISABLED),
    ],
)
def test_examples_of_disabled_tasks_hold(condition: RunIf, upstream: list[Standing], expected: Verdict) -> None:
    """https://docs.databricks.com/aws/en/jobs/disabled-tasks has these six."""
    assert run_if.verdict(condition, upstream) is expected


@pytest.mark.parametrize(
    ("outcome", "branch", "wanted", "expected"),
    [
        (None, None, None, None),
        (outcomes.SUCCEEDED, None, None, S),
        (outcomes.SUCCEEDED_WITH_FAILURES, None, None, S),
        (outcomes.SUCCEEDED, "true", "true", S),
        (outcomes.SUCCEEDED, "true", "false", N),
        (outcomes.FAILED, None, "true", F),
        (outcomes.LOST, None, None, F),
        (outcomes.UPSTREAM_FAILED, None, None, F),
        (outcomes.CANCELLED, None, None, C),
        (outcomes.UPSTREAM_CANCELLED, None, None, C),
        (outcomes.EXCLUDED, None, "true", E),
        (outcomes.DISABLED, None, None, D),
    ],
)
def test_every_end_has_a_standing(
    outcome: Outcome | None, branch: str | None, wanted: str | None, expected: Standing | None
) -> None:
    """What failed because of others counts as failed, and a wrong branch only where its condition succeeded."""
    assert run_if.standing_of(outcome, branch, wanted) is expected
