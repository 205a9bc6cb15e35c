"""What all who judge the ledger share: what happened to files, rules and runs, and what was found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from localdev.memory_table import MemoryTable
from shared.clock import Clock
from tests.machine.rule_edits import RuleHistory
from tests.machine.shore import Shore
from tests.machine.workspace import Workspace


@dataclass(kw_only=True, slots=True)
class Evidence:
    """What is known beside the ledger; faults are collected, for what is raised inside the service might be caught."""

    table: MemoryTable
    shore: Shore
    rules: RuleHistory
    workspace: Workspace
    clock: Clock
    faults: list[str] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)
    removed: set[str] = field(default_factory=set)  # keys of entries that were pruned
    replays: int = 0  # that may still be opening entries
    backfills: int = 0  # that were ever asked for

    def fault(self, key: str, what: str) -> None:
        """Take note of what must not be."""
        self.faults.append(f"{key[:8]}: {what}")
