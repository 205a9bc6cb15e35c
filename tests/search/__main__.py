"""Searches all that workers, faults, ends of runs and time can make of the real code, and checks every state.

python -m tests.search [SCENARIO] [--faults N] [--workers N] [--jobs N] [--weakened] [--list]
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.proof_record import record
from tests.search.explorer import Explorer, Found
from tests.search.recovery import PASS
from tests.search.scenarios import everything
from tests.search.weakened import WEAKENED, look_for

LEAST_WORKERS = 3


def main(arguments: list[str] | None = None) -> int:
    """Search; return 1 where a state is wrong, or where a weakened rule was not noticed."""
    asked = _asked(arguments)
    names = [each.name for each in everything(faults=0) if each.name.startswith(asked.scenario)]
    if asked.list or not names:
        sys.stdout.write("\n".join(each.name for each in everything(faults=0)) + "\n")
        return 0 if asked.list else 2
    extra = max(0, asked.workers - LEAST_WORKERS)
    with ProcessPoolExecutor(asked.jobs) as pool:
        results = []
        for found in pool.map(partial(search_one, faults=asked.faults, extra=extra), names):
            results.append(found)
            sys.stdout.write(f"{line(found)}\n")
            sys.stdout.flush()
        blind = _search_weakened(pool.map) if asked.weakened else []
    told = summary(results, asked.faults, asked.workers)
    sys.stdout.write(f"{told}\n")
    wrong = sum(bool(found.violation) for found in results)
    record(
        "Exhaustive search",
        how_many=f"{sum(found.states for found in results):,} states of {len(results)} scenarios, "
        f"{asked.workers} workers, a crash at every step, up to {asked.faults} more faults a history",
        result=f"{wrong} violations",
        seconds=sum(found.seconds for found in results),
    )
    return 1 if wrong or blind else 0


def search_one(name: str, *, faults: int, extra: int = 0) -> Found:
    """Search the scenario of a name, with so many more passes at work, and return what was found."""
    (scenario,) = (each for each in everything(faults=faults, workers=[PASS] * extra) if each.name == name)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return Explorer(scenario).search()
    finally:
        logging.disable(before)


def line(found: Found) -> str:
    """Return what one search has found in a line; and the history that leads there, where a state is wrong."""
    told = (
        f"{found.name}, {found.faults} faults: {found.states:,} states, {found.transitions:,} steps, "
        f"{found.histories:,} histories, recovery followed from {found.checked:,}, {found.seconds:.0f} s"
    )
    if not found.violation:
        return told
    return "\n".join([f"{told}: WRONG: {found.violation}", *(f"    {step}" for step in found.path)])


def summary(results: list[Found], faults: int, workers: int) -> str:
    """Return what all searches have found in one line."""
    states, histories = sum(found.states for found in results), sum(found.histories for found in results)
    wrong = sum(bool(found.violation) for found in results)
    return (
        f"{len(results)} scenarios, {workers} workers, crashes at every step, up to {faults} more faults a history: "
        f"{states:,} states, {histories:,} histories, {wrong} violations, "
        f"{sum(found.seconds for found in results):.0f} seconds"
    )


def _search_weakened(each: Callable[..., object]) -> list[str]:
    blind = []
    for name, told in zip(WEAKENED, each(look_for, WEAKENED), strict=True):  # type: ignore[call-overload]  # it is a map
        sys.stdout.write(f"weakened: {name:<32} {told or 'NOT NOTICED'}\n")
        if not told:
            blind.append(name)
    return blind


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.search", description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", default="", help="the beginning of a scenario's name; all by default")
    parser.add_argument("--faults", type=int, default=1, help="calls that may go wrong in a history, beside crashes")
    parser.add_argument(
        "--workers", type=int, default=LEAST_WORKERS, help="at work at once; from the fourth on, passes"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--weakened", action="store_true", help="show also that weakened rules are noticed")
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
