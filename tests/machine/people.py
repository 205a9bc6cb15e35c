"""What people do to rules and to entries. Machines mix it with the rest."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import rule

from shared.backfill_request import BackfillRequest
from shared.replay_request import REPLAYABLE, ReplayRequest
from tests.machine.base import INSTANCES, NUMBERS, Machine
from tests.machine.fleet import Step
from tests.machine.ledger_rows import baselines
from tests.machine.rule_edits import SPARE, changed


class Edits(Machine):
    """People edit the rules; every edit is a deployment."""

    spare: ClassVar = SPARE

    @rule(number=NUMBERS, first=st.booleans())
    def add_a_rule(self, number: int, first: bool) -> None:  # noqa: FBT001 - by name
        """Add a rule, before the others or after them."""
        new, rules = self.spare[number % len(self.spare)], self.rule_history.now.rules
        if new.name not in {rule.name for rule in rules} | {name for rule in rules for name in rule.former_names}:
            self._put((new, *rules) if first else (*rules, new))

    @rule(number=NUMBERS)
    def remove_a_rule(self, number: int) -> None:
        """Remove a rule that a pass has seen; of one that none has seen, see tests/shared/test_known_gaps.py."""
        rules = self.rule_history.now.rules
        at = number % len(rules)
        if len(rules) > 1 and rules[at].ledger_name in baselines(self.fleet.common.table):
            self._put((*rules[:at], *rules[at + 1 :]))

    @rule(number=NUMBERS)
    def reorder_the_rules(self, number: int) -> None:
        """Put another rule first."""
        rules = self.rule_history.now.rules
        at = number % len(rules)
        self._put((rules[at], *rules[:at], *rules[at + 1 :]))

    @rule(number=NUMBERS)
    def disable_or_enable_a_rule(self, number: int) -> None:
        """Switch a rule off or on."""
        rules = self.rule_history.now.rules
        self._put(changed(rules, number, enabled=not rules[number % len(rules)].enabled))

    @rule(number=NUMBERS)
    def rename_a_rule(self, number: int) -> None:
        """Give a rule another name, and tell the former one."""
        rules = self.rule_history.now.rules
        former = rules[number % len(rules)]
        name = f"{former.ledger_name}-{len(former.former_names) + 1}"
        self._put(changed(rules, number, name=name, former_names=(former.name, *former.former_names)))

    @rule(number=NUMBERS, job=st.integers(0, 2))
    def change_a_job(self, number: int, job: int) -> None:
        """Let a rule start another job."""
        self._put(changed(self.rule_history.now.rules, number, job=job))

    @rule(number=NUMBERS)
    def change_parameters(self, number: int) -> None:
        """Let a rule tell its job something else."""
        rules = self.rule_history.now.rules
        self._put(changed(rules, number, edition=rules[number % len(rules)].edition + 1))

    @rule()
    def redeploy(self) -> None:
        """Start every process anew, with the same rules."""
        self.deploy(self.rule_history.now.rules)

    def _put(self, rules: tuple[object, ...]) -> None:
        self.deploy(rules)  # type: ignore[arg-type]  # rules they are, told apart from tuples of one
        self.do(self.passes(self.at(0)))


class Operators(Machine):
    """People replay, backfill and prune."""

    @rule(number=NUMBERS, at=INSTANCES, anew=st.booleans())
    def replay(self, number: int, at: int, anew: bool) -> None:  # noqa: FBT001 - by name
        """Open again what a rule has closed without a result."""
        name, instance = self._rule_name(number), self.at(at)
        request = ReplayRequest(asked_by="ada", rule=name, states=tuple(REPLAYABLE), anew=anew)
        self.witness.replays += 1
        self.do(Step(instance, instance.replayer.replay(request, instance.deadline()), self._replayed))

    @rule(number=NUMBERS, at=INSTANCES)
    def backfill(self, number: int, at: int) -> None:
        """Ask for all files of a rule."""
        instance = self.at(at)
        request = BackfillRequest(rule=self._rule_name(number), asked_by="ada", rate=1000.0)
        self.witness.backfills += 1
        self.do(Step(instance, instance.backfill_orders.ask(request)))

    @rule(at=INSTANCES)
    def prune(self, at: int) -> None:
        """Remove what is old."""
        instance = self.at(at)

        async def work() -> None:
            await instance.pruner.prune(await instance.bookkeeping.standings(), instance.deadline())

        self.do(Step(instance, work()))

    def _replayed(self, is_success: bool) -> None:  # noqa: FBT001 - the only thing to be told
        del is_success
        self.witness.replays -= 1

    def _rule_name(self, number: int) -> str:
        rules = self.rule_history.now.rules
        return rules[number % len(rules)].name
