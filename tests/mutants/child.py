"""One mutant in a process of its own: applies it, lets its killer look for it, and prints what came of it as JSON."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import time
from contextlib import redirect_stdout

from tests.mutants.catalogue import MUTANTS
from tests.mutants.hook import install
from tests.mutants.mutant import Killer, Search, Simulation, Suite


def main(arguments: list[str]) -> int:
    """Run the child: a mutant's name, or "" for the code as it is; how many seeds; and another search, its faults."""
    name, seeds = arguments[0], int(arguments[1])
    began = time.process_time()
    mutant = next((each for each in MUTANTS if each.name == name), None)
    install(mutant.changes if mutant else ())
    if mutant is None:
        found = control(seeds)
    else:
        killer = Search(arguments[2], int(arguments[3])) if arguments[2:] else mutant.killer
        found = attempt(killer, seeds)
    print(json.dumps({**found, "name": name, "seconds": round(time.process_time() - began, 1)}))  # noqa: T201 - this is what the parent reads
    return 0


def control(seeds: int) -> dict[str, object]:
    """Return what fails in the code as it is: nothing, or what mutants are killed by says nothing about them."""
    tests = {mutant.killer.test: None for mutant in MUTANTS if isinstance(mutant.killer, Suite)}
    found = _tested(Suite("their tests", ""), list(tests))
    for histories in {mutant.killer: None for mutant in MUTANTS if isinstance(mutant.killer, Simulation)}:
        if not found["killed"]:
            found = _simulated(seeds, histories)
    return found


def attempt(killer: Killer, seeds: int) -> dict[str, object]:
    """Return by what the mutant was killed, "" when it survived, and at which seed."""
    match killer:
        case Search():
            return _searched(killer)
        case Suite():
            return _tested(killer, [killer.test])
        case Simulation():
            return _simulated(seeds, killer)


def _simulated(seeds: int, histories: Simulation) -> dict[str, object]:
    from tests.simulation import Ingredient, run_history  # noqa: PLC0415 - the service is imported after it was changed

    logging.disable(logging.CRITICAL)
    only = {Ingredient(name) for name in histories.only} or None
    for seed in range(1, seeds + 1):
        outcome = run_history(seed, arrivals=histories.arrivals, only=only)
        if outcome.violations:
            return {"killed": str(outcome.violations[0].check), "seed": seed}
    return {"killed": "", "seed": None}


def _searched(killer: Search) -> dict[str, object]:
    from tests.search.explorer import Explorer  # noqa: PLC0415 - the service is imported after it was changed
    from tests.search.scenarios import everything  # noqa: PLC0415 - the same

    logging.disable(logging.CRITICAL)
    (scenario,) = (each for each in everything(faults=killer.faults) if each.name.startswith(killer.scenario))
    found = Explorer(scenario).search()
    told = f"search: {found.violation} after {found.states} states" if found.violation else ""
    return {"killed": told, "seed": None, "states": found.states}


def _tested(killer: Suite, tests: list[str]) -> dict[str, object]:
    import pytest  # noqa: PLC0415 - the same

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    said = io.StringIO()
    with redirect_stdout(said):
        code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin", *tests])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        raise RuntimeError(f"{killer} could not be run: {said.getvalue()[-2000:]}")
    return {"killed": str(killer) if code == pytest.ExitCode.TESTS_FAILED else "", "seed": None}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
