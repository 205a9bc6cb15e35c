"""Measure what it costs to find the rule that a path is for, and how that grows with the number of rules.

Timed for every engine is the same work: a full path in, the first rule for it with its captures out; for Landfall that
is its rule index and its path templates. `Rules.match` stands beside it: the whole line of the service, from an Arrival
made beforehand to a Match with its conditions judged, more than any peer does. One process, one thread, one path at a
time. Each engine is timed on as many of the 20,000 paths as it gets through in a fifth of a second, after it has given
the right answer for each of them, in rounds that all engines take part in by turns; the least of the rounds counts, and
ratios are medians of those within a round. Building is measured in processes of its own.

    python bench/match.py [--rules 1,10,100] [--mixes folders,names,hot] [--rounds 5] [--json]
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psutil

from bench.match_engines import ENGINES, CannotBuildError
from bench.match_report import AUTOMATON, LINE, LOOP, OURS, conclusions, print_mix
from bench.rule_mixes import MIXES, Case, Mix, Workload, workload
from shared.model import JobReference
from shared.path_template import Captures, PathTemplate
from shared.rules import Rule, Rules, RunParameters

COUNTS = (1, 10, 100, 1_000, 10_000, 100_000)
SECONDS_A_ROUND = 0.2
SECONDS_TO_CHECK = 3.0  # expressions that are made on first use among them
FEWEST_PATHS = 20
BUILDS = 3

_JOB = JobReference(id=1)
_PARAMETERS = RunParameters()
_NO_VOLUMES: dict[str, str] = {}


@dataclass
class Contestant:
    """An engine at work: what it is called with, and what it took."""

    name: str
    call: Callable[[Any], Any]
    inputs: Sequence[Any]
    build_s: float
    first_us: float = 0.0  # per path, when it was seen for the first time
    us: list[float] = field(default_factory=list)  # per path, of each round


def rules_of(templates: Sequence[str], parsed: Sequence[PathTemplate]) -> list[Rule]:
    """Return rules for the templates, named by their numbers, with all else shared."""
    return [
        Rule(name=str(n), path=path, exclude=(), job=_JOB, parameters=_PARAMETERS, volumes=_NO_VOLUMES)
        for n, path in zip(range(len(templates)), parsed, strict=True)
    ]


def measure(mix: Mix, count: int, rounds: int) -> list[dict[str, Any]]:
    """Return a row for every engine: microseconds per path, and how many times as long as ours that is."""
    load = workload(mix, count)
    rules = rules_of(load.templates, [PathTemplate.parse(text) for text in load.templates])
    contestants, rows = _contestants(mix, rules, load)
    for contestant in contestants:
        start = time.perf_counter()
        contestant.inputs = contestant.inputs[: _check(contestant, load.cases)]
        contestant.first_us = (time.perf_counter() - start) / len(contestant.inputs) * 1e6
        contestant.inputs = contestant.inputs[: _affordable(contestant)]
    for _ in range(rounds):
        for contestant in random.sample(contestants, len(contestants)):
            gc.collect()
            contestant.us.append(_timed(contestant.call, contestant.inputs))
    ours = contestants[0]
    return [_row(contestant, ours) for contestant in contestants] + rows


def _contestants(mix: Mix, rules: list[Rule], load: Workload) -> tuple[list[Contestant], list[dict[str, Any]]]:
    arrivals = [case.arrival for case in load.cases]
    paths = [arrival.full_path for arrival in arrivals]
    contestants: list[Contestant] = []
    absent: list[dict[str, Any]] = []
    for name, (build, most, most_of_others) in ENGINES.items():
        if len(rules) > (most if mix is MIXES[0] else most_of_others):
            absent.append({"engine": name, "why": "not built: it takes too long"})
            continue
        start = time.perf_counter()
        try:
            call = build(rules)
        except CannotBuildError as error:
            absent.append({"engine": name, "why": str(error)})
            continue
        contestants.append(Contestant(name, call, paths, time.perf_counter() - start))
    start = time.perf_counter()
    line = Rules(rules)
    contestants.insert(1, Contestant(LINE, line.match, arrivals, time.perf_counter() - start))
    return contestants, absent


def _check(contestant: Contestant, cases: Sequence[Case]) -> int:
    """Compare answers with the truth, and return of how many paths; compiles what is compiled on first use."""
    start = time.perf_counter()
    for number, (given, case) in enumerate(zip(contestant.inputs, cases, strict=True)):
        if number >= FEWEST_PATHS and time.perf_counter() - start > SECONDS_TO_CHECK:
            return number
        answer = contestant.call(given)
        if contestant.name == LINE:
            answer = (answer[0].rule, answer[0].captures) if answer else None
        rule, captured = (None, {}) if answer is None else (int(answer[0].name), _texts(answer[1]))
        truth = (case.rule, case.captured)
        assert (rule, captured) == truth, f"{contestant.name}: {case.arrival.full_path} is for {truth}, not {rule}"
    return len(cases)


def _affordable(contestant: Contestant) -> int:
    """Return for how many of its paths a round has time."""
    start = time.perf_counter()
    for number, given in enumerate(contestant.inputs):
        if number >= FEWEST_PATHS and time.perf_counter() - start > SECONDS_A_ROUND:
            return number
        contestant.call(given)
    return len(contestant.inputs)


def _texts(captures: Captures) -> dict[str, str]:
    return {name: capture.text for name, capture in captures.items()}


def _timed(call: Callable[[Any], Any], inputs: Sequence[Any]) -> float:
    start = time.perf_counter()
    for each in inputs:
        call(each)
    return (time.perf_counter() - start) / len(inputs) * 1e6


def _row(contestant: Contestant, ours: Contestant) -> dict[str, Any]:
    return {
        "engine": contestant.name,
        "us": round(min(contestant.us), 2),
        "ratio": round(statistics.median(a / b for a, b in zip(contestant.us, ours.us, strict=True)), 2),
        "paths": len(contestant.inputs),
        "first_us": round(contestant.first_us, 2),
        "build_s": round(contestant.build_s, 3),
    }


def build_once(count: int) -> dict[str, float]:
    """Return what making the rules of the first mix takes, in this process, which must have done nothing before."""
    texts = list(workload(MIXES[0], count).templates)
    gc.collect()
    process = psutil.Process()
    before, start = process.memory_info().rss, time.perf_counter()
    parsed = [PathTemplate.parse(text) for text in texts]
    after_parsing = time.perf_counter()
    listed = rules_of(texts, parsed)
    after_listing = time.perf_counter()
    rules = Rules(listed)
    end, after = time.perf_counter(), process.memory_info().rss
    assert len(rules) == count
    return {
        "parse_s": after_parsing - start,
        "rules_s": after_listing - after_parsing,
        "index_s": end - after_listing,
        "memory_mb": (after - before) / 1e6,
    }


def measure_build(count: int) -> dict[str, float]:
    """Return the least of several builds: each part, and `build_s`, which is parsing and indexing."""
    found: list[dict[str, float]] = []
    for _ in range(BUILDS):
        # A process of its own each time: memory that was used before would not be seen to grow.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            found.append(pool.submit(build_once, count).result())
    best = min(found, key=lambda each: each["parse_s"] + each["index_s"])
    return {**best, "build_s": best["parse_s"] + best["index_s"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rules", default=",".join(map(str, COUNTS)), help="numbers of rules (%(default)s)")
    parser.add_argument("--mixes", default=",".join(mix.name for mix in MIXES), help="which mixes (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="times that every engine is timed (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args()
    counts = [int(text) for text in options.rules.split(",")]
    build = measure_build(max(counts))
    tables: dict[str, dict[int, list[dict[str, Any]]]] = {}
    for mix in MIXES:
        if mix.name in options.mixes.split(","):
            tables[mix.name] = {count: measure(mix, count, options.rounds) for count in counts}
            if not options.json:
                print_mix(mix, tables[mix.name])
    result = _result(tables, build, max(counts))
    print(json.dumps(result) if options.json else "\n".join(conclusions(result)))


def _result(tables: dict[str, dict[int, list[dict[str, Any]]]], build: dict[str, float], built: int) -> dict[str, Any]:
    first = tables.get(MIXES[0].name, {})

    def of(engine: str) -> dict[str, float]:
        rows = {str(count): row for count, found in first.items() for row in found if row["engine"] == engine}
        return {count: row["us"] for count, row in rows.items() if "us" in row}

    return {
        "timed": "a full path to its first rule with captures: rule index and path templates, or the engine and `re`",
        "landfall_us": of(OURS),
        "rules_match_us": of(LINE),
        "regex_loop_us": of(LOOP),
        "aho_corasick_us": of(AUTOMATON),
        **{name: round(value, 3) for name, value in build.items()},
        "built_rules": built,
        "mixes": tables,
    }


if __name__ == "__main__":
    main()
