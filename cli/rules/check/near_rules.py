"""Finds, among ten thousand rules, the few that may share a path with one: by the literal text in their paths."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter

from cli.rules.check.fixed_segments import Place, fixed_segments
from shared.path_template import PathTemplate, RegexTemplate
from shared.rules import Rule

# Behind every text that starts with another one: no character comes after it.
_BEHIND = "\U0010ffff"
# So many rules are looked through rather than narrowed down further.
_FEW = 32

_Numbered = tuple[int, Rule]  # the order in the file


class NearRules:
    """The rules seen so far. It only ever leaves out rules that can share no path with the one that is asked for."""

    def __init__(self) -> None:
        self._by_segments = _BySegments()
        self._by_ends = _ByEnds()

    def add(self, order: int, rule: Rule) -> None:
        """Take a rule in."""
        self._by_segments.add((order, rule))
        self._by_ends.add((order, rule))

    def of(self, rule: Rule) -> list[Rule]:
        """Return the rules that may share a path with this one, in the order of the file."""
        groups = self._by_segments.groups(rule)
        if sum(map(len, groups)) > _FEW:
            fixed = _fixed(rule)
            found = [each for each in self._by_ends.of(rule) if _agree(fixed, _fixed(each[1]))]
        else:
            found = [each for group in groups for each in group if _ends_agree(rule, each[1])]
        return [each for _, each in sorted(found, key=itemgetter(0))]


def _fixed(rule: Rule) -> Mapping[Place, str]:
    return fixed_segments(rule.path) if isinstance(rule.path, PathTemplate | RegexTemplate) else {}


def _agree(one: Mapping[Place, str], other: Mapping[Place, str]) -> bool:
    return all(other.get(place, text) == text for place, text in one.items())


def _ends_agree(one: Rule, other: Rule) -> bool:
    first, second = one.path, other.path
    return (
        first.static_prefix.startswith(second.static_prefix) or second.static_prefix.startswith(first.static_prefix)
    ) and (first.static_suffix.endswith(second.static_suffix) or second.static_suffix.endswith(first.static_suffix))


class _BySegments:
    """Rules by the segments that they fix. Rules that fix the same places are looked up by what they have there."""

    def __init__(self) -> None:
        self._by_places: dict[frozenset[Place], list[tuple[Mapping[Place, str], _Numbered]]] = {}
        # By the places that rules fix, and those of them that are asked for: the rules by what they have there.
        self._views: dict[tuple[frozenset[Place], tuple[Place, ...]], dict[tuple[str, ...], list[_Numbered]]] = {}

    def add(self, numbered: _Numbered) -> None:
        fixed = _fixed(numbered[1])
        places = frozenset(fixed)
        self._by_places.setdefault(places, []).append((fixed, numbered))
        for (owner, asked), view in self._views.items():
            if owner == places:
                view.setdefault(tuple(fixed[place] for place in asked), []).append(numbered)

    def groups(self, rule: Rule) -> list[list[_Numbered]]:
        """Return the rules that fix no segment otherwise than this one."""
        fixed = _fixed(rule)
        found = []
        for places in self._by_places:
            asked = tuple(sorted(places & fixed.keys()))
            if group := self._view(places, asked).get(tuple(fixed[place] for place in asked)):
                found.append(group)
        return found

    def _view(self, places: frozenset[Place], asked: tuple[Place, ...]) -> dict[tuple[str, ...], list[_Numbered]]:
        if (places, asked) not in self._views:
            view: dict[tuple[str, ...], list[_Numbered]] = {}
            for fixed, numbered in self._by_places[places]:
                view.setdefault(tuple(fixed[place] for place in asked), []).append(numbered)
            self._views[places, asked] = view
        return self._views[places, asked]


class _ByEnds:
    """Rules by what their paths start and end with, whether or not that is a whole segment."""

    def __init__(self) -> None:
        # By static prefix: the static suffixes, reversed and sorted.
        self._buckets: dict[str, list[tuple[str, _Numbered]]] = {}
        self._prefixes: list[str] = []  # sorted

    def add(self, numbered: _Numbered) -> None:
        path = numbered[1].path
        if path.static_prefix not in self._buckets:
            self._buckets[path.static_prefix] = []
            insort(self._prefixes, path.static_prefix)
        insort(self._buckets[path.static_prefix], (path.static_suffix[::-1], numbered), key=itemgetter(0))

    def of(self, rule: Rule) -> Iterator[_Numbered]:
        """Yield the rules one of whose ends is the beginning of the other's."""
        ending = rule.path.static_suffix[::-1]
        for bucket in self._near(rule.path.static_prefix):
            yield from _ending_alike(bucket, ending)

    def _near(self, prefix: str) -> Iterator[list[tuple[str, _Numbered]]]:
        for length in range(len(prefix)):
            if bucket := self._buckets.get(prefix[:length]):
                yield bucket
        start = bisect_left(self._prefixes, prefix)
        end = bisect_left(self._prefixes, prefix + _BEHIND)
        for longer in self._prefixes[start:end]:
            yield self._buckets[longer]


def _ending_alike(bucket: list[tuple[str, _Numbered]], ending: str) -> Iterable[_Numbered]:
    if len(bucket) <= len(ending) + 1:  # looking at all of them is quicker
        return [each for other, each in bucket if ending.startswith(other) or other.startswith(ending)]
    shorter = (_between(bucket, ending[:length], ending[:length] + "\0") for length in range(len(ending)))
    longer = _between(bucket, ending, ending + _BEHIND)
    return [each for found in (*shorter, longer) for each in found]


def _between(bucket: list[tuple[str, _Numbered]], first: str, end: str) -> Iterable[_Numbered]:
    start = bisect_left(bucket, first, key=itemgetter(0))
    stop = bisect_left(bucket, end, key=itemgetter(0))
    return [each for _, each in bucket[start:stop]]
