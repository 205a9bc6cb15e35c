"""Why a path does not match a template, in a sentence that helps; worked out only when somebody asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from shared.path_template.elements import Capture, Segment, regular_expression
from shared.path_template.linear_expression import compile_expression
from shared.path_template.parser import parse_segments
from shared.wording import shown

# Longer than any blob's full path (63 + 1 + 1,024 characters), so that a bound costs nobody a file.
LONGEST_PATH = 4096


class Mismatch:
    """A path is not for a template or a rule."""

    __slots__ = ("_count", "_explain")

    def __init__(self, explain: Callable[[], str], count: Callable[[], int] = int) -> None:
        self._explain = explain
        self._count = count

    @property
    def reason(self) -> str:
        """Return why, as one sentence without line breaks or control characters; computed at each call."""
        return self._explain()

    @property
    def matched_segments(self) -> int:
        """Return how many segments at the start of the path fit, for sorting by nearness; computed at each call."""
        return self._count()


@dataclass(frozen=True, slots=True)
class _Step:
    """What one segment of the path must look like."""

    written: str
    pattern: str
    expected: str  # "" unless a sentence says more than the template's own text
    is_literal: bool = False
    crosses: bool = False
    fewest: int = 1  # segments of the path that it takes at least
    continues: bool = False  # the step before it is of the same segment of the template


def explain(template: str, full_path: str) -> str:
    """Return why a path that does not match a template, which is in order, does not."""
    if fault := unmatchable(full_path):
        return fault
    segments = parse_segments(template)
    return _misread_capture(segments, full_path.encode()) or _misfit(_steps(segments), full_path.split("/"))


def fitting_segments(template: str, full_path: str) -> int:
    """Return how many segments at the start of a path fit those of a template, up to what crosses segments."""
    count = 0
    for step, part in zip(_steps(parse_segments(template)), full_path.split("/"), strict=False):
        if step.crosses or not _fits(step, part):
            break
        count += 1
    return count


def unmatchable(full_path: str) -> str:
    """Return why no pattern whatever matches a path, "" when one may."""
    if len(full_path) > LONGEST_PATH:
        return f"the path has {len(full_path)} characters; no blob's has more than {LONGEST_PATH}"
    try:
        full_path.encode()
    except UnicodeEncodeError as error:
        return f"character {error.start + 1} is half of a character (a lone surrogate), which no blob's name can hold"
    return ""


def _misread_capture(segments: tuple[Segment, ...], encoded: bytes) -> str:
    found = compile_expression(regular_expression(segments)).fullmatch(encoded)
    if not found:
        return ""
    captures = [element for segment in segments for element in segment.elements if isinstance(element, Capture)]
    for group, (capture, taken) in enumerate(zip(captures, found.groups(), strict=True), start=1):
        text = (taken or b"").decode()
        if capture.kind.read(text) is None:
            first = encoded[: found.start(group)].count(b"/") + 1
            return f"{_place(first, first + text.count('/'))}: {shown(text)} is not {capture.kind.expected}"
    return ""


def _steps(segments: tuple[Segment, ...]) -> list[_Step]:
    """Return one step for each segment of the path, a date with `/` in it being several."""
    steps: list[_Step] = []
    for index, segment in enumerate(segments):
        if segment.is_any:
            is_last = index == len(segments) - 1
            steps.append(_Step("**", ".+", "", crosses=True, fewest=1 if is_last else 0))
            continue
        written = "".join(element.written for element in segment.elements)
        patterns = [""]
        for element in segment.elements:
            first, *others = element.patterns
            patterns[-1] += first
            patterns.extend(others)
        expected = _expected(segment) if len(patterns) == 1 else ""
        steps.extend(
            _Step(written, pattern, expected, segment.literal is not None, segment.crosses, continues=number > 0)
            for number, pattern in enumerate(patterns)
        )
    return steps


def _expected(segment: Segment) -> str:
    if segment.literal is not None:
        return shown(segment.literal)
    only = segment.elements[0]
    return only.kind.expected if isinstance(only, Capture) and len(segment.elements) == 1 else ""


def _misfit(steps: list[_Step], parts: list[str]) -> str:
    head = next((index for index, step in enumerate(steps) if step.crosses), len(steps))
    reversed_steps = steps[::-1]
    tail = next((index for index, step in enumerate(reversed_steps) if step.crosses), 0)
    if fault := _leading_literals(steps[:head], parts):
        return fault
    if fault := _count(steps, parts):
        return fault
    numbered = [*enumerate(parts, start=1)]
    pairs = [*zip(steps[:head], numbered, strict=False)]
    pairs += [*zip(reversed_steps[:tail], reversed(numbered), strict=False)][::-1]
    for step, (number, part) in pairs:
        if fault := _unfit(step, number, part):
            return fault
    middle = "/".join(step.written for step in steps[head : len(steps) - tail] if not step.continues)
    rest = "/".join(parts[head : len(parts) - tail])
    says = f": {shown(rest)} does not fit {shown(middle)}" if rest else " is empty"
    return f"{_place(head + 1, len(parts) - tail)}{says}"


def _leading_literals(steps: list[_Step], parts: list[str]) -> str:
    """A path in another folder is told so; how many segments it has does not matter then."""
    for number, (step, part) in enumerate(zip(steps, parts, strict=False), start=1):
        if not step.is_literal:
            return ""
        if fault := _unfit(step, number, part):
            return fault
    return ""


def _count(steps: list[_Step], parts: list[str]) -> str:
    fewest = sum(step.fewest for step in steps)
    crosses = any(step.crosses for step in steps)
    if len(parts) < fewest:
        return f"the path has {_segments(len(parts))} and the template needs {'at least ' if crosses else ''}{fewest}"
    if len(parts) > fewest and not crosses:
        return (
            f"the path has {_segments(len(parts))} and the template {fewest}; "
            "`*` and `{name}` stay inside one segment, `**` and `{name:**}` cross `/`"
        )
    return ""


def _place(first: int, last: int) -> str:
    return f"segment {first}" if first >= last else f"segments {first} to {last}"


def _segments(number: int) -> str:
    return f"{number} segment{'' if number == 1 else 's'}"


def _fits(step: _Step, part: str) -> bool:
    if step.is_literal:
        return step.pattern == re.escape(part)
    return compile_expression(step.pattern).fullmatch(part.encode(errors="surrogatepass")) is not None


def _unfit(step: _Step, number: int, part: str) -> str:
    if _fits(step, part):
        return ""
    if not part:
        return f"segment {number} is empty"
    says = f"is not {step.expected}" if step.expected else f"does not fit {shown(step.written)}"
    if compile_expression(step.pattern, ignore_case=True).fullmatch(part.encode()):
        says += "; upper and lower case are different letters"
    return f"segment {number}: {shown(part)} {says}"
