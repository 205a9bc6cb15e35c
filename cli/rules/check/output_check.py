"""Finds rules that watch where their own job writes: each run would start the next, for ever and for money.

What a job writes is known only as far as its parameters say; so this sees some loops, and not all there may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cli.blob_place import BlobPlace
from cli.rules.check.blob_places import bare_place_in, is_input, is_output, place_in
from cli.rules.check.samples import arrival_at, facts_for
from cli.rules.language.paths import at_most
from cli.rules.language.terms import ANYTHING, both, literal, sequence
from cli.rules.language.undecided import Undecided
from cli.rules.language.words import Effort, shortest_word
from shared.model import Arrival, JobReference
from shared.parameters import Locations
from shared.path_template import Captures
from shared.rules import Match, Rule, Rules
from shared.rules.run_parameters import text_leaves

_KEY = "0" * 64
# What all searches below folders may take together.
_MOST_EFFORT = 200_000
# What of a blob names a place, and made longer another.
_PLACES = frozenset({"blob.uri", "blob.abfss", "blob.wasbs", "blob.https", "blob.volume"})


@dataclass(frozen=True, slots=True)
class OwnOutput:
    """What a job may write at `path` starts the same job again, by `watcher`."""

    rule: Rule  # whose parameter says so; the watcher itself where it is the job's own setting
    parameter: str  # such as notebook_params.output
    value: str
    watcher: Rule
    path: str


def may_name_places(rule: Rule) -> bool:
    """Tell whether a parameter of the rule may name a place other than the blob itself: for most rules none does."""
    for parameter, template in rule.parameters.templates():
        is_made = any(isinstance(piece, str) for piece in template.pieces)
        if is_output(_name(parameter)) or (is_made and ("/" in template.text or template.names & _PLACES)):
            return True
    return False


class OutputCheck:
    """Asks the rules about places; `account` is the landing account's name, "" where it is not known."""

    def __init__(self, rules: Rules, account: str) -> None:
        self._rules = rules
        self._account = account
        self._locations = Locations.in_azure(account or "account")
        self._effort = Effort(_MOST_EFFORT)
        self._by_job: dict[JobReference, list[Rule]] = {}
        for rule in rules:
            if rule.enabled:
                self._by_job.setdefault(rule.job, []).append(rule)

    def of_rule(self, rule: Rule, paths: Iterable[str]) -> Iterator[OwnOutput]:
        """Yield what the rule's parameters say for blobs at these paths, each parameter once."""
        told: set[str] = set()
        for arrival in self._arrivals(rule, paths):
            captures = rule.match(arrival.full_path)
            if not isinstance(captures, Captures):
                continue
            fields = Match(rule, arrival, captures).render(self._locations, _KEY)
            texts = [text for kind, field in fields.items() for text in text_leaves(kind, field)]
            for parameter, value in texts:
                if parameter in told or value in ("", _KEY):
                    continue
                place = self._written(parameter, value, rule, arrival)
                found = self._watched(place, self._by_job[rule.job]) if place else None
                if found:
                    told.add(parameter)
                    yield OwnOutput(rule, parameter, value, *found)

    def of_setting(self, name: str, value: str, rules: Sequence[Rule]) -> OwnOutput | None:
        """Return what one of a job's own settings says, the job being that of these rules."""
        volumes = rules[0].volumes
        place = place_in(value, volumes) or (bare_place_in(value) if is_output(name) else None)
        if place is None or is_input(name) or not self._is_ours(place):
            return None
        found = self._watched(place, rules)
        return OwnOutput(found[0], name, value, *found) if found else None

    def watched(self, value: str, rules: Sequence[Rule]) -> tuple[Rule, str] | None:
        """Return the rule that watches a place, or a folder, with a path there."""
        place = place_in(value, rules[0].volumes)
        return self._watched(place, rules) if place and self._is_ours(place) else None

    def _arrivals(self, rule: Rule, paths: Iterable[str]) -> Iterator[Arrival]:
        facts = facts_for([rule])
        if facts is not None:
            for path in paths:
                yield arrival_at(path, **{"account": self._locations.account, **facts})

    def _is_ours(self, place: BlobPlace) -> bool:
        return not (place.account and self._account) or place.account == self._account

    def _written(self, parameter: str, value: str, rule: Rule, arrival: Arrival) -> BlobPlace | None:
        """Return the place that a rendered parameter seems to name as the job's output."""
        name = _name(parameter)
        is_written = is_output(name)
        place = place_in(value, rule.volumes) or (bare_place_in(value) if is_written else None)
        if place is None or is_input(name) or not self._is_ours(place):
            return None
        own = arrival.full_path
        if place.full_path == own:
            return None  # its input
        is_folder_of_input = own.startswith(place.full_path.rstrip("/") + "/")
        return place if is_written or not is_folder_of_input else None

    def _watched(self, place: BlobPlace, rules: Sequence[Rule]) -> tuple[Rule, str] | None:
        if place.path and not place.path.endswith("/") and (rule := self._starts(place.full_path, rules)):
            return rule, place.full_path
        folder = place.full_path.rstrip("/") + "/"
        for rule in rules:
            if not _may_meet(rule, folder):
                continue
            try:
                path = shortest_word(both([at_most(rule), sequence([literal(folder), ANYTHING])]), self._effort)
            except Undecided:
                continue
            if path and (starter := self._starts(path, rules)):
                return starter, path
        return None

    def _starts(self, path: str, rules: Sequence[Rule]) -> Rule | None:
        """Return which of these rules a blob at a path would start, by the code that decides live."""
        started = [match.rule for match in self._rules.match(arrival_at(path))]
        return next((rule for rule in rules if rule in started), None)


def _name(parameter: str) -> str:
    """Return what a parameter is called: `output` of `notebook_params.output`."""
    return parameter.partition(".")[2]


def _may_meet(rule: Rule, folder: str) -> bool:
    prefix = rule.path.static_prefix
    return prefix.startswith(folder) or folder.startswith(prefix)
