"""The rules, and which of them an arrival is for. docs/rules.md is the specification; `rules_file` reads them.

Everything that asks which job a blob starts asks here: the live path, the sweep, a backfill, `explain` and the
examples in the rules file. A preview that ran other code would lie.
"""

from __future__ import annotations

from shared.parameters import Locations
from shared.rules.conditions import Conditions
from shared.rules.explanation import Explanation
from shared.rules.gathering import Gathering, IfIncomplete
from shared.rules.limit import Limit, Per
from shared.rules.rule import FailureAction, Match, Mode, OnFailure, OnOverwrite, Rule
from shared.rules.rule_set import Rules
from shared.rules.run_parameters import RunParameters, is_storable, problem

__all__ = [
    "Conditions",
    "Explanation",
    "FailureAction",
    "Gathering",
    "IfIncomplete",
    "Limit",
    "Locations",
    "Match",
    "Mode",
    "OnFailure",
    "OnOverwrite",
    "Per",
    "Rule",
    "Rules",
    "RunParameters",
    "is_storable",
    "problem",
]
