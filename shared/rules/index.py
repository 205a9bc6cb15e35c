"""Finds the rules that a path may be for without asking all of them: by the literal text in their templates.

One look-up for each length that a static prefix has, so the cost grows with the rules that share a prefix and not with
all. It only ever leaves out rules that cannot match.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from shared.rules.rule import Rule


class RuleIndex:
    """The rules by static prefix; made once, never changed."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_prefix: dict[str, list[tuple[int, str, str, Rule]]] = {}
        for order, rule in enumerate(rules):
            path = rule.path
            entry = (order, path.static_suffix, path.static_middle, rule)
            self._by_prefix.setdefault(path.static_prefix, []).append(entry)
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix})

    def candidates(self, full_path: str) -> list[Rule]:
        """Return the rules whose literal beginning, end and middle the path has, in the order of the file."""
        buckets = [
            bucket
            for length in self._lengths
            if length <= len(full_path) and (bucket := self._by_prefix.get(full_path[:length]))
        ]
        found = [
            (order, rule)
            for bucket in buckets
            for order, suffix, middle, rule in bucket
            if full_path.endswith(suffix) and middle in full_path
        ]
        if len(buckets) > 1:
            found.sort(key=itemgetter(0))
        return [rule for _, rule in found]
