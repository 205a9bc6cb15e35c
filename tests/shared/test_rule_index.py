"""The index of rules: it leaves out only what cannot match, and asks few rules however many there are."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model import Arrival, JobReference
from shared.path_template import Captures, PathPattern, PathTemplate, RegexTemplate, TemplateError
from shared.rules import Rule, Rules, RunParameters
from shared.rules import index as index_module
from shared.rules.index import FEW, RuleIndex
from tests.fakes.arrivals import arrival
from tests.shared.reference_matcher import Sample, paths_for, reference_match, samples

JOB = JobReference(id=1)
PARAMETERS = RunParameters()


def rule(number: int, path: PathPattern) -> Rule:
    """Return a rule that has nothing but a name and a path."""
    return Rule(name=f"r{number}", path=path, exclude=(), job=JOB, parameters=PARAMETERS)


def rules_of(*templates: str) -> list[Rule]:
    """Return rules with these path templates."""
    return [rule(number, PathTemplate.parse(text)) for number, text in enumerate(templates)]


def asked(rules: list[Rule], path: str) -> list[str]:
    """Return the templates of the rules that a path is compared with."""
    return [candidate.path.text for candidate in RuleIndex(rules).candidates(path)]


SEGMENTS = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "é",
        "a*",
        "*b",
        "*ab*",
        "*aba*",
        "a_b",
        "a_*",
        "*_a_*",
        "a-*b",
        "?",
        "**",
        "{n}",
        "{d:%H}b",
        "x7*",
    ]
)
TEMPLATES = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
EXPRESSIONS = st.sampled_from(["a/.*", "(?i)A/b", "a/(b|ab)/.*", "[ab]+/a_b", ".*aba.*", "a/a?b"])
PATHS = st.lists(st.text("ab_-7xé0", max_size=6), min_size=1, max_size=4).map("/".join)


def _patterns(texts: list[str], expressions: list[str]) -> list[PathPattern]:
    patterns: list[PathPattern] = [RegexTemplate.parse(text) for text in expressions]
    for text in texts:
        try:
            patterns.append(PathTemplate.parse(text))
        except TemplateError:
            continue  # not every row of segments is a template
    return patterns


@pytest.mark.parametrize("few", [1, FEW])
@settings(max_examples=250, deadline=None)
@given(
    texts=st.lists(TEMPLATES, min_size=8, max_size=40),
    expressions=st.lists(EXPRESSIONS, max_size=4),
    paths=st.lists(PATHS, min_size=1, max_size=8),
)
def test_no_rule_that_matches_is_left_out(few: int, texts: list[str], expressions: list[str], paths: list[str]) -> None:
    """Whatever the rules and the path, those that match are among the candidates, and all are in the file's order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "FEW", few)  # with 1, small rule sets are told apart like large ones
        rules = [rule(number, pattern) for number, pattern in enumerate(_patterns(texts, expressions))]
        index = RuleIndex(rules)
    order = {each.name: number for number, each in enumerate(rules)}

    for path in paths:
        found = [order[each.name] for each in index.candidates(path)]
        matching = [number for number, each in enumerate(rules) if isinstance(each.match(path), Captures)]
        assert found == sorted(set(found))
        assert set(matching) <= set(found)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), drawn=st.lists(samples(), min_size=1, max_size=12))
def test_first_match_is_that_of_the_reference(data: st.DataObject, drawn: list[Sample]) -> None:
    """The first candidate that matches is the first of all rules that the slow and obvious matcher takes."""
    rules = rules_of(*(sample.text for sample in drawn))
    path = data.draw(st.sampled_from(drawn).flatmap(paths_for))

    first = next((each for each in RuleIndex(rules).candidates(path) if isinstance(each.match(path), Captures)), None)

    matching = (number for number, sample in enumerate(drawn) if reference_match(sample.tokens, path) is not None)
    expected = next(matching, None)
    assert (first and first.name) == (None if expected is None else f"r{expected}")


def test_rules_are_found_in_the_order_of_the_file() -> None:
    """Rules found in different ways keep their order."""
    rules = rules_of("**/*", "landing/a/*.csv", "landing/*b*", "landing/{x}/ab.csv", "**/*.csv", "raw/a")

    assert asked(rules, "landing/a/ab.csv") == [
        "**/*",
        "landing/a/*.csv",
        "landing/*b*",
        "landing/{x}/ab.csv",
        "**/*.csv",
    ]


SHAPES: dict[str, Callable[[int], str]] = {
    "segments": "landing/source_{}/*/orders_*.csv".format,
    "words": "landing/*/orders{}_*.csv".format,
    "words-behind-folders": "**/*_k{}_*.csv".format,
    "beginnings": "landing/*/export{}*.csv".format,
    "pieces": "landing/*/*x{}x*.csv".format,
    "endings": "landing/*/*export{:05}.csv".format,
    "two-segments": lambda number: f"landing/a{number // 40}/*/b{number % 40}/*.csv",
    "two-words": lambda number: f"landing/a{number // 40}_*/b{number % 40}_*.csv",
    "captures": "landing/{{source:crm|erp}}/feed_{}/{{date:%Y-%m-%d}}/{{name}}.csv".format,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_few_of_many_rules_are_asked(shape: str) -> None:
    """Of 1,600 rules alike but for a number, a path meets at most a handful, wherever that number stands."""
    rules = rules_of(*(SHAPES[shape](number) for number in range(1600)))
    index = RuleIndex(rules)

    for number in (0, 7, 777, 1599):
        text = SHAPES[shape](number)
        path = text.replace("{source:crm|erp}", "erp").replace("{date:%Y-%m-%d}", "2026-02-28")
        path = path.replace("{name}", "n").replace("**", "raw/crm").replace("*", "eu")
        found = index.candidates(path)
        assert text in [each.path.text for each in found]
        assert len(found) <= FEW
    assert index.unindexed == ()


def test_expressions_are_looked_up_by_their_literal_text() -> None:
    """Regular expressions are found like templates, by what is literal in them."""
    rules = [rule(n, RegexTemplate.parse(rf"landing/source_{n}/(?P<name>[^/]+)\.csv")) for n in range(500)]

    assert [each.name for each in RuleIndex(rules).candidates("landing/source_77/orders.csv")] == ["r77"]


def test_rules_without_literal_text_are_counted() -> None:
    """A rule that nothing distinguishes is asked for every path, and told to whoever wants to know."""
    rules = rules_of("**/*", "landing/*.csv", "{c}/{p:**}", "*/a")
    index = RuleIndex([*rules, rule(4, RegexTemplate.parse("(?i)landing/.*"))])

    assert [each.path.text for each in index.unindexed] == ["**/*", "{c}/{p:**}", "(?i)landing/.*"]
    assert [each.path.text for each in index.candidates("x/y")] == ["**/*", "{c}/{p:**}", "(?i)landing/.*"]


def test_rules_of_one_text_are_counted_when_they_are_many() -> None:
    """Rules that share all their literal text are asked together: a few are no matter, many are told."""
    several = rules_of("raw/**", *["landing/*.csv"] * FEW)
    many = rules_of("raw/**", *["landing/*.csv"] * (FEW + 1))

    assert RuleIndex(several).unindexed == ()
    assert len(RuleIndex(many).unindexed) == FEW + 1
    assert asked(many, "landing/a.csv") == ["landing/*.csv"] * (FEW + 1)
    assert asked(many, "raw/a.csv") == ["raw/**"]


def test_no_rules_have_no_candidates() -> None:
    """An index of nothing finds nothing."""
    assert RuleIndex([]).candidates("landing/a.csv") == []


@pytest.mark.parametrize("name", ["a" * 5000, "a/" * 2500, "\ud800", "", "/", "é" * 3000])
def test_any_name_can_be_looked_up(name: str) -> None:
    """Names of attackers are looked up like others, half characters included."""
    rules = rules_of(*(SHAPES[shape](number) for shape in SHAPES for number in range(20)))

    assert RuleIndex(rules).candidates(name) == []


def test_time_grows_no_more_than_linearly_with_the_path() -> None:
    """A thousand rules of nested literal text and a path that nearly is all of it: four times the path, four times."""
    texts = [f"landing/*{'a' * length}*" for length in range(1, 400)]
    texts += [f"landing/{'a' * length}*" for length in range(1, 400)]
    texts += [f"**/{'a/' * length}b" for length in range(1, 400)]
    index = RuleIndex(rules_of(*texts))

    for unit in ("a", "a/", "ab"):
        # The least of many: a neighbour on this machine can only add.
        short, long = (
            min(_seconds(index.candidates, "landing/" + unit * (size // len(unit))) for _ in range(7))
            for size in (1000, 4000)
        )
        assert long < 10 * max(short, 50e-6)


@settings(max_examples=40, deadline=None)
@given(
    drawn=st.lists(samples(), min_size=1, max_size=30),
    expressions=st.lists(EXPRESSIONS, max_size=3),
    beginning=st.sampled_from(["", "a/", "a/b/", "landing/"]),
    unit=st.text("ab0./é", min_size=1, max_size=4),
)
def test_no_rule_set_is_more_than_linear_in_the_path(
    drawn: list[Sample], expressions: list[str], beginning: str, unit: str
) -> None:
    """Whatever the rules and whatever a path repeats, a whole match of four times the path takes about four times."""
    patterns = _patterns([sample.text for sample in drawn], expressions)
    rules = Rules(rule(number, pattern) for number, pattern in enumerate(patterns))
    short, long = (_at(beginning + (unit * size)[:size]) for size in (1000, 4000))

    # The least of many: a neighbour on this machine can only add.
    for seconds in ((_least(rules.match, short, tries), _least(rules.match, long, tries)) for tries in (3, 10, 40)):
        if seconds[1] < 10 * max(seconds[0], 50e-6):
            return
    pytest.fail(f"{seconds[1] / seconds[0]:.1f} times as long for four times the path")


def _at(full_path: str) -> Arrival:
    container, _, path = full_path.partition("/")
    return arrival(path, container=container)


def _least(act: Callable[[Any], object], given: object, tries: int) -> float:
    return min(_seconds(act, given) for _ in range(tries))


def _seconds(act: Callable[[Any], object], given: object) -> float:
    start = time.thread_time()
    act(given)
    return time.thread_time() - start
