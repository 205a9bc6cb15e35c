"""Which rules an arrival is for, what they make of its path, and what a match renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model import Arrival, JobReference, Source
from shared.parameters import Locations, ParameterTemplate
from shared.path_template import Captures, PathTemplate
from shared.rules import Conditions, Mode, Rule, Rules, RunParameters
from tests.shared.reference_matcher import Sample, paths_for, reference_match, samples

LOCATIONS = Locations(
    account="account",
    blob_endpoint="https://account.blob.core.windows.net",
    dfs_host="account.dfs.core.windows.net",
)


def rule(
    name: str,
    path: str,
    *,
    exclude: Sequence[str] = (),
    notebook_params: Mapping[str, str] | None = None,
    **fields: Any,
) -> Rule:
    """Return a rule that starts job 1."""
    templates = {key: ParameterTemplate.parse(text) for key, text in (notebook_params or {}).items()}
    return Rule(
        name=name,
        path=PathTemplate.parse(path),
        exclude=tuple(PathTemplate.parse(text) for text in exclude),
        job=JobReference(id=1),
        parameters=RunParameters({"notebook_params": templates}),
        **fields,
    )


def arrival(full_path: str, **facts: Any) -> Arrival:
    """Return an arrival at `container/path`."""
    container, _, path = full_path.partition("/")
    return Arrival(
        **{"account": "account", **facts},
        container=container,
        path=path,
        version="0x8D1",
        committed_at=datetime(2026, 2, 28, 10, tzinfo=UTC),
        source=Source.EVENT,
    )


def matched(rules: Rules, full_path: str, **facts: Any) -> list[str]:
    """Return the names of the rules that a blob starts."""
    return [match.rule.name for match in rules.match(arrival(full_path, **facts))]


def told(rules: Rules, full_path: str, **facts: Any) -> list[tuple[str, bool, str]]:
    """Return what each rule makes of a blob: name, whether it matches, and the sentence."""
    return [(said.rule, said.matched, said.reason) for said in rules.explain_arrival(arrival(full_path, **facts))]


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


def test_containers_of_landfall_match_nothing() -> None:
    """What Landfall moves about by itself starts nothing either, and the explanation says whose it is."""
    rules = Rules([rule("all", "**")])

    assert matched(rules, "landfall-dead-letters/a") == []
    assert rules.contenders(arrival("landfall-dead-letters/a")) == ()
    assert [said.reason for said in rules.explain("landfall-dead-letters/a")] == [
        "Landfall keeps the container `landfall-dead-letters` for itself"
    ]


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
    parameters = {"uri": "{blob.uri}", "day": "{d:%d.%m.}", "who": "{rule.name}", "in": "{blob.volume}"}
    volumes = {"landing": "/Volumes/main/raw/landing"}
    rules = Rules([rule("crm", "landing/{source}/{d:%Y%m%d}.csv", notebook_params=parameters, volumes=volumes)])

    (match,) = rules.match(arrival("landing/crm/20260228.csv"))

    fields = match.render(LOCATIONS, "f" * 64)
    assert list(fields) == ["notebook_params"]
    assert list(fields["notebook_params"].items()) == [
        ("uri", "abfss://landing@account.dfs.core.windows.net/crm/20260228.csv"),
        ("day", "28.02."),
        ("who", "crm"),
        ("in", "/Volumes/main/raw/landing/crm/20260228.csv"),
        ("landfall_entry", "f" * 64),
    ]


def test_also_rules_fire_beside_the_winner() -> None:
    """A rule with `also` fires whenever it matches, above and below the rule that wins, and stops none."""
    rules = Rules(
        [
            rule("audit", "landing/**", also=True),
            rule("orders", "landing/orders.csv"),
            rule("rest", "landing/**"),
            rule("copy", "**/*.csv", also=True),
        ]
    )

    assert matched(rules, "landing/orders.csv") == ["audit", "orders", "copy"]
    assert matched(rules, "landing/orders.json") == ["audit", "rest"]
    assert matched(rules, "raw/orders.csv") == ["copy"]


def test_explanation_tells_also_rules_apart() -> None:
    """A rule with `also` is never passed over, and never said to come first."""
    rules = Rules(
        [
            rule("audit", "landing/**", also=True),
            rule("a", "landing/*", line=5),
            rule("b", "landing/*"),
            rule("copy", "landing/*", also=True),
        ]
    )

    assert told(rules, "landing/x") == [
        ("audit", True, ""),
        ("a", True, ""),
        ("b", False, "it fits, but the rule `a` on line 5 comes first"),
        ("copy", True, ""),
    ]


@given(data=st.data())
def test_explanation_is_what_matching_does(data: st.DataObject) -> None:
    """Whatever rules there are and whatever is known: `matched` are the matches, undecided in the same fields."""
    options: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {
            "path": st.sampled_from(["landing/**", "landing/{name}.csv", "*/a.csv", "raw/*"]),
            "exclude": st.sampled_from([(), ("**/a.csv",)]),
            "also": st.booleans(),
            "enabled": st.booleans(),
            "conditions": st.sampled_from([Conditions(), Conditions(min_size=5), Conditions(api=("PutBlob",))]),
        }
    )
    rules = Rules(rule(f"r{index}", **chosen) for index, chosen in enumerate(data.draw(st.lists(options, max_size=6))))
    facts = {
        "size": data.draw(st.sampled_from([None, 4, 5])),
        "api": data.draw(st.sampled_from([None, "PutBlob", "x"])),
    }
    blob = arrival("landing/a.csv", **facts)

    matches = rules.match(blob)

    explained = rules.explain_arrival(blob)
    assert [(match.rule.name, match.undecided) for match in matches] == [
        (said.rule, said.undecided) for said in explained if said.matched
    ]
    assert sum(not match.rule.also for match in matches) <= 1
    assert all(said.reason for said in explained if not said.matched)


def test_disabled_rule_takes_nothing() -> None:
    """A disabled rule matches nothing and leaves its paths to the rules below; it is still told and found by name."""
    rules = Rules([rule("off", "landing/**", enabled=False), rule("on", "landing/**")])

    assert matched(rules, "landing/a") == ["on"]
    assert told(rules, "landing/a") == [("off", False, "it fits, but the rule is disabled"), ("on", True, "")]
    assert rules.by_name("off") is not None


def test_shadow_takes_the_path_like_any_rule() -> None:
    """A shadow decides as if it ran: what it matches is not left to the rules below."""
    rules = Rules([rule("shadow", "landing/**", mode=Mode.SHADOW, line=2), rule("below", "landing/**")])

    assert matched(rules, "landing/a") == ["shadow"]
    assert told(rules, "landing/a") == [
        ("shadow", True, "recorded, and nothing is started: the rule is a shadow"),
        ("below", False, "it fits, but the rule `shadow` on line 2 comes first"),
    ]


def test_age_is_no_filter() -> None:
    """`min_age` delays and does not decide: a new file matches, and the explanation says that it is held."""
    rules = Rules([rule("slow", "landing/**", conditions=Conditions(min_age=timedelta(minutes=90)))])

    (match,) = rules.match(arrival("landing/a"))

    assert match.undecided == ()
    assert match.rule.conditions.min_age == timedelta(minutes=90)
    assert told(rules, "landing/a") == [("slow", True, "held until the file is 90m old")]


def test_rule_without_conditions_has_no_age() -> None:
    """The age of a rule that says nothing is zero, so that it can be added to any time."""
    assert rule("plain", "landing/**").conditions.min_age == timedelta(0)


def test_false_condition_leaves_the_path_to_the_next_rule() -> None:
    """A condition that is false makes a rule not match, with its reason."""
    rules = Rules([rule("large", "landing/**", conditions=Conditions(min_size=1000)), rule("rest", "landing/**")])

    assert matched(rules, "landing/a", size=999) == ["rest"]
    assert matched(rules, "landing/a", size=1000) == ["large"]
    assert told(rules, "landing/a", size=999) == [
        ("large", False, "it has 999 bytes, fewer than the 1,000 of `min_size`"),
        ("rest", True, ""),
    ]


def test_undecided_rule_matches_and_says_what_it_lacks() -> None:
    """A missing field is never a silent false: the match names it, and the rules below wait for the answer."""
    rules = Rules(
        [rule("large", "landing/**", conditions=Conditions(min_size=1), line=4), rule("rest", "landing/**", line=9)]
    )

    (match,) = rules.match(arrival("landing/a"))

    assert (match.rule.name, match.undecided) == ("large", ("size",))
    assert told(rules, "landing/a") == [
        ("large", True, "undecided: it depends on its size, not known here"),
        ("rest", False, "it fits, but the rule `large` on line 4 comes first, depending on its size"),
    ]
    assert [said.undecided for said in rules.explain("landing/a")] == [("size",), ()]


def test_explanation_tells_how_far_a_path_fits() -> None:
    """The nearest rule is the one with most segments that fit; one that is excluded fits in all of them."""
    rules = Rules(
        [
            rule("elsewhere", "raw/*"),
            rule("near", "landing/crm/*/orders.csv"),
            rule("excluded", "landing/**", exclude=["**/*.tmp"]),
            rule("fits", "landing/**"),
        ]
    )

    assert [said.matched_segments for said in rules.explain("landing/crm/eu/orders.tmp")] == [0, 3, 4, 4]


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
