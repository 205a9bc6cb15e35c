"""Rules files: what they mean, and all that is said of one that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RulesError
from shared.model import JobReference
from shared.path_template import RegexTemplate
from shared.rules import Conditions, FailureAction, Limit, Mode, OnFailure, OnOverwrite, Per, Rule
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


def written(rule: Rule) -> dict[str, str]:
    """Return the parameter templates of a rule by their places."""
    return {place: template.text for place, template in rule.parameters.templates()}


def only_rule(*lines: str) -> Rule:
    """Return the rule of a file that has one for `landing/*`, with these lines in it."""
    indented = "".join(f"    {line}\n" for line in lines)
    (rule,) = parse_rules(
        f'version: 1\nrules:\n  - name: a\n    path: "landing/*"\n    job: {{id: 1}}\n{indented}', "x"
    )
    return rule


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title.replace(" ", "-")) for case in malformed()])
def test_malformed_file_is_refused_with_every_fault(case: Malformed) -> None:
    """Each fault is told with its line and column, all of them at once, in the order of the file."""
    assert refusal(case.text).message == case.faults


def test_malformed_files_are_many_and_none_is_silent() -> None:
    """The corpus is read at all, and every case in it expects something."""
    cases = malformed()

    assert len(cases) >= 100
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

    assert written(first) == {
        "notebook_params.environment": "prod",
        "notebook_params.file_path": "{blob.abfss}",
        "notebook_params.run_date": "{date:%Y%m%d}",
    }
    assert written(second) == {"notebook_params.environment": "prod", "notebook_params.file_path": "{blob.uri}"}


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

    assert written(rule) == {f"notebook_params.{name}": text for name, text in expected.items()}
    assert "notebook_params" in rule.parameters.fields


def test_only_tasks_are_no_parameters() -> None:
    """A rule that only says which tasks run passes the standard parameters, and its tasks as they are."""
    rule = only_rule("only: [load, +report+]")

    assert set(written(rule)) == {f"notebook_params.{name}" for name in STANDARD_PARAMETERS}
    assert rule.parameters.fields["only"] == ("load", "+report+")


def test_rule_that_says_nothing_has_no_options() -> None:
    """Without a word a rule is enabled, runs, runs overwrites too, and asks nothing of a blob."""
    rule = only_rule("")

    assert (rule.enabled, rule.also, rule.mode, rule.on_overwrite) == (True, False, Mode.RUN, OnOverwrite.RUN)
    assert rule.conditions == Conditions()
    assert rule.volumes == {}


def test_options_are_kept() -> None:
    """Each key about what becomes of a match ends up where the rule keeps it."""
    rule = only_rule("enabled: false", "also: true", "mode: shadow", "on_overwrite: alert")

    assert (rule.enabled, rule.also, rule.mode, rule.on_overwrite) == (False, True, Mode.SHADOW, OnOverwrite.ALERT)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("record", OnFailure()),
        ("{rerun: 1}", OnFailure(FailureAction.RERUN, 1)),
        ("{repair: 10}", OnFailure(FailureAction.REPAIR, 10)),
    ],
)
def test_failures_are_run_again_so_often(written: str, kept: OnFailure) -> None:
    """A rule says what becomes of failed runs, and how often; also one that is a shadow, for when it runs."""
    assert only_rule(f"on_failure: {written}").on_failure == kept
    assert only_rule(f"on_failure: {written}", "mode: shadow").on_failure == kept


def test_default_for_failures_holds_where_a_rule_says_nothing() -> None:
    """The file's word holds for all rules but those that have their own; without either, failures are recorded."""
    text = """
version: 1
defaults: {on_failure: {rerun: 2}}
rules:
  - {name: silent, path: "landing/a", job: {id: 1}}
  - {name: careful, path: "landing/b", job: {id: 1}, on_failure: {repair: 3}}
  - {name: final, path: "landing/c", job: {id: 1}, on_failure: record}
"""

    assert [rule.on_failure for rule in parse_rules(text, "rules.yaml")] == [
        OnFailure(FailureAction.RERUN, 2),
        OnFailure(FailureAction.REPAIR, 3),
        OnFailure(),
    ]
    assert only_rule("").on_failure == OnFailure()


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("100/hour", (Limit(100, Per.HOUR),)),
        ("[500/day, 1000000/minute]", (Limit(1_000_000, Per.MINUTE), Limit(500, Per.DAY))),
        ('"007/day"', (Limit(7, Per.DAY),)),
    ],
)
def test_limits_are_kept(written: str, kept: tuple[Limit, ...]) -> None:
    """One or several, the shortest time first, whatever the order."""
    assert only_rule(f"limit: {written}").limits == kept


def test_default_limit_holds_where_a_rule_says_nothing() -> None:
    """A rule's own limit takes the place of the file's."""
    text = """
version: 1
defaults: {limit: 100/hour}
rules:
  - {name: silent, path: "landing/a", job: {id: 1}}
  - {name: careful, path: "landing/b", job: {id: 1}, limit: 1/day}
"""

    assert [rule.limits for rule in parse_rules(text, "rules.yaml")] == [(Limit(100, Per.HOUR),), (Limit(1, Per.DAY),)]
    assert only_rule("").limits == ()


def test_conditions_are_kept() -> None:
    """Sizes are read in bytes, one word is a list of one, content types lose their case."""
    rule = only_rule(
        "min_size: 1KB",
        "max_size: 2 MiB",
        "content_type: [Text/CSV, application/*]",
        "blob_type: BlockBlob",
        "api: PutBlob",
        "account: [one1, two2]",
        "min_age: 90s",
    )

    assert rule.conditions == Conditions(
        min_size=1000,
        max_size=2 * 1024 * 1024,
        content_type=("text/csv", "application/*"),
        blob_type="BlockBlob",
        api=("PutBlob",),
        account=("one1", "two2"),
        min_age=timedelta(seconds=90),
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("0", 0),
        ("10240", 10240),
        ('"10240B"', 10240),
        ("1KB", 1000),
        ("1KiB", 1024),
        ("3 MB", 3_000_000),
        ("2GiB", 2 * 1024**3),
        ("5TB", 5 * 1000**4),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_sizes_have_units(size: str, expected: int) -> None:
    """KB and its like count in thousands, KiB and its like in 1,024s."""
    assert only_rule(f"min_size: {size}").conditions.min_size == expected


def test_expression_stands_in_for_a_path() -> None:
    """A rule may say `regex` for `path`; its named groups are captures."""
    text = (
        "version: 1\nrules:\n  - name: a\n    regex: 'landing/(?P<source>[a-z]+)-(?P<rest>.*)'\n    job: {id: 1}\n"
        '    notebook_params: {source: "{source}"}\n'
        '    examples: {match: {landing/crm-a/b: {source: crm, rest: a/b}}, no_match: ["landing/crm"]}\n'
    )

    (rule,) = parse_rules(text, "rules.yaml")

    assert isinstance(rule.path, RegexTemplate)
    assert rule.path.capture_names == ("source", "rest")


DEFAULTS = """
version: 1
defaults:
  exclude: ["**/_tmp/**"]
  min_size: 1
  max_size: 1GB
  min_age: 5m
  mode: shadow
  on_overwrite: ignore
  volumes: {landing: /Volumes/main/raw/landing}
  job_parameters: {environment: prod, file: "{blob.volume}"}
  jar_params: ["--file", "{blob.uri}"]
  sql_params: {environment: prod}
rules:
  - name: silent
    path: "landing/silent/*"
    job: {id: 1}
    job_parameters: {}
  - name: loud
    path: "landing/loud/*"
    exclude: ["**/*.tmp"]
    job: {id: 1}
    min_size: 10
    min_age: 0s
    mode: run
    on_overwrite: run
    jar_params: ["x"]
  - name: mixed
    path: "landing/mixed/*"
    job: {id: 1}
    job_parameters: {file: "{blob.name}", day: "1"}
    sql_params: {a: b}
"""


def test_defaults_are_for_rules_that_say_nothing_else() -> None:
    """A rule has what the defaults say, its own word over it, and the excludes of both."""
    silent, loud, _ = parse_rules(DEFAULTS, "rules.yaml")

    assert silent.conditions == Conditions(min_size=1, max_size=10**9, min_age=timedelta(minutes=5))
    assert (silent.mode, silent.on_overwrite) == (Mode.SHADOW, OnOverwrite.IGNORE)
    assert [template.text for template in silent.exclude] == ["**/_tmp/**"]
    assert loud.conditions == Conditions(min_size=10, max_size=10**9)
    assert (loud.mode, loud.on_overwrite) == (Mode.RUN, OnOverwrite.RUN)
    assert [template.text for template in loud.exclude] == ["**/_tmp/**", "**/*.tmp"]
    assert silent.volumes == loud.volumes == {"landing": "/Volumes/main/raw/landing"}


def test_default_parameters_are_for_rules_of_their_kind() -> None:
    """Of mappings the names are merged, a list takes the place of another, and other kinds are left out."""
    silent, loud, mixed = parse_rules(DEFAULTS, "rules.yaml")

    assert written(silent) == {"job_parameters.environment": "prod", "job_parameters.file": "{blob.volume}"}
    assert written(loud) == {"jar_params[0]": "x"}
    assert written(mixed) == {
        "job_parameters.environment": "prod",
        "job_parameters.file": "{blob.name}",
        "job_parameters.day": "1",
        "sql_params.environment": "prod",
        "sql_params.a": "b",
    }


def test_kinds_that_go_together_are_accepted() -> None:
    """Only what Databricks refuses is refused: SQL, pipelines and tasks stand beside job parameters."""
    rule = only_rule(
        "job_parameters: {a: b}",
        "sql_params: {c: d}",
        "pipeline_params: {full_refresh: true, refresh_selection: [orders]}",
        "only: [load]",
    )

    assert set(rule.parameters.fields) == {"job_parameters", "sql_params", "pipeline_params", "only"}


def test_examples_may_give_facts() -> None:
    """What is given decides conditions and fills parameters; what is not given leaves them open and fails nothing."""
    rule = only_rule(
        "min_size: 10",
        "content_type: text/*",
        "account: [other1]",
        'notebook_params: {size: "{blob.size}", type: "{blob.content_type}", who: "{blob.account}", at: "{blob.uri}"}',
        "examples:",
        "  match:",
        "    landing/a: {}",
        "    landing/b:",
        "      given: {size: 10, content_type: text/csv, account: other1, api: PutBlob, blob_type: BlockBlob}",
        '      size: "10"',
        "      type: text/csv",
        "      who: other1",
        "      at: abfss://landing@other1.dfs.core.windows.net/b",
        '    landing/c: {who: account, type: ""}',
        "  no_match:",
        "    landing/d: {given: {size: 9}}",
        "    landing/e: {given: {account: account}}",
        "    landing/f/g: {}",
    )

    assert rule.conditions.fields == ("size", "content_type", "account")


def test_examples_name_parameters_by_place_or_name() -> None:
    """A name that stands once needs no kind before it; items of lists are told by number."""
    rule = only_rule(
        'job_parameters: {day: "{blob.stem}"}',
        'sql_params: {day: "day {blob.stem}", other: x}',
        "pipeline_params: {refresh_selection: [orders]}",
        "examples:",
        "  match:",
        "    landing/1.csv:",
        '      job_parameters.day: "1"',
        "      sql_params.day: day 1",
        "      other: x",
        '      "pipeline_params.refresh_selection[0]": orders',
    )

    assert rule.name == "a"


def test_examples_may_be_where_azure_writes() -> None:
    """Nothing ever matches in Azure's own containers, which is as good a reason not to match as any."""
    text = 'version: 1\nrules:\n  - {name: a, path: "*/**", job: {id: 1}, examples: {no_match: ["$logs/a"]}}\n'

    assert [rule.name for rule in parse_rules(text, "rules.yaml")] == ["a"]


def test_examples_of_also_rules_need_not_win() -> None:
    """A rule with `also` fires beside the one that wins, so that no earlier rule takes its examples."""
    text = """
version: 1
rules:
  - {name: first, path: "landing/**", job: {id: 1}}
  - {name: audit, path: "landing/*.csv", also: true, job: {id: 2}, examples: {match: [landing/a.csv]}}
  - {name: later, path: "landing/*.json", enabled: false, job: {id: 2}, examples: {match: [landing/a.json]}}
"""

    assert [rule.name for rule in parse_rules(text, "rules.yaml")] == ["first", "audit", "later"]


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
