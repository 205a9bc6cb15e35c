"""The command line: many seeds on all processors, one closing line, and the history of what is wrong."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.simulation.ingredients import Ingredient
from tests.simulation.outcome import Outcome, Totals
from tests.simulation.simulation import run_history

_PROGRESS_EVERY = 10.0  # seconds
_MOST_SHOWN = 5  # violations of one seed
_MOST_LINES = 40  # of a file's history, on the terminal
_INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One history to run."""

    seed: int
    arrivals: int | None
    only: frozenset[Ingredient] | None
    history: str | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run seeds, print what is wrong and one closing line; return 0 where nothing is."""
    asked = _parser().parse_args(arguments)
    first, count = asked.seeds
    order = Order(seed=first, arrivals=asked.arrivals, only=asked.only, history=asked.history)
    orders = [replace(order, seed=first + number) for number in range(count)]
    totals, began, told = Totals(), time.monotonic(), time.monotonic()
    try:
        for outcome in _run(orders, asked.jobs):
            totals.add(outcome)
            _show(outcome, order)
            if time.monotonic() - told > _PROGRESS_EVERY:
                told = time.monotonic()
                sys.stderr.write(f"{totals.seeds} of {count} seeds, {totals.arrivals} arrivals, {told - began:.0f} s\n")
    except KeyboardInterrupt:
        sys.stderr.write(f"Stopped after {totals.seeds} of {count} seeds.\n")
        return _INTERRUPTED
    totals.seconds = time.monotonic() - began
    _conclude(totals, f"{first}:{count}", asked.arrivals)
    return 1 if totals.failed else 0


def _run(orders: Sequence[Order], jobs: int) -> Iterator[Outcome]:
    if jobs == 1 or len(orders) == 1:
        yield from map(_one, orders)
        return
    # Each worker starts anew: a fork would take over what this process had begun.
    with multiprocessing.get_context("spawn").Pool(jobs, initializer=_ignore_interrupts) as pool:
        yield from pool.imap_unordered(_one, orders, chunksize=1)


def _one(order: Order) -> Outcome:
    outcome = run_history(order.seed, arrivals=order.arrivals, only=order.only, tell=order.history is not None)
    if order.history is not None:
        Path(order.history.replace("{seed}", str(order.seed))).write_text("\n".join(outcome.told), encoding="utf-8")
    elif outcome.told:
        file = Path(f"simulation-{order.seed}.txt")
        file.write_text("\n".join(outcome.told), encoding="utf-8")
    return outcome


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers


def _show(outcome: Outcome, order: Order) -> None:
    if not outcome.violations:
        return
    _say(f"seed {outcome.seed}: {len(outcome.violations)} violations; replay it with")
    _say(f"    {replay_command(replace(order, seed=outcome.seed))}")
    for violation in outcome.violations[:_MOST_SHOWN]:
        _say(f"  {violation}")
    path = next((violation.path for violation in outcome.violations if violation.path), "")
    if path:
        lines = [line for line in outcome.told if path in line]
        _say("\n".join(f"    {line[:240]}" for line in lines[:_MOST_LINES]))
    _say(f"  The whole history: {order.history or f'simulation-{outcome.seed}.txt'}")


def replay_command(order: Order) -> str:
    """Return the command that runs one history again."""
    words = [f"python -m tests.simulation --seeds {order.seed}:1"]
    words += [f"--arrivals {order.arrivals}"] if order.arrivals is not None else []
    words += [f"--only {','.join(sorted(order.only))}"] if order.only is not None else []
    return " ".join([*words, "--history history.txt"])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _conclude(totals: Totals, seeds: str, arrivals: int | None) -> None:
    if totals.failed:
        _say(f"seeds with violations: {', '.join(map(str, sorted(totals.failed)[:50]))}")
    _say(totals.line())
    size = "short histories" if arrivals is None else f"histories of {arrivals:,} files"
    totals.record(f"simulation: {size}", seeds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="Run the real service through simulated histories, one for each seed, and check every promise.",
        epilog=f"Ingredients for --only: {', '.join(Ingredient)}.",
    )
    parser.add_argument("--seeds", type=_seeds, default=(1, 100), metavar="FIRST:COUNT", help="default: 1:100")
    parser.add_argument("--arrivals", type=_count, help="files in each history; default: 15 to 50, by the seed")
    parser.add_argument("--only", type=_ingredients, metavar="NAME,...", help="these faults and kinds of work alone")
    parser.add_argument(
        "--history", metavar="FILE", help="write each history there; {seed} in its name becomes the seed"
    )
    parser.add_argument("--jobs", type=_count, default=os.cpu_count() or 1, help="processes; default: one a processor")
    return parser


def _seeds(text: str) -> tuple[int, int]:
    first, _, count = text.partition(":")
    try:
        found = int(first), int(count or "1")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIRST:COUNT, such as 1:1000") from None
    if found[1] < 1:
        raise argparse.ArgumentTypeError(f"{text!r} names no seed")
    return found


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _ingredients(text: str) -> frozenset[Ingredient]:
    try:
        return frozenset(Ingredient(name) for name in text.split(",") if name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; known are {', '.join(Ingredient)}") from None
