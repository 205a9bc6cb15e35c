from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.listing_plan import EVERYWHERE, UTC_ONLY, Kind, Limits, ListingPlan, Window, plan_listings
from shared.path_template import Mismatch, PathTemplate, RegexTemplate
from tests.cli.rules.templates import EXPRESSIONS, PATHS, TEMPLATES
from tests.shared.listing_plan.dated_templates import DATED, WINDOWS, local_times, paths_at, rule_of
from tests.shared.reference_matcher import Sample, paths_for, reference_match, samples

END = datetime(2026, 11, 22, 19, tzinfo=UTC)
TWO_DAYS = Window(END - timedelta(days=1), END, UTC_ONLY)
CONTAINERS = ["landing", "raw", "raw-1", "aaa", "bbb", "aab", "$logs", "azure-webjobs-hosts"]
PATTERNS = st.one_of(DATED, TEMPLATES.map(PathTemplate.parse), EXPRESSIONS.map(RegexTemplate.parse))


def plan_of(*paths: str, window: Window = TWO_DAYS, limits: Limits | None = None) -> ListingPlan:
    """Return the plan of rules with these paths, called r0, r1 and so on."""
    return plan_listings([rule_of(path, f"r{number}") for number, path in enumerate(paths)], window, limits)


def prefixes(plan: ListingPlan, kind: Kind = Kind.QUICK, *existing: str) -> list[str]:
    """Return the full prefixes that a plan lists."""
    return [f"{listing.container}/{listing.prefix}" for listing in plan.listings(kind, existing)]


def rules_that_list(plan: ListingPlan, kind: Kind, full_path: str) -> list[str]:
    """Return the rules that are given a path by the listings, where its container is the only one that varies."""
    container, _, name = full_path.partition("/")
    found = [listing for listing in plan.listings(kind, [container]) if listing.holds(container, name)]
    return [rule for listing in found for rule in listing.rules]


def test_choices_and_dates_are_written_out() -> None:
    """A rule with a choice and a date lists each word's days of the look-back and nothing else."""
    plan = plan_of("landing/{source:crm|erp}/{date:%Y-%m-%d}/{name}.csv")

    assert prefixes(plan) == [
        "landing/crm/2026-11-21/",
        "landing/crm/2026-11-22/",
        "landing/erp/2026-11-21/",
        "landing/erp/2026-11-22/",
    ]
    assert prefixes(plan, Kind.DEEP) == ["landing/crm/", "landing/erp/"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("{day:%Y/%m/%d}/*", ["2026/11/21/", "2026/11/22/"]),
        ("{day:%Y/%j}/*", ["2026/325/", "2026/326/"]),
        ("y={y:%Y}/m={m:%m}/d={d:%d}/*", ["y=2026/m=11/d=21/", "y=2026/m=11/d=22/"]),
        ("{day:%d-%m-%Y}_*", ["21-11-2026_", "22-11-2026_"]),
        ("{day:%y%m%d}.csv", ["261121.csv", "261122.csv"]),
        ("orders_{day:%Y%m%d}_{part:int}.csv", ["orders_20261121_", "orders_20261122_"]),
        ("{day:%Y-%m-%d}/{hour:%H}/*", [f"2026-11-21/{n}" for n in ("19/", "2")] + ["2026-11-22/0", "2026-11-22/1"]),
        ("{at:%Y%m%d%H%M%S}.csv", ["2026112119", "202611212", "202611220", "202611221"]),
        ("{loaded:%Y%m}/{day:%Y-%m-%d}/*", ["202611/2026-11-21/", "202611/2026-11-22/"]),
        ("{name}/{day:%Y-%m-%d}/*", [""]),
        ("**/{day:%Y-%m-%d}/*", [""]),
    ],
)
def test_dates_that_follow_literal_text_narrow(path: str, expected: list[str]) -> None:
    """Dates in any format narrow a listing until something stands before them that may be any text."""
    assert prefixes(plan_of(f"landing/{path}")) == [f"landing/{text}" for text in expected]


def test_whole_months_merge_into_one_prefix() -> None:
    """Days that share a beginning with no other day are one listing."""
    window = Window(datetime(2026, 10, 29, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC), UTC_ONLY)

    plan = plan_of("landing/{date:%Y-%m-%d}/{name}.csv", window=window)

    assert prefixes(plan) == [
        *("landing/2026-10-29/", "landing/2026-10-3", "landing/2026-11-", "landing/2026-12-01/", "landing/2026-12-02/"),
    ]


def test_days_stay_apart_where_the_name_behind_narrows() -> None:
    """Days are not merged where that would list names which the text behind the date leaves out."""
    window = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC), UTC_ONLY)

    plan = plan_of("landing/{date:%Y-%m-%d}/orders_{name}.csv", window=window)

    assert prefixes(plan) == [f"landing/2026-11-{day:02}/orders_" for day in range(1, 31)]


def test_every_clock_of_the_world_counts() -> None:
    """A path is named by somebody's local time, up to twelve hours behind UTC and fourteen ahead."""
    window = Window(datetime(2026, 11, 22, 11, tzinfo=UTC), datetime(2026, 11, 22, 11, tzinfo=UTC), EVERYWHERE)

    plan = plan_of("landing/{date:%d}/*", window=window)

    assert prefixes(plan) == ["landing/21/", "landing/22/", "landing/23/"]


def test_too_many_prefixes_fall_back_to_shorter_ones() -> None:
    """A rule never has more prefixes than the limit: it drops the hours, then the days, then the dates."""
    path = "landing/{source:a|b}/{date:%Y-%m-%d}/{hour:%H}/x*"

    by_limit = {most: prefixes(plan_of(path, limits=Limits(most))) for most in (100, 8, 4, 2, 1)}

    assert len(by_limit[100]) == 50
    assert by_limit[8][:4] == [f"landing/a/2026-11-2{end}" for end in ("1/19/x", "1/2", "2/0", "2/1")]
    assert by_limit[4] == [f"landing/{source}/2026-11-{day}/" for source in "ab" for day in (21, 22)]
    assert by_limit[2] == ["landing/a/2026-11-", "landing/b/2026-11-"]
    assert by_limit[1] == ["landing/"]


def test_overlapping_rules_share_a_listing() -> None:
    """What lies within another rule's prefix is served by that listing, which names both rules."""
    plan = plan_of("landing/crm/{date:%Y-%m-%d}/*", "landing/crm/**", "landing/erp/*", "raw/*", "landing/crm/*.csv")

    listings = plan.listings(Kind.QUICK)

    assert [(listing.container, listing.prefix, listing.rules) for listing in listings] == [
        ("landing", "crm/", ("r0", "r1", "r4")),
        ("landing", "erp/", ("r2",)),
        ("raw", "", ("r3",)),
    ]


def test_containers_that_vary_are_asked_for() -> None:
    """A wildcard or a capture in the container's place is listed in each container that it fits, narrowed there too."""
    plan = plan_of("raw-?/crm/{date:%Y-%m-%d}/*", "{zone:raw|landing}/erp/*", "landing/x/*")

    assert plan.container_prefixes == ("",)
    assert plan_of("raw-?/a/*", "ra*/b", "**/c", "raw/d").container_prefixes == ("",)
    assert plan_of("raw-?/a/*", "ra*/b", "raw/d").container_prefixes == ("ra",)
    assert prefixes(plan, Kind.QUICK, "raw", "raw-1", "raw-12", "other") == [
        *("landing/x/", "raw/erp/", "raw-1/crm/2026-11-21/", "raw-1/crm/2026-11-22/"),
    ]


def test_containers_of_azure_are_never_listed() -> None:
    """No rule matches in the containers that Azure writes to, so that nobody pays for listing them."""
    plan = plan_of("**/x")

    assert prefixes(plan, Kind.DEEP, "$logs", "azure-webjobs-hosts", "landing") == ["landing/"]


def test_no_containers_are_asked_for_in_vain() -> None:
    """Rules that name their containers need no list of them."""
    assert plan_of("landing/*", "raw/{date:%Y}/*").container_prefixes == ()


def test_disabled_rules_list_nothing() -> None:
    """A rule that is not enabled matches nothing."""
    plan = plan_listings([rule_of("landing/*", enabled=False)], TWO_DAYS)

    assert plan.listings(Kind.DEEP) == ()
    assert plan.of_rule("r") is None


@pytest.mark.parametrize(
    ("path", "is_pruned"),
    [
        ("landing/{date:%Y-%m-%d}/*", True),
        ("landing/{source:crm|erp}/*", False),
        ("landing/{name}/{date:%Y-%m-%d}", False),
        ("landing/{hour:%H}/orders_*", False),
        ("landing/{minute:%M}/*", False),
    ],
)
def test_plan_says_which_rules_need_the_deep_sweep(path: str, *, is_pruned: bool) -> None:
    """Only a rule whose quick places leave dates out has files that the quick sweep cannot see."""
    places = plan_of(path).of_rule("r0")

    assert places is not None
    assert places.is_pruned is is_pruned


@given(st.data(), DATED, WINDOWS, st.sampled_from([1, 3, 30, 200]))
def test_no_path_of_the_window_is_left_out(
    data: st.DataObject, template: PathTemplate, window: Window, most: int
) -> None:
    """A path whose dates some clock shows within the window is listed by the quick plan, whatever the limit."""
    moment = data.draw(local_times(window))
    full_path = data.draw(paths_at(template, dict.fromkeys(template.kinds, moment)))
    assume(not isinstance(template.match(full_path), Mismatch))

    plan = plan_listings([rule_of(template)], window, Limits(most))

    assert rules_that_list(plan, Kind.QUICK, full_path) == ["r"]


@given(st.data(), WINDOWS)
def test_dates_that_say_the_same_part_are_independent(data: st.DataObject, window: Window) -> None:
    """A business date and a load date are two moments of the window, not one."""
    template = PathTemplate.parse("landing/{day:%Y-%m-%d}/{loaded:%Y%m%d}/{hour:%H}/*")
    loaded = data.draw(local_times(window))
    moments = {"day": data.draw(local_times(window)), "loaded": loaded, "hour": loaded}
    full_path = data.draw(paths_at(template, moments))

    plan = plan_listings([rule_of(template)], window)

    assert rules_that_list(plan, Kind.QUICK, full_path) == ["r"]


@given(st.data(), DATED, WINDOWS)
def test_deep_plan_holds_paths_of_any_date(data: st.DataObject, template: PathTemplate, window: Window) -> None:
    """No date is outside the deep plan, nor outside the quick one of a rule that is not pruned."""
    moments = {name: data.draw(st.datetimes(timezones=st.just(UTC))) for name in template.kinds}
    full_path = data.draw(paths_at(template, moments))
    assume(not isinstance(template.match(full_path), Mismatch))

    plan = plan_listings([rule_of(template)], window)

    assert rules_that_list(plan, Kind.DEEP, full_path) == ["r"]
    assert plan.rules[0].is_pruned or rules_that_list(plan, Kind.QUICK, full_path) == ["r"]


@given(st.data(), samples().flatmap(lambda sample: st.tuples(st.just(sample), paths_for(sample))))
def test_deep_plan_holds_what_an_obvious_matcher_matches(data: st.DataObject, drawn: tuple[Sample, str]) -> None:
    """A path that a slow and obvious matcher takes is listed, whatever the template is made of."""
    sample, full_path = drawn
    assume("/" in full_path and reference_match(sample.tokens, full_path) is not None)

    plan = plan_listings([rule_of(sample.text)], data.draw(WINDOWS))

    assert rules_that_list(plan, Kind.DEEP, full_path) == ["r"]
    assert plan.rules[0].is_pruned or rules_that_list(plan, Kind.QUICK, full_path) == ["r"]


@given(st.lists(PATTERNS, max_size=5), PATHS, WINDOWS)
def test_each_rule_is_given_what_it_matches(
    patterns: list[PathTemplate | RegexTemplate], full_path: str, window: Window
) -> None:
    """Sharing listings takes no path from a rule that matches it."""
    rules = [rule_of(pattern, f"r{number}") for number, pattern in enumerate(patterns)]
    plan = plan_listings(rules, window)
    matching = {rule.name for rule in rules if not isinstance(rule.match(full_path), Mismatch)}
    assume(not full_path.startswith("azure-webjobs-"))

    listed = rules_that_list(plan, Kind.DEEP, full_path)

    assert matching <= set(listed)
    assert len(set(listed)) == len(listed)


@given(st.lists(PATTERNS, max_size=6), WINDOWS, st.sampled_from([1, 5, 200]), st.sampled_from(list(Kind)), st.randoms())
def test_listings_are_few_apart_and_repeatable(
    patterns: list[PathTemplate | RegexTemplate], window: Window, most: int, kind: Kind, chance: random.Random
) -> None:
    """No listing holds another, no rule has more than the limit, and the same rules have the same plan."""
    rules = [rule_of(pattern, f"r{number}") for number, pattern in enumerate(patterns)]
    plan = plan_listings(rules, window, Limits(most))
    listings = plan.listings(kind, CONTAINERS)
    shuffled = chance.sample(CONTAINERS, len(CONTAINERS))

    assert not [
        (inner, outer)
        for inner in listings
        for outer in listings
        if inner is not outer and outer.holds(inner.container, inner.prefix)
    ]
    assert all(1 <= len(rule.of(kind).prefixes) <= most for rule in plan.rules)
    assert plan_listings(rules, window, Limits(most)) == plan
    assert plan.listings(kind, shuffled) == listings


@given(st.lists(PATTERNS, max_size=5), WINDOWS)
def test_quick_plan_lists_nothing_that_the_deep_one_does_not(
    patterns: list[PathTemplate | RegexTemplate], window: Window
) -> None:
    """Each quick listing lies within a deep one."""
    plan = plan_listings([rule_of(pattern, f"r{number}") for number, pattern in enumerate(patterns)], window)
    deep = plan.listings(Kind.DEEP, CONTAINERS)

    for quick in plan.listings(Kind.QUICK, CONTAINERS):
        assert [listing for listing in deep if listing.holds(quick.container, quick.prefix)]


def test_limit_below_one_is_refused() -> None:
    """A rule that may not have a prefix could not be swept at all."""
    with pytest.raises(ValueError, match="at least one prefix"):
        Limits(0)
