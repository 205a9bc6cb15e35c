"""The tightest filter of an event subscription: never narrower than the rules, and as tight as Event Grid allows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.rules.filter.cover import LONGEST_VALUE
from cli.rules.filter.drift import Kind, drifts_of
from cli.rules.filter.subject_language import passed_subjects, shortest_path, surely_passes
from cli.rules.filter.subscription_filter import (
    HOST_CONTAINERS,
    MOST_VALUES,
    AdvancedFilter,
    SubscriptionFilter,
    subject_of,
)
from cli.rules.filter.tightest_filter import HIERARCHICAL_APIS, tightest_filter
from cli.rules.language.paths import at_most
from cli.rules.language.terms import negation
from cli.rules.language.undecided import Undecided
from shared.containers import is_system_container
from shared.events import CREATED, DIRECTORY_RENAMED, RENAMED, UNCOMMITTED_APIS, arrival_from
from shared.model import Arrival, JobReference
from shared.path_template import Captures, PathPattern, PathTemplate, RegexTemplate
from shared.rules import Conditions, Rule, Rules, RunParameters
from tests.shared.reference_matcher import paths_for, samples

HEAD = "/blobServices/default/containers/"
SOME_TIME = datetime(2026, 11, 22, tzinfo=UTC)
SUBJECT_OPERATORS = ("StringBeginsWith", "StringEndsWith", "StringNotBeginsWith", "StringContains")
RENAMING = ("RenameFile", "SftpRename")
# Regular expressions whose fixed text lies before, in and behind the container, and texts that they match.
REGEXES = (
    r"landing/(?P<name>[a-z]+)\.csv",
    r"(?:landing|raw)/.*\.csv",
    r".*ing/x",
    r"land.*ing/a\.csv",
    r"landing/crm/orders\.csv",
    r"l[^/]*/(?:.*/)?orders\.(?P<kind>csv|json)",
    r"(?:landing/)?crm/.*-é\.csv",
)


def rule(pattern: PathPattern, name: str = "r", **fields: object) -> Rule:
    """Return a rule for a pattern."""
    return Rule(name, pattern, (), JobReference(id=1), RunParameters(), **fields)  # type: ignore[arg-type]  # any field


def rules_for(*templates: str, **fields: object) -> list[Rule]:
    """Return a rule for each template."""
    return [rule(PathTemplate.parse(text), f"r{index}", **fields) for index, text in enumerate(templates)]


def filter_for(*templates: str, is_hierarchical: bool = True, **fields: object) -> SubscriptionFilter:
    """Return the tightest filter of these templates' rules."""
    return tightest_filter(rules_for(*templates, **fields), is_hierarchical=is_hierarchical).filter


def values(of: SubscriptionFilter, operator: str) -> tuple[str, ...]:
    """Return the values of the subject's advanced filter with an operator, without what all subjects begin with."""
    found = [each for each in of.advanced if each.is_about_subject and each.operator == operator]
    return tuple(value.removeprefix(HEAD) for each in found for value in each.values)


@st.composite
def patterns_with_paths(draw: st.DrawFn) -> tuple[PathPattern, str]:
    """Draw a pattern and a path that it is likely to match."""
    if draw(st.integers(0, 3)) == 0:
        text = draw(st.sampled_from(REGEXES))
        return RegexTemplate.parse(text), draw(st.from_regex(text, fullmatch=True))
    sample = draw(samples())
    return PathTemplate.parse(sample.text), draw(paths_for(sample))


def conditions() -> st.SearchStrategy[Conditions]:
    """Draw conditions on the operation, or none."""
    apis = st.lists(st.sampled_from(HIERARCHICAL_APIS), max_size=2, unique=True).map(tuple)
    return st.builds(Conditions, api=apis)


def events(path: str, *, is_hierarchical: bool) -> st.SearchStrategy[dict[str, object]]:
    """Draw an event that Azure may send about a path."""
    created = [api for api in HIERARCHICAL_APIS if api not in RENAMING] + sorted(UNCOMMITTED_APIS)
    flat = ["PutBlob", "PutBlockList", "CopyBlob"]
    apis = {CREATED: created if is_hierarchical else flat, RENAMED: [*RENAMING]}
    kinds = st.sampled_from([CREATED, RENAMED] if is_hierarchical else [CREATED])
    return kinds.flatmap(
        lambda kind: st.fixed_dictionaries(
            {
                "eventType": st.just(kind),
                "subject": st.just(subject_of(path)),
                "data": st.fixed_dictionaries({}, optional={"api": st.sampled_from([*apis[kind], "NewOperation"])}),
            }
        )
    )


@settings(max_examples=500)
@given(data=st.data(), is_hierarchical=st.booleans())
def test_whatever_rules_take_passes_the_filter(data: st.DataObject, is_hierarchical: bool) -> None:  # noqa: FBT001 - drawn
    """An arrival of an event that any rule matches is one whose event passes: the filter is never narrower."""
    drawn = data.draw(st.lists(patterns_with_paths(), min_size=1, max_size=4))
    rules = [rule(pattern, f"r{index}", conditions=data.draw(conditions())) for index, (pattern, _) in enumerate(drawn)]
    path = data.draw(st.sampled_from([path for _, path in drawn]))
    event = data.draw(events(path, is_hierarchical=is_hierarchical))

    found = tightest_filter(rules, is_hierarchical=is_hierarchical).filter

    arrival = arrival_from(event, SOME_TIME)
    if isinstance(arrival, Arrival) and Rules(rules).match(arrival):
        assert found.passes(event)


@settings(max_examples=100)
@given(drawn=st.lists(patterns_with_paths(), min_size=1, max_size=3))
def test_filter_is_proven_not_to_be_narrower(drawn: list[tuple[PathPattern, str]]) -> None:
    """Of all paths that there are, and not only of those drawn, none of any rule's is dropped; and no drift is seen."""
    rules = [rule(pattern, f"r{index}") for index, (pattern, _) in enumerate(drawn)]

    found = tightest_filter(rules, is_hierarchical=True).filter

    for each in rules:
        with suppress(Undecided):
            assert shortest_path(at_most(each), negation(passed_subjects(found))) is None
    assert drifts_of(found, rules, is_hierarchical=True) == []


@settings(max_examples=300)
@given(data=st.data(), drawn=patterns_with_paths())
def test_what_surely_passes_does(data: st.DataObject, drawn: tuple[PathPattern, str]) -> None:
    """Where a filter is taken to pass all of a pattern without a proof, it passes each path of the pattern."""
    pattern, path = drawn
    subject = subject_of(path)
    cut = st.integers(0, len(subject))
    parts = st.lists(cut.map(lambda at: subject[:at].upper()) | st.text("ab/", max_size=2), min_size=1, max_size=2)
    found = SubscriptionFilter(
        begins_with=subject[: data.draw(cut)],
        ends_with=subject[data.draw(cut) :],
        is_case_sensitive=data.draw(st.booleans()),
        advanced=(AdvancedFilter("subject", data.draw(st.sampled_from(SUBJECT_OPERATORS)), tuple(data.draw(parts))),),
    )

    if surely_passes(found, pattern) and isinstance(pattern.match(path), Captures):
        assert found.passes({"eventType": CREATED, "subject": subject, "data": {}})


@pytest.mark.parametrize(
    ("found", "passes"),
    [
        (SubscriptionFilter(begins_with=f"{HEAD}landing/blobs/c", ends_with="csv"), True),
        (SubscriptionFilter(begins_with=f"{HEAD}landing/blobs/crm/a"), False),
        (SubscriptionFilter(ends_with="-eu.csv"), False),
        (SubscriptionFilter(advanced=(AdvancedFilter("subject", "StringBeginsWith", ("x", f"{HEAD}LAND")),)), True),
        (SubscriptionFilter(advanced=(AdvancedFilter("subject", "StringBeginsWith", (f"{HEAD}raw",)),)), False),
        (SubscriptionFilter(advanced=(AdvancedFilter("subject", "StringEndsWith", (".json", "V")),)), True),
        (SubscriptionFilter(advanced=(AdvancedFilter("subject", "StringEndsWith", (".json",)),)), False),
        (SubscriptionFilter(advanced=(AdvancedFilter("subject", "StringContains", (HEAD,)),)), False),
        (SubscriptionFilter(advanced=(AdvancedFilter("subject", "StringNotBeginsWith", (HOST_CONTAINERS,)),)), True),
        (SubscriptionFilter(advanced=(AdvancedFilter("data.api", "StringIn", ("x",)),)), True),
    ],
)
def test_what_is_plain_to_see_is_not_proven_again(found: SubscriptionFilter, passes: bool) -> None:  # noqa: FBT001 - what is expected
    """Beginnings, endings and the host's containers are compared as texts; nothing else is taken for sure."""
    assert surely_passes(found, PathTemplate.parse("landing/crm/*.csv")) is passes


@settings(max_examples=100)
@given(st.lists(st.text("ab/", max_size=6), min_size=1, max_size=60))
def test_filter_keeps_to_the_limits(parts: list[str]) -> None:
    """However many rules there are, there are at most 25 values, none too long, and every rule's files pass."""
    texts = [f"landing/{part.strip('/').replace('//', '/')}x{index}/*.t{index}" for index, part in enumerate(parts)]
    rules = rules_for(*(text.replace("//", "/") for text in texts))

    found = tightest_filter(rules, is_hierarchical=True).filter

    used = [value for each in found.advanced for value in each.values]
    assert len(used) <= MOST_VALUES
    assert all(len(value) <= LONGEST_VALUE for value in [*used, found.begins_with, found.ends_with])
    for each in rules:
        path = each.path.text.replace("*", "file")
        assert found.passes({"eventType": CREATED, "subject": subject_of(path)})


def test_one_rule_needs_no_advanced_filter_of_the_subject() -> None:
    """The beginning and the end of a single rule are those of the subject, compared with their case."""
    found = filter_for("landing/crm/{date:%Y-%m-%d}/*.csv")

    assert found.begins_with == f"{HEAD}landing/blobs/crm/"
    assert found.ends_with == ".csv"
    assert found.is_case_sensitive
    assert found.event_types == (CREATED, RENAMED)
    assert found.advanced == (AdvancedFilter("data.api", "StringNotIn", ("CreateFile", "SftpCreate")),)


def test_choices_are_written_out() -> None:
    """The words of a choice are beginnings and endings of their own."""
    found = filter_for("landing/{source:crm|erp}/*.{kind:csv|json}")

    assert found.begins_with == f"{HEAD}landing/blobs/"
    assert values(found, "StringBeginsWith") == ("landing/blobs/crm/", "landing/blobs/erp/")
    assert sorted(values(found, "StringEndsWith")) == [".csv", ".json"]


def test_rules_of_several_containers_share_what_they_can() -> None:
    """The subject's beginning ends where the containers differ; each keeps its own among the advanced filters."""
    found = filter_for("landing/crm/*", "lake/erp/*")

    assert found.begins_with == f"{HEAD}la"
    assert values(found, "StringBeginsWith") == ("lake/blobs/erp/", "landing/blobs/crm/")


@pytest.mark.parametrize(
    ("template", "begins", "ends"),
    [
        ("landing/crm/orders.csv", "landing/blobs/crm/orders.csv", "/crm/orders.csv"),
        ("**/crm/orders.csv", "", "/orders.csv"),
        ("**/orders.csv", "", "orders.csv"),
        ("land*/orders.csv", "land", "/orders.csv"),
        ("land*ing/orders.csv", "land", "/orders.csv"),
        ("{all:**}", "", ""),
        ("landing/**", "landing/blobs/", ""),
        ("landing/**/_SUCCESS", "landing/blobs/", "_SUCCESS"),
        ("landing/über/*-é.csv", "landing/blobs/", ".csv"),
        ("landing/*@-done", "landing/blobs/", "done"),
    ],
)
def test_beginning_and_end_of_a_subject(template: str, begins: str, ends: str) -> None:
    """A container is followed by `/blobs/`; only what is certain, and plain, is asked for."""
    found = filter_for(template)

    assert (found.begins_with, found.ends_with) == (HEAD + begins, ends)


def test_what_differs_latest_is_put_together_first() -> None:
    """Folders of one container are merged before two containers are."""
    folders = [f"landing/crm/region-{index:02}/*" for index in range(30)]
    found = filter_for(*folders, "raw/erp/*", "raw/sap/*", is_hierarchical=False)

    begins = values(found, "StringBeginsWith")
    whole = [value for value in begins if value.endswith("/")]
    assert len(whole) == 22  # ten folders of thirty are one beginning, and nothing else was given up
    assert {"raw/blobs/erp/", "raw/blobs/sap/"} < set(whole)
    assert [value.removeprefix("landing/blobs/crm/")[:-1] for value in begins if value not in whole] == ["region-"]


def test_disabled_rules_are_not_asked_for() -> None:
    """A rule that is switched off needs no events; a shadow does."""
    disabled = rules_for("raw/**", enabled=False)

    assert tightest_filter([*rules_for("landing/**"), *disabled], is_hierarchical=True).filter == filter_for(
        "landing/**"
    )
    with pytest.raises(ValueError, match="no rule is enabled"):
        tightest_filter(disabled, is_hierarchical=True)


def test_operations_that_no_rule_wants_are_denied() -> None:
    """Known operations are denied where every rule names its own; an unknown one, and none at all, still pass."""
    found = filter_for("landing/**", is_hierarchical=False, conditions=Conditions(api=("PutBlob",)))

    (denied,) = found.advanced
    assert denied == AdvancedFilter("data.api", "StringNotIn", ("PutBlockList", "CopyBlob"))
    subject = subject_of("landing/a")
    for data, passes in (({"api": "PutBlob"}, True), ({"api": "CopyBlob"}, False), ({}, True), ({"api": "New"}, True)):
        assert found.passes({"eventType": CREATED, "subject": subject, "data": data}) is passes


def test_operations_are_not_denied_while_one_rule_takes_any() -> None:
    """One rule without the condition wants all operations."""
    rules = [*rules_for("landing/**", conditions=Conditions(api=("PutBlob",))), *rules_for("raw/**")]

    assert tightest_filter(rules, is_hierarchical=False).filter.advanced[:1][0].is_about_subject


def test_flat_account_has_no_renames_and_no_open_files() -> None:
    """Without a hierarchical namespace there is one type of event and nothing to deny."""
    found = filter_for("landing/**", is_hierarchical=False)

    assert (found.event_types, found.advanced) == ((CREATED,), ())


def test_wildcard_container_leaves_out_the_hosts_own() -> None:
    """Where any container is watched, what the Functions host writes is kept out: no rule matches there."""
    found = filter_for("**/*.csv")

    assert AdvancedFilter("subject", "StringNotBeginsWith", (HOST_CONTAINERS,)) in found.advanced
    assert is_system_container(HOST_CONTAINERS.removeprefix(HEAD))


def test_renamed_directories_are_not_too_much() -> None:
    """They start jobs: a filter that lets them through too is as good, and one that lets deletes through is not."""
    found = filter_for("landing/**")
    with_directories = replace(found, event_types=(*found.event_types, DIRECTORY_RENAMED))
    with_deletes = replace(found, event_types=(*found.event_types, "Microsoft.Storage.BlobDeleted"))

    assert drifts_of(with_directories, rules_for("landing/**"), is_hierarchical=True) == []
    assert [each.kind for each in drifts_of(with_deletes, rules_for("landing/**"), is_hierarchical=True)] == [
        Kind.WIDER
    ]


def test_unreadable_rule_is_proven_by_its_ends() -> None:
    """Where an expression is not read as a language, what its paths begin and end with must do; else it is said."""
    rules = [rule(RegexTemplate.parse(r"landing/(?i:crm)/.*\.csv"))]
    found = tightest_filter(rules, is_hierarchical=True).filter
    without_letters = replace(found, advanced=(*found.advanced, AdvancedFilter("subject", "StringContains", ("x",))))

    assert drifts_of(found, rules, is_hierarchical=True) == []
    assert [each.kind for each in drifts_of(without_letters, rules, is_hierarchical=True)] == [Kind.UNPROVEN]


def test_advanced_filters_are_counted_together() -> None:
    """The budget of 25 values is shared: beginnings and endings both give way when both are many."""
    found = filter_for(*(f"c{index:02}/*.t{index:02}" for index in range(40)))

    assert sum(len(each.values) for each in found.advanced) <= MOST_VALUES
    assert drifts_of(found, rules_for("c00/*.t00", "c39/*.t39"), is_hierarchical=True)[0].kind is Kind.WIDER
