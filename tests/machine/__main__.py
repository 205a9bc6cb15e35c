"""`python -m tests.machine`: work through many random histories; the seed is printed and repeats them."""

from __future__ import annotations

import argparse
import secrets
import sys
import time

from tests.machine.machines import MACHINES, work_through
from tests.proof_record import record


def main() -> int:
    """Work through histories of the machines that were named; return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.machine", description=__doc__)
    parser.add_argument("machines", nargs="*", metavar="MACHINE", help=f"{', '.join(MACHINES)} (default: all)")
    parser.add_argument("--histories", type=int, default=5_000, help="of each machine (default: 5000)")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run (default: a random one)")
    arguments = parser.parse_args()
    unknown = set(arguments.machines) - set(MACHINES)
    if unknown:
        parser.error(f"there is no machine called {', '.join(sorted(unknown))}; there are {', '.join(MACHINES)}")
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    results = [_worked(name, arguments.histories, seed) for name in arguments.machines or MACHINES]
    return 0 if all(results) else 1


def _worked(name: str, histories: int, seed: int) -> bool:
    started = time.monotonic()
    machine = MACHINES[name]
    again = f"python -m tests.machine {name} --histories {histories} --seed {seed}"
    try:
        tally = work_through(machine, histories, started_by=seed)
    except AssertionError as error:
        print(f"{name}: {error}", *getattr(error, "__notes__", ()), f"Repeat it: {again}", sep="\n")
        return False
    seconds = time.monotonic() - started
    how_many = f"{tally.histories:,} histories, {tally.steps:,} steps, {tally.versions:,} versions of files"
    result = f"{tally.runs:,} runs; no promise broken"
    print(f"{name}: {how_many}, {result}, {seconds:.0f} s; {again}")
    record(f"machine: {name}, at length", how_many=how_many, result=result, seed=str(seed), seconds=seconds)
    return True


if __name__ == "__main__":
    sys.exit(main())
