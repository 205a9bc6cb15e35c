"""Blobs to try rules on: a path that a rule takes, and the facts that its conditions ask for.

What is made up here is always shown to the rules themselves before anybody hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cli.rules.language.paths import at_least, at_most
from cli.rules.language.undecided import Undecided
from cli.rules.language.words import Effort, shortest_word
from shared.model import Arrival, Source
from shared.path_template import Captures, PathTemplate
from shared.path_template.elements import Capture, Element, Literal, Segment
from shared.rules import Rule

_SOME_DAY = datetime(2026, 2, 28, 13, 45, 59, tzinfo=UTC)
_NO_FACTS: dict[str, Any] = {}


Hints = Callable[[Rule], Iterable[str]]


def no_hints(rule: Rule) -> Iterable[str]:
    """Know no path of a rule."""
    del rule
    return ()


class Samples:
    """A path for each rule, worked out once; `hints` are tried where a rule's pattern is not understood."""

    def __init__(self, effort: Effort, hints: Hints = no_hints) -> None:
        self._effort = effort
        self._hints = hints
        self._paths: dict[str, str | None] = {}

    def path(self, rule: Rule) -> str | None:
        """Return a path that the rule takes, None when it is proven that there is none. Raises Undecided."""
        if rule.name not in self._paths:
            try:
                self._paths[rule.name] = self._find(rule)
            except Undecided:
                hinted = (path for path in self._hints(rule) if isinstance(rule.match(path), Captures))
                path = next(hinted, None)
                if path is None:
                    raise
                self._paths[rule.name] = path
        return self._paths[rule.name]

    def _find(self, rule: Rule) -> str | None:
        likely = _likely_path(rule.path) if isinstance(rule.path, PathTemplate) else ""
        if likely and isinstance(rule.match(likely), Captures):
            return likely
        path = shortest_word(at_most(rule), self._effort)
        if path is None or isinstance(rule.match(path), Captures):
            return path
        path = shortest_word(at_least(rule), self._effort)
        if path is None or not isinstance(rule.match(path), Captures):
            raise Undecided
        return path


def _likely_path(template: PathTemplate) -> str:
    """Return what people would give as an example of a template; "" where its container is not one word."""
    folders = ["".join(_texts(segment)) for segment in template.segments]
    container, *rest = folders
    kept = [part for part in rest[:-1] if part] + [rest[-1] or "file" if rest else "file"]
    return "/".join([container or "container", *kept])


def _texts(segment: Segment) -> Iterator[str]:
    for number, element in enumerate(segment.elements):
        # `*` may be nothing, but nobody calls a file `.csv`.
        yield "any" if element.written == "*" and number == 0 else _text(element)


def _text(element: Element) -> str:
    if isinstance(element, Literal):
        return element.text
    if not isinstance(element, Capture):
        return {"*": "", "?": "x"}[element.written]
    kind = element.kind
    if kind.date_format:
        return kind.date_format.write(_SOME_DAY)
    word = element.written.partition(":")[2].removesuffix("}").partition("|")[0]
    return {"": element.name, "**": element.name, "int": "1"}.get(word, word)


def arrival_at(path: str, **facts: Any) -> Arrival:
    """Return an arrival at a full path of which nothing is known but these facts."""
    container, _, name = path.partition("/")
    made: dict[str, Any] = {
        "account": "",
        "container": container,
        "path": name,
        "version": None,
        "committed_at": _SOME_DAY,
        "source": Source.EVENT,
    }
    return Arrival(**{**made, **facts})


def facts_for(rules: Sequence[Rule]) -> dict[str, Any] | None:
    """Return facts about a blob that fulfil the conditions of all the rules, None when no blob can."""
    if not any(rule.conditions.fields for rule in rules):
        return _NO_FACTS
    found: dict[str, Any] = {}
    for name, candidates in _CANDIDATES.items():
        asking = [rule for rule in rules if name in rule.conditions.fields]
        if not asking:
            continue
        values = [value for rule in asking for value in candidates(rule)]
        fitting = (value for value in values if all(_fits(rule, name, value) for rule in asking))
        value = next(fitting, None)
        if value is None:
            return None
        found[name] = value
    return found


def _fits(rule: Rule, name: str, value: object) -> bool:
    return not rule.conditions.judge(arrival_at("container/blob", **{name: value})).unmet


def _sizes(rule: Rule) -> list[int]:
    # Where ranges meet at all, the greatest of the least sizes is in all of them.
    return [rule.conditions.min_size or 0]


def _content_types(rule: Rule) -> list[str]:
    return [content_type.replace("/*", "/plain") for content_type in rule.conditions.content_type]


_CANDIDATES: dict[str, Callable[[Rule], Sequence[Any]]] = {
    "size": _sizes,
    "content_type": _content_types,
    "blob_type": lambda rule: [rule.conditions.blob_type],
    "api": lambda rule: rule.conditions.api,
    "account": lambda rule: rule.conditions.account,
}


def asks_no_more(earlier: Rule, later: Rule) -> bool:
    """Tell whether the conditions of a rule hold wherever those of the other do; False where that is not certain."""
    one, other = earlier.conditions, later.conditions
    if not set(one.fields) <= set(other.fields):
        return False
    families = {content_type for content_type in one.content_type if content_type.endswith("/*")}
    return (
        (one.min_size is None or (other.min_size is not None and other.min_size >= one.min_size))
        and (one.max_size is None or (other.max_size is not None and other.max_size <= one.max_size))
        and one.blob_type in (None, other.blob_type)
        and (not one.api or {*other.api} <= {*one.api})
        and (not one.account or {*other.account} <= {*one.account})
        and all(
            content_type in one.content_type or f"{content_type.partition('/')[0]}/*" in families
            for content_type in (other.content_type if one.content_type else ())
        )
    )
