"""`landfall rules check`: what is found in a rules file, and where."""

from __future__ import annotations

import pytest

from cli.rules.check.check import Check
from cli.rules.check.findings import CODES, Finding, Level, in_order
from shared.path_template import Captures
from shared.rules_file import parse_rules
from tests.cli.rules.templates import rules_text

GENERAL_FIRST = """version: 1
rules:
  - name: general
    path: "landing/**"
    job: {id: 1}
  - name: particular
    path: "landing/crm/*.csv"
    job: {id: 2}
"""


def findings(text: str, account: str = "") -> list[Finding]:
    """Return what is found in a file without a workspace."""
    check = Check(text, "rules.yaml", account=account)
    check.offline()
    return check.result.findings


def codes(text: str) -> list[str]:
    """Return only the codes."""
    return [finding.code for finding in findings(text)]


def with_parameters(parameters: str, *, defaults: str = "", more: str = "") -> str:
    """Return a file of one rule that passes these parameters."""
    return f"""version: 1
{defaults}
rules:
  - name: crm
    path: "landing/crm/**"
    job: {{id: 1}}
    notebook_params: {{{parameters}}}
{more}
"""


def test_sound_rules_have_no_findings() -> None:
    """Nothing is said of a file in which nothing is wrong."""
    assert findings(rules_text("landing/crm/*.csv", "landing/erp/*.csv")) == []


def test_every_fault_of_the_file_is_a_finding() -> None:
    """Syntax, unknown names and failing examples come from the reader of rules files, each with its place."""
    text = """version: 1
rules:
  - name: crm
    path: "landing/[a]/*.csv"
    job: {id: 0}
    notebook_params: {file: "{blob.url}"}
  - name: erp
    path: "landing/erp/*.csv"
    job: {id: 1}
    examples: {match: ["landing/crm/a.csv"]}
"""

    found = findings(text)

    assert [(each.code, each.line, each.column) for each in found] == [
        ("invalid", 4, 20),
        ("invalid", 5, 15),
        ("invalid", 10, 24),
    ]
    assert {each.level for each in found} == {Level.ERROR}
    assert "`[` cannot be used" in found[0].message


def test_shadowed_rule_is_an_error_with_a_path() -> None:
    """The finding stands at the path of the rule that never starts its job, and shows a path that the other takes."""
    (found,) = findings(GENERAL_FIRST)

    assert (found.code, found.level, found.line, found.column, found.rule) == ("shadowed", "error", 7, 11, "particular")
    assert "`general` on line 3 takes every path" in found.message
    general, particular = parse_rules(GENERAL_FIRST, "rules.yaml")
    assert isinstance(general.match(found.path), Captures)
    assert isinstance(particular.match(found.path), Captures)


def test_overlap_is_a_warning_that_says_who_wins() -> None:
    """Two rules of which neither is an exception of the other clash over a path."""
    (found,) = findings(rules_text("landing/a*", "landing/*b"))

    assert (found.code, found.level, found.path) == ("overlap", "warning", "landing/anyb")
    assert found.message.startswith("`landing/anyb` is for `r0` on line 3 and for `r1`; the first wins.")


def test_exception_before_the_general_rule_is_a_note() -> None:
    """Putting the particular before the general is how rules are meant to be written."""
    (found,) = findings(rules_text("landing/a/*", "landing/b/*", "landing/**"))

    assert (found.code, found.level) == ("takes-first", "note")
    assert "`r0` on line 3 and 1 more rule before it take paths from `r2`" in found.message


def test_many_clashes_of_one_rule_are_counted() -> None:
    """One rule that clashes with many does not hide everything else."""
    found = findings(rules_text(*(f"landing/{letter}*" for letter in "abcdefgh"), "landing/*_all"))

    assert [each.code for each in found] == ["overlap"] * 6
    assert any("3 more rules before it clash" in each.message for each in found)


def test_rule_without_paths_is_an_error() -> None:
    """A rule that excludes all it asks for can never match."""
    text = rules_text("landing/a/*").replace("    job", "    exclude: ['landing/*/*']\n    job")

    assert codes(text) == ["never-matches"]


def test_missing_container_is_a_warning() -> None:
    """Without a container the sweep lists all of them."""
    found = findings(rules_text("**/_SUCCESS"))

    assert [(each.code, each.line) for each in found] == [("no-static-prefix", 4)]
    assert "every container of the account" in found[0].message
    assert "every container that starts with `land`" in findings(rules_text("land*/_SUCCESS"))[0].message


def test_rules_without_literal_text_are_counted() -> None:
    """One note tells how many rules are tried on every path."""
    found = [each for each in findings(rules_text("**/*", "*/{x}/**")) if each.code == "unindexed"]

    assert [each.message.partition(",")[0] for each in found] == ["2 of 2 rules cannot be found by literal text"]


@pytest.mark.parametrize(
    "parameters",
    [
        'output: "abfss://landing@account.dfs.core.windows.net/crm/out.csv"',
        'sink: "wasbs://landing@account.blob.core.windows.net/crm/out"',
        'where: "https://account.blob.core.windows.net/landing/crm/o%20ut.csv"',
        'target_path: "{blob.container}/crm/{blob.stem}.parquet"',
        'output_dir: "landing/crm/"',
        'destination: "abfss://landing@{blob.account}.dfs.core.windows.net/{blob.path}.parquet"',
    ],
)
def test_rule_that_watches_its_output_is_a_warning(parameters: str) -> None:
    """A parameter that names a place which the rule itself takes would start the job again and again."""
    (found,) = findings(with_parameters(parameters))

    assert (found.code, found.level, found.line) == ("own-output", "warning", 7)
    (rule,) = parse_rules(with_parameters(parameters), "rules.yaml")
    assert isinstance(rule.match(found.path), Captures)
    assert found.path.startswith("landing/crm/")


@pytest.mark.parametrize(
    "parameters",
    [
        'file_path: "{blob.uri}"',
        'output: "{blob.uri}"',
        'output: "abfss://curated@account.dfs.core.windows.net/crm/out.csv"',
        'output: "landing/erp/out.csv"',
        'folder: "abfss://landing@account.dfs.core.windows.net/crm/"',
        'input: "abfss://landing@account.dfs.core.windows.net/crm/other.csv"',
        'output: "/Volumes/main/raw/landing/crm/out.csv"',
        'note: "landing/crm/out.csv"',
        'output: "nonsense://landing/crm"',
    ],
)
def test_input_and_other_places_are_no_output(parameters: str) -> None:
    """The blob itself, its folder, other containers and texts that name no place start nothing."""
    assert findings(with_parameters(parameters)) == []


def test_volume_leads_to_its_container() -> None:
    """A volume's path is a place of the container that is mounted there."""
    defaults = "defaults: {volumes: {landing: /Volumes/main/raw/landing}}"
    text = with_parameters('output: "/Volumes/main/raw/landing/crm/out.csv"', defaults=defaults)

    (found,) = findings(text)

    assert (found.code, found.path) == ("own-output", "landing/crm/out.csv")


def test_other_account_is_another_place() -> None:
    """Where the landing account is known, the same container of another account is not watched."""
    text = with_parameters('output: "abfss://landing@elsewhere.dfs.core.windows.net/crm/out.csv"')

    assert [each.code for each in findings(text)] == ["own-output"]
    assert findings(text, account="contoso") == []
    assert [each.code for each in findings(text, account="elsewhere")] == ["own-output"]


def test_output_that_another_rule_of_the_job_watches_is_found() -> None:
    """The loop is the job's: it does not matter by which of its rules."""
    more = """  - name: erp
    path: "landing/erp/*.csv"
    job: {id: 1}
  - name: other
    path: "landing/sap/*.csv"
    job: {id: 2}
"""

    (found,) = findings(with_parameters('output: "landing/erp/x.csv"', more=more))

    assert "`landing/erp/x.csv` starts it again, by `erp`" in found.message
    assert findings(with_parameters('output: "landing/sap/x.csv"', more=more)) == []


def test_output_is_looked_for_with_the_examples_of_the_rule() -> None:
    """An example's captures may show a loop that a made-up path does not."""
    text = """version: 1
rules:
  - name: crm
    path: "landing/{source}/{step}/*"
    exclude: ["landing/*/step/*"]
    job: {id: 1}
    notebook_params: {output: "landing/{source}/{step}/out"}
    examples: {match: ["landing/crm/raw/a.csv"]}
"""

    (found,) = findings(text)

    assert (found.code, found.path) == ("own-output", "landing/crm/raw/out")


def test_hostile_names_are_shown_escaped() -> None:
    """What a rules file holds cannot break a line or colour a terminal."""
    text = 'version: 1\nrules:\n  - {name: "a\\e[31m\\nb", path: "landing/\u202e*", job: {name: "x"}}\n'

    for found in findings(text):
        assert found.message.isprintable()


def test_findings_are_ordered_as_people_read() -> None:
    """File by file from the top, and the worst of one place first."""
    shuffled = [
        Finding(code="takes-first", message="c", file="a", line=2),
        Finding(code="shadowed", message="b", file="a", line=2),
        Finding(code="invalid", message="a", file="a", line=1),
        Finding(code="invalid", message="d", file="b", line=1),
    ]

    assert [each.message for each in in_order(shuffled)] == ["a", "b", "c", "d"]


def test_codes_are_unique_and_known() -> None:
    """A finding has a code that the table knows, which never stands there twice."""
    assert len({code.name for code in CODES}) == len(CODES)
    with pytest.raises(ValueError, match="no code"):
        Finding(code="nope", message="", file="")
