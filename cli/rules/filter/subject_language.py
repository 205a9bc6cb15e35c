"""Whether an event subscription's filter passes all that a rule wants: exactly, or the shortest path that it drops."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import reduce

from cli.rules.filter.fixed_ends import beginnings, endings
from cli.rules.filter.subscription_filter import (
    HOST_CONTAINERS,
    SUBJECT_HEAD,
    AdvancedFilter,
    SubscriptionFilter,
    subject_beginning,
)
from cli.rules.language.characters import ALL, LAST, holds
from cli.rules.language.terms import (
    ANYTHING,
    NOTHING,
    Term,
    both,
    cuts,
    derivative,
    either,
    literal,
    negation,
    sequence,
)
from cli.rules.language.words import Effort
from shared.path_template import PathPattern

_BLOBS = "/blobs/"
# What stands for a range of characters in a path for people, the first that is in the range.
_LIKED = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_. "


def passed_subjects(of: SubscriptionFilter) -> Term:
    """Return the subjects that pass a filter, whatever else their events hold."""
    is_case_free = not of.is_case_sensitive
    begins = sequence([literal(of.begins_with, ignore_case=is_case_free), ANYTHING])
    ends = sequence([ANYTHING, literal(of.ends_with, ignore_case=is_case_free)])
    return both([begins, ends, *(_passed(each) for each in of.advanced if each.is_about_subject)])


def surely_passes(of: SubscriptionFilter, pattern: PathPattern) -> bool:
    """Tell whether it is plain to see that all paths of a pattern pass; a plain filter is seen to do in no time."""
    begins, ends = [subject_beginning(text) for text in beginnings(pattern)], endings(pattern)
    return (
        all(text.startswith(of.begins_with) for text in begins)
        and all(text.endswith(of.ends_with) for text in ends)
        and all(_surely(each, begins, ends) for each in of.advanced if each.is_about_subject)
    )


def _surely(one: AdvancedFilter, begins: Iterable[str], ends: Iterable[str]) -> bool:
    values = tuple(str(value).lower() for value in one.values)
    if one.operator == "StringBeginsWith":
        return all(text.lower().startswith(values) for text in begins)
    if one.operator == "StringEndsWith":
        return all(text.lower().endswith(values) for text in ends)
    return one.operator == "StringNotBeginsWith" and one.values == (HOST_CONTAINERS,)


def subjects_at_most(pattern: PathPattern) -> Term:
    """Return subjects among which are those of all paths of a pattern, by what they begin and end with."""
    begins = either(literal(subject_beginning(text)) for text in beginnings(pattern))
    ends = either(map(literal, endings(pattern)))
    hosts = sequence([literal(HOST_CONTAINERS, ignore_case=True), ANYTHING])  # containers are lower-case anyway
    return both([sequence([begins, ANYTHING]), sequence([ANYTHING, ends]), negation(hosts)])


_SHAPES: dict[str, Callable[[Term], Term]] = {
    "BeginsWith": lambda text: sequence([text, ANYTHING]),
    "EndsWith": lambda text: sequence([ANYTHING, text]),
    "Contains": lambda text: sequence([ANYTHING, text, ANYTHING]),
    "In": lambda text: text,
}


def _passed(one: AdvancedFilter) -> Term:
    """Return the subjects that pass an advanced filter; of numbers and the like a subject is none."""
    name = one.operator.removeprefix("String")
    shape = _SHAPES.get(name.removeprefix("Not"))
    if shape is None:
        return ANYTHING if one.operator in {"IsNotNull", "NumberNotIn", "NumberNotInRange"} else NOTHING
    found = either(shape(literal(str(value), ignore_case=True)) for value in one.values)
    return negation(found) if name.startswith("Not") else found


_State = tuple[Term, Term, bool]  # what may follow in path and in subject, and whether the container has ended


def shortest_path(paths: Term, subjects: Term) -> str | None:
    """Return a shortest of the full paths whose subject is among these, None when there is proof that there is none.

    Raises TooComplex.
    """
    effort = Effort()
    start: _State = (paths, _after(subjects, SUBJECT_HEAD), False)
    came_from: dict[_State, tuple[_State, str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        path, subject, is_in_name = state
        if path.takes_nothing and subject.takes_nothing and is_in_name:
            return _spelt(came_from, state)
        for character in _characters(cuts(path) | cuts(subject), is_in_name=is_in_name):
            effort.spend()
            is_border = character == "/" and not is_in_name
            step = _after(path, character), _after(subject, _BLOBS if is_border else character), is_in_name or is_border
            if NOTHING not in step and step not in came_from:
                came_from[step] = (state, character)
                waiting.append(step)
    return None


def _after(term: Term, text: str) -> Term:
    return reduce(lambda left, character: derivative(left, ord(character)), text, term)


def _spelt(came_from: dict[_State, tuple[_State, str] | None], state: _State) -> str:
    characters: list[str] = []
    while step := came_from[state]:
        state, character = step
        characters.append(character)
    return "".join(reversed(characters))


def _characters(boundaries: frozenset[int], *, is_in_name: bool) -> list[str]:
    """Return a character for each range between boundaries; before the container's end `/` is a range of its own."""
    starts = sorted({0, *boundaries} if is_in_name else {0, ord("/"), ord("/") + 1, *boundaries})
    chosen = [
        next((liked for liked in _LIKED if start <= ord(liked) < following), chr(start))
        for start, following in zip(starts, [*starts[1:], LAST + 1], strict=True)
        if holds(ALL, start)
    ]
    return sorted(chosen, key=lambda character: (character not in _LIKED, _LIKED.find(character), character))
