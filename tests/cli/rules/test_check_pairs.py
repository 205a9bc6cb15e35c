"""Rules that want the same paths: what is said of them is what the rules do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from cli.rules.check.near_rules import NearRules
from cli.rules.check.pair_check import compare
from cli.rules.check.samples import arrival_at, asks_no_more, facts_for
from shared.path_template import Captures
from shared.rules import Rules
from shared.rules_file import parse_rules
from tests.cli.rules.templates import PATHS, TEMPLATES, rules_of


def found(rules: Rules) -> list[tuple[str, list[str], list[tuple[str, bool]]]]:
    """Return of each rule that shares paths: its name, what shadows it, and what takes some, as exceptions or not."""
    return [
        (
            standing.rule.name,
            [rule.name for rule in standing.shadows],
            [(taking.earlier.name, taking.is_particular) for taking in standing.takings],
        )
        for standing in compare(rules).standings
    ]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["landing/a/*.csv", "landing/b/*.csv"], []),
        (["landing/*/orders.csv", "landing/**"], [("r1", [], [("r0", True)])]),
        (["landing/**", "landing/*/orders.csv"], [("r1", ["r0"], [])]),
        (["landing/{x}.csv", "landing/{y}.csv"], [("r1", ["r0"], [])]),
        (["landing/a*", "landing/*b"], [("r1", [], [("r0", False)])]),
        (["landing/{d:%Y-%m-%d}/*", "landing/2023-02-29/*"], []),
        (["landing/{d:%Y-%m-%d}/*", "landing/2024-02-29/*"], [("r1", ["r0"], [])]),
        (["landing/{d:%m/%d}/*", "landing/*/*/*"], [("r1", [], [("r0", True)])]),
        (["landing/{n:int}", "landing/{x}"], [("r1", [], [("r0", True)])]),
        (["landing/{s:a|b}/*", "landing/{s:b|c}/*"], [("r1", [], [("r0", False)])]),
        (
            ["landing/{s:a|b}/*", "landing/{s:c|d}/*", "landing/{s:b|c}/*"],
            [("r2", ["r0", "r1"], [("r0", False), ("r1", False)])],
        ),
        (["**/_SUCCESS", "landing/**/*.csv"], []),
    ],
)
def test_shared_paths_are_found(paths: list[str], expected: object) -> None:
    """An earlier rule shadows a later one, is its exception, clashes with it, or has nothing to do with it."""
    assert found(rules_of(*paths)) == expected


@given(one=TEMPLATES, other=TEMPLATES)
@settings(max_examples=150, deadline=None)
def test_what_is_claimed_is_what_the_rules_do(one: str, other: str) -> None:
    """The path that is shown is started by the earlier rule, and by the later where that one is away."""
    rules = rules_of(one, other)
    earlier, later = rules

    for standing in compare(rules).standings:
        for path in filter(None, [standing.path, *(taking.path for taking in standing.takings)]):
            arrival = arrival_at(path)
            assert [match.rule for match in rules.match(arrival)] == [earlier]
            assert [match.rule for match in Rules([later]).match(arrival)] == [later]


@given(one=TEMPLATES, other=TEMPLATES, path=PATHS)
@settings(max_examples=300, deadline=None)
def test_near_rules_leave_out_only_strangers(one: str, other: str, path: str) -> None:
    """Two rules that take one path are near each other."""
    first, second = rules_of(one, other)
    near = NearRules()
    near.add(0, first)

    if isinstance(first.match(path), Captures) and isinstance(second.match(path), Captures):
        assert near.of(second) == [first]


def test_near_rules_of_a_crowd_are_the_same() -> None:
    """Many rules are narrowed down by what paths begin and end with, and none is lost."""
    rules = [*rules_of(*(f"landing/{{x}}_{number}.csv" for number in range(100)), "landing/*_7.csv", "landing/a_{b}")]
    near = NearRules()
    for order, rule in enumerate(rules[:100]):
        near.add(order, rule)

    assert [rule.name for rule in near.of(rules[100])] == ["r7"]
    assert len(near.of(rules[101])) == 100


def test_first_of_three_does_not_hide_the_second() -> None:
    """The path that shows two rules is not one that a third takes before both."""
    rules = rules_of("landing/anyy", "landing/a*", "landing/*y")

    standing = compare(rules).standings[-1]

    assert {taking.earlier.name: taking.path for taking in standing.takings}.keys() == {"r0", "r1"}
    for taking in standing.takings:
        assert rules.match(arrival_at(taking.path))[0].rule == taking.earlier


@pytest.mark.parametrize(
    "keys",
    ["also: true", "enabled: false", "exclude: ['landing/**']", "min_size: 10"],
)
def test_rule_that_takes_little_shadows_nothing(keys: str) -> None:
    """A rule that fires beside others, is off, excludes everything, or asks for more, leaves paths to others."""
    rules = parse_rules(
        f"version: 1\nrules:\n  - {{name: r0, path: 'landing/**', job: {{id: 1}}, {keys}}}\n"
        "  - {name: r1, path: 'landing/*.csv', job: {id: 2}}\n",
        "rules.yaml",
    )

    assert not [standing for standing in compare(rules).standings if standing.shadows]


def test_folder_is_not_all_that_has_its_name() -> None:
    """`landing/crm/*` takes a blob called `crm/`, which `landing/crm/**` does not."""
    assert found(rules_of("landing/crm/**", "landing/crm/*")) == [("r1", [], [("r0", False)])]
    assert found(rules_of("landing/**", "landing/*")) == [("r1", ["r0"], [])]
    assert found(rules_of("landing/crm/**", "landing/crm/a*")) == [("r1", ["r0"], [])]


def test_what_a_folder_excludes_is_left_to_others() -> None:
    """A general rule with excludes shadows only what excludes as much, or needs no exclude."""
    text = (
        "version: 1\nrules:\n  - {name: r0, path: 'landing/**', exclude: ['**/_tmp/**'], job: {id: 1}}\n"
        "  - {name: r1, path: 'landing/{a}/x.csv', job: {id: 2}}\n"
        "  - {name: r2, path: 'landing/{b}/y.csv', exclude: ['**/_tmp/**'], job: {id: 3}}\n"
        "  - {name: r3, path: 'landing/z.csv', job: {id: 4}}\n"
    )

    assert found(parse_rules(text, "rules.yaml")) == [
        ("r1", [], [("r0", False)]),
        ("r2", ["r0"], []),
        ("r3", ["r0"], []),
    ]


def test_rules_of_one_condition_shadow_each_other() -> None:
    """What holds of every blob that the later rule takes does not keep the earlier from taking it."""
    rules = rules_of("landing/**", "landing/*.csv", more="min_size: 1KB")

    assert found(rules) == [("r1", ["r0"], [])]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("min_size: 10", "max_size: 9", False),
        ("min_size: 10", "max_size: 10", True),
        ("content_type: text/csv", "content_type: [application/json, 'text/*']", True),
        ("content_type: text/csv", "content_type: application/json", False),
        ("blob_type: BlockBlob", "blob_type: PageBlob", False),
        ("api: [PutBlob, CopyBlob]", "api: CopyBlob", True),
        ("account: one", "account: two", False),
    ],
)
def test_conditions_that_exclude_each_other_share_nothing(one: str, other: str, together: bool) -> None:  # noqa: FBT001 - a column of the table
    """Two rules of the same path share blobs only where one blob can fulfil the conditions of both."""
    rules = parse_rules(
        f"version: 1\nrules:\n  - {{name: r0, path: 'landing/*', job: {{id: 1}}, {one}}}\n"
        f"  - {{name: r1, path: 'landing/*', job: {{id: 2}}, {other}}}\n",
        "rules.yaml",
    )

    assert (facts_for([*rules]) is not None) == together
    assert bool(found(rules)) == together


def test_stricter_conditions_are_recognised() -> None:
    """A rule asks no more than another where each of its conditions is as wide."""
    wide, narrow = parse_rules(
        "version: 1\nrules:\n"
        "  - {name: wide, path: 'landing/*', job: {id: 1}, min_size: 1, content_type: 'text/*', api: [PutBlob, X]}\n"
        "  - {name: narrow, path: 'landing/*', job: {id: 2}, min_size: 2, content_type: text/csv, api: PutBlob}\n",
        "rules.yaml",
    )

    assert asks_no_more(wide, narrow)
    assert not asks_no_more(narrow, wide)


def test_rule_without_any_path_is_found() -> None:
    """A rule whose excludes leave nothing can never match."""
    rules = rules_of("landing/{a:x|y}/*.csv", more="exclude: ['landing/x/*', 'landing/y/*']")

    assert [rule.name for rule in compare(rules).unmatched] == ["r0"]


def test_regular_expressions_are_compared_as_well() -> None:
    """A `regex` is read as far as it can be; where it cannot, nothing is said but that."""
    text = "version: 1\nrules:\n  - {{name: r0, regex: '{}', job: {{id: 1}}}}\n"
    text += "  - {{name: r1, path: 'landing/b1.csv', job: {{id: 2}}}}\n"

    assert found(parse_rules(text.format(r"landing/[a-c]\d\.csv"), "rules.yaml")) == [("r1", ["r0"], [])]
    assert found(parse_rules(text.format(r"landing/[d-f]\d\.csv"), "rules.yaml")) == []
    assert compare(parse_rules(text.format(r"landing/(?i)[a-c]\d\.csv"), "rules.yaml")).standings[0].takings


def test_crowd_of_rules_that_all_overlap_is_bounded() -> None:
    """Where comparing would take too long, what was left out is counted, and rules that are equal cost nothing."""
    comparison = compare(rules_of(*(f"**/*{letter}{number}*" for number in range(300) for letter in "xyz")))

    assert comparison.uncompared > 0
