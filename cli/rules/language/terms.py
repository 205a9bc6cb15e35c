"""Regular languages as terms, taken apart one character at a time.

A term's derivative by a character is the language of what may follow it (Brzozowski, "Derivatives of Regular
Expressions", https://dl.acm.org/doi/10.1145/321239.321249). Nothing is built in advance: a question about two rules
looks only at the part of their product that it reaches, and intersection and complement cost nothing to write down.

Equal terms are the same object, so that they can be compared and remembered by identity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache

from cli.rules.language.characters import ALL, LAST, Ranges, holds, ranges_of, union


class Operator(Enum):
    """How a term is made of its parts."""

    ONE_OF = "one character of a set"
    SEQUENCE = "first, then rest"
    REPEAT = "any number of times"
    EITHER = "in any of the parts"
    BOTH = "in all of the parts"
    NOT = "not in the part"


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """A language; made only by the functions below, which see to it that equal terms are one object."""

    operator: Operator
    parts: tuple[Term, ...]
    characters: Ranges
    takes_nothing: bool  # the empty text is in the language
    serial: int  # the order in which terms were made: sorts parts


_count = iter(range(2**63))


@cache
def _term(operator: Operator, parts: tuple[Term, ...], characters: Ranges = ()) -> Term:
    return Term(operator, parts, characters, _takes_nothing(operator, parts), next(_count))


def _takes_nothing(operator: Operator, parts: tuple[Term, ...]) -> bool:
    if operator is Operator.EITHER:
        return any(part.takes_nothing for part in parts)
    if operator is Operator.NOT:
        return not parts[0].takes_nothing
    return operator is Operator.REPEAT or (
        operator is not Operator.ONE_OF and all(part.takes_nothing for part in parts)
    )


NOTHING = _term(Operator.EITHER, ())  # the language without any text
EMPTY = _term(Operator.SEQUENCE, ())  # the language of the empty text
ANYTHING = _term(Operator.REPEAT, (_term(Operator.ONE_OF, (), ALL),))


def one_of(characters: Ranges) -> Term:
    """Return the language of single characters."""
    return _term(Operator.ONE_OF, (), characters) if characters else NOTHING


def literal(text: str, *, ignore_case: bool = False) -> Term:
    """Return the language of one text, or of all its spellings in upper and lower case."""
    return sequence(
        one_of(ranges_of(character.lower() + character.upper() if ignore_case else character)) for character in text
    )


def sequence(terms: Iterable[Term]) -> Term:
    """Return the language of texts of the first term, followed by one of the second, and so on."""
    made = EMPTY
    for term in reversed([*terms]):
        made = _followed_by(term, made)
    return made


def _followed_by(first: Term, rest: Term) -> Term:
    if first is NOTHING or rest is NOTHING:
        return NOTHING
    if first is EMPTY:
        return rest
    if rest is EMPTY:
        return first
    heads: list[Term] = []
    while first.operator is Operator.SEQUENCE:  # a loop, because texts may be longer than Python's stack is deep
        head, first = first.parts
        heads.append(head)
    made = _term(Operator.SEQUENCE, (first, rest))
    for head in reversed(heads):
        made = _term(Operator.SEQUENCE, (head, made))
    return made


def repeat(term: Term) -> Term:
    """Return the language of any number of texts of the term, none included."""
    if term in (NOTHING, EMPTY):
        return EMPTY
    return term if term.operator is Operator.REPEAT else _term(Operator.REPEAT, (term,))


def between(term: Term, fewest: int, most: int | None) -> Term:
    """Return the language of `fewest` to `most` texts of the term, one after the other; None is without bound."""
    tail = repeat(term) if most is None else EMPTY
    for _ in range((most or fewest) - fewest):
        tail = optional(_followed_by(term, tail))
    return sequence([*[term] * fewest, tail])


def optional(term: Term) -> Term:
    """Return the language with the empty text added."""
    return either([term, EMPTY])


def either(terms: Iterable[Term]) -> Term:
    """Return the texts that are in any of the languages."""
    parts = _flat(Operator.EITHER, terms) - {NOTHING}
    if ANYTHING in parts:
        return ANYTHING
    single = {part for part in parts if part.operator is Operator.ONE_OF}
    if len(single) > 1:
        parts = (parts - single) | {one_of(union(part.characters for part in single))}
    return _of(Operator.EITHER, parts)


def both(terms: Iterable[Term]) -> Term:
    """Return the texts that are in all of the languages."""
    parts = _flat(Operator.BOTH, terms) - {ANYTHING}
    if not parts:
        return ANYTHING
    if NOTHING in parts or any(part.operator is Operator.NOT and part.parts[0] in parts for part in parts):
        return NOTHING
    return _of(Operator.BOTH, parts)


def negation(term: Term) -> Term:
    """Return the texts that are not in the language."""
    if term is NOTHING:
        return ANYTHING
    if term is ANYTHING:
        return NOTHING
    return term.parts[0] if term.operator is Operator.NOT else _term(Operator.NOT, (term,))


def _flat(operator: Operator, terms: Iterable[Term]) -> set[Term]:
    parts: set[Term] = set()
    for term in terms:
        parts.update(term.parts if term.operator is operator and term.parts else [term])
    return parts


def _of(operator: Operator, parts: set[Term]) -> Term:
    if len(parts) == 1:
        return next(iter(parts))
    return _term(operator, tuple(sorted(parts, key=lambda part: part.serial)))


@cache
def derivative(term: Term, code_point: int) -> Term:  # noqa: PLR0911 - one case for each operator
    """Return the language of what may follow this character in a text of the term."""
    match term.operator:
        case Operator.ONE_OF:
            return EMPTY if holds(term.characters, code_point) else NOTHING
        case Operator.SEQUENCE if term is EMPTY:
            return NOTHING
        case Operator.SEQUENCE:
            first, rest = term.parts
            begun = _followed_by(derivative(first, code_point), rest)
            return either([begun, derivative(rest, code_point)]) if first.takes_nothing else begun
        case Operator.REPEAT:
            return _followed_by(derivative(term.parts[0], code_point), term)
        case Operator.EITHER:
            return either(derivative(part, code_point) for part in term.parts)
        case Operator.BOTH:
            return both(derivative(part, code_point) for part in term.parts)
        case Operator.NOT:
            return negation(derivative(term.parts[0], code_point))


@cache
def cuts(term: Term) -> frozenset[int]:
    """Return the code points at which derivatives may change: between two of them all characters do the same."""
    if term.operator is Operator.ONE_OF:
        ends = (end for first, last in term.characters for end in (first, last + 1))
        return frozenset(end for end in ends if end <= LAST)
    parts = term.parts
    if term.operator is Operator.SEQUENCE and parts and not parts[0].takes_nothing:
        parts = parts[:1]
    return frozenset().union(*(cuts(part) for part in parts))
