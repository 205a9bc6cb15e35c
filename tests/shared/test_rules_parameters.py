"""What a rule tells its job: the fields of run-now, their limits to the byte, and what no blob can do to them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jobs import frozen_body
from shared.model import ENTRY_PARAMETER, Arrival
from shared.parameters import Locations
from shared.rules import Match, problem
from shared.rules.run_parameters import SIZE_LIMIT, sent_size
from shared.rules_file import parse_rules
from tests.fakes.arrivals import arrival

LOCATIONS = Locations(account="a", blob_endpoint="https://a.blob.core.windows.net", dfs_host="a.dfs.core.windows.net")
KEY = "0123456789abcdef" * 4
ENTRY = {ENTRY_PARAMETER: KEY}
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def match_of(*lines: str, path: str = "crm/a.csv", defaults: str = "{}", **facts: Any) -> Match:
    """Return the match of a blob in `landing` with the one rule of a file that has these lines."""
    text = f"version: 1\ndefaults: {defaults}\nrules:\n  - name: one\n    path: landing/**\n    job: {{id: 1}}\n"
    rules = parse_rules(text + "".join(f"    {line}\n" for line in lines), "rules.yaml")
    (match,) = rules.match(replace(arrival(path), **facts))
    return match


def fields_of(*lines: str, path: str = "crm/a.csv", **facts: Any) -> dict[str, Any]:
    """Return the fields of run-now for that match."""
    return match_of(*lines, path=path, **facts).render(LOCATIONS, KEY)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('notebook_params: {f: "{blob.path}"}', {"notebook_params": {"f": "crm/a.csv", **ENTRY}}),
        ('job_parameters: {f: "{blob.path}"}', {"job_parameters": {"f": "crm/a.csv", **ENTRY}}),
        (
            'python_params: ["--file", "{blob.path}"]',
            {"python_params": ["--file", "crm/a.csv"], "notebook_params": ENTRY},
        ),
        ('python_named_params: {f: "{blob.name}"}', {"python_named_params": {"f": "a.csv"}, "notebook_params": ENTRY}),
        ('jar_params: ["{blob.name}"]', {"jar_params": ["a.csv"]}),
        ('sql_params: {f: "{blob.name}"}', {"sql_params": {"f": "a.csv"}, "notebook_params": ENTRY}),
        ('dbt_commands: ["dbt run"]', {"dbt_commands": ["dbt run"], "notebook_params": ENTRY}),
        (
            "pipeline_params: {full_refresh: false, refresh_selection: [a, b]}",
            {"pipeline_params": {"full_refresh": False, "refresh_selection": ["a", "b"]}, "notebook_params": ENTRY},
        ),
        (
            "only: [load]",
            {"only": ["load"], "notebook_params": {"file_path": "{uri}", "triggered_by": "event", **ENTRY}},
        ),
        ("description: none", {"notebook_params": {"file_path": "{uri}", "triggered_by": "event", **ENTRY}}),
        ("notebook_params: {}", {"notebook_params": ENTRY}),
    ],
)
def test_each_kind_becomes_a_field_of_run_now(line: str, expected: dict[str, Any]) -> None:
    """The entry's key goes with the job's parameters where a rule has those, else with a notebook's, else nowhere."""
    uri = "abfss://landing@a.dfs.core.windows.net/crm/a.csv"

    fields = fields_of(line)

    assert fields == json.loads(json.dumps(expected).replace("{uri}", uri))
    assert problem(fields) == ""


def test_entry_goes_with_job_parameters_beside_other_kinds() -> None:
    """A run that has job parameters gets no notebook parameters, which Databricks refuses beside them."""
    fields = fields_of("job_parameters: {a: b}", "sql_params: {c: d}")

    assert fields == {"job_parameters": {"a": "b", **ENTRY}, "sql_params": {"c": "d"}}


@pytest.mark.parametrize("kind", ["notebook_params", "jar_params", "python_params"])
def test_limit_is_exact_at_the_byte(kind: str) -> None:
    """10,000 bytes of JSON with the field's own name are taken, 10,001 are not, and the reason says what is long."""
    is_list = kind != "notebook_params"
    line = f'{kind}: ["{{event.id}}"]' if is_list else f'{kind}: {{a: "x", b: "{{event.id}}"}}'
    place = f"{kind}[0]" if is_list else f"{kind}.b"
    others = len(json.dumps({kind: fields_of(line, event_id="")[kind]}, separators=(",", ":")))

    fitting = fields_of(line, event_id="x" * (10_000 - others))
    too_long = fields_of(line, event_id="x" * (10_001 - others))

    assert problem(fitting) == ""
    assert problem(too_long) == f"the parameter `{place}` makes `{kind}` 10,001 bytes long, and Databricks takes 10,000"


def test_limit_counts_bytes_and_not_characters() -> None:
    """A letter with an accent is two bytes as it is sent, a quote is two with its escape, a control character six."""
    empty = sent_size("jar_params", [""])

    assert [sent_size("jar_params", [text]) - empty for text in ("a", "é", '"', "\n", "\x01", "😀")] == [
        1,
        2,
        2,
        2,
        6,
        4,
    ]


@pytest.mark.parametrize("kind", ["job_parameters", "python_named_params", "sql_params"])
def test_other_kinds_have_no_limit(kind: str) -> None:
    """Databricks tells of no limit for these, and a guess would stop files that it takes."""
    assert problem(fields_of(f'{kind}: {{a: "{{event.id}}"}}', event_id="x" * 20_000)) == ""


@given(st.dictionaries(NAMES, NAMES, max_size=4), st.lists(NAMES, max_size=4))
def test_size_is_that_of_the_json_that_is_sent(mapping: dict[str, str], items: list[str]) -> None:
    """What is counted is what json.dumps makes without spaces and escapes, and what stands in the request."""
    for kind, value in (("notebook_params", mapping), ("jar_params", items)):
        size = sent_size(kind, value)

        assert size == len(json.dumps({kind: value}, ensure_ascii=False, separators=(",", ":")).encode())
        assert size - 2 == len(frozen_body(1, "t", {kind: value}).encode()) - len(frozen_body(1, "t", {}).encode()) - 1


@given(NAMES.filter(lambda name: "{{" not in name and "}}" not in name), st.integers(9_500, 10_500))
def test_over_the_limit_is_told_and_nothing_else(name: str, size: int) -> None:
    """A request is stopped exactly when its JSON is longer than the limit."""
    padding = "x" * (size - sent_size("jar_params", [name]))

    assert bool(problem({"jar_params": [name + padding]})) == (size > SIZE_LIMIT)


@pytest.mark.parametrize("name", ["größe.csv", "a\u202eb", "日本"])
def test_python_parameters_are_ascii(name: str) -> None:
    """Databricks refuses other characters there: the reason says what to pass, and the URL is fine."""
    fields = fields_of('python_params: ["{blob.https}", "{blob.name}"]', path=name)

    assert problem(fields) == (
        "the parameter `python_params[1]` is not ASCII, and Databricks takes no other characters there; "
        "pass it as a percent-encoded `blob.https`"
    )
    assert problem({**fields, "python_params": fields["python_params"][:1]}) == ""
    assert problem(fields_of('notebook_params: {f: "{blob.name}"}', path=name)) == ""


@pytest.mark.parametrize("name", ["{{job.id}}", "a{{b", "a}}b"])
@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('notebook_params: {f: "{blob.path}"}', "notebook_params.f"),
        ('job_parameters: {f: "{blob.path}"}', "job_parameters.f"),
        ('sql_params: {a: "1", f: "{blob.path}"}', "sql_params.f"),
        ('jar_params: ["x", "{blob.path}"]', "jar_params[1]"),
    ],
)
def test_references_in_names_are_stopped(name: str, line: str, place: str) -> None:
    """Two braces in a row could be evaluated by Databricks: such a blob is not run, and the parameter is named."""
    told = problem(fields_of(line, path=name))

    assert told == f"the parameter `{place}` holds {{{{ or }}}}, which Databricks would evaluate; rename the file"


@given(NAMES, st.sampled_from(["{blob.path}", "{all}", "{blob.container}/{blob.path}", "{{{all}}}"]))
def test_nothing_is_expanded_twice(name: str, template: str) -> None:
    """Whatever a blob is called, its name comes out as it is, in every kind, and changes nothing beside it."""
    text = (
        "version: 1\nrules:\n  - name: one\n    path: landing/{all:**}\n    job: {id: 1}\n"
        f"    job_parameters: {{before: x, value: '{template}', after: y1}}\n    sql_params: {{value: '{template}'}}\n"
    )
    found: Arrival = replace(arrival(name), event_id="{blob.path}{rule.name}")

    (match,) = parse_rules(text, "rules.yaml").match(found)
    fields = match.render(LOCATIONS, KEY)

    expected = template.replace("{{{all}}}", f"{{{name}}}") if "{{{" in template else None
    expected = expected or {"{blob.path}": name, "{all}": name}.get(template, f"landing/{name}")
    assert fields["job_parameters"] == {"before": "x", "value": expected, "after": "y1", **ENTRY}
    assert fields["sql_params"] == {"value": expected}
    assert json.loads(frozen_body(1, "t", fields))["job_parameters"] == fields["job_parameters"]


@given(st.dictionaries(st.sampled_from(["notebook_params", "sql_params", "jar_params"]), st.text(max_size=20)))
def test_any_rendered_fields_can_be_judged(values: dict[str, str]) -> None:
    """`problem` never raises, whatever a name holds: half a surrogate pair, too."""
    fields = {kind: [text, "\ud800"] if kind == "jar_params" else {"a": text} for kind, text in values.items()}

    assert isinstance(problem(fields), str)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("crm/a.csv", "/Volumes/main/raw/landing/sub/crm/a.csv"),
        ("a b/ü#%.csv", "/Volumes/main/raw/landing/sub/a b/ü#%.csv"),
        ("a//b.csv", ""),
        ("a/../b.csv", ""),
        ("./b.csv", ""),
        ("folder/", ""),
        ("...", "/Volumes/main/raw/landing/sub/..."),
    ],
)
def test_volume_is_that_of_the_container(path: str, expected: str) -> None:
    """A path that a file system would read as another is no place in a volume."""
    volumes = "{volumes: {landing: /Volumes/main/raw/landing/sub, raw: /Volumes/main/raw/raw}}"
    match = match_of('notebook_params: {f: "{blob.volume}"}', path=path, defaults=volumes)

    assert match.render(LOCATIONS, KEY)["notebook_params"]["f"] == expected


def test_container_without_a_volume_has_no_place() -> None:
    """Where the container is not known before a blob lands, one without a volume leaves the value empty."""
    text = (
        "version: 1\ndefaults: {volumes: {raw: /Volumes/main/raw/raw}}\nrules:\n  - name: one\n    path: '**/*.csv'\n"
        "    job: {id: 1}\n    notebook_params: {f: '{blob.volume}'}\n"
    )
    rules = parse_rules(text, "rules.yaml")

    found = [
        rules.match(replace(arrival(), container=container))[0].render(LOCATIONS, KEY)["notebook_params"]["f"]
        for container in ("raw", "landing")
    ]

    assert found == ["/Volumes/main/raw/raw/crm/a.csv", ""]
