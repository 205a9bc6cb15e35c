"""What must come of every state once faults stop: the passes that follow settle the entry, and say what is true."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from shared.model import Arrival
from tests.fakes.world import World, event_body
from tests.search.consequences import Consequences
from tests.search.invariants import Case
from tests.search.truth import RUNNING, SUCCEEDED, Truth
from tests.search.workers import Program, Scripts

MOST_PASSES = 12
FIRST_WORKER = 100


async def receive(world: World, arrivals: Sequence[Arrival]) -> None:
    """Take in the event of the first arrival, as its door does."""
    await world.intake.receive(event_body(arrivals[0]), world.deadline(world.settings.dispatch_budget.total_seconds()))


async def make_pass(world: World, arrivals: Sequence[Arrival]) -> None:
    """Make the part of a pass that deals with entries: what is due is redriven, then settled."""
    del arrivals
    deadline = world.deadline(world.settings.reconcile_budget.total_seconds())
    due = await world.redriver.due(["crm"])
    await world.redriver.redrive(due, deadline)
    await world.redriver.settle(due, deadline)


EVENT = Program("event", receive, is_event=True)
PASS = Program("pass", make_pass)


class Recovery:
    """Follows every state to its end without further faults; states that are equal are followed once."""

    def __init__(self, programs: Sequence[Program], case: Case, scripts: Scripts, consequences: Consequences) -> None:
        self._consequences = consequences
        self._scripts = scripts
        self._again, self._pass = programs
        self._case = case
        self._known: dict[Hashable, str] = {}
        self.followed = 0

    def wrong(self, truth: Truth, phase: int) -> str:
        """Return what is wrong with what comes of a state in which all workers crash, "" when nothing is."""
        self.followed += 1
        passed: list[Hashable] = []
        wrong: str | None = None
        while wrong is None:
            if (truth.number, phase) in self._known:
                wrong = self._known[truth.number, phase]
            elif self._case.is_over(truth):
                wrong = next(self._case.faults_of_end(truth), "")
            elif len(passed) == MOST_PASSES:
                wrong = f"after all crashed, something was still open {MOST_PASSES} passes later"
            else:
                passed.append((truth.number, phase))
                truth, phase, wrong = self._next(truth, phase)
        self._known.update(dict.fromkeys(passed, wrong))
        return wrong

    def _next(self, truth: Truth, phase: int) -> tuple[Truth, int, str | None]:
        """Let time pass and a pass be made; return what is true then, and what is wrong, None when nothing is so far.

        Nobody acknowledged the event of an arrival that nobody claimed: it comes again, or a sweep finds it.
        """
        for each, run in enumerate(truth.runs):
            if run.state == RUNNING:
                truth = self._consequences.known(truth.ended(each, SUCCEEDED, phase))
        program = self._again if self._case.is_unclaimed(truth) else self._pass
        truth, wrong = self.run(program, FIRST_WORKER + phase, truth, phase + 1)
        wrong = wrong or next(self._case.faults(truth), "")
        return truth, phase + 1, f"after all crashed and a pass was made: {wrong}" if wrong else None

    def run(self, program: Program, worker: int, truth: Truth, phase: int) -> tuple[Truth, str]:
        """Let one worker do all its work alone, without faults; return what is true then, and what is wrong."""
        step = self._scripts.begin(program, worker, phase)
        while step.ask is not None:
            outcome = next(each for each in self._consequences.of(step, truth, phase) if each.cost == 0)
            if outcome.wrong:
                return truth, outcome.wrong
            truth = outcome.truth
            step = self._scripts.after(step, phase, outcome.sign, outcome.answer)
        return truth, f"{program.name} failed: {step.failure!r}" if step.failure else ""
