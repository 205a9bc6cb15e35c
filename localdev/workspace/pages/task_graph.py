"""A run's tasks as a graph: boxes with their states, and lines with the way that a condition went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from localdev.workspace.model.job import JobSettings
from localdev.workspace.model.run import Attempt
from localdev.workspace.pages import layered
from localdev.workspace.pages.looks import NOT_STARTED, Look, look_of
from localdev.workspace.pages.spans import between, span_words
from localdev.workspace.pages.text import clipped, on_one_line

_LONGEST_KEY = 20  # characters that fit into a box


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskBox:
    """A task in the graph."""

    number: int  # its place in the job, from 0
    key: str
    label: str
    detail: str  # state, duration, number of the try
    look: Look | None  # None for a job, whose tasks have no state
    x: float
    y: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskLine:
    """A dependency in the graph."""

    path: str
    outcome: str  # "true", "false" or nothing
    x: float  # where the outcome is written, before the arrow
    y: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskGraph:
    """The drawing."""

    boxes: tuple[TaskBox, ...]
    lines: tuple[TaskLine, ...]
    width: float
    height: float
    hidden_tasks: int
    hidden_lines: int
    box_width: int = layered.BOX_WIDTH
    box_height: int = layered.BOX_HEIGHT


def graph_of(settings: JobSettings, attempts: Mapping[str, Attempt] | None, now: datetime) -> TaskGraph:
    """Return the graph of a job's tasks; with a run's latest attempts, of what became of them."""
    plan = layered.layout({key: [each.key for each in task.depends_on] for key, task in settings.tasks.items()})
    number_of = {key: number for number, key in enumerate(settings.tasks)}
    return TaskGraph(
        boxes=tuple(_box(box, number_of[box.key], settings, attempts, now) for box in plan.boxes),
        lines=tuple(_line(line, settings) for line in plan.lines),
        width=plan.width,
        height=plan.height,
        hidden_tasks=plan.hidden_tasks,
        hidden_lines=plan.hidden_lines,
    )


def _box(
    box: layered.Box, number: int, settings: JobSettings, attempts: Mapping[str, Attempt] | None, now: datetime
) -> TaskBox:
    if attempts is None:
        look, detail = None, settings.tasks[box.key].kind.removesuffix("_task").replace("_", " ")
    else:
        look, detail = _state(attempts.get(box.key), now)
    label = clipped(on_one_line(box.key), _LONGEST_KEY)
    return TaskBox(number=number, key=box.key, label=label, detail=detail, look=look, x=box.x, y=box.y)


def _state(attempt: Attempt | None, now: datetime) -> tuple[Look, str]:
    if attempt is None:
        return NOT_STARTED, NOT_STARTED.words
    look = look_of(attempt.phase, attempt.outcome)
    words = [look.words if attempt.branch is None else f"{look.words}: {attempt.branch}"]
    if attempt.started_at is not None:
        words.append(span_words(between(attempt.started_at, attempt.ended_at or now)))
    if attempt.number:
        words.append(f"try {attempt.number + 1}")
    return look, " · ".join(words)


def _line(line: layered.Line, settings: JobSettings) -> TaskLine:
    outcome = next((each.outcome for each in settings.tasks[line.target].depends_on if each.key == line.source), None)
    x, y = line.points[-1]
    return TaskLine(path=_path(line.points), outcome=outcome or "", x=x - 12, y=y - 5)


def _path(points: tuple[tuple[float, float], ...]) -> str:
    """Return an SVG path through points: curves that leave and arrive level."""
    parts = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for (x, y), (next_x, next_y) in pairwise(points):
        middle = (x + next_x) / 2
        level = y == next_y
        parts.append(f"H{next_x:g}" if level else f"C{middle:g} {y:g} {middle:g} {next_y:g} {next_x:g} {next_y:g}")
    return "".join(parts)
