"""Which rules an arrival is for, what they make of its path, and what a match renders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model import Arrival, JobReference, Source
from shared.parameters import Locations, ParameterTemplate
from shared.path_template import Captures, PathTemplate
from shared.rules import Rule, Rules
from tests.shared.reference_matcher import Sample, paths_for, reference_match, samples

LOCATIONS = Locations(
    account="account",
    blob_endpoint="https://account.blob.core.windows.net",
    dfs_host="account.dfs.core.windows.net",
)


def rule(name: str, path: str, *, exclude: Sequence[str] = (), line: int = 0, **parameters: str) -> Rule:
    """Return a rule that starts job 1."""
    return Rule(
        name=name,
        path=PathTemplate.parse(path),
        exclude=tuple(PathTemplate.parse(text) for text in exclude),
        job=JobReference(id=1),
        notebook_params=tuple((key, ParameterTemplate.parse(text)) for key, text in parameters.items()),
        line=line,
    )


def arrival(full_path: str) -> Arrival:
    """Return an arrival at `container/path`."""
    container, _, path = full_path.partition("/")
    return Arrival(
        account="account",
        container=container,
        path=path,
        version="0x8D1",
        committed_at=datetime(2026, 2, 28, 10, tzinfo=UTC),
        source=Source.EVENT,
    )


def matched(rules: Rules, full_path: str) -> list[str]:
    """Return the names of the rules that a blob starts."""
    return [match.rule.name for match in rules.match(arrival(full_path))]


def test_first_rule_in_the_file_wins() -> None:
    """Of several rules that match, only the first starts its job, however particular the others are."""
    rules = Rules([rule("b", "landing/**"), rule("a", "landing/crm/orders.csv"), rule("c", "*/crm/*")])

    assert matched(rules, "landing/crm/orders.csv") == ["b"]
    assert matched(rules, "raw/crm/orders.csv") == ["c"]
    assert matched(rules, "raw/erp/orders.csv") == []


def test_excluded_path_falls_to_the_next_rule() -> None:
    """An exclude keeps a path from its own rule and from no other."""
    rules = Rules([rule("first", "landing/**", exclude=["**/_tmp/**"]), rule("second", "landing/**")])

    assert matched(rules, "landing/a.csv") == ["first"]
    assert matched(rules, "landing/x/_tmp/a.csv") == ["second"]


def test_no_rules_match_nothing() -> None:
    """An empty file of rules is a service that does nothing."""
    assert matched(Rules([]), "landing/a.csv") == []


@pytest.mark.parametrize("container", ["$logs", "$blobchangefeed", "azure-webjobs-hosts", "azure-webjobs-secrets"])
def test_system_containers_match_nothing(container: str) -> None:
    """What Azure writes by itself never starts a job, also where a rule's container is a wildcard."""
    rules = Rules([rule("all", "**"), rule("captured", "{container}/{name:**}")])

    assert matched(rules, f"{container}/a") == []
    assert [(said.matched, said.reason) for said in rules.explain(f"{container}/a")] == [
        (False, f"Azure keeps the container `{container}` for itself")
    ] * 2


def test_rules_are_found_by_name_and_kept_in_order() -> None:
    """The rules are those given, in their order, and a name that is gone is None."""
    given_rules = [rule("b", "landing/b"), rule("a", "landing/a")]
    rules = Rules(given_rules)

    assert list(rules) == given_rules
    assert len(rules) == 2
    assert rules.by_name("a") is given_rules[1]
    assert rules.by_name("c") is None


def test_match_renders_the_parameters_of_its_rule() -> None:
    """Parameters come in the rule's order, and the entry's key last, under Landfall's own name."""
    rules = Rules(
        [rule("crm", "landing/{source}/{d:%Y%m%d}.csv", uri="{blob.uri}", day="{d:%d.%m.}", who="{rule.name}")]
    )

    (match,) = rules.match(arrival("landing/crm/20260228.csv"))

    assert list(match.render(LOCATIONS, "f" * 64).items()) == [
        ("uri", "abfss://landing@account.dfs.core.windows.net/crm/20260228.csv"),
        ("day", "28.02."),
        ("who", "crm"),
        ("landfall_entry", "f" * 64),
    ]


def test_explanation_covers_every_rule() -> None:
    """Each rule is told with what it makes of the path: a reason, or captures, or who came before it."""
    rules = Rules(
        [
            rule("dates", "landing/{d:%Y-%m-%d}/*.csv", line=3),
            rule("tidy", "landing/**", exclude=["**/*.csv"], line=7),
            rule("sources", "landing/{source}/{name}.csv", line=11),
            rule("rest", "landing/{rest:**}", line=15),
            rule("all", "**", line=19),
        ]
    )

    explained = rules.explain("landing/2026-02-30/a.csv")

    assert [(said.rule, said.matched, said.reason) for said in explained] == [
        ("dates", False, "segment 2: `2026-02-30` is not a date in the format `%Y-%m-%d`"),
        ("tidy", False, "excluded by `**/*.csv`"),
        ("sources", True, ""),
        ("rest", False, "it fits, but the rule `sources` on line 11 comes first"),
        ("all", False, "it fits, but the rule `sources` on line 11 comes first"),
    ]
    assert [
        taken and {name: one.text for name, one in taken.items()} for taken in (said.captures for said in explained)
    ] == [
        None,
        None,
        {"source": "2026-02-30", "name": "a"},
        {"rest": "2026-02-30/a.csv"},
        {},
    ]


@settings(max_examples=150)
@given(data=st.data(), drawn=st.lists(samples(), min_size=1, max_size=8))
def test_looking_up_rules_is_asking_all_of_them(data: st.DataObject, drawn: list[Sample]) -> None:
    """The index changes what matching costs and never what it finds; `explain` says the same."""
    rules = Rules([rule(f"r{index}", sample.text) for index, sample in enumerate(drawn)])
    path = data.draw(paths_for(data.draw(st.sampled_from(drawn))))

    found = matched(rules, path)

    fitting = [f"r{index}" for index, sample in enumerate(drawn) if reference_match(sample.tokens, path) is not None]
    assert found == fitting[:1]
    assert [said.rule for said in rules.explain(path) if said.matched] == fitting[:1]
    assert [said.rule for said in rules.explain(path) if said.captures is not None] == fitting


def test_index_leaves_out_what_cannot_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand rules only those whose literal text the path has are tried at all."""
    rules = Rules(
        [rule(f"prefix-{index}", f"landing/source-{index}/*.csv") for index in range(500)]
        + [rule(f"middle-{index}", f"landing/*/orders-{index}_*.csv") for index in range(400)]
        + [rule(f"suffix-{index}", f"landing/{{a}}/{{b}}_{index}.csv") for index in range(100)]
    )
    tried: list[str] = []
    match = PathTemplate.match

    def counted(template: PathTemplate, full_path: str) -> object:
        tried.append(template.text)
        return match(template, full_path)

    monkeypatch.setattr(PathTemplate, "match", counted)

    assert matched(rules, "landing/x/orders-7_9.csv") == ["middle-7"]
    assert tried == ["landing/*/orders-7_*.csv"]


def test_rule_by_itself_ignores_the_others() -> None:
    """A rule can be asked alone, for examples and explanations."""
    one = rule("one", "landing/{name}.csv", exclude=["landing/_*"])

    assert isinstance(one.match("landing/a.csv"), Captures)
    assert not isinstance(one.match("landing/_a.csv"), Captures)
