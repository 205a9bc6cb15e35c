"""Deterministic simulation of the real service: one seed is one history. `python -m tests.simulation --help`."""

from __future__ import annotations

from tests.simulation.history import Violation
from tests.simulation.ingredients import Ingredient
from tests.simulation.outcome import Outcome
from tests.simulation.simulation import run_history

__all__ = ["Ingredient", "Outcome", "Violation", "run_history"]
