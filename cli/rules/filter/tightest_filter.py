"""The tightest filter of an event subscription that lets through whatever the rules want.

Only what is certain of every wanted event is asked for. Excludes are not: advanced filters have no case, and a rule
that excludes `_tmp` wants `_TMP`. Sizes and content types are not either: a filter drops what does not tell them.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cli.rules.filter.cover import Cover, best_covers, minimal
from cli.rules.filter.fixed_ends import beginnings, endings
from cli.rules.filter.subscription_filter import (
    API_KEY,
    EVENT_TYPES,
    HOST_CONTAINERS,
    MOST_VALUES,
    SUBJECT_KEY,
    AdvancedFilter,
    SubscriptionFilter,
    subject_beginning,
)
from shared.events import CREATED, UNCOMMITTED_APIS
from shared.rules import Rule

# The operations that Event Grid is known to name; to deny some of them is safe, to allow only some is not: an event
# of an operation that Azure adds would be dropped. https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
FLAT_APIS = ("PutBlob", "PutBlockList", "CopyBlob")
HIERARCHICAL_APIS = (*FLAT_APIS, "FlushWithClose", "SftpCommit", "RenameFile", "SftpRename")
# How Event Grid compares and carries other characters is told nowhere.
_PLAIN = frozenset(string.printable) - frozenset(string.whitespace) | {" "}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tightest:
    """The filter, and how many different beginnings and endings the rules have that it had to make do with."""

    filter: SubscriptionFilter
    beginnings: int
    endings: int


def tightest_filter(rules: Iterable[Rule], *, is_hierarchical: bool) -> Tightest:
    """Return the tightest filter for the rules that are enabled, shadows too. Raises ValueError when none is.

    `is_hierarchical` tells of a storage account with a hierarchical namespace, where files are renamed and opened.
    """
    wanted = [rule for rule in rules if rule.enabled]
    if not wanted:
        raise ValueError("no rule is enabled")
    advanced = _denied_apis(wanted, is_hierarchical=is_hierarchical)
    begins = {_plain_beginning(subject_beginning(text)) for rule in wanted for text in beginnings(rule.path)}
    ends = {_plain_ending(text) for rule in wanted for text in endings(rule.path)}
    if any(HOST_CONTAINERS.startswith(text) for text in begins):
        advanced.append(AdvancedFilter(SUBJECT_KEY, "StringNotBeginsWith", (HOST_CONTAINERS,)))
    budget = MOST_VALUES - sum(len(each.values) for each in advanced)
    begin_covers, end_covers = best_covers(begins, budget), best_covers((text[::-1] for text in ends), budget)
    begin, end = _best_pair(begin_covers, end_covers, budget)
    advanced += _one_of("StringBeginsWith", begin.prefixes)
    advanced += _one_of("StringEndsWith", [text[::-1] for text in end.prefixes])
    return Tightest(
        filter=SubscriptionFilter(
            event_types=EVENT_TYPES if is_hierarchical else (CREATED,),
            begins_with=begin_covers[0].prefixes[0],
            ends_with=end_covers[0].prefixes[0][::-1],
            is_case_sensitive=True,
            advanced=tuple(advanced),
        ),
        beginnings=len(minimal(begins)),
        endings=len(minimal(text[::-1] for text in ends)),
    )


def _denied_apis(rules: Sequence[Rule], *, is_hierarchical: bool) -> list[AdvancedFilter]:
    """Deny the operations that no rule wants; events that name none pass."""
    denied = sorted(UNCOMMITTED_APIS) if is_hierarchical else []
    if all(rule.conditions.api for rule in rules):
        wanted = {api.lower() for rule in rules for api in rule.conditions.api}
        known = HIERARCHICAL_APIS if is_hierarchical else FLAT_APIS
        denied += [api for api in known if api.lower() not in wanted]
    return [AdvancedFilter(API_KEY, "StringNotIn", tuple(denied))] if denied else []


def _plain_beginning(text: str) -> str:
    return text[: next((index for index, character in enumerate(text) if character not in _PLAIN), len(text))]


def _plain_ending(text: str) -> str:
    """Return what of an ending can be asked for; an argument of `az` must not look like an option or a file."""
    return _plain_beginning(text[::-1])[::-1].lstrip("-@")


def _best_pair(begins: Sequence[Cover], ends: Sequence[Cover], budget: int) -> tuple[Cover, Cover]:
    """Return the covers that let the least through together within the budget, and of these the shortest."""
    pairs = [(begin, end) for begin in begins for end in ends if _cost(begin) + _cost(end) <= budget]
    return min(pairs, key=lambda pair: (pair[0].passing * pair[1].passing, _cost(pair[0]) + _cost(pair[1])))


def _cost(cover: Cover) -> int:
    """Return how many values a cover needs: one alone is no advanced filter."""
    return len(cover.prefixes) if len(cover.prefixes) > 1 else 0


def _one_of(operator: str, values: Sequence[str]) -> list[AdvancedFilter]:
    return [AdvancedFilter(SUBJECT_KEY, operator, tuple(values))] if len(values) > 1 else []
