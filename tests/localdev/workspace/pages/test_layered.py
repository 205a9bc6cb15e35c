"""Where the tasks of a job are drawn."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.pages import layered
from localdev.workspace.pages.layered import BOX_HEIGHT, BOX_WIDTH, MOST_BOXES, MOST_LINES, Layout, layout

Upstream = dict[str, list[str]]


@st.composite
def jobs(draw: st.DrawFn) -> Upstream:
    """Return tasks in an order in which each follows those that it depends on."""
    count = draw(st.integers(1, 40))
    return {
        f"t{number}": [f"t{other}" for other in draw(st.sets(st.integers(0, number - 1), max_size=4))] if number else []
        for number in range(count)
    }


@given(jobs())
def test_every_task_and_dependency_is_drawn_once(upstream: Upstream) -> None:
    """Small jobs are drawn whole."""
    plan = layout(upstream)

    assert sorted(box.key for box in plan.boxes) == sorted(upstream)
    assert sorted((line.source, line.target) for line in plan.lines) == sorted(
        (source, target) for target, sources in upstream.items() for source in sources
    )
    assert (plan.hidden_tasks, plan.hidden_lines) == (0, 0)


@given(jobs())
def test_every_line_goes_right(upstream: Upstream) -> None:
    """From the right edge of a task to the left edge of what depends on it, never back."""
    plan = layout(upstream)
    boxes = {box.key: box for box in plan.boxes}

    for line in plan.lines:
        source, target = boxes[line.source], boxes[line.target]
        assert line.points[0] == (source.x + BOX_WIDTH, source.y + BOX_HEIGHT / 2)
        assert line.points[-1] == (target.x, target.y + BOX_HEIGHT / 2)
        assert all(x < next_x for (x, _), (next_x, _) in pairwise(line.points))


@given(jobs())
def test_no_two_tasks_overlap(upstream: Upstream) -> None:
    """And all lie on the canvas."""
    plan = layout(upstream)

    for one, other in combinations(plan.boxes, 2):
        assert abs(one.x - other.x) >= BOX_WIDTH or abs(one.y - other.y) >= BOX_HEIGHT
    assert all(box.x >= 0 and box.y >= 0 for box in plan.boxes)
    assert all(box.x + BOX_WIDTH <= plan.width and box.y + BOX_HEIGHT <= plan.height for box in plan.boxes)


@given(jobs())
def test_no_line_crosses_a_task(upstream: Upstream) -> None:
    """A line that passes a column does so between its tasks."""
    plan = layout(upstream)
    columns = defaultdict(list)
    for box in plan.boxes:
        columns[box.x].append(box)

    for line in plan.lines:
        for (x, y), (next_x, next_y) in pairwise(line.points):
            if next_x - x == BOX_WIDTH:  # through a column
                assert y == next_y
                assert not [box for box in columns[x] if box.y < y < box.y + BOX_HEIGHT]


@given(jobs())
def test_task_stands_right_behind_the_longest_path(upstream: Upstream) -> None:
    """A task without dependencies is at the very left, and any other next to one that it depends on."""
    columns = {box.key: box.x for box in layout(upstream).boxes}
    step = BOX_WIDTH + layered.COLUMN_GAP

    for key, sources in upstream.items():
        assert columns[key] == max((columns[source] + step for source in sources), default=layered.MARGIN)


def test_same_job_looks_the_same() -> None:
    """A page that updates itself must not shuffle."""
    upstream: Upstream = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["a", "d"]}

    assert layout(upstream) == layout(upstream)


@pytest.mark.parametrize(
    "upstream",
    [
        {f"t{i}": [f"t{i - 1}"] if i else [] for i in range(1000)},
        {f"t{i}": [] for i in range(1000)},
        {"t0": [], **{f"t{i}": ["t0"] for i in range(1, 1000)}},
        {f"t{i}": [f"t{j}" for j in range(i)] for i in range(1000)},
        {f"t{i}": [f"t{j}" for j in (i - 1, i - 30, i - 200) if j >= 0] for i in range(1000)},
    ],
    ids=["chain", "none", "fan", "everything", "long"],
)
def test_large_jobs_are_drawn_in_part(upstream: Upstream) -> None:
    """What is left out is counted, and what is drawn depends on nothing that is not."""
    plan = layout(upstream)
    drawn = {box.key for box in plan.boxes}

    assert len(drawn) == MOST_BOXES
    assert plan.hidden_tasks == 1000 - MOST_BOXES
    assert len(plan.lines) == min(MOST_LINES, sum(len(upstream[key]) for key in drawn))
    assert len(plan.lines) + plan.hidden_lines == sum(len(upstream[key]) for key in drawn)
    assert {line.target for line in plan.lines} == {key for key in drawn if upstream[key]}
    assert bends(plan) <= layered.MOST_BENDS


def test_hundred_tasks_fit() -> None:
    """A job as large as API 2.1 takes is drawn whole, also if it is one column."""
    plan = layout({"a": [], **{f"t{i}": ["a"] for i in range(98)}, "z": [f"t{i}" for i in range(98)]})

    assert (len(plan.boxes), plan.hidden_tasks, plan.hidden_lines) == (100, 0, 0)


def test_tall_graph_begins_at_its_top() -> None:
    """A reader of a tall graph sees its first task without looking for it."""
    plan = layout({"a": [], **{f"t{i}": ["a"] for i in range(98)}})

    assert next(box.y for box in plan.boxes if box.key == "a") == layered.MARGIN


def test_small_graph_is_level() -> None:
    """A task stands in the middle of those that depend on it."""
    boxes = {box.key: box for box in layout({"a": [], "b": ["a"], "c": ["a"]}).boxes}

    assert boxes["a"].y == (boxes["b"].y + boxes["c"].y) / 2


def bends(plan: Layout) -> int:
    """Return how many places lines take in columns that they pass."""
    return len({point for line in plan.lines for point in line.points[1:-1]}) // 2
