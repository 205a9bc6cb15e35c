"""What people do to rules and to entries. Machines mix it with the rest."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from shared.backfill_request import BackfillRequest
from shared.replay_request import REPLAYABLE, ReplayRequest
from tests.machine.base import INSTANCES, NUMBERS, Machine, happening
from tests.machine.fleet import Step
from tests.machine.ledger_rows import baselines
from tests.machine.rule_edits import SPARE, MachineRule, changed


class Edits(Machine):
    """People edit the rules; every edit is a deployment."""

    spare: ClassVar = SPARE

    @happening(number=NUMBERS, first=st.booleans(), passes=st.booleans())
    def add_a_rule(self, number: int, first: bool, passes: bool) -> None:  # noqa: FBT001 - by name
        """Add a rule, before the others or after them; perhaps no pass comes for a while."""
        new, rules = self.spare[number % len(self.spare)], self.rule_history.now.rules
        if new.name not in {rule.name for rule in rules} | {name for rule in rules for name in rule.former_names}:
            self._put((new, *rules) if first else (*rules, new), passes=passes)

    @happening(number=NUMBERS)
    def remove_a_rule(self, number: int) -> None:
        """Remove a rule, perhaps one that has claimed and that no pass has seen."""
        rules = self.rule_history.now.rules
        at = number % len(rules)
        if len(rules) > 1:
            if rules[at].ledger_name not in baselines(self.fleet.common.table):
                self.evidence.reached["unseen rule removed"] += 1
            self._put((*rules[:at], *rules[at + 1 :]))

    @happening(number=NUMBERS)
    def reorder_the_rules(self, number: int) -> None:
        """Put another rule first."""
        self._reorder(number)

    @precondition(lambda self: self.shore.delivered)
    @happening(number=NUMBERS)
    def reorder_and_be_told_again(self, number: int) -> None:
        """Put another rule first, and deliver the last event late once more: whoever had the file keeps it."""
        self.clock.advance(400.0)
        self._reorder(number)
        self.do(self.delivers(self.shore.delivered[-1], self.at(0)))

    @happening(number=NUMBERS)
    def disable_or_enable_a_rule(self, number: int) -> None:
        """Switch a rule off or on."""
        rules = self.rule_history.now.rules
        self._put(changed(rules, number, enabled=not rules[number % len(rules)].enabled))

    @happening(number=NUMBERS)
    def rename_a_rule(self, number: int) -> None:
        """Give a rule another name, and tell the former one."""
        rules = self.rule_history.now.rules
        former = rules[number % len(rules)]
        name = f"{former.ledger_name}-{len(former.former_names) + 1}"
        self._put(changed(rules, number, name=name, former_names=(former.name, *former.former_names)))

    @happening(number=NUMBERS, job=st.integers(0, 2))
    def change_a_job(self, number: int, job: int) -> None:
        """Let a rule start another job."""
        self._put(changed(self.rule_history.now.rules, number, job=job))

    @happening(number=NUMBERS)
    def change_parameters(self, number: int) -> None:
        """Let a rule tell its job something else."""
        rules = self.rule_history.now.rules
        self._put(changed(rules, number, edition=rules[number % len(rules)].edition + 1))

    @happening()
    def redeploy(self) -> None:
        """Start every process anew, with the same rules."""
        self.deploy(self.rule_history.now.rules)

    def _reorder(self, number: int) -> None:
        rules = self.rule_history.now.rules
        at = number % len(rules)
        self._put((rules[at], *rules[:at], *rules[at + 1 :]))

    def _put(self, rules: tuple[MachineRule, ...], *, passes: bool = True) -> None:
        self.deploy(rules)
        if passes:
            self.do(self.passes(self.at(0)))


class Operators(Machine):
    """People replay, backfill and prune."""

    @happening(number=NUMBERS, at=INSTANCES, anew=st.booleans())
    def replay(self, number: int, at: int, anew: bool) -> None:  # noqa: FBT001 - by name
        """Open again what a rule has closed without a result."""
        name, instance = self._rule_name(number), self.at(at)
        request = ReplayRequest(asked_by="ada", rule=name, states=tuple(REPLAYABLE), anew=anew)
        self.evidence.replays += 1
        self.do(Step(instance, instance.replayer.replay(request, instance.deadline()), self._replayed))

    @happening(number=NUMBERS, at=INSTANCES)
    def backfill(self, number: int, at: int) -> None:
        """Ask for all files of a rule."""
        instance = self.at(at)
        request = BackfillRequest(rule=self._rule_name(number), asked_by="ada", rate=1000.0)
        self.evidence.backfills += 1
        self.do(Step(instance, instance.backfill_orders.ask(request)))

    @happening(at=INSTANCES)
    def prune(self, at: int) -> None:
        """Remove what is old."""
        instance = self.at(at)

        async def work() -> None:
            await instance.pruner.prune(await instance.bookkeeping.standings(), instance.deadline())

        self.do(Step(instance, work()))

    def _replayed(self, is_success: bool) -> None:  # noqa: FBT001 - the only thing to be told
        del is_success
        self.evidence.replays -= 1

    def _rule_name(self, number: int) -> str:
        rules = self.rule_history.now.rules
        return rules[number % len(rules)].name
