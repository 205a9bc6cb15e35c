"""Checks a rules file: all that can be said of it without a workspace, and with one what its jobs add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cli.rules.check.findings import Finding, in_order
from cli.rules.check.job_check import JobSource, check_jobs
from cli.rules.check.output_check import OutputCheck, may_name_places
from cli.rules.check.pair_check import Comparison, Standing, Taking, compare
from cli.rules.check.places import Place, Places
from cli.rules.check.samples import Samples
from cli.rules.check.track import Track, no_track
from cli.rules.language.undecided import Undecided
from cli.rules.language.words import Effort
from shared.errors import RulesError
from shared.rules import Rule, Rules
from shared.rules.index import RuleIndex
from shared.rules_file import parse_rules
from shared.wording import shown

# Of what one rule shares with others so much is told one by one; the rest is counted.
_MOST_TOLD = 5
_SAMPLE_EFFORT = 200_000


@dataclass(slots=True)
class Checked:
    """One rules file and what was found in it."""

    file: str
    rules: int = 0
    findings: list[Finding] = field(default_factory=list)


class Check:
    """Checks one file; `file` is what findings call it, and `account` the landing account where it is known."""

    def __init__(self, text: str, file: str, *, account: str = "", track: Track = no_track) -> None:
        self._file = file
        self._track = track
        self._places = Places(text)
        self._findings: list[Finding] = []
        try:
            self._rules: Rules | None = parse_rules(text, file)
        except RulesError as error:
            self._rules = None
            self._findings += [
                Finding(code="invalid", message=fault.message, file=file, line=fault.line, column=fault.column)
                for fault in error.faults
            ]
        self._outputs = OutputCheck(self._rules or Rules(()), account)

    def offline(self) -> None:
        """Find what the file itself says."""
        if self._rules is None:
            return
        comparison = compare(
            self._rules, lambda rules: self._track(tuple(rules), "Comparing rules"), self._places.examples
        )
        self._findings += self._compared(comparison)
        self._findings += self._prefixes(self._rules)
        self._findings += self._own_outputs(self._rules)

    async def jobs(self, source: JobSource) -> None:
        """Find what the jobs in a workspace say."""
        if self._rules is not None:
            self._findings += await check_jobs(self._rules, source, self._places, self._outputs, self._file)

    @property
    def result(self) -> Checked:
        """Return all that was found so far, in the order of the file."""
        return Checked(self._file, len(self._rules or ()), [*in_order(self._findings)])

    def _compared(self, comparison: Comparison) -> Iterator[Finding]:
        for rule in comparison.unmatched:
            message = f"No path can match {shown(rule.name)}: its excludes and Azure's own names leave none."
            yield self._find("never-matches", message, rule)
        for standing in comparison.standings:
            yield from self._standing(standing)
        if comparison.undecided or comparison.uncompared:
            pairs = f"{comparison.undecided:,} pairs of rules are too involved to say whether they share a path"
            rules = f"{comparison.uncompared:,} rules share too much with others to be compared with all of them"
            says = [text for text, count in ((pairs, comparison.undecided), (rules, comparison.uncompared)) if count]
            yield Finding(code="not-compared", message=f"{'; '.join(says)}.", file=self._file)

    def _standing(self, standing: Standing) -> Iterator[Finding]:
        rule = standing.rule
        if standing.shadows:
            takers = " and ".join(f"{shown(taker.name)} on line {taker.line}" for taker in standing.shadows)
            verb = "takes" if len(standing.shadows) == 1 else "take"
            message = (
                f"{shown(rule.name)} never starts its job: {takers} {verb} every path of it first, such as "
                f"{shown(standing.path)}."
            )
            yield self._find("shadowed", message, rule, standing.path)
            return
        clashes = [taking for taking in standing.takings if not taking.is_particular]
        for taking in clashes[:_MOST_TOLD]:
            yield self._find("overlap", _clash(rule, taking), rule, taking.path)
        if (more := len(clashes) - _MOST_TOLD) > 0:
            message = f"{more:,} more rules before it clash with {shown(rule.name)} in the same way."
            yield self._find("overlap", message, rule)
        if particular := [taking for taking in standing.takings if taking.is_particular]:
            yield self._find("takes-first", _exceptions(rule, particular), rule, particular[0].path)

    def _prefixes(self, rules: Rules) -> Iterator[Finding]:
        for rule in rules:
            if rule.enabled and "/" not in rule.path.static_prefix:
                message = (
                    f"{shown(rule.path.text)} starts without the name of a container, so that every pass of the sweep "
                    f"lists {_listed(rule)} from the beginning."
                )
                yield self._find("no-static-prefix", message, rule)
        # By the index of production: what it cannot tell apart is what costs.
        bare = RuleIndex(rule for rule in rules if rule.enabled).unindexed
        if bare:
            count = f"{len(bare):,} of {len(rules):,} rules"
            message = (
                f"{count} cannot be found by literal text, such as {shown(bare[0].name)}: each such rule is tried on "
                "every path that has what little it holds."
            )
            yield self._find("unindexed", message, bare[0])

    def _own_outputs(self, rules: Rules) -> Iterator[Finding]:
        samples = Samples(Effort(_SAMPLE_EFFORT), self._places.examples)
        for rule in self._track(tuple(rules), "Looking at parameters"):
            if not rule.enabled or not may_name_places(rule):
                continue
            try:
                path = samples.path(rule)
            except Undecided:
                path = None
            paths = [*self._places.examples(rule), *([path] if path else [])]
            for found in self._outputs.of_rule(rule, paths):
                again = (
                    "starts it again" if found.watcher == rule else f"starts it again, by {shown(found.watcher.name)}"
                )
                message = (
                    f"The job of {shown(rule.name)} seems to write where its rules watch: {shown(found.parameter)} "
                    f"is {shown(found.value)} here, and {shown(found.path)} {again}."
                )
                place = self._places.of(rule, *found.parameter.partition("[")[0].split(".", 1))
                yield self._find("own-output", message, rule, found.path, place)

    def _find(self, code: str, message: str, rule: Rule, path: str = "", place: Place | None = None) -> Finding:
        line, column = place or self._places.of_path(rule)
        return Finding(code=code, message=message, file=self._file, line=line, column=column, rule=rule.name, path=path)


def _clash(rule: Rule, taking: Taking) -> str:
    earlier = taking.earlier
    return (
        f"{shown(taking.path)} is for {shown(earlier.name)} on line {earlier.line} and for {shown(rule.name)}; the "
        "first wins. Neither is an exception of the other."
    )


def _exceptions(rule: Rule, takings: Sequence[Taking]) -> str:
    first = takings[0]
    more = len(takings) - 1
    others = f" and {more:,} more rule{'' if more == 1 else 's'} before it" if more else ""
    return (
        f"{shown(first.earlier.name)} on line {first.earlier.line}{others} {'take' if more else 'takes'} paths from "
        f"{shown(rule.name)}, such as {shown(first.path)}."
    )


def _listed(rule: Rule) -> str:
    prefix = rule.path.static_prefix
    return f"every container that starts with {shown(prefix)}" if prefix else "every container of the account"
