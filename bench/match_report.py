"""The tables and conclusions of bench/match.py, for people."""

from __future__ import annotations

from typing import Any

from bench.match_engines import ENGINES
from bench.rule_mixes import MIXES, PATHS, Mix

OURS, LINE, LOOP, AUTOMATON = "landfall", "Rules.match", "re loop", "pyahocorasick + re"

# Goals, all for the first mix.
MOST_GROWTH = 3.0  # times our own time at 10 rules, at 10,000
MOST_TO_AUTOMATON = 1.5  # times pyahocorasick + re, at 10,000
LEAST_TO_LOOP = 200.0  # times faster than the loop, at 10,000
MOST_BUILD_SECONDS = 1.0  # of 100,000 rules: templates parsed and indexed
MOST_MEMORY = 100.0  # MB, for the same, rules included


def print_mix(mix: Mix, by_count: dict[int, list[dict[str, Any]]]) -> None:
    """Print the table of one mix of rules."""
    print(
        f"\n{mix.name}: {mix.says}\nus per path; in brackets times landfall's, and on how many paths if not {PATHS:,}"
    )
    counts = [*by_count]
    print(f"{'rules':<20}" + "".join(f"{count:>23,}" for count in counts))
    for name in (OURS, LINE, *(each for each in ENGINES if each != OURS)):
        cells = [next((row for row in by_count[count] if row["engine"] == name), {}) for count in counts]
        print(f"{name:<20}" + "".join(f"{_cell(row):>23}" for row in cells))
    for count, rows in by_count.items():
        for row in rows:
            if row.get("first_us", 0) > max(1_000, 20 * row.get("us", 0)):
                says = f"{row['first_us']:,.0f} us for a path that it has not met before"
                print(f"  {row['engine']}, {count:,} rules: {says}")
    for why in sorted({f"{row['engine']}: {row['why']}" for rows in by_count.values() for row in rows if "why" in row}):
        print(f"  {why}")


def _cell(row: dict[str, Any]) -> str:
    if "us" not in row:
        return "-"
    sampled = "" if row["paths"] == PATHS else f", {row['paths']}"
    return f"{row['us']:,.2f} (x{row['ratio']:,.3g}{sampled})"


def conclusions(result: dict[str, Any]) -> list[str]:
    """Return what was found beside what was aimed at, line by line."""
    lines = ["", f"Goals, for the mix `{MIXES[0].name}`:"]
    ours, loop, automaton = result["landfall_us"], result["regex_loop_us"], result["aho_corasick_us"]
    if "10000" in ours:
        if "10" in ours:
            lines.append(_goal("10,000 rules, times our time at 10", ours["10000"] / ours["10"], MOST_GROWTH))
        if automaton:
            ratio = ours["10000"] / automaton["10000"]
            lines.append(_goal("10,000 rules, times pyahocorasick + re", ratio, MOST_TO_AUTOMATON))
        lines.append(
            _goal("10,000 rules, times faster than the loop", loop["10000"] / ours["10000"], LEAST_TO_LOOP, least=True)
        )
        line = result["rules_match_us"]["10000"]
        lines.append(
            f"    the whole of Rules.match: {line:.2f} us, {loop['10000'] / line:.0f} times faster than the loop"
        )
    built = f"{result['built_rules']:,} rules"
    lines.append(_goal(f"{built}, seconds to parse and index", result["build_s"], MOST_BUILD_SECONDS))
    lines.append(
        f"    parsing {result['parse_s']:.2f} s, indexing {result['index_s']:.2f} s; "
        f"making the Rule objects takes {result['rules_s']:.2f} s besides"
    )
    lines.append(_goal(f"{built}, MB of memory", result["memory_mb"], MOST_MEMORY))
    return lines


def _goal(says: str, found: float, bound: float, *, least: bool = False) -> str:
    is_reached = found >= bound if least else found <= bound
    return f"  {says}: {found:.2f} (goal {'>=' if least else '<='} {bound:g}: {'reached' if is_reached else 'MISSED'})"
