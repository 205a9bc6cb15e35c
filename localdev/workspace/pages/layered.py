"""Places the tasks of a job: in columns from left to right, each task right of all that it depends on.

Columns are longest paths; the lines of a task that pass a column share a place in it, and the places of a column are
ordered by those of their neighbours (K. Sugiyama, S. Tagawa, M. Toda, 1981, https://doi.org/10.1109/TSMC.1981.4308636).
What is drawn is bounded: a page must stay one that a browser can show, and a person can read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

MOST_BOXES = 250
MOST_LINES = 1000
MOST_BENDS = 2000  # places that lines take in columns which they pass
BOX_WIDTH, BOX_HEIGHT = 176, 46
COLUMN_GAP, ROW_GAP = 56, 16
BEND_HEIGHT = 6
BEND_GAP = 6
MARGIN = 8
TALL = 800  # from here on columns begin at the top, where a reader begins, and not level with their neighbours
_SWEEPS = 6

Vertex = tuple[str, int]  # a task's key, and 0 for its box or how many columns further its lines bend


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """Where a task is drawn: its upper left corner."""

    key: str
    x: float
    y: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """How a task leads to one that depends on it: points from left to right."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The whole drawing, and how much is left out of it."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: float
    height: float
    hidden_tasks: int
    hidden_lines: int


def layout(upstream: Mapping[str, Sequence[str]]) -> Layout:
    """Return where to draw tasks; `upstream` gives the keys each depends on, and every task after those."""
    drawn = dict(islice(upstream.items(), MOST_BOXES))
    column_of = _columns(drawn)
    pairs = sorted(
        dict.fromkeys((source, target) for target, sources in drawn.items() for source in sources),
        key=lambda pair: column_of[pair[1]] - column_of[pair[0]],
    )
    ways = _ways(pairs[:MOST_LINES], column_of)
    columns = _ordered(_placed_in_columns(column_of, ways), ways)
    top_of = _tops(_level(columns, ways))
    if max(top_of.values(), default=0.0) > TALL:
        top_of = _tops(_packed(columns))
    boxes = tuple(Box(key=key, x=_left(column), y=top_of[key, 0]) for key, column in column_of.items())
    return Layout(
        boxes=boxes,
        lines=tuple(_line(way, column_of, top_of) for way in ways),
        width=_left(max(column_of.values(), default=0)) + BOX_WIDTH + MARGIN,
        height=max((box.y for box in boxes), default=0.0) + BOX_HEIGHT + MARGIN,
        hidden_tasks=len(upstream) - len(drawn),
        hidden_lines=len(pairs) - len(ways),
    )


def _columns(upstream: Mapping[str, Sequence[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for key, sources in upstream.items():
        found[key] = 1 + max((found[source] for source in sources), default=-1)
    return found


def _ways(pairs: Sequence[tuple[str, str]], column_of: Mapping[str, int]) -> list[list[Vertex]]:
    """Return each line as the vertices it passes, one a column, as long as there are bends left to give."""
    ways: list[list[Vertex]] = []
    bends: set[Vertex] = set()
    for source, target in pairs:
        middle: list[Vertex] = [(source, passed) for passed in range(1, column_of[target] - column_of[source])]
        middle = middle if len(bends.union(middle)) <= MOST_BENDS else []
        bends.update(middle)
        ways.append([(source, 0), *middle, (target, 0)])
    return ways


def _placed_in_columns(column_of: Mapping[str, int], ways: Sequence[Sequence[Vertex]]) -> list[list[Vertex]]:
    columns: list[list[Vertex]] = [[] for _ in range(max(column_of.values(), default=-1) + 1)]
    for key, column in column_of.items():
        columns[column].append((key, 0))
    for source, passed in dict.fromkeys(vertex for way in ways for vertex in way[1:-1]):
        columns[column_of[source] + passed].append((source, passed))
    return columns


def _neighbours(ways: Sequence[Sequence[Vertex]]) -> tuple[dict[Vertex, list[Vertex]], dict[Vertex, list[Vertex]]]:
    """Return what is left and what is right of each vertex, along the lines."""
    left: dict[Vertex, list[Vertex]] = {}
    right: dict[Vertex, list[Vertex]] = {}
    for way in ways:
        for one, other in pairwise(way):
            right.setdefault(one, []).append(other)
            left.setdefault(other, []).append(one)
    return left, right


def _ordered(columns: list[list[Vertex]], ways: Sequence[Sequence[Vertex]]) -> list[list[Vertex]]:
    """Return the columns with fewer crossings: each vertex near the middle of its neighbours."""
    sides = _neighbours(ways)
    place = {vertex: float(number) for column in columns for number, vertex in enumerate(column)}
    for sweep in range(_SWEEPS):
        beside = sides[sweep % 2]
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = {vertex: _mean([place[other] for other in beside.get(vertex, [vertex])]) for vertex in column}
            column.sort(key=wanted.__getitem__)
            place.update((vertex, float(number)) for number, vertex in enumerate(column))
    return columns


def _level(columns: Sequence[Sequence[Vertex]], ways: Sequence[Sequence[Vertex]]) -> dict[Vertex, float]:
    """Return the middle of each vertex: level with its neighbours as far as the column has room."""
    sides = _neighbours(ways)
    middle = {vertex: 0.0 for column in columns for vertex in column}
    for sweep in range(_SWEEPS):
        beside = sides[sweep % 2]
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = [_mean([middle[other] for other in beside.get(vertex, [vertex])]) for vertex in column]
            middle.update(zip(column, _spread(column, wanted), strict=True))
    return middle


def _packed(columns: Sequence[Sequence[Vertex]]) -> dict[Vertex, float]:
    """Return the middle of each vertex, each column from its top down."""
    middle: dict[Vertex, float] = {}
    for column in columns:
        places = _spread(column, [0.0] * len(column))
        first = _height(column[0]) / 2 - places[0]
        middle.update((vertex, place + first) for vertex, place in zip(column, places, strict=True))
    return middle


def _tops(middle: Mapping[Vertex, float]) -> dict[Vertex, float]:
    tops = {vertex: middle[vertex] - _height(vertex) / 2 for vertex in middle}
    highest = min(tops.values(), default=0.0)
    return {vertex: round(top - highest + MARGIN, 1) for vertex, top in tops.items()}


def _spread(column: Sequence[Vertex], wanted: Sequence[float]) -> list[float]:
    """Return places in the column's order without overlaps, on average where they are wanted."""
    places: list[float] = []
    for number, (vertex, place) in enumerate(zip(column, wanted, strict=True)):
        if number:
            before = column[number - 1]
            place = max(place, places[-1] + _distance(before, vertex))  # noqa: PLW2901 - pushed down
        places.append(place)
    shift = _mean([place - found for place, found in zip(wanted, places, strict=True)])
    return [place + shift for place in places]


def _line(way: Sequence[Vertex], column_of: Mapping[str, int], top_of: Mapping[Vertex, float]) -> Line:
    source, target = way[0][0], way[-1][0]
    points = [(_left(column_of[source]) + BOX_WIDTH, top_of[way[0]] + BOX_HEIGHT / 2)]
    for distance, bend in enumerate(way[1:-1], start=1):
        left, y = _left(column_of[source] + distance), top_of[bend] + BEND_HEIGHT / 2
        points += [(left, y), (left + BOX_WIDTH, y)]
    points.append((_left(column_of[target]), top_of[way[-1]] + BOX_HEIGHT / 2))
    return Line(source=source, target=target, points=tuple(points))


def _left(column: int) -> float:
    return MARGIN + column * (BOX_WIDTH + COLUMN_GAP)


def _height(vertex: Vertex) -> int:
    return BEND_HEIGHT if vertex[1] else BOX_HEIGHT


def _distance(upper: Vertex, lower: Vertex) -> float:
    gap = BEND_GAP if upper[1] and lower[1] else ROW_GAP
    return (_height(upper) + _height(lower)) / 2 + gap


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
