"""Ten thousand rules: what is compared, what is left out, and what people see meanwhile."""

from __future__ import annotations

import pytest
from rich.console import Console

from cli.rules.check import near_rules, track
from cli.rules.check.check import Check
from cli.rules.check.near_rules import NearRules
from cli.rules.check.track import track_on_terminal
from tests.cli.rules.templates import rules_of, rules_text

SHAPES = {
    "folders": "landing/source-{}/{{date:%Y-%m-%d}}/{{name}}.csv",
    "tables below days": "landing/{{date:%Y-%m-%d}}/table-{}/{{name}}.csv",
    "files of days": "landing/{{date:%Y/%m/%d}}/table-{}.csv",
    "containers": "tenant{:04}/**/*.csv",
    "endings": "landing/**/table-{}.csv",
    "beginnings": "landing/table-{}_{{name}}.csv",
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_rules_of_one_shape_have_few_neighbours(shape: str) -> None:
    """Rules that differ in one literal are not compared pair by pair: the work grows with the rules."""
    rules = [*rules_of(*(shape.format(number) for number in range(2000)))]
    near = NearRules()
    for order, rule in enumerate(rules[:-1]):
        near.add(order, rule)

    assert len(near.of(rules[-1])) <= near_rules._FEW


def test_general_rule_after_many_is_one_note() -> None:
    """A catch-all at the end has many exceptions, and one line says so."""
    check = Check(rules_text(*(SHAPES["folders"].format(number) for number in range(1000)), "landing/**"), "rules.yaml")

    check.offline()

    (found,) = check.result.findings
    assert found.code == "takes-first"
    assert "and 999 more rules before it take paths" in found.message


def test_general_rule_before_many_shadows_each() -> None:
    """A catch-all at the start leaves nothing to any other."""
    check = Check(rules_text("landing/**", *(SHAPES["folders"].format(number) for number in range(500))), "rules.yaml")

    check.offline()

    assert [each.code for each in check.result.findings] == ["shadowed"] * 500


def test_what_is_left_out_is_told() -> None:
    """Rules that all overlap are compared up to a bound, and a note counts the others."""
    paths = [f"landing/**/*{letter}{number}*" for number in range(400) for letter in "xyz"]
    check = Check(rules_text(*paths), "rules.yaml")

    check.offline()

    (note,) = [each for each in check.result.findings if each.code == "not-compared"]
    assert "rules share too much with others" in note.message


@pytest.mark.parametrize(
    ("count", "is_terminal", "shows"), [(1000, True, True), (1000, False, False), (5, True, False)]
)
def test_progress_is_for_people_who_wait(
    count: int,
    is_terminal: bool,  # noqa: FBT001 - a column of the table
    shows: bool,  # noqa: FBT001 - a column of the table
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A bar on standard error, where it is a terminal and the work is long; the items are the same."""
    monkeypatch.setattr(track, "talk", Console(stderr=True, force_terminal=is_terminal))
    rules = [*rules_of("landing/*")] * count

    assert [*track_on_terminal(rules, "Comparing rules")] == rules

    captured = capsys.readouterr()
    assert ("Comparing rules" in captured.err) == shows
    assert captured.out == ""
