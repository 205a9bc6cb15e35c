"""Finds the rules that a path may be for without asking all of them: by the literal text in their patterns.

Every rule stands under a segment that all its paths have, the rarest it has, and rules that share their rarest segment
are told apart by another. A path is cut at its slashes, and each segment is looked up: the cost grows with the segments
of the path and with the rules that share all their segments, and not with all rules. What whole segments do not tell
apart, such as `*/orders_eu_*.csv`, stands under words; what these do not, such as `export7*`, under how words begin;
and the rest, such as `*abc*`, under pieces of a few characters, looked up for each place of the path. Each of these
costs something only if there are such rules, and for paths that end as one of them does.

Only rules that cannot match are ever left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

from shared.rules.rule import Rule

# So many rules are asked one after the other sooner than told apart.
FEW = 8
# How long pieces are, in bytes. The longest come first: few rules share one; and short text has only short ones.
PIECES = (6, 3)
# How many lengths of beginnings are looked up, and how many endings are compared.
_MOST_LENGTHS = 3
_MOST_SUFFIXES = 16
# How many segments or words tell rules apart at the most: this bounds the look-ups for a path.
_DEEPEST = 4

_IN_WORDS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + bytes(range(128, 256))
_BETWEEN_WORDS = bytes(byte if byte in _IN_WORDS else ord(" ") for byte in range(256))
# A rule's text has NUL for whatever varies: what touches one may go on in a path and is no whole word.
_BETWEEN_WORDS_OR_NUL = b"\0" + _BETWEEN_WORDS[1:]

# A rule with its number in the file first, and the literal text that its paths start with and that they hold.
_Entry = tuple[int, str, str, Rule]
_Key = str | bytes
_KeysOfRule = Callable[[Rule], Collection[_Key]]
_KeysOfPath = Callable[[str], Collection[_Key]]


class RuleIndex:
    """The rules by the literal text of their paths; made once, never changed.

    `unindexed` are the rules that nothing tells from many others, such as those for `**/*`: each of them is asked for
    every path that has what literal text it holds.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        entries = [_entry(order, rule) for order, rule in enumerate(rules)]
        self._levels: list[_Level] = []
        crowd = self._add(entries, _segments_of_rule, _segments_of_path)
        if len(crowd) > len(entries) // 2:  # words tell apart whatever segments do, and one level costs less than two
            self._levels, crowd = [], entries
        crowd = self._add(crowd, _words_of_rule, _words_of_path)
        sizes = _usual_sizes(crowd)
        crowd = self._add(crowd, partial(_beginnings_of_rule, sizes), partial(_beginnings_of_path, sizes))
        for size in PIECES:
            crowd = self._add(crowd, partial(_pieces_of_rule, size), partial(_pieces_of_path, size))
        if crowd:
            self._levels.append(_Level(_words_of_path, _Node(crowd, _words_of_rule), _suffixes(crowd)))
        self.unindexed = tuple(rule for _, _, _, rule in crowd)

    def candidates(self, full_path: str) -> list[Rule]:
        """Return the rules whose literal text the path may hold, in the order of the file."""
        found: list[_Entry] = []
        for keys_of_path, node, suffixes in self._levels:
            if full_path.endswith(suffixes):
                node.gather(keys_of_path(full_path), full_path, found)
        if len(found) == 1:
            return [found[0][3]]
        found.sort()  # numbers differ, so that nothing else is ever compared
        return [rule for _, _, _, rule in found]

    def _add(self, entries: list[_Entry], of_rule: _KeysOfRule, of_path: _KeysOfPath) -> list[_Entry]:
        """Add a level for those rules that its keys tell apart, and return the others."""
        crowd: list[_Entry] = []
        node = _Node(entries, of_rule, crowd)
        if node.by_key:
            left = {order for order, *_ in crowd}
            told_apart = [entry for entry in entries if entry[0] not in left] if left else entries
            self._levels.append(_Level(of_path, node, _suffixes(told_apart)))
        return crowd


class _Node:
    """Rules by a key that the paths of each must have; `rest` are those that no key tells apart."""

    __slots__ = ("by_key", "rest")

    def __init__(
        self, entries: list[_Entry], keys: _KeysOfRule, crowds: list[_Entry] | None = None, depth: int = 1
    ) -> None:
        """Make the node and all below it; where many rules would stand together, add them to `crowds` instead."""
        # Most rules stand alone under their key, and then without a list, which would double the memory.
        self.by_key: dict[_Key, _Entry | list[_Entry] | _Node] = {}
        groups, self.rest = _grouped(entries, keys, is_top=depth == 1)
        if crowds is not None and (len(self.rest) > FEW or depth == 1):
            crowds += self.rest
            self.rest = []
        for key, group in groups.items():
            if isinstance(group, tuple):
                self.by_key[key] = group
            elif len(group) > FEW and depth < _DEEPEST:
                self.by_key[key] = _Node(group, keys, crowds, depth + 1)
            elif len(group) > FEW and crowds is not None:
                crowds += group
            else:
                self.by_key[key] = group

    def gather(self, keys: Collection[_Key], full_path: str, found: list[_Entry]) -> None:
        """Add the rules to `found` that stand under some of the keys."""
        for entry in self.rest:
            if full_path.startswith(entry[1]) and entry[2] in full_path:
                found.append(entry)  # noqa: PERF401 - most often there are none, and a comprehension is a call
        by_key = self.by_key
        for key in by_key.keys() & keys:
            below = by_key[key]
            if isinstance(below, tuple):
                if full_path.startswith(below[1]) and below[2] in full_path:
                    found.append(below)
            elif isinstance(below, list):
                found += [entry for entry in below if full_path.startswith(entry[1]) and entry[2] in full_path]
            else:
                below.gather(keys, full_path, found)


class _Level(NamedTuple):
    """A way to tell rules apart: what to look up for a path, those rules, and how all their paths end."""

    keys_of_path: _KeysOfPath
    node: _Node
    suffixes: tuple[str, ...]


def _entry(order: int, rule: Rule) -> _Entry:
    path = rule.path
    return order, path.static_prefix, max(path.static_middle, path.static_suffix, key=len), rule


def _grouped(
    entries: list[_Entry], keys: _KeysOfRule, *, is_top: bool
) -> tuple[dict[_Key, _Entry | list[_Entry]], list[_Entry]]:
    """Return the rules by the rarest key of each, one alone without a list, and the rules without a key."""
    counts = Counter(chain.from_iterable(keys(rule) for _, _, _, rule in entries))
    # Below the top, a key that all of them have tells nothing apart: it may be the one that they stand under.
    most = len(entries) if is_top else len(entries) - 1
    groups: dict[_Key, _Entry | list[_Entry]] = {}
    rest: list[_Entry] = []
    for entry in entries:
        key = min(keys(entry[3]), key=counts.__getitem__, default="")
        if not key or counts[key] > most:
            rest.append(entry)
        elif (present := groups.setdefault(key, entry)) is not entry:
            if isinstance(present, tuple):
                groups[key] = [present, entry]
            else:
                present.append(entry)
    return groups, rest


def _suffixes(entries: list[_Entry]) -> tuple[str, ...]:
    """Return how the paths of rules end, ("",) when that does not tell much."""
    suffixes: set[str] = set()
    for _, _, _, rule in entries:
        suffix = rule.path.static_suffix
        suffixes.add(suffix[suffix.rfind(".") :])  # without a dot its last character, which tells less
        if len(suffixes) > _MOST_SUFFIXES:
            return ("",)
    return ("",) if "" in suffixes else tuple(suffixes)


# What each level looks up, for a rule whatever all its paths hold, and for a path all that it holds.


def _segments_of_rule(rule: Rule) -> Collection[str]:
    return [segment for segment in rule.path.skeleton.split("/") if segment and "\0" not in segment]


def _segments_of_path(full_path: str) -> Collection[str]:
    return full_path.split("/")


def _words_of_rule(rule: Rule) -> Collection[bytes]:
    return [word for word in _words_and_parts(rule) if b"\0" not in word]


def _words_of_path(full_path: str) -> Collection[bytes]:
    return full_path.encode(errors="surrogatepass").translate(_BETWEEN_WORDS).split()


def _beginnings_of_rule(sizes: Sequence[int], rule: Rule) -> Collection[bytes]:
    return [begun[:size] for begun in _begun_words(rule) if (size := _fitting(sizes, len(begun)))]


def _beginnings_of_path(sizes: Sequence[int], full_path: str) -> Collection[bytes]:
    return [word[:size] for word in _words_of_path(full_path) for size in sizes if len(word) >= size]


def _pieces_of_rule(size: int, rule: Rule) -> Collection[bytes]:
    return {piece for run in rule.path.literal_runs for piece in _pieces_of_path(size, run)}


def _pieces_of_path(size: int, text: str) -> Collection[bytes]:
    encoded = text.encode(errors="surrogatepass")
    return {encoded[start : start + size] for start in range(len(encoded) - size + 1)}


def _words_and_parts(rule: Rule) -> list[bytes]:
    """Return the words of a rule, those that touch what varies with a NUL in that place."""
    return rule.path.skeleton.encode().translate(_BETWEEN_WORDS_OR_NUL).split()


def _begun_words(rule: Rule) -> list[bytes]:
    """Return how words of all paths of a rule begin, where they go on as they like."""
    return [begun for word in _words_and_parts(rule) if (begun := word.partition(b"\0")[0]) and begun != word]


def _usual_sizes(entries: list[_Entry]) -> tuple[int, ...]:
    """Return the sizes that most beginnings of words have, the longest first."""
    sizes = Counter(len(begun) for _, _, _, rule in entries for begun in _begun_words(rule))
    return tuple(sorted((size for size, _ in sizes.most_common(_MOST_LENGTHS)), reverse=True))


def _fitting(sizes: Sequence[int], length: int) -> int:
    """Return the longest of the sizes that a text of this length has, 0 when it is too short for all."""
    return next((size for size in sizes if size <= length), 0)
