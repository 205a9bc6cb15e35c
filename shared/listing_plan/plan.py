"""The listings of a sweep: those of all rules, each name listed once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.containers import is_system_container
from shared.listing_plan.beginning import Beginning
from shared.listing_plan.dates import Calendar
from shared.listing_plan.places import Limits, Place, place_of, without_contained
from shared.listing_plan.window import Window
from shared.rules import Rule


class Kind(StrEnum):
    """How much a plan lists."""

    QUICK = "quick"  # the dates of the look-back, where a rule's paths have dates near their beginning
    DEEP = "deep"  # all dates


@dataclass(frozen=True, slots=True)
class RulePlaces:
    """Where the blobs of one rule are looked for."""

    rule: str
    quick: Place
    deep: Place

    @property
    def is_pruned(self) -> bool:
        """Tell whether only a deep sweep finds its files of other dates; else the quick one covers all."""
        return self.quick.is_pruned

    def of(self, kind: Kind) -> Place:
        """Return the place of one kind."""
        return self.quick if kind is Kind.QUICK else self.deep


@dataclass(frozen=True, slots=True)
class Listing:
    """All blobs of a container whose names begin with `prefix`, and the rules that look for theirs among them.

    There may be none. With a hierarchical namespace, List Blobs fails where a file is called like a folder within the
    prefix (https://learn.microsoft.com/rest/api/storageservices/list-blobs, `prefix`): that listing, and no other.
    """

    container: str
    prefix: str
    rules: tuple[str, ...]  # in the order of the file

    def holds(self, container: str, name: str) -> bool:
        """Tell whether a blob is listed by this."""
        return container == self.container and name.startswith(self.prefix)


@dataclass(frozen=True)
class ListingPlan:
    """Where every enabled rule looks, in the order of the file; says nothing of which containers exist."""

    rules: tuple[RulePlaces, ...]
    _by_name: Mapping[str, RulePlaces] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {places.rule: places for places in self.rules})

    def of_rule(self, name: str) -> RulePlaces | None:
        """Return where a rule looks, None when it is not enabled or not there."""
        return self._by_name.get(name)

    @property
    def container_prefixes(self) -> tuple[str, ...]:
        """Return with what the containers' names begin that `listings` must be told of; () when it needs none."""
        places = (rule.deep for rule in self.rules)
        return without_contained({place.container_prefix for place in places if place.container is None})

    def listings(self, kind: Kind, existing: Collection[str] = ()) -> tuple[Listing, ...]:
        """Return the listings, sorted; none of them holds a name that another holds.

        `existing` are the names of the containers that there are, at least those of `container_prefixes`. A container
        that a rule names is listed whether it is among them or not, so that a missing one is told of. Containers that
        Azure writes to by itself are left out, as no rule matches there.
        """
        people = sorted({name for name in existing if not is_system_container(name)})
        wanted: dict[str, dict[str, list[int]]] = {}
        containers: dict[tuple[str | None, str, str], tuple[str, ...]] = {}
        for number, rule in enumerate(self.rules):
            place = rule.of(kind)
            where = (place.container, place.container_prefix, place.container_template)
            if where not in containers:
                containers[where] = _containers_of(place, people)
            for container in containers[where]:
                prefixes = wanted.setdefault(container, {})
                for prefix in place.prefixes:
                    prefixes.setdefault(prefix, []).append(number)
        return tuple(
            Listing(container, prefix, tuple(self.rules[number].rule for number in sorted(numbers)))
            for container in sorted(wanted)
            for prefix, numbers in _joined(wanted[container])
        )


def plan_listings(rules: Iterable[Rule], window: Window, limits: Limits | None = None) -> ListingPlan:
    """Return where to look for the blobs of all rules that are enabled; the same for the same rules and window."""
    limits = limits or Limits()
    calendar = Calendar(window)
    return ListingPlan(tuple(_rule_places(rule, calendar, limits) for rule in rules if rule.enabled))


def _rule_places(rule: Rule, calendar: Calendar, limits: Limits) -> RulePlaces:
    beginning = Beginning.of(rule.path)
    quick = place_of(beginning, calendar, limits)
    return RulePlaces(rule.name, quick, place_of(beginning, None, limits) if quick.is_pruned else quick)


def _containers_of(place: Place, people: Iterable[str]) -> tuple[str, ...]:
    if place.container is not None:
        return (place.container,)
    return tuple(name for name in people if place.is_in(name))


def _joined(prefixes: Mapping[str, Iterable[int]]) -> Iterator[tuple[str, set[int]]]:
    """Yield the prefixes that no other of them begins, each with the rules of all that it begins."""
    numbers: dict[str, set[int]] = {}
    outer: str | None = None
    for prefix in sorted(prefixes):
        if outer is None or not prefix.startswith(outer):
            outer = prefix
        numbers.setdefault(outer, set()).update(prefixes[prefix])
    yield from numbers.items()
