"""Which members wait, which of them belong together, and whose time has come. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.ledger import Marker
from shared.path_template import Captures, Mismatch
from shared.path_template.captures import NO_CAPTURES
from shared.rules import Gathering, Rule


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Members that belong into one batch; those in `assigned` are in the batch `batch` already."""

    loose: tuple[Marker, ...] = ()
    assigned: tuple[Marker, ...] = ()
    batch: str = ""

    @property
    def members(self) -> tuple[Marker, ...]:
        """Return all of them."""
        return (*self.assigned, *self.loose)


@dataclass(slots=True)
class Sorted:
    """The members of a rule."""

    open: list[Group] = field(default_factory=list)  # whose batch is not known to be sealed
    closed: list[Group] = field(default_factory=list)  # whose batch may be sealed now
    strangers: list[Marker] = field(default_factory=list)  # whose path the rule does not take any more


def sort_out(rule: Rule, gathering: Gathering, markers: Iterable[Marker], now: datetime) -> Sorted:
    """Return the groups of a rule's members, by what the rule in force says."""
    found = Sorted()
    loose: dict[tuple[str, ...], list[Marker]] = {}
    batches: dict[str, list[Marker]] = {}
    for marker in sorted(markers, key=_age):
        if marker.batch:
            batches.setdefault(marker.batch, []).append(marker)
        elif (group := group_of(rule, gathering, marker.full_path)) is None:
            found.strangers.append(marker)
        else:
            loose.setdefault(group, []).append(marker)
    for batch, assigned in batches.items():
        group = group_of(rule, gathering, assigned[0].full_path)
        waiting = loose.get(group, []) if group is not None else []
        room = len(waiting) if gathering.expect else max(0, gathering.files - len(assigned))
        found.open.append(Group(loose=tuple(waiting[:room]), assigned=tuple(assigned), batch=batch))
        del waiting[:room]
    for members in loose.values():
        found.closed += _closed(gathering, members, now)
    return found


def group_of(rule: Rule, gathering: Gathering, full_path: str) -> tuple[str, ...] | None:
    """Return what tells a file's batch from the others of the rule, None where the rule does not take its path."""
    captures = rule.match(full_path)
    return gathering.group(captures) if isinstance(captures, Captures) else None


def since(marker: Marker) -> datetime:
    """Return since when a member waits."""
    return marker.gathering_since or marker.claimed_at


def captures_of(rule: Rule, full_path: str) -> Captures:
    """Return what the rule captures from the path of a member, nothing from one that it does not take any more."""
    captures = rule.match(full_path)
    return NO_CAPTURES if isinstance(captures, Mismatch) else captures


def _closed(gathering: Gathering, members: Sequence[Marker], now: datetime) -> Iterator[Group]:
    """Yield the batches of a group, oldest members first, that may be sealed."""
    if gathering.expect:
        is_complete = not gathering.missing(marker.full_path for marker in members)
        if is_complete or (members and gathering.is_over(since(members[0]), now)):
            yield Group(loose=tuple(members))
        return
    for start in range(0, len(members), gathering.files):
        part = tuple(members[start : start + gathering.files])
        is_full = len(part) == gathering.files
        if is_full or gathering.is_over(since(part[0]), now) or gathering.is_quiet(since(members[-1]), now):
            yield Group(loose=part)


def _age(marker: Marker) -> tuple[datetime, str]:
    return since(marker), marker.key
