"""Weakens the rules of the service one by one, and shows that each weakening is noticed.

python -m tests.mutants [NAME ...] [--seeds N] [--jobs N] [--list] [--table]
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.mutants.catalogue import MUTANTS
from tests.mutants.killing import SEEDS, summary, table, try_out, try_out_all
from tests.proof_record import record


def main(arguments: list[str] | None = None) -> int:
    """Try the mutants out; return 1 where one survives, or where the code as it is does not."""
    asked = _asked(arguments)
    names = [mutant.name for mutant in MUTANTS]
    unknown = sorted(set(asked.names) - set(names))
    if unknown:
        sys.stderr.write(f"There is no mutant called {', '.join(unknown)}; --list names them all.\n")
        return 2
    if asked.list:
        for mutant in MUTANTS:
            sys.stdout.write(f"{mutant.name:<32} {mutant.rule} [{mutant.killer}]\n")
        return 0
    began = time.perf_counter()
    deaths = []
    for death in try_out_all(asked.names or names, asked.seeds, asked.jobs):
        deaths.append(death)
        sys.stdout.write(f"{death.line()}\n")
        sys.stdout.flush()
    control = try_out("", asked.seeds)
    if control.killed:
        sys.stdout.write(f"{'the code as it is':<32} fails: {control.killed} at seed {control.seed}\n")
    if asked.table:
        sys.stdout.write(f"\n{table(deaths)}\n\n")
    told = f"{summary(deaths)}; the code as it is {'FAILS' if control.killed else 'survives'} {asked.seeds} seeds"
    sys.stdout.write(f"{told}\n")
    survived = sum(not death.killed for death in deaths)
    record(
        "Mutants",
        how_many=f"{len(deaths)} mutants, up to {asked.seeds} seeds each",
        result=f"{len(deaths) - survived} killed, {survived} survived",
        seed=f"1 to {asked.seeds}",
        seconds=time.perf_counter() - began,
        table=table(deaths),
    )
    return 1 if survived or control.killed else 0


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="the mutants to try out; all by default")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of the simulation that each has to survive")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--list", action="store_true", help="name all mutants, and what is to kill each")
    parser.add_argument("--table", action="store_true", help="print the table of docs/proof.md at the end")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
