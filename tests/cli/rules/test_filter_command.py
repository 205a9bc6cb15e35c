"""`landfall rules filter`: what it writes, and how it compares a subscription that exists."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.rules.filter.command import filter_
from cli.rules.filter.formats import Format, written
from cli.rules.filter.subscription_file import read_subscription
from cli.rules.filter.subscription_filter import AdvancedFilter, SubscriptionFilter
from shared.errors import ConfigurationError

RULES = """
version: 1
rules:
  - {name: crm, path: "landing/crm/{date:%Y-%m-%d}/*.csv", job: {id: 1}, min_size: 10}
  - {name: erp, path: "landing/erp/**", job: {id: 1}, mode: shadow}
"""
HEAD = "/blobServices/default/containers/"
TYPES = ["Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobRenamed"]

app = typer.Typer()
app.command()(filter_)


@pytest.fixture
def rules(tmp_path: Path) -> str:
    """Return the path of a rules file."""
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, encoding="utf-8")
    return str(file)


@pytest.fixture
def verify(tmp_path: Path, rules: str) -> Any:
    """Return what compares a filter, wrapped as `az` exports it, and gives exit code and drifts."""

    def run(*options: str, **filter_keys: Any) -> tuple[int, list[dict[str, Any]]]:
        exported = {"name": "landfall", "filter": filter_keys, "eventDeliverySchema": "EventGridSchema"}
        file = tmp_path / "subscription.json"
        file.write_text(json.dumps(exported), encoding="utf-8")
        code, output, _ = invoke("--rules", rules, "--verify", str(file), "--format", "json", *options)
        return code, json.loads(output)["drifts"]

    return run


def invoke(*arguments: str, given: str = "") -> tuple[int, str, str]:
    """Run the command and return its exit code, its standard output and its standard error."""
    result = CliRunner().invoke(app, list(arguments), input=given)
    return result.exit_code, result.stdout, result.stderr


def arguments_of(command_line: str) -> list[str]:
    """Return what a shell makes of a command line's options."""
    shell = subprocess.run(["sh", "-c", f"printf '%s\\n' {command_line}"], capture_output=True, text=True, check=True)
    return shell.stdout.splitlines()


def test_arguments_for_az_are_what_a_shell_reads(rules: str) -> None:
    """The text is one command line's options, a line each, ready to stand behind a backslash."""
    code, output, _ = invoke("--rules", rules)

    assert code == 0
    assert arguments_of(output) == [
        *("--included-event-types", *TYPES),
        *("--subject-begins-with", f"{HEAD}landing/blobs/"),
        *("--subject-case-sensitive", "true"),
        *("--advanced-filter", "data.api", "StringNotIn", "CreateFile", "SftpCreate"),
        *("--advanced-filter", "subject", "StringBeginsWith"),
        *(f"{HEAD}landing/blobs/crm/", f"{HEAD}landing/blobs/erp/"),
    ]
    assert all(line.endswith(" \\") for line in output.splitlines()[:-1])


def test_json_is_azures_own_and_verifies(rules: str, tmp_path: Path) -> None:
    """What is written as JSON can be exported and compared: it is the tightest."""
    _, output, _ = invoke("--rules", rules, "--format", "json")
    file = tmp_path / "filter.json"
    file.write_text(output, encoding="utf-8")

    code, said, _ = invoke("--rules", rules, "--verify", str(file))

    assert json.loads(output)["isSubjectCaseSensitive"] is True
    assert code == 0
    assert "every event that a rule wants and no others that a filter could keep out" in said


@pytest.mark.parametrize("ending", ["it's", "$HOME `x` \\", "a b", '"*"'])
def test_shell_takes_odd_endings_as_they_are(ending: str) -> None:
    """Nothing in a value means anything to the shell."""
    text = written(SubscriptionFilter(ends_with=ending), Format.AZ)

    assert arguments_of(text) == ["--subject-ends-with", ending, "--subject-case-sensitive", "false"]


def test_bicep_is_written_in_its_own_syntax() -> None:
    """Text stands in single quotes with what would end it or be replaced escaped, and lists have no commas."""
    found = SubscriptionFilter(ends_with=r"it's \ ${x}", advanced=(AdvancedFilter("data.size", "NumberIn", (1, 2)),))

    text = written(found, Format.BICEP)

    assert "subjectEndsWith: 'it\\'s \\\\ \\${x}'" in text
    assert "includedEventTypes: null" in text
    assert "      values: [\n        1\n        2\n      ]\n" in text


@given(
    st.builds(
        SubscriptionFilter,
        event_types=st.sampled_from([(), tuple(TYPES)]),
        begins_with=st.text(),
        ends_with=st.text(),
        is_case_sensitive=st.booleans(),
        advanced=st.lists(
            st.builds(
                AdvancedFilter,
                st.sampled_from(["subject", "data.api"]),
                st.sampled_from(["StringIn", "StringNotBeginsWith"]),
                st.lists(st.text(), min_size=1, max_size=3).map(tuple),
            )
            | st.builds(AdvancedFilter, st.just("data.x"), st.just("NumberLessThan"), st.tuples(st.integers()))
            | st.builds(AdvancedFilter, st.just("data.x"), st.just("IsNotNull")),
            max_size=3,
        ).map(tuple),
    )
)
def test_what_is_written_is_read_back(found: SubscriptionFilter) -> None:
    """JSON holds all of a filter, and reading it gives the same one."""
    assert read_subscription(written(found, Format.JSON), "f").filter == found


@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: {"properties": it}, lambda it: [{"properties": it}]])
def test_exports_of_every_shape_are_read(wrap: Any) -> None:
    """`az` flattens properties, templates do not, and `list` gives a list."""
    exported = {"filter": {"subjectEndsWith": ".csv"}, "expirationTimeUtc": "2026-12-01T00:00:00Z"}

    found = read_subscription(json.dumps(wrap(exported)), "f")

    assert found.filter.ends_with == ".csv"
    assert found.expires == "2026-12-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "it is not JSON"),
        ("[]", "it holds 0 subscriptions"),
        ("3", "it holds no event subscription"),
        ('{"name": "x"}', "it holds no `filter`"),
        ('{"filter": 3}', "its `filter` is no object"),
        ('{"filter": {"advancedFilters": {}}}', "its `advancedFilters` is no list"),
        ('{"filter": {"advancedFilters": [3]}}', "one of its `advancedFilters` is no object"),
        ('{"filter": {"advancedFilters": [{"operatorType": "StringLike"}]}}', "`StringLike` is no operator"),
        ('{"filter": {"advancedFilters": [{"operatorType": "StringIn", "key": "a", "values": [1]}]}}', "has no values"),
        ('{"filter": {"advancedFilters": [{"operatorType": "NumberIn", "key": "a"}]}}', "has no values"),
        ('{"filter": {"advancedFilters": [{"operatorType": "NumberInRange", "values": [[1]]}]}}', "has no values"),
    ],
)
def test_what_is_no_subscription_is_refused(text: str, says: str) -> None:
    """A file that cannot be compared says why and what to export."""
    with pytest.raises(ConfigurationError) as refused:
        read_subscription(text, "f.json")

    assert says in str(refused.value)
    assert "event-subscription show --output json" in str(refused.value)


def test_verify_finds_a_dropped_file(verify: Any) -> None:
    """A filter that begins in another folder is narrower, for the rules it starves, with a file that shows it."""
    code, drifts = verify(includedEventTypes=TYPES, subjectBeginsWith=f"{HEAD}landing/blobs/crm/")

    assert code == 1
    (narrower,) = [drift for drift in drifts if drift["kind"] == "narrower"]
    assert (narrower["rule"], narrower["path"]) == ("erp", "landing/erp/a")


def test_verify_finds_the_prefix_without_its_slash(verify: Any) -> None:
    """`landing-old` passes a beginning that lacks its slash: wider, with a file that shows it, and no error."""
    code, drifts = verify(includedEventTypes=TYPES, subjectBeginsWith=f"{HEAD}landing")

    assert code == 0
    assert {drift["kind"] for drift in drifts} == {"wider"}
    assert drifts[0]["path"].startswith("landing")


def test_verify_finds_the_forgotten_blobs_folder(verify: Any) -> None:
    """A subject has `/blobs/` behind its container: a beginning without it lets nothing through."""
    code, drifts = verify(includedEventTypes=TYPES, subjectBeginsWith=f"{HEAD}landing/crm/")

    assert code == 1
    assert [drift["rule"] for drift in drifts if drift["kind"] == "narrower"] == ["crm", "erp"]


def test_verify_asks_for_renames_where_there_are_some(verify: Any) -> None:
    """Without BlobRenamed a filter is narrower, but not for an account that has no hierarchical namespace."""
    subject = {"subjectBeginsWith": f"{HEAD}landing/", "includedEventTypes": TYPES[:1]}

    code, drifts = verify(**subject)
    flat_code, _ = verify("--no-hns", **subject)

    assert (code, flat_code) == (1, 0)
    assert drifts[0]["says"].startswith("Microsoft.Storage.BlobRenamed is not among")


@pytest.mark.parametrize(
    ("advanced", "rule", "says"),
    [
        (
            {"operatorType": "StringIn", "key": "data.api", "values": ["FlushWithClose"]},
            "crm",
            "drops a Microsoft.Storage.BlobCreated with `PutBlob` there",
        ),
        (
            {"operatorType": "NumberGreaterThan", "key": "data.contentLength", "value": 9},
            "crm",
            "drops a Microsoft.Storage.BlobRenamed that does not tell it",
        ),
        (
            {"operatorType": "StringNotContains", "key": "subject", "values": ["_tmp"]},
            "crm",
            "it drops the events of this file",
        ),
        ({"operatorType": "IsNotNull", "key": "data.eTag"}, None, "of `data.eTag` drops is not known here"),
    ],
)
def test_verify_judges_advanced_filters(verify: Any, advanced: Any, rule: str | None, says: str) -> None:
    """A filter on what events tell is tried with events that rules want; one on anything else proves nothing."""
    code, drifts = verify(includedEventTypes=TYPES, advancedFilters=[advanced])

    assert code == 1
    worst = [drift for drift in drifts if drift["kind"] != "wider"]
    assert worst[0]["rule"] == rule
    assert says in worst[0]["says"]


def test_verify_lets_sizes_be_filtered_that_no_rule_wants(verify: Any, tmp_path: Path) -> None:
    """Where every rule asks for ten bytes and nothing is renamed, a filter may ask for them too."""
    (tmp_path / "rules.yaml").write_text(RULES.replace("mode: shadow", "min_size: 10"), encoding="utf-8")
    advanced = {"operatorType": "NumberGreaterThanOrEquals", "key": "data.contentLength", "value": 10}

    code, _ = verify("--no-hns", includedEventTypes=TYPES[:1], advancedFilters=[advanced])
    too_many, drifts = verify("--no-hns", includedEventTypes=TYPES[:1], advancedFilters=[{**advanced, "value": 11}])

    assert (code, too_many) == (0, 1)
    assert "with `10` there" in drifts[0]["says"]


def test_verify_says_so_to_people(rules: str) -> None:
    """A person sees a table and a sentence, from standard input as well."""
    given = json.dumps({"filter": {"subjectEndsWith": ".json"}, "expirationTimeUtc": "2026-12-01"})

    code, output, _ = invoke("--rules", rules, "--verify", "-", given=given)

    assert code == 1
    assert "narrower" in output
    assert "only the sweep finds those files" in output
    assert "It expires: Event Grid deletes it on 2026-12-01." in output


def test_paths_show_how_tight_it_is(rules: str) -> None:
    """Paths are counted: those that pass the filter, and those that a rule wants."""
    paths = "landing/crm/2026-11-22/a.csv\nlanding/crm/readme\nraw/x\n"

    _, _, said = invoke("--rules", rules, "--paths", "-", given=paths)

    assert "Of 3 paths 2 pass the filter; rules want 1." in " ".join(said.split())


def test_what_was_given_up_is_said(tmp_path: Path) -> None:
    """With more folders than values a person is told how many are left."""
    lines = [f'  - {{name: r{index}, path: "c{index:03}/*", job: {{id: 1}}}}' for index in range(40)]
    (tmp_path / "rules.yaml").write_text("\n".join(["version: 1", "rules:", *lines]), encoding="utf-8")

    code, _, said = invoke("--rules", str(tmp_path / "rules.yaml"))

    assert code == 0
    assert "The rules' files have 40 different beginnings" in " ".join(said.split())


@pytest.mark.parametrize("text", ["version: 1\n", RULES.replace("job: {id: 1}", "enabled: false, job: {id: 1}")])
def test_unusable_rules_exit_with_two(tmp_path: Path, text: str) -> None:
    """A file with faults, or without a rule that is enabled, gives no filter."""
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")

    code, output, said = invoke("--rules", str(tmp_path / "rules.yaml"))

    assert (code, output) == (2, "")
    assert said
