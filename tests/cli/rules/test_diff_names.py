"""`landfall rules diff`: which rules would lose what the ledger knows of them, because of their names."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.rules.check.findings import Level
from cli.rules.diff.command import diff
from cli.rules.diff.name_changes import name_changes
from shared.rules import Rules
from shared.rules_file import parse_rules
from tests.shared.test_rules import rule

app = typer.Typer()
app.command()(diff)


def rules(*written: str) -> str:
    """Return a rules file of these rules, each for its own folder and job unless it says otherwise."""
    return "\n".join(["version: 1", "rules:", *(f"  - {{{each}}}" for each in written), ""])


CRM = 'path: "landing/crm/*", job: {id: 7}'
ERP = 'path: "landing/erp/*", job: {id: 8}'


def told(old: list[str], new: list[str], seen: set[str] | None = None) -> list[tuple[str, str]]:
    """Return of which rules something is told, and how bad it is."""
    before, after = (parse_rules(rules(*written), "rules.yaml") for written in (old, new))
    return [(each.level.value, each.rule) for each in name_changes(before, after, seen)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([f"name: crm, {CRM}"], [f"name: crm, {CRM}"]),
        ([f"name: crm, {CRM}"], [f"name: customers, renamed_from: crm, {CRM}"]),
        (
            [f"name: customers, renamed_from: crm, {CRM}"],
            [f"name: clients, renamed_from: [customers, crm], {CRM}"],
        ),
        ([f"name: customers, renamed_from: crm, {CRM}"], [f"name: crm, {CRM}"]),
        ([f"name: customers, renamed_from: crm, {CRM}"], [f"name: clients, renamed_from: crm, {CRM}"]),
        ([f"name: crm, {CRM}", f"name: erp, {ERP}"], [f"name: erp, {ERP}"]),
        ([f"name: crm, {CRM}"], [f"name: crm, {CRM}", f"name: copy, {CRM}"]),
        ([f"name: crm, {CRM}"], [f"name: erp, {ERP}"]),
    ],
)
def test_rules_that_keep_their_entries_are_not_told(old: list[str], new: list[str]) -> None:
    """Renamed with its first name last, named as at first again, removed, added, copied: nothing is left behind."""
    assert told(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "rule_told", "mend"),
    [
        (
            f"name: customers, renamed_from: crm, {CRM}",
            f"name: customers, {CRM}",
            "customers",
            "`crm` must be the last in `renamed_from`",
        ),
        (
            f"name: crm, {CRM}",
            f"name: crm, renamed_from: customers, {CRM}",
            "crm",
            "leave `renamed_from` out",
        ),
        (
            f"name: customers, renamed_from: crm, {CRM}",
            f"name: clients, renamed_from: [crm, customers], {CRM}",
            "clients",
            "`crm` must be the last in `renamed_from`",
        ),
        (
            f"name: customers, renamed_from: crm, {CRM}",
            f"name: clients, renamed_from: customers, {CRM}",
            "clients",
            "`crm` must be the last in `renamed_from`",
        ),
    ],
)
def test_another_name_in_the_ledger_is_a_warning(old: str, new: str, rule_told: str, mend: str) -> None:
    """A former name that is dropped, put in later or out of order leaves the entries behind; the message mends it."""
    (change,) = name_changes(parse_rules(rules(old), "old"), parse_rules(rules(new), "new"))

    assert (change.level, change.rule) == (Level.WARNING, rule_told)
    assert "only what lands from now on fires" in change.says
    assert change.says.endswith(f"{mend}.")


@pytest.mark.parametrize(
    "new",
    [
        f"name: customers, {CRM}",
        'name: customers, path: "landing/crm/*", job: {id: 9}',
        'name: customers, path: "landing/crm/*.csv", job: {id: 7}',
    ],
)
def test_rule_that_seems_renamed_is_a_note(new: str) -> None:
    """One is gone, one for the same files is new: perhaps it is the same, and then it has to say so."""
    (change,) = name_changes(parse_rules(rules(f"name: crm, {CRM}"), "old"), parse_rules(rules(new), "new"))

    assert (change.level, change.rule) == (Level.NOTE, "customers")
    assert change.says.endswith("write `renamed_from: crm`.")


def test_note_tells_all_former_names() -> None:
    """What the note says to write keeps the first name last."""
    old = parse_rules(rules(f"name: customers, renamed_from: crm, {CRM}"), "old")

    (change,) = name_changes(old, parse_rules(rules(f"name: clients, {CRM}"), "new"))

    assert change.says.endswith("write `renamed_from: [customers, crm]`.")


def test_one_new_rule_is_taken_for_one_gone_rule() -> None:
    """Of two rules that are gone only one can have become the new one: that of the same job, if there is one."""
    assert told([f"name: a, {CRM}", f"name: b, {CRM}"], [f"name: c, {CRM}"]) == [("note", "c")]
    other_job = CRM.replace("id: 7", "id: 9")
    assert told([f"name: a, {CRM}"], [f"name: b, {other_job}", f"name: c, {CRM}"]) == [("note", "c")]


def test_former_name_that_the_ledger_never_saw_is_a_warning() -> None:
    """A former name that is misspelt makes a new rule of one that was renamed; only the ledger can tell."""
    new = [f"name: customers, renamed_from: cmr, {CRM}"]

    assert told([f"name: erp, {ERP}"], new) == []
    assert told([f"name: erp, {ERP}"], new, seen={"crm", "erp"}) == [("warning", "customers")]
    assert told([f"name: erp, {ERP}"], new, seen={"cmr", "erp"}) == []
    assert told(new, new, seen={"crm"}) == []


def test_a_rule_is_warned_of_once() -> None:
    """A former name that is wrong in two ways is one mistake."""
    old, new = [f"name: crm, {CRM}"], [f"name: crm, renamed_from: cmr, {CRM}"]

    assert told(old, new, seen={"crm"}) == [("warning", "crm")]


_NAMES = st.permutations(["a", "b", "c", "d", "e", "f"])


@given(names=_NAMES, renames=st.integers(0, 4))
def test_renaming_as_documented_is_never_told(names: list[str], renames: int) -> None:
    """However often a rule is renamed, putting its last name in front of the others leaves nothing behind."""
    former: tuple[str, ...] = ()
    before = Rules([rule(names[0], "landing/*")])
    for last, name in pairwise(names[: renames + 1]):
        former = (last, *former)
        after = Rules([rule(name, "landing/*", renamed_from=former)])
        assert name_changes(before, after, {names[0]}) == []
        before = after

    assert [each.ledger_name for each in before] == [names[0]]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with rules, others that drop a former name, and one path."""
    monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))
    (tmp_path / "old").write_text(rules(f"name: customers, renamed_from: crm, {CRM}"), encoding="utf-8")
    (tmp_path / "new").write_text(rules(f"name: customers, {CRM}"), encoding="utf-8")
    (tmp_path / "renamed").write_text(rules(f"name: clients, renamed_from: [customers, crm], {CRM}"), encoding="utf-8")
    (tmp_path / "paths").write_text("landing/crm/a.csv\n", encoding="utf-8")
    return tmp_path


def invoke(files: Path, new: str, *options: str) -> tuple[int, str]:
    """Compare the old rules with others and return exit status and output."""
    arguments = [str(files / "old"), str(files / new), "--paths", str(files / "paths"), *options]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout


def test_warning_is_shown_and_counts_as_a_difference(files: Path) -> None:
    """Exit status 1: a pipeline that asks for the difference stops before the entries are lost."""
    code, output = invoke(files, "new")
    _, for_scripts = invoke(files, "new", "--json")

    assert code == 1
    assert "warning: The ledger keeps `customers` as `crm` and would look for it as `customers`" in output
    assert [each["level"] for each in json.loads(for_scripts.splitlines()[-1])["names"]] == ["warning"]


def test_renamed_rule_is_the_same_rule(files: Path) -> None:
    """A rule that says what it was called before takes the same files with the same parameters: no difference."""
    code, output = invoke(files, "renamed")

    assert code == 0
    assert "1 arrival: 1 same" in output
