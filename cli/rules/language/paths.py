"""The paths that a rule takes, as languages: at most these, and at least those.

The two differ only where a template can be divided in several ways, one of them giving a date that does not exist: the
matcher tries one division. Whatever is found here is shown only after the rule itself has matched it.
"""

from __future__ import annotations

from functools import cache

from cli.rules.language.characters import ALL, ranges_of
from cli.rules.language.dates import dates_of
from cli.rules.language.expression import term_of
from cli.rules.language.terms import (
    ANYTHING,
    Term,
    between,
    both,
    either,
    literal,
    negation,
    one_of,
    optional,
    repeat,
    sequence,
)
from cli.rules.language.undecided import NotUnderstood
from shared.path_template import PathPattern, PathTemplate
from shared.path_template.date_format import DateFormat
from shared.path_template.elements import regular_expression
from shared.rules import Rule


@cache
def blob_paths() -> Term:
    """Return the full paths that a blob can have in a container whose events and listings reach a rule."""
    letter = one_of(ranges_of("abcdefghijklmnopqrstuvwxyz0123456789"))
    name = sequence([letter, between(sequence([optional(literal("-")), letter]), 2, None)])
    own = both([name, negation(sequence([literal("azure-webjobs-"), ANYTHING]))])
    container = either([own, literal("$root"), literal("$web")])
    return sequence([container, literal("/"), one_of(ALL), repeat(one_of(ALL))])


@cache
def at_most(rule: Rule) -> Term:
    """Return paths of which every path that the rule matches is one. Raises NotUnderstood for its own pattern only."""
    return both([blob_paths(), paths_of(rule.path), *(negation(paths_of(each)) for each in _understood(rule))])


@cache
def at_least(rule: Rule) -> Term:
    """Return paths that the rule matches, each of them. Raises NotUnderstood."""
    excluded = [paths_of(each) for each in rule.exclude]
    misread = [_misreading(rule.path, group) for group in _formats(rule.path)]
    return both([blob_paths(), paths_of(rule.path), *map(negation, [*excluded, *misread])])


def _understood(rule: Rule) -> list[PathPattern]:
    """Return the excludes that can be taken away; without the others the language is only larger."""
    found: list[PathPattern] = []
    for pattern in rule.exclude:
        try:
            paths_of(pattern)
        except NotUnderstood:
            continue
        found.append(pattern)
    return found


def paths_of(pattern: PathPattern) -> Term:
    """Return the paths that have the pattern's shape and in it dates that exist. Raises NotUnderstood."""
    return _with_real_dates(_expression(pattern), tuple(_formats(pattern).items()))


@cache
def _with_real_dates(expression: str, formats: tuple[tuple[int, DateFormat], ...]) -> Term:
    by_group = dict(formats)

    def real_date(group: int, shape: Term) -> Term:
        return dates_of(by_group[group]) if group in by_group else shape

    return term_of(expression, real_date)


def _misreading(pattern: PathPattern, group: int) -> Term:
    """Return the paths that can be read so that a date of the pattern does not exist."""
    date_format = _formats(pattern)[group]

    def date_that_is_none(number: int, shape: Term) -> Term:
        return both([shape, negation(dates_of(date_format))]) if number == group else shape

    return term_of(_expression(pattern), date_that_is_none)


def _formats(pattern: PathPattern) -> dict[int, DateFormat]:
    """Return the date formats of a pattern by the number of their group."""
    kinds = enumerate(pattern.kinds.values(), start=1)
    return {group: kind.date_format for group, kind in kinds if kind.date_format}


def _expression(pattern: PathPattern) -> str:
    return regular_expression(pattern.segments) if isinstance(pattern, PathTemplate) else pattern.text
