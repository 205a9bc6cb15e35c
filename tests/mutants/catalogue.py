"""All mutants: those of the claim, dispatch and settle protocol, of the sweep and pruning, of gathering and limits."""

from __future__ import annotations

from tests.mutants.claiming import CLAIMING
from tests.mutants.dispatching import DISPATCHING
from tests.mutants.gathering import GATHERING
from tests.mutants.limiting import LIMITING
from tests.mutants.settling import SETTLING
from tests.mutants.sweeping import SWEEPING

MUTANTS = (*CLAIMING, *DISPATCHING, *SETTLING, *SWEEPING, *GATHERING, *LIMITING)
