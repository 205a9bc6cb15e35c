"""What comes of every question in every truth, worked out once: equal truths become one and the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from tests.search.asking import Answer, Transact
from tests.search.invariants import Case
from tests.search.outcomes import outcomes
from tests.search.truth import Truth
from tests.search.workers import Step


@dataclass(frozen=True, slots=True)
class Consequence:
    """One way a call can go, and what is wrong with that."""

    name: str
    cost: int  # in faults
    truth: Truth
    sign: Hashable
    answer: Answer
    wrong: str


class Consequences:
    """Knows every truth of a search by a number."""

    def __init__(self, case: Case, at: Callable[[int], float]) -> None:
        self._case = case
        self._at = at
        self._truths: dict[Hashable, Truth] = {}
        self._known: dict[tuple[int, int, int], Sequence[Consequence]] = {}

    def known(self, truth: Truth) -> Truth:
        """Return the truth that stands for all that are equal."""
        found = self._truths.get(truth.key)
        if found is None:
            found = replace(truth, number=len(self._truths))
            self._truths[truth.key] = found
        return found

    def of(self, step: Step, truth: Truth, phase: int) -> Sequence[Consequence]:
        """Return all that can come of a worker's question."""
        place = (step.number, truth.number, phase)
        found = self._known.get(place)
        if found is None:
            found = [
                Consequence(
                    outcome.name,
                    outcome.cost,
                    self.known(outcome.truth),
                    outcome.sign,
                    outcome.answer,
                    next(self._case.faults_of_write(truth, outcome.truth), "")
                    if isinstance(step.ask, Transact)
                    else "",
                )
                for outcome in outcomes(step, truth, phase, self._at)
            ]
            self._known[place] = found
        return found
