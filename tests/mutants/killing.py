"""Runs mutants, each in a process of its own, and tells what killed them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import ROOT, Mutant
from tests.proof_record import PROOF_FILE

SEEDS = 40
LONGEST = 900.0  # seconds


@dataclass(frozen=True)
class Death:
    """What came of one mutant: what killed it, "" where nothing did, and at which seed of the simulation."""

    name: str
    killed: str
    seed: int | None
    seconds: float

    def line(self) -> str:
        """Return it in one line."""
        if not self.killed:
            return f"{self.name:<32} SURVIVED, {self.seconds:.0f} s"
        seed = "" if self.seed is None else f" at seed {self.seed}"
        return f"{self.name:<32} killed by {self.killed}{seed}, {self.seconds:.0f} s"


def try_out(name: str, seeds: int = SEEDS) -> Death:
    """Let a mutant live through its seeds, or its search or test; "" is the code as it is.

    Raises RuntimeError where that could not be done, which says nothing about the mutant.
    """
    command = [sys.executable, "-m", "tests.mutants.child", name, str(seeds)]
    # The tests that kill a mutant record what they showed; of a weakened service that is no proof.
    environment = {key: value for key, value in os.environ.items() if key != PROOF_FILE}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name or 'the control'} could not be tried out: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Death(name, found["killed"], found["seed"], found["seconds"])


def try_out_all(names: Iterable[str], seeds: int, jobs: int) -> Iterator[Death]:
    """Yield what came of each mutant, in their order, so many processes at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda name: try_out(name, seeds), names)


def summary(deaths: Sequence[Death]) -> str:
    """Return what came of all in one line."""
    killed = [death for death in deaths if death.killed]
    seeds = [death.seed for death in killed if death.seed is not None]
    told = f"{median(seeds):g}/{max(seeds)}" if seeds else "-/-"
    return (
        f"{len(deaths)} mutants, {len(killed)} killed, {len(deaths) - len(killed)} survived, "
        f"seeds until death median/max {told}"
    )


def table(deaths: Sequence[Death]) -> str:
    """Return the mutants as a Markdown table, for docs/proof.md."""
    by_name: dict[str, Mutant] = {mutant.name: mutant for mutant in MUTANTS}
    lines = ["| mutant | the rule that it breaks | killed by |", "|---|---|---|"]
    for death in deaths:
        at = "" if death.seed is None else f", seed {death.seed}"
        what = f"`{death.killed}`{at}" if death.killed else "nothing"
        lines.append(f"| `{death.name}` | {by_name[death.name].rule} | {what} |")
    return "\n".join(lines)
