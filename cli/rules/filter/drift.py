"""Whether an event subscription still lets through what the rules want, and how much else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from cli.rules.filter.event_samples import JUDGED_KEYS, sample_events
from cli.rules.filter.subject_language import passed_subjects, shortest_path, subjects_at_most, surely_passes
from cli.rules.filter.subscription_filter import API_KEY, SubscriptionFilter, subject_of, value_at
from cli.rules.filter.tightest_filter import tightest_filter
from cli.rules.language.paths import at_least, at_most, blob_paths
from cli.rules.language.terms import Term, both, negation
from cli.rules.language.undecided import TooComplex, Undecided
from cli.rules.language.words import shortest_word
from shared.containers import is_system_container
from shared.events import CREATED, DIRECTORY_RENAMED, RENAMED, UNCOMMITTED_APIS
from shared.path_template import Captures
from shared.rules import Rule
from shared.wording import shown


class Kind(StrEnum):
    """What a drift means."""

    NARROWER = "narrower"  # events are dropped that a rule wants: only the sweep finds their files, late
    UNPROVEN = "unproven"  # whether any are could not be found out
    WIDER = "wider"  # events are delivered that start nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """One way in which a subscription's filter differs from the tightest one."""

    kind: Kind
    says: str
    rule: str = ""
    path: str = ""  # a blob that shows it


def drifts_of(found: SubscriptionFilter, rules: Iterable[Rule], *, is_hierarchical: bool) -> list[Drift]:
    """Return how a filter differs from the rules' tightest. Raises ValueError when no rule is enabled."""
    wanted = [rule for rule in rules if rule.enabled]
    tightest = tightest_filter(wanted, is_hierarchical=is_hierarchical).filter
    drifts = [*_missing_types(found, tightest), *_unjudged(found)]
    passed = passed_subjects(found)
    for rule in wanted:
        drifts += _dropped(found, passed, rule, tightest.event_types)
    return [*drifts, *_surplus(found, tightest)]


def _missing_types(found: SubscriptionFilter, tightest: SubscriptionFilter) -> Iterator[Drift]:
    for event_type in tightest.event_types:
        if not found.takes_type(event_type):
            hint = "; in an account without a hierarchical namespace there are none: say --no-hns"
            says = f"{event_type} is not among its event types{hint if event_type == RENAMED else ''}"
            yield Drift(kind=Kind.NARROWER, says=says)


def _unjudged(found: SubscriptionFilter) -> Iterator[Drift]:
    for each in found.advanced:
        if not each.is_about_subject and each.key.lower() not in JUDGED_KEYS:
            says = f"what its filter {each.operator} of {shown(each.key)} drops is not known here"
            yield Drift(kind=Kind.UNPROVEN, says=says)


def _dropped(found: SubscriptionFilter, passed: Term, rule: Rule, event_types: tuple[str, ...]) -> Iterator[Drift]:
    """Yield a drift where the filter drops an event that the rule wants."""
    try:
        path = None if surely_passes(found, rule.path) else _path_of(rule, negation(passed))
        if path is not None:
            yield Drift(kind=Kind.NARROWER, says="it drops the events of this file", rule=rule.name, path=path)
            return
    except Undecided:
        if not _passes_by_its_ends(rule, passed):
            says = "this rule is too complex to prove that all its files pass"
            yield Drift(kind=Kind.UNPROVEN, says=says, rule=rule.name)
    judged = [each for each in found.advanced if each.key.lower() in JUDGED_KEYS]
    for event in sample_events(rule, judged, event_types):
        refusing = next((each for each in judged if not each.passes(event)), None)
        if refusing:
            told = value_at(event, refusing.key)
            what = "that does not tell it" if told is None else f"with {shown(str(told))} there"
            says = f"its filter {refusing.operator} of {shown(refusing.key)} drops a {event['eventType']} {what}"
            yield Drift(kind=Kind.NARROWER, says=says, rule=rule.name, path=_example(rule, passed))
            return


def _passes_by_its_ends(rule: Rule, passed: Term) -> bool:
    """Tell whether what a rule's paths begin and end with proves that all of them pass."""
    try:
        return shortest_word(both([subjects_at_most(rule.path), negation(passed)])) is None
    except TooComplex:
        return False


def _example(rule: Rule, passed: Term) -> str:
    try:
        return _path_of(rule, passed) or ""
    except Undecided:
        return ""


def _path_of(rule: Rule, subjects: Term) -> str | None:
    """Return a path that the rule matches and whose subject is among these, None when it has none.

    Raises Undecided.
    """
    for language in (at_most, at_least):
        path = shortest_path(language(rule), subjects)
        if path is None:
            if language is at_most:
                return None
            break
        if isinstance(rule.match(path), Captures) and not is_system_container(path.partition("/")[0]):
            return path
    raise TooComplex


def _surplus(found: SubscriptionFilter, tightest: SubscriptionFilter) -> Iterator[Drift]:
    """Yield what is delivered beyond the tightest filter."""
    try:
        path = shortest_path(blob_paths(), both([passed_subjects(found), negation(passed_subjects(tightest))]))
    except TooComplex:
        path = None
    if path is not None:
        yield Drift(kind=Kind.WIDER, says="it lets files through that the tightest filter does not", path=path)
    takes_all = found.takes_type("any other")
    # One that carries renamed directories beside files is as good as two subscriptions.
    known = {DIRECTORY_RENAMED.lower()}
    others = [name for name in found.event_types if not tightest.takes_type(name) and name.lower() not in known]
    if others or takes_all:
        names = "events of every type" if takes_all else " and ".join(map(shown, others))
        yield Drift(kind=Kind.WIDER, says=f"it lets {names} through, which start nothing")
    for api in sorted(UNCOMMITTED_APIS) if RENAMED in tightest.event_types else ():
        event = {"eventType": CREATED, "subject": subject_of(path or "container/name"), "data": {"api": api}}
        if all(each.passes(event) for each in found.advanced if each.key.lower() == API_KEY):
            yield Drift(kind=Kind.WIDER, says=f"it lets {api} through, which only opens a file: its commit follows")
