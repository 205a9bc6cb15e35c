"""What a cold start pays for our code: importing function_app beside importing azure.functions alone.

Whole processes, in turn, so that a drift of the machine meets both; medians of the ratios of neighbours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAMS = {
    "python alone": "pass",
    "azure.functions": "import azure.functions",
    "function_app": "import function_app",
    "everything loaded at once": "import azure.functions, azure.storage.blob.aio, azure.data.tables.aio, "
    "azure.identity.aio, httpx_aiohttp, yaml, re2",
}
GOAL = 1.3


def main() -> None:
    """Measure, print, and exit with 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="times that each program runs (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(options.rounds + 1):  # the first round warms the page cache and is not counted
        for name, program in PROGRAMS.items():
            seconds[name].append(_run(program))
    milliseconds = {name: 1000 * statistics.median(times[1:]) for name, times in seconds.items()}
    pairs = zip(seconds["function_app"][1:], seconds["azure.functions"][1:], seconds["python alone"][1:], strict=True)
    ratio = statistics.median((ours - bare) / (theirs - bare) for ours, theirs, bare in pairs)
    if options.json:
        print(json.dumps({"milliseconds": milliseconds, "ratio": ratio, "goal": GOAL}))
    else:
        for name, median in milliseconds.items():
            print(f"{name:28} {median:7.0f} ms")
        print(f"function_app costs {ratio:.2f}x of azure.functions alone, the interpreter left out (goal <= {GOAL})")
    sys.exit(ratio > GOAL)


def _run(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)  # noqa: S603 - our own programs
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
