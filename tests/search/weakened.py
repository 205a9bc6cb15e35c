"""Weakened rules that the searches must notice: mutants of the real code, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.mutants.mutant import ROOT, Search

# Each with a search that has what it takes to notice it.
WEAKENED = {
    "random-token": Search("event, two passes, a skipped run"),
    "lease-is-safety": Search("event, two passes, a skipped run"),
    "rendered-again": Search("event, two passes, a skipped run"),
    "generation-on-unknown": Search("event, sweep"),
    "generation-on-refusal": Search("event, sweep"),
    "generation-on-busy": Search("event, sweep"),
    "marker-in-another-transaction": Search("event, sweep"),
    "claimed-before-marked": Search("event, sweep"),
    "write-unconditionally": Search("event, sweep"),
    "acknowledged-unclaimed": Search("event, sweep"),
    "accepted-is-success": Search("event, sweep"),
    "leases-never-end": Search("event, sweep"),
    "unknown-is-dead": Search("event, sweep"),
    "skipped-is-done": Search("event, two passes, a skipped run"),
    "reruns-without-end": Search("event, two passes, a rerun"),
    "sealed-unread": Search("sealing: two passes over two files"),
    "strays-stay": Search("sealing: two passes, a second"),
    "own-manifest-believed": Search("sealing: two passes, a second"),
    "closed-before-claimed": Search("sealing: two passes over two files"),
}
LONGEST = 600.0  # seconds


def look_for(name: str) -> str:
    """Search the code as a mutant makes it; return what was found, after how many states, "" where nothing was.

    Raises RuntimeError where the search could not be made, which says nothing about the mutant.
    """
    killer = WEAKENED[name]
    command = [sys.executable, "-m", "tests.mutants.child", name, "0", killer.scenario, str(killer.faults)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} could not be searched: {done.stderr[-2000:]}")
    return str(json.loads(done.stdout.splitlines()[-1])["killed"])
