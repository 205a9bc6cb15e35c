"""Visits every state that the workers, the faults, the runs' ends and the passing of time can reach.

Depth first. At each step one worker's question is answered in one of the ways it can be, or a run ends, or time jumps.
Every worker may crash at every step, before its question took effect or after, at no cost: whoever stands at a question
when time jumps has crashed there, or is slow, which is a fault (a zombie, whose question takes effect later); and every
state is also checked as one where all workers have crashed.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.search.consequences import Consequences
from tests.search.invariants import Case, OneEntry
from tests.search.recovery import EVENT, FIRST_WORKER, PASS, Recovery
from tests.search.situation import CRASHED, Late, Situation, Slot
from tests.search.truth import RUNNING, SUCCEEDED, Truth
from tests.search.workers import Program, Scripts, Setup, Step


@dataclass(frozen=True)
class Scenario:
    """Who is at work, and how much may happen."""

    name: str
    setup: Setup
    programs: Sequence[Program]
    faults: int
    ends: Mapping[str, int] = field(default_factory=dict)  # how many runs may end badly, by the state they end in
    case: Case = field(default_factory=OneEntry)
    before: Sequence[Program] = ()  # what has been done when the search begins
    afterwards: Sequence[Program] = (EVENT, PASS)  # who claims what nobody has claimed, and who does the rest


@dataclass
class Found:
    """What a search has found."""

    name: str
    faults: int
    states: int = 0
    transitions: int = 0
    histories: int = 0
    deepest: int = 0
    checked: int = 0  # situations of ledger and Databricks from which recovery was followed to its end
    seconds: float = 0.0  # of the processor
    answered: set[tuple[str, str]] = field(default_factory=set)  # which calls have been answered in which ways
    violation: str = ""
    path: list[str] = field(default_factory=list)


Frame = tuple[Hashable, Iterator[tuple[str, Situation]]]


class Explorer:
    """One exhaustive search."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._scripts = Scripts(scenario.setup)
        self._consequences = Consequences(scenario.case, scenario.setup.at)
        self._recovery = Recovery(scenario.afterwards, scenario.case, self._scripts, self._consequences)
        self._histories: dict[Hashable, int] = {}
        self._checked: dict[Hashable, str] = {}
        self._last = len(scenario.setup.seconds) - 1
        self._wrong_write = ""
        self._answered: set[tuple[str, str]] = set()

    def search(self) -> Found:
        """Visit every state, or stop at the first that is wrong."""
        began = time.process_time()
        found = Found(self._scenario.name, self._scenario.faults)
        try:
            slots = (Slot(),) * len(self._scenario.programs)
            first = 1 if self._scenario.before else 0
            self._visit(Situation(self._beginning(), first, self._scenario.faults, slots), found)
        finally:
            self._scripts.close()
        found.states = len(self._histories)
        found.answered = self._answered
        found.checked = self._recovery.followed
        found.seconds = time.process_time() - began
        return found

    def _beginning(self) -> Truth:
        truth = self._consequences.known(Truth())
        for number, program in enumerate(self._scenario.before):
            truth, wrong = self._recovery.run(program, FIRST_WORKER - 1 - number, truth, 0)
            assert not wrong, wrong
        return truth

    def _visit(self, root: Situation, found: Found) -> None:
        frames: list[Frame] = [(root.key, self._moves(root))]
        sums, names = [0], [""]
        self._histories[root.key] = 0
        while frames:
            key, moves = frames[-1]
            move = next(moves, None)
            if move is None:
                frames.pop()
                names.pop()
                total = sums.pop() or 1
                self._histories[key] = total
                if sums:
                    sums[-1] += total
                else:
                    found.histories = total
                continue
            name, situation = move
            found.transitions += 1
            wrong = self._wrong_write or self._wrong(situation)
            if wrong:
                found.violation, found.path = wrong, [*names[1:], name]
                return
            known = self._histories.get(situation.key)
            if known is not None:
                sums[-1] += known
                continue
            self._histories[situation.key] = 0
            frames.append((situation.key, self._moves(situation)))
            sums.append(0)
            names.append(name)
            found.deepest = max(found.deepest, len(frames))

    def _moves(self, situation: Situation) -> Iterator[tuple[str, Situation]]:
        for number in range(len(situation.slots)):
            yield from self._moves_of(situation, number)
        yield from self._ends(situation)
        if situation.phase < self._last:
            yield from self._jumps(situation)

    def _jumps(self, situation: Situation) -> Iterator[tuple[str, Situation]]:
        """Let time pass: whoever is at work has crashed, or is slow; a worker may also have begun just before."""
        at = self._scenario.setup.at
        fates = [self._fates(situation, number) for number in range(len(situation.slots))]
        for chosen in itertools.product(*fates):
            faults = situation.faults - sum(cost for _, _, cost in chosen)
            if faults >= 0:
                told = "; ".join(filter(None, (name for name, _, _ in chosen)))
                slots = tuple(slot for _, slot, _ in chosen)
                name = f"{at(situation.phase + 1) - at(situation.phase):.0f} s pass" + (f" ({told})" if told else "")
                yield name, Situation(situation.truth, situation.phase + 1, faults, slots)

    def _fates(self, situation: Situation, number: int) -> list[tuple[str, Slot, int]]:
        slot, program = situation.slots[number], self._scenario.programs[number]
        if slot.is_busy:
            return [(f"{number + 1} has crashed", CRASHED, 0), (f"{number + 1} is slow", slot, 1)]
        if slot.step is None and not slot.is_crashed and situation.faults:
            begun = Slot(self._scripts.begin(program, number, situation.phase))
            return [("", slot, 0), (f"{number + 1} has begun, and is slow", begun, 1)]
        return [("", slot, 0)]

    def _moves_of(self, situation: Situation, number: int) -> Iterator[tuple[str, Situation]]:
        slot, program = situation.slots[number], self._scenario.programs[number]
        who = f"{program.name} {number + 1}"
        if slot.is_crashed or slot.is_done:
            return
        if slot.step is None:
            yield from self._answers(situation, number, self._scripts.begin(program, number, situation.phase), who)
        elif slot.late is not None:
            if situation.phase > slot.late.since:
                step = self._scripts.after(slot.step, situation.phase, slot.late.sign, slot.late.answer)
                yield f"{who} gets its answer at last", situation.after(number, Slot(step), situation.truth, 0)
        else:
            yield from self._answers(situation, number, slot.step, who)

    def _answers(self, situation: Situation, number: int, step: Step, who: str) -> Iterator[tuple[str, Situation]]:
        for outcome in self._consequences.of(step, situation.truth, situation.phase):
            if outcome.cost > situation.faults:
                continue
            asked = type(step.ask).__name__
            self._answered.add((asked, outcome.name))
            name = f"{who}: {asked} {outcome.name}"
            self._wrong_write = outcome.wrong
            after = self._scripts.after(step, situation.phase, outcome.sign, outcome.answer)
            yield name, situation.after(number, Slot(after), outcome.truth, outcome.cost)
            if outcome.name == "works" and situation.faults and situation.phase < self._last:
                late = Late(outcome.sign, outcome.answer, situation.phase)
                yield f"{name}, its answer is late", situation.after(number, Slot(step, late), outcome.truth, 1)
        self._wrong_write = ""

    def _ends(self, situation: Situation) -> Iterator[tuple[str, Situation]]:
        runs = situation.truth.runs
        for number, run in enumerate(runs):
            if run.state != RUNNING:
                continue
            states = [SUCCEEDED]
            for state, most in self._scenario.ends.items():
                ended_so = sum(each.state == state for each in runs) + sum(each.repairs for each in runs)
                if ended_so < most:
                    states.append(state)
            for state in states:
                truth = self._consequences.known(situation.truth.ended(number, state, situation.phase))
                after = Situation(truth, situation.phase, situation.faults, situation.slots)
                yield f"run {number + 1} ends {state}", after

    def _wrong(self, situation: Situation) -> str:
        """Return what is wrong with a situation, also as one where everybody crashes."""
        is_acknowledged = any(
            slot.key == "done" and program.is_event
            for slot, program in zip(situation.slots, self._scenario.programs, strict=True)
        )
        key = (situation.truth.number, situation.phase, is_acknowledged)
        if key not in self._checked:
            self._checked[key] = self._wrong_truth(situation, is_acknowledged=is_acknowledged)
        return self._checked[key]

    def _wrong_truth(self, situation: Situation, *, is_acknowledged: bool) -> str:
        wrong = next(self._scenario.case.faults(situation.truth), "")
        if wrong:
            return wrong
        if is_acknowledged and self._scenario.case.is_unclaimed(situation.truth):
            return "an event was acknowledged though nothing was claimed"
        return self._recovery.wrong(situation.truth, situation.phase)
