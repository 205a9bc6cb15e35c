"""Hostile names against rules: what looks alike is another name, and none takes long to decide about."""

from __future__ import annotations

import time

import pytest

from shared.rules_file import parse_rules
from tests.fakes.arrivals import arrival

MOST_SLOW_SECONDS = 5.0  # of what takes milliseconds; a backtracking matcher would not come back at all


@pytest.mark.parametrize(
    ("template", "path", "matches"),
    [
        ('path: "landing/*.csv"', "x.csv", True),
        ('path: "landing/*.csv"', "x.csv\n", False),
        ('path: "landing/{name}.csv"', "x.csv\n", False),
        ('path: "landing/{name}.csv"', "\nx.csv", True),
        ('regex: "landing/.*[.]csv"', "x.csv\n", False),
        ('path: "landing/a.csv"', "A.csv", False),
        ('path: "landing/caf\\u00e9.csv"', "cafe\u0301.csv", False),
        ('path: "landing/a/b.csv"', "a\\b.csv", False),
        ('path: "landing/a/b.csv"', "a%2Fb.csv", False),
        ('path: "landing/b.csv"', "a/../b.csv", False),
        ('path: "landing/b.csv"', "/b.csv", False),
        ('path: "landing/{d:%Y-%m-%d}/x"', "\u0662\u0660\u0662\u0666-11-22/x", False),
        ('path: "landing/{n:int}"', "\u0661\u0662", False),
    ],
)
def test_rule_takes_a_name_literally(template: str, path: str, matches: bool) -> None:  # noqa: FBT001 - a row of a table
    """A line break at the end, another case, another spelling or other digits make another name."""
    rules = parse_rules(f"version: 1\nrules:\n  - {{name: r, {template}, job: {{id: 1}}}}\n", "rules.yaml")

    assert bool(rules.match(arrival(path))) is matches


@pytest.mark.parametrize(
    "template",
    [
        'path: "landing/*a*a*a*a*a*a*a*a*b"',
        'path: "landing/{x:**}a{y}a{z}b"',
        'regex: "landing/(a+)+b"',
        'regex: "landing/(a|aa)+b"',
        'regex: "landing/(.*)(.*)(.*)(.*)(.*)b"',
    ],
)
def test_no_name_is_slow_to_match(template: str) -> None:
    """What doubles the time of a backtracking matcher with each letter is decided at once."""
    text = f"version: 1\nrules:\n  - {{name: r, {template}, job: {{id: 1}}}}\n"
    rules = parse_rules(text, "rules.yaml")
    started = time.monotonic()

    matched = rules.match(arrival("a" * 2000 + "!"))

    assert not matched
    assert time.monotonic() - started < MOST_SLOW_SECONDS
