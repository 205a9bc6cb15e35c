"""The languages of paths: what they say is what the rules do."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from cli.rules.language.dates import dates_of
from cli.rules.language.expression import term_of
from cli.rules.language.paths import at_least, at_most, paths_of
from cli.rules.language.terms import Term, both, derivative, literal, negation
from cli.rules.language.undecided import NotUnderstood, TooComplex
from cli.rules.language.words import Effort, shortest_word
from shared.path_template import Captures, PathTemplate, RegexTemplate
from shared.path_template.date_format import DateFormat
from shared.path_template.linear_expression import compile_expression
from shared.rules import Rule
from tests.cli.rules.templates import EXCLUDES, EXPRESSIONS, PATHS, TEMPLATES, rules_of


def holds(term: Term, text: str) -> bool:
    """Tell whether a text is in a language."""
    for character in text:
        term = derivative(term, ord(character))
    return term.takes_nothing


def found_word(term: Term) -> str | None:
    """Return the shortest word of a language; an example of which the search takes too long is not looked at."""
    try:
        return shortest_word(term)
    except TooComplex:
        reject()


# All paths of a few characters, to hold proofs against.
ALL_SHORT = [
    f"{container}/{''.join(name)}"
    for container in ("aaa", "bbb", "aab")
    for length in range(1, 5)
    for name in product("ab1/-", repeat=length)
]


@given(template=TEMPLATES, exclude=EXCLUDES, path=PATHS)
@settings(max_examples=300, deadline=None)
@example(template="aaa/{c0}_{c1:%d}", exclude="bbb/*", path="aaa/a_30_99")
def test_languages_bound_what_a_rule_takes(template: str, exclude: str, path: str) -> None:
    """A rule takes all of `at_least`, and nothing that is not in `at_most`, but for what Azure keeps for itself."""
    (rule,) = rules_of(template, more=f"exclude: ['{exclude}']")
    matches = isinstance(rule.match(path), Captures)

    if holds(at_least(rule), path):
        assert matches
    if matches and not path.startswith("azure-"):
        assert holds(at_most(rule), path)


def test_second_reading_of_a_date_is_not_taken_for_certain() -> None:
    """The matcher tries one division: a path that has a real date only in another one is not the rule's."""
    (rule,) = rules_of("landing/{a}{day:%d}{b}")
    path = "landing/x3099z"  # a takes `x30`, and 99 is no day

    assert not isinstance(rule.match(path), Captures)
    assert holds(at_most(rule), path)
    assert not holds(at_least(rule), path)


@given(template=TEMPLATES)
@settings(max_examples=200, deadline=None)
def test_shortest_word_is_matched(template: str) -> None:
    """The path that is found for a template is one that it takes."""
    (rule,) = rules_of(template)

    word = found_word(at_least(rule))

    assert word is None or isinstance(rule.match(word), Captures)


@given(one=TEMPLATES, other=TEMPLATES)
@settings(max_examples=60, deadline=None)
def test_search_denies_no_shared_path(one: str, other: str) -> None:
    """Where trying all short paths finds one that two templates take, the search finds one as well."""
    first, second = rules_of(one, other)
    shared = [path for path in ALL_SHORT if _both_take(first, second, path)]

    word = found_word(both([at_most(first), at_most(second)]))

    if shared:
        assert word is not None
        assert len(word) <= len(min(shared, key=len))


@given(one=TEMPLATES, other=TEMPLATES)
@settings(max_examples=60, deadline=None)
def test_proof_of_containment_has_no_exception(one: str, other: str) -> None:
    """Where a template is proven to take all paths of another, no short path is the other's alone."""
    first, second = rules_of(one, other)

    left = found_word(both([at_most(first), negation(at_least(second))]))

    if left is None:
        assert not [path for path in ALL_SHORT if _takes(first, path) and not _takes(second, path)]


@given(expression=EXPRESSIONS, path=PATHS)
@settings(max_examples=300, deadline=None)
def test_expression_is_read_as_re2_reads_it(expression: str, path: str) -> None:
    """The language of a regular expression is what RE2 matches."""
    found = compile_expression(expression).fullmatch(path.encode())

    assert holds(paths_of(RegexTemplate.parse(expression)), path) == bool(found)


@pytest.mark.parametrize(
    ("expression", "texts"),
    [
        (r"^a$", ["a", "aa", ""]),
        (r"a|b$", ["a", "b", "ab"]),
        (r"[]a]", ["]", "a", "b"]),
        (r"[^]a]", ["]", "a", "b"]),
        (r"[a\-z]", ["a", "-", "b"]),
        (r"[a-c-]", ["b", "-", "d"]),
        (r"a{,3}", ["a{,3}", "aaa"]),
        (r"(?:ab)+?", ["ab", "abab", ""]),
        (r"[[:^alpha:]]\x41\x{1F600}", ["1A\U0001f600", "aA\U0001f600"]),
        (r"\s\S\w\W\D", [" a_-a", "\va_-a"]),
        (r"[\d.]", ["1", ".", "a"]),
        (r".", ["\n", "é", "", "ab"]),
        (r"a\$", ["a$", "a"]),
    ],
)
def test_syntax_means_what_it_means_to_re2(expression: str, texts: list[str]) -> None:
    """Corners of the syntax, each held against RE2."""
    term = term_of(expression)

    compiled = compile_expression(expression)
    assert [holds(term, text) for text in texts] == [bool(compiled.fullmatch(text.encode())) for text in texts]


@pytest.mark.parametrize("expression", [r"(?i)a", r"\pL", r"a\b", r"(a$|b)", r"\Qa\E", r"\C", r"[a-\d]", r"[[:nope:]]"])
def test_unknown_syntax_is_refused(expression: str) -> None:
    """What is not understood is said, and not guessed."""
    with pytest.raises(NotUnderstood):
        term_of(expression)


@given(
    text=st.sampled_from(["%Y-%m-%d", "%y%m%d", "%Y/%j", "%m%d", "%d", "%H:%M:%S", "%y%j", "%Y%m", "%d.%m.%y"]),
    digits=st.lists(st.integers(0, 9), min_size=8, max_size=8),
    moment=st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001 - hypothesis wants them naive
)
@settings(deadline=None)
def test_dates_are_those_that_can_be_read(text: str, digits: list[int], moment: datetime) -> None:
    """The language of a format is what `DateFormat.read` takes: real dates, and any digits."""
    date_format = DateFormat.parse(text)
    left = iter(digits * 2)
    made = "".join(
        "".join(str(next(left)) for _ in range({"Y": 4, "j": 3}.get(piece, 2))) if odd % 2 else piece
        for odd, piece in enumerate(date_format.pieces)
    )

    for candidate in (made, date_format.write(moment.replace(tzinfo=UTC))):
        assert holds(dates_of(date_format), candidate) == (date_format.read(candidate) is not None)


@pytest.mark.parametrize("year", [1900, 2000, 2023, 2024])
def test_every_day_of_a_year_is_a_date(year: int) -> None:
    """Leap years have 366 days and others 365, in months and as days of the year."""
    first = datetime(year, 1, 1, tzinfo=UTC)
    days = [first + timedelta(days=number) for number in range(366)]
    by_month, by_day = DateFormat.parse("%Y%m%d"), DateFormat.parse("%Y%j")

    assert all(holds(dates_of(each), each.write(day)) for each in (by_month, by_day) for day in days)
    assert holds(dates_of(by_day), f"{year}366") == (days[365].year == year)


def test_deep_search_gives_up() -> None:
    """A search that takes too long says so: neither a path nor a proof."""
    hard = "[ab]*a(?:a|b){16}"

    with pytest.raises(TooComplex):
        shortest_word(both([term_of(hard), negation(term_of(hard.replace("a(?:", "[ac](?:", 1)))]))


@pytest.mark.parametrize(
    "expression", ["aaa/(?:a*b*){400}c", "aaa/" + "(?:" * 400 + "a" + ")*" * 400, "aaa/(?:a?){900}"]
)
def test_deep_expressions_are_no_crash(expression: str) -> None:
    """An expression that RE2 takes may be deeper than Python's stack: then nothing is said of it."""
    compile_expression(expression)

    with suppress(NotUnderstood, TooComplex):
        word = shortest_word(term_of(expression))
        assert word is not None
        assert compile_expression(expression).fullmatch(word.encode())


def test_effort_is_shared_between_searches() -> None:
    """All searches together take no more than they are given."""
    effort = Effort(60)
    shortest_word(literal("abc"), effort)

    with pytest.raises(TooComplex):
        list(map(shortest_word, [literal("abc")] * 100, [effort] * 100))


def _takes(rule: Rule, path: str) -> bool:
    return isinstance(rule.match(path), Captures)


def _both_take(first: Rule, second: Rule, path: str) -> bool:
    return _takes(first, path) and _takes(second, path)


def test_template_and_its_expression_agree() -> None:
    """A date of several segments and a choice are read like all else."""
    term = paths_of(PathTemplate.parse("landing/{s:crm|erp}/{d:%Y/%m/%d}/{n}.csv"))

    assert holds(term, "landing/crm/2024/02/29/a.csv")
    assert not holds(term, "landing/crm/2023/02/29/a.csv")
