"""Rules files: what they mean, and all that is said of one that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RulesError
from shared.model import JobReference
from shared.rules_file import STANDARD_PARAMETERS, parse_rules

MALFORMED = (Path(__file__).parent / "malformed_rules.txt").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Malformed:
    """A file that must be refused, and all that must be said of it."""

    title: str
    text: str
    faults: str


def malformed() -> list[Malformed]:
    """Return the cases of malformed_rules.txt."""
    cases = []
    for section in MALFORMED.split("\n### ")[1:]:
        title, *lines = section.rstrip("\n").split("\n")
        faults = [line.removeprefix(">>> ") for line in lines if line.startswith(">>> ")]
        text = "".join(f"{line}\n" for line in lines if not line.startswith(">>> "))
        cases.append(Malformed(title, text, "\n".join(f"rules.yaml:{fault}" for fault in faults)))
    return cases


def refusal(text: str) -> RulesError:
    """Return the error with which a file must be refused."""
    with pytest.raises(RulesError) as refused:
        parse_rules(text, "rules.yaml")
    return refused.value


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title.replace(" ", "-")) for case in malformed()])
def test_malformed_file_is_refused_with_every_fault(case: Malformed) -> None:
    """Each fault is told with its line and column, all of them at once, in the order of the file."""
    assert refusal(case.text).message == case.faults


def test_malformed_files_are_many_and_none_is_silent() -> None:
    """The corpus is read at all, and every case in it expects something."""
    cases = malformed()

    assert len(cases) >= 60
    assert all(case.faults for case in cases)
    assert len({case.title for case in cases}) == len(cases)


def test_refusal_tells_where_to_read_on() -> None:
    """The error names the file, carries the faults as data, and ends with the page that explains them."""
    error = refusal("version: 1\nrules: []\n")

    assert [(fault.line, fault.column) for fault in error.faults] == [(2, 8)]
    assert str(error) == (
        "rules.yaml:2:8: `rules` is empty: list at least one rule.\ndocs/rules.md explains every construct."
    )


FULL = """
version: 1
defaults:
  notebook_params: {environment: "prod", file_path: "{blob.uri}"}
rules:
  - name: crm-daily
    description: |
      What the CRM sends at night.
    path: "landing/{source:crm|erp}/{date:%Y-%m-%d}/{name}.csv"
    exclude: ["**/_tmp/**", "landing/crm/archive/**"]
    job: {name: "ETL Pipeline Daily"}
    notebook_params: {file_path: "{blob.abfss}", run_date: "{date:%Y%m%d}"}
    examples:
      match: {"landing/crm/2026-02-28/orders.csv": {source: crm, run_date: "20260228", environment: prod}}
      no_match: ["landing/crm/2026-02-30/orders.csv", "landing/_tmp/2026-02-28/orders.csv"]
  - name: everything-else
    path: landing/**
    job: {id: "123456789012345"}
    examples: {match: ["landing/x"]}
"""


def test_file_holds_what_it_says() -> None:
    """Each key ends up where the rule keeps it."""
    first, second = parse_rules(FULL, "rules.yaml")

    assert (first.name, first.line, second.line) == ("crm-daily", 6, 16)
    assert first.description == "What the CRM sends at night."
    assert first.path.text == "landing/{source:crm|erp}/{date:%Y-%m-%d}/{name}.csv"
    assert [template.text for template in first.exclude] == ["**/_tmp/**", "landing/crm/archive/**"]
    assert first.job == JobReference(name="ETL Pipeline Daily")
    assert second.job == JobReference(id=123456789012345)
    assert second.exclude == ()
    assert second.description == ""


def test_own_parameters_go_over_defaults() -> None:
    """A rule passes the file's parameters and its own; of two with one name its own counts."""
    first, second = parse_rules(FULL, "rules.yaml")

    assert [(name, template.text) for name, template in first.notebook_params] == [
        ("environment", "prod"),
        ("file_path", "{blob.abfss}"),
        ("run_date", "{date:%Y%m%d}"),
    ]
    assert [(name, template.text) for name, template in second.notebook_params] == [
        ("environment", "prod"),
        ("file_path", "{blob.uri}"),
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", STANDARD_PARAMETERS),
        ("    notebook_params: {}\n", {}),
        ('    notebook_params: {a: "b", empty: ""}\n', {"a": "b", "empty": ""}),
    ],
)
def test_standard_parameters_stand_in_for_none(lines: str, expected: dict[str, str]) -> None:
    """A rule that says nothing passes the standard parameters; an empty mapping means none."""
    text = f'version: 1\nrules:\n  - name: a\n    path: "landing/*"\n    job: {{id: 1}}\n{lines}'

    (rule,) = parse_rules(text, "rules.yaml")

    assert {name: template.text for name, template in rule.notebook_params} == expected


@pytest.mark.parametrize("job_id", ["1", '"1"', "9223372036854775807", '"9223372036854775807"'])
def test_job_ids_may_be_quoted(job_id: str) -> None:
    """A job's id is a number up to 2^63 - 1, in quotes or not."""
    text = f'version: 1\nrules:\n  - {{name: a, path: "landing/*", job: {{id: {job_id}}}}}\n'

    (rule,) = parse_rules(text, "rules.yaml")

    assert rule.job == JobReference(id=int(job_id.strip('"')))


@pytest.mark.parametrize("container", ["$root", "$web", "abc", "a1-b2-c3", "0" * 63])
def test_containers_that_exist_are_accepted(container: str) -> None:
    """Whatever Azure lets a container be called a rule may watch."""
    (rule,) = parse_rules(f'version: 1\nrules:\n  - {{name: a, path: "{container}/*", job: {{id: 1}}}}\n', "rules.yaml")

    assert rule.path.container == container


@pytest.mark.parametrize("container", ["ab", "a" * 64, "a-" * 32 + "b", "a--b", "-ab", "ab-", "a.b", "a_b", "$other"])
def test_containers_that_cannot_exist_are_refused(container: str) -> None:
    """A container's name that Azure refuses would make a rule that never matches."""
    error = refusal(f'version: 1\nrules:\n  - {{name: a, path: "{container}/*", job: {{id: 1}}}}\n')

    assert f"`{container}` cannot be a container" in error.message


def test_windows_line_ends_and_byte_order_mark_are_fine() -> None:
    """A file saved by any editor is read, with the same places."""
    text = '\ufeffversion: 1\r\nrules:\r\n  - {name: a, path: "landing/*", job: {id: 1}}\r\n'

    (rule,) = parse_rules(text, "rules.yaml")

    assert (rule.name, rule.line) == ("a", 3)


@given(st.data())
def test_damaged_files_are_refused_or_read(data: st.DataObject) -> None:
    """A rules file with a piece cut out or put in raises RulesError or is used; it never fails otherwise."""
    start = data.draw(st.integers(0, len(FULL)))
    end = data.draw(st.integers(start, min(len(FULL), start + 40)))
    damaged = FULL[:start] + data.draw(st.text("{}[]:,*&!%|'\"- \nab1\\", max_size=5)) + FULL[end:]

    error: RulesError | None = None
    try:
        rules = parse_rules(damaged, "rules.yaml")
    except RulesError as refused:
        error = refused

    if error:
        assert error.faults
        assert all(fault.line >= 1 and fault.column >= 1 for fault in error.faults)
    else:
        assert len(rules) >= 1
