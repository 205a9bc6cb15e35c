"""What differs in two jobs, and what a workspace adds by itself."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from cli.jobs.defaults import without_defaults
from cli.jobs.differences import LONGEST_SHOWN, differences
from localdev.workspace.jobs import job_settings
from tests.cli.jobs.kit import TUTORIAL, a_job, a_task


def told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the differences as they are told."""
    return [each.says() for each in differences(before, after)]


def test_same_jobs_have_none() -> None:
    """Equal is equal, whatever the order of fields."""
    assert told({"a": 1, "b": {"c": [1]}}, {"b": {"c": [1]}, "a": 1}) == []


def test_each_field_is_told_with_its_path() -> None:
    """Elements with a key are found by it, so that order does not matter and each change has its place."""
    before = a_job(
        a_task("a", max_retries=1), a_task("b", "a"), parameters=[{"name": "p", "default": "1"}], tags={"x": "1"}
    )
    after = a_job(
        a_task("b", "a", "c"), a_task("a", max_retries=2), a_task("c"), parameters=[{"name": "p", "default": "2"}]
    )

    assert told(before, after) == [
        '+ tasks[b].depends_on[c].task_key: "c"',
        "~ tasks[a].max_retries: 1 -> 2",
        '+ tasks[c].task_key: "c"',
        '+ tasks[c].notebook_task.notebook_path: "/Workspace/c"',
        '~ parameters[p].default: "1" -> "2"',
        '- tags: {"x": "1"}',
    ]


def test_other_arrays_are_compared_whole() -> None:
    """Arguments and addresses have an order, and no keys."""
    assert told({"parameters": ["a", "b"]}, {"parameters": ["b", "a"]}) == ['~ parameters: ["a", "b"] -> ["b", "a"]']


def test_true_is_not_one() -> None:
    """What JSON tells apart is told apart."""
    assert told({"a": True}, {"a": 1}) == ["~ a: true -> 1"]


def test_long_values_are_cut() -> None:
    """A line stays a line that somebody can read."""
    (line,) = told({"a": "x" * 10_000}, {})

    assert len(line) < LONGEST_SHOWN + 20


def test_what_the_workspace_adds_is_no_difference() -> None:
    """The settings of a new job, as the workspace completes them, are those of its file."""
    given = json.loads(TUTORIAL.read_text(encoding="utf-8"))

    for version in ("2.1", "2.2"):
        shown = job_settings.completed(copy.deepcopy(given), version)
        shown.pop("queue", None)
        assert differences(without_defaults(shown), without_defaults(given)) == []


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"timeout_seconds": 0, "format": "MULTI_TASK", "email_notifications": {}}, {}),
        ({"timeout_seconds": 5}, {"timeout_seconds": 5}),
        ({"email_notifications": {"no_alert_for_skipped_runs": False}}, {}),
        ({"schedule": {"timezone_id": "UTC", "pause_status": "UNPAUSED"}}, {"schedule": {"timezone_id": "UTC"}}),
        ({"schedule": {"pause_status": "PAUSED"}}, {"schedule": {"pause_status": "PAUSED"}}),
        ({"tasks": [{"for_each_task": {"concurrency": 1, "task": {"run_if": "ALL_SUCCESS", "task_key": "x"}}}]}, None),
    ],
)
def test_defaults_are_left_out(settings: dict[str, Any], left: dict[str, Any] | None) -> None:
    """Only what says something stays, also within a for_each_task."""
    expected = {"tasks": [{"for_each_task": {"task": {"task_key": "x"}}}]} if left is None else left

    assert without_defaults(settings) == expected


@pytest.mark.parametrize(
    "settings", [{"tasks": 3}, {"tasks": [None, {"new_cluster": 3}]}, {"schedule": [], "job_clusters": {}}]
)
def test_odd_settings_are_no_crash(settings: dict[str, Any]) -> None:
    """What is no job is left for the workspace to refuse."""
    assert isinstance(without_defaults(settings), dict)
