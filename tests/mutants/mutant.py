"""What a mutant is: a rule of the service, weakened by replacing some of its text while it is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Change:
    """A piece of a module's text, which it holds exactly once, and what stands there instead."""

    module: str
    old: str
    new: str

    @property
    def path(self) -> Path:
        """Return the module's file."""
        return ROOT / f"{self.module.replace('.', '/')}.py"

    def applied(self, text: str) -> str:
        """Return the module's text with the change; raises ValueError where the old text is not there just once."""
        if text.count(self.old) != 1:
            found = text.count(self.old)
            raise ValueError(f"{self.module} holds this text {found} times and not once:\n{self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Simulation:
    """The simulation kills it: a seed whose history breaks a promise.

    `only` names the ingredients of the histories, and `arrivals` says how many files they have; the seed decides else.
    """

    only: frozenset[str] = frozenset()  # by name: nothing of the service may be imported before it is changed
    arrivals: int | None = None

    def __str__(self) -> str:
        return f"simulation: {', '.join(sorted(self.only))}" if self.only else "simulation"


@dataclass(frozen=True)
class Search:
    """An exhaustive search kills it; named by the beginning of a scenario's name."""

    scenario: str
    faults: int = 1

    def __str__(self) -> str:
        return f"search: {self.scenario}"


@dataclass(frozen=True)
class Suite:
    """A test of the suite kills it, for the simulation cannot see it: `why` says what it would have to look at."""

    test: str
    why: str

    def __str__(self) -> str:
        return self.test.removeprefix("tests/")


Killer = Simulation | Search | Suite


@dataclass(frozen=True)
class Mutant:
    """A weakened rule, and what must notice."""

    name: str
    rule: str  # what is not so any more, in a sentence
    changes: tuple[Change, ...]
    killer: Killer = Simulation()
