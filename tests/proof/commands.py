"""The proofs that there are, and how each is run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

_PYTEST = ("pytest", "-q", "-p", "no:cacheprovider")


@dataclass(frozen=True, slots=True)
class Proof:
    """A command that ends by recording what it showed; see tests/proof_record.py."""

    name: str
    module: tuple[str, ...]  # what follows `python -m`
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def argv(self) -> list[str]:
        """Return the command."""
        return [sys.executable, "-m", *self.module]


PROOFS = (
    Proof("histories", ("tests.simulation", "--seeds", "1:1000")),
    Proof("long-history", ("tests.simulation", "--seeds", "20261123:1", "--arrivals", "100000")),
    Proof("search", ("tests.search",)),
    Proof("mutants", ("tests.mutants",)),
    Proof("machines", ("tests.machine", "--histories", "200", "--seed", "1")),
    Proof("hostile", (*_PYTEST, "tests/hostile")),
    Proof("security", (*_PYTEST, "tests/security")),
    Proof("gather", (*_PYTEST, "tests/shared/gather")),
    Proof("limits", (*_PYTEST, "tests/shared/limits"), {"FLOOD": "100000"}),
    Proof("processes", (*_PYTEST, "tests/acceptance/test_lost_events.py")),
)
