"""The ways to find the first of many rules that matches a path: ours, and those one might take instead.

Each is built from the same rules and does the same work: it takes a full path and returns the first rule for it with
what that captures, or None. Captures are the same objects everywhere, and dates must exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

from shared.path_template import Captures, PathTemplate
from shared.path_template.elements import regular_expression
from shared.rules import Rule
from shared.rules.index import RuleIndex

Found = tuple[Rule, Captures]
Engine = Callable[[str], Found | None]


class CannotBuildError(Exception):
    """An engine cannot be had for so many rules; says why."""


def landfall(rules: Sequence[Rule]) -> Engine:
    """Return the service's own index and templates, put together as `Rules.match` does."""
    candidates = RuleIndex(rules).candidates

    def first(full_path: str) -> Found | None:
        for rule in candidates(full_path):
            captures = rule.match(full_path)
            if isinstance(captures, Captures):
                return rule, captures
        return None

    return first


def regex_loop(rules: Sequence[Rule]) -> Engine:
    """Return a loop over compiled expressions of `re`, one for each rule."""
    compiled = [(rule, _compiled(rule).fullmatch) for rule in rules]

    def first(full_path: str) -> Found | None:
        for rule, fullmatch in compiled:
            if (found := fullmatch(full_path)) and (answer := _found(rule, found)):
                return answer
        return None

    return first


def aho_corasick(rules: Sequence[Rule]) -> Engine:
    """Return pyahocorasick over the longest literal of each rule; `re` confirms, compiled when first needed."""
    automaton = _module("ahocorasick").Automaton()
    by_literal: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        by_literal.setdefault(max(rule.path.literal_runs, key=len), []).append(number)
    for literal, numbers in by_literal.items():
        automaton.add_word(literal, numbers)
    automaton.make_automaton()
    confirm = _Confirming(rules)

    def first(full_path: str) -> Found | None:
        numbers: list[int] = []
        for _, found in automaton.iter(full_path):
            numbers += found
        if len(numbers) > 1:
            numbers.sort()
        return confirm.first(numbers, full_path)

    return first


def re2_set(rules: Sequence[Rule]) -> Engine:
    """Return RE2's set of all expressions, with 4 GiB so that it does not fail; `re` confirms and captures."""
    re2 = _module("re2")
    options = re2.Options()
    options.max_mem = 4 << 30
    options.dot_nl = True
    options.log_errors = False
    together = re2.Set.FullMatchSet(options)
    for rule in rules:
        together.Add(_expression(rule))
    together.Compile()
    confirm = _Confirming(rules)

    def first(full_path: str) -> Found | None:
        return confirm.first(sorted(together.Match(full_path) or ()), full_path)

    return first


def hyperscan(rules: Sequence[Rule]) -> Engine:
    """Return a Hyperscan database of all expressions; `re` confirms and captures."""
    module = _module("hyperscan")
    database = module.Database()
    flags = module.HS_FLAG_DOTALL | module.HS_FLAG_UTF8
    database.compile(
        expressions=[f"^{_expression(rule)}\\z".encode() for rule in rules],
        ids=[*range(len(rules))],
        elements=len(rules),
        flags=[flags] * len(rules),
    )
    confirm = _Confirming(rules)
    numbers: list[int] = []

    def seen(number: int, *_: object) -> None:
        numbers.append(number)

    def first(full_path: str) -> Found | None:
        numbers.clear()
        database.scan(full_path.encode(), match_event_handler=seen)
        return confirm.first(sorted({*numbers}), full_path)

    return first


def pathspec(rules: Sequence[Rule]) -> Engine:
    """Return pathspec, whose patterns capture nothing, with its own backend: the last pattern wins, `re` captures."""
    patterns = [_gitignore(rule) for rule in reversed(rules)]
    spec = _module("pathspec").PathSpec.from_lines("gitignore", patterns, backend="simple")
    confirm = _Confirming(rules)

    def first(full_path: str) -> Found | None:
        found = spec.check_file(full_path).index
        return None if found is None else confirm.first([len(rules) - 1 - found], full_path)

    return first


class _Confirming:
    """Asks the expression of each rule that may match, and compiles those that are asked."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._fullmatch: list[Callable[[str], re.Match[str] | None] | None] = [None] * len(rules)

    def first(self, numbers: Iterable[int], full_path: str) -> Found | None:
        for number in numbers:
            fullmatch = self._fullmatch[number]
            if fullmatch is None:
                fullmatch = self._fullmatch[number] = _compiled(self._rules[number]).fullmatch
            if (found := fullmatch(full_path)) and (answer := _found(self._rules[number], found)):
                return answer
        return None


def _found(rule: Rule, found: re.Match[str]) -> Found | None:
    texts, kinds = found.groups(), rule.path.kinds
    for kind, text in zip(kinds.values(), texts, strict=True):
        if kind.date_format and kind.read(text) is None:  # a day that the calendar does not have
            return None
    return rule, Captures(kinds, texts)


def _compiled(rule: Rule) -> re.Pattern[str]:
    return re.compile(_expression(rule), re.DOTALL)


def _expression(rule: Rule) -> str:
    assert isinstance(rule.path, PathTemplate)
    return regular_expression(rule.path.segments)


def _gitignore(rule: Rule) -> str:
    """Return the nearest that gitignore can say: dates and choices are any text within their segments."""
    assert isinstance(rule.path, PathTemplate)
    segments: list[str] = []
    for segment in rule.path.segments:
        texts = [""]
        for element in segment.elements:
            if element.is_open or len(element.patterns) > 1 or hasattr(element, "kind"):
                texts[-1] += "*"
                texts += ["*"] * (len(element.patterns) - 1)
            else:
                texts[-1] += element.written
        segments += texts if segment.elements else ["**"]
    return "/" + "/".join(segments)


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise CannotBuildError(f"{name} is not installed") from error


# By name: how to build it, and for how many rules of the first mix and of the others that ends in a few seconds.
ENGINES: dict[str, tuple[Callable[[Sequence[Rule]], Engine], int, int]] = {
    "landfall": (landfall, 100_000, 100_000),
    "pyahocorasick + re": (aho_corasick, 100_000, 100_000),
    "re loop": (regex_loop, 100_000, 10_000),
    "re2.Set + re": (re2_set, 100_000, 10_000),
    "hyperscan + re": (hyperscan, 1_000, 1_000),
    "pathspec + re": (pathspec, 10_000, 10_000),
}
