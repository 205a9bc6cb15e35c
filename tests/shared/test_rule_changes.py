"""What a change of the rules does to matching: which rules may have taken a file before, and when to look again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model import JobReference
from shared.parameters import ParameterTemplate
from shared.path_template import Captures, PathTemplate, RegexTemplate
from shared.rules import Conditions, FailureAction, Mode, OnFailure, OnOverwrite, Rule, Rules, RunParameters
from tests.shared.test_rules import arrival, rule

PATHS = ("landing/a.csv", "landing/crm/a.csv", "landing/crm/b.json", "raw/a.csv", "$logs/a", "landfall-dead/a.csv")
TEMPLATES = ("landing/**", "landing/*", "landing/crm/{name}.csv", "**/a.csv", "{c}/{rest:**}", "raw/*", "landing/a.csv")
CONDITIONS = (Conditions(), Conditions(min_size=5), Conditions(api=("PutBlob",)))

_FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "path": st.sampled_from(TEMPLATES),
        "exclude": st.sampled_from([(), ("**/a.csv",), ("landing/crm/**",)]),
        "also": st.booleans(),
        "enabled": st.booleans(),
        "conditions": st.sampled_from(CONDITIONS),
    }
)
DRAWN_RULES: st.SearchStrategy[list[Rule]] = st.lists(_FIELDS, min_size=1, max_size=7).map(
    lambda drawn: [rule(f"r{number}", **fields) for number, fields in enumerate(drawn)]
)


def names(rules: Sequence[Rule]) -> list[str]:
    """Return the names of rules."""
    return [each.name for each in rules]


@given(rules=DRAWN_RULES, path=st.sampled_from(PATHS), data=st.data())
def test_contenders_are_all_rules_for_the_path(rules: list[Rule], path: str, data: st.DataObject) -> None:
    """They are those that, asked one by one, take the path: in whatever order, enabled or not, with any conditions."""
    blob = arrival(path, size=data.draw(st.sampled_from([None, 4, 5])))
    one_by_one = [each.name for each in rules if isinstance(each.match(path), Captures)]
    is_reserved = path.startswith(("$logs", "landfall-"))

    found = names(Rules(rules).contenders(blob))
    shuffled = names(Rules(data.draw(st.permutations(rules))).contenders(blob))

    assert found == ([] if is_reserved else one_by_one)
    assert sorted(shuffled) == sorted(found)


@given(rules=DRAWN_RULES, path=st.sampled_from(PATHS), data=st.data())
def test_whoever_took_a_file_contends_for_it_later(rules: list[Rule], path: str, data: st.DataObject) -> None:
    """Rules may change places, be disabled or enabled and get other conditions: a rule that matched is a contender."""
    blob = arrival(path, size=data.draw(st.sampled_from([4, 5])), api="PutBlob")
    took = {match.rule.name for match in Rules(rules).match(blob)}
    changed = [
        replace(each, enabled=data.draw(st.booleans()), conditions=data.draw(st.sampled_from(CONDITIONS)))
        for each in data.draw(st.permutations(rules))
    ]

    assert took <= set(names(Rules(changed).contenders(blob)))


def test_contenders_among_many_rules_are_looked_up() -> None:
    """A thousand rules, half of them disabled: those for a path are found, in the order of the file."""
    many = [rule(f"r{number}", f"landing/source-{number // 2}/*", enabled=number % 2 == 0) for number in range(1000)]

    assert names(Rules(many).contenders(arrival("landing/source-7/a"))) == ["r14", "r15"]


SAMPLE = [
    rule("crm", "landing/crm/{name}.csv", exclude=["**/_tmp/**"], renamed_from=("customers", "clients", "crm-old")),
    rule("größe", "landing/größe/*", conditions=Conditions(min_size=5)),
    rule("rest", "landing/**"),
]
Edit = Callable[[Rule], Rule]


def fingerprint(*rules: Rule) -> str:
    """Return the fingerprint of rules."""
    return Rules(rules).fingerprint


def edit(**fields: Any) -> Edit:
    """Return what changes fields of a rule."""
    return lambda each: replace(each, **fields)


WHAT_MATCHES: dict[str, Edit] = {
    "name": edit(name="other"),
    "first name": edit(renamed_from=("earlier",)),
    "path": edit(path=PathTemplate.parse("landing/other/*")),
    "expression of the same text": lambda each: replace(each, path=RegexTemplate.parse("landing/a.csv")),
    "exclude": edit(exclude=(PathTemplate.parse("**/other/**"),)),
    "size": edit(conditions=Conditions(min_size=6)),
    "age": edit(conditions=Conditions(min_age=timedelta(minutes=1))),
    "operation": edit(conditions=Conditions(api=("PutBlob",))),
    "also": edit(also=True),
    "enabled": edit(enabled=False),
    "mode": edit(mode=Mode.SHADOW),
}
WHAT_RUNS: dict[str, Edit] = {
    "job": edit(job=JobReference(name="other")),
    "parameters": edit(parameters=RunParameters({"sql_params": {"a": ParameterTemplate.parse("b")}})),
    "volumes": edit(volumes={"landing": "/Volumes/main/raw/landing"}),
    "description": edit(description="other"),
    "line": edit(line=99),
    "overwrites": edit(on_overwrite=OnOverwrite.ALERT),
    "failures": edit(on_failure=OnFailure(FailureAction.RERUN, 2)),
}


@pytest.mark.parametrize("change", WHAT_MATCHES)
def test_fingerprint_tells_what_may_match_otherwise(change: str) -> None:
    """Whatever decides which rule takes a file, and whether it is only recorded, is in the fingerprint."""
    before = rule("a", "landing/a.csv")

    after = WHAT_MATCHES[change](before)

    assert fingerprint(*SAMPLE, after) != fingerprint(*SAMPLE, before)


def test_fingerprint_tells_order_and_number() -> None:
    """Another order, one rule fewer and one more are other rules; the same ones again are not."""
    found = {fingerprint(*SAMPLE), fingerprint(*SAMPLE[::-1]), fingerprint(*SAMPLE[:2]), fingerprint()}

    assert len(found) == 4
    assert fingerprint(*[replace(each) for each in SAMPLE]) == fingerprint(*SAMPLE)
    assert all(len(each) == 32 and set(each) <= set("0123456789abcdef") for each in found)


@given(changes=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(sorted(WHAT_RUNS))), max_size=5))
def test_fingerprint_does_not_tell_what_runs(changes: list[tuple[int, str]]) -> None:
    """However often what a match starts is edited, no sweep has to begin again for it."""
    rules = list(SAMPLE)
    for number, change in changes:
        rules[number] = WHAT_RUNS[change](rules[number])

    assert fingerprint(*rules) == fingerprint(*SAMPLE)


def test_fingerprint_does_not_tell_names_between() -> None:
    """Entries are kept by the first name: those between it and the present one matter to people only."""
    forgetful = replace(SAMPLE[0], renamed_from=("crm-old",))

    assert fingerprint(forgetful, *SAMPLE[1:]) == fingerprint(*SAMPLE)


@settings(max_examples=300)
@given(one=DRAWN_RULES, other=DRAWN_RULES, data=st.data())
def test_rules_of_one_fingerprint_match_alike(one: list[Rule], other: list[Rule], data: st.DataObject) -> None:
    """Rules that differ about any file have different fingerprints, so that equal ones need no second look."""
    edited = [data.draw(st.sampled_from([each, *other])) for each in one] if data.draw(st.booleans()) else other
    first, second = Rules(one), Rules(replace(each, name=f"r{number}") for number, each in enumerate(edited))
    blobs = [arrival(path, size=size, api=api) for path in PATHS for size in (None, 4, 5) for api in (None, "PutBlob")]

    differ = any(
        [(match.rule.name, match.undecided) for match in first.match(blob)]
        != [(match.rule.name, match.undecided) for match in second.match(blob)]
        for blob in blobs
    )

    assert not (differ and first.fingerprint == second.fingerprint)
