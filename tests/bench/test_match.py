"""The benchmark of matching: its rules and paths are what it says, and its figures are those of right answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.match_engines import ENGINES
from bench.rule_mixes import MISSES, MIXES, PATHS, Mix, workload
from shared.path_template import Captures, PathTemplate

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: mix.name)
def test_truth_is_what_all_rules_say(mix: Mix) -> None:
    """A path made for a rule is matched by that rule and by no other, with the captures that it was made of."""
    load = workload(mix, 50)
    templates = [PathTemplate.parse(text) for text in load.templates]

    for case in load.cases[:300]:
        found = [(number, template.match(case.arrival.full_path)) for number, template in enumerate(templates)]
        matching = {
            number: {name: capture.text for name, capture in captures.items()}
            for number, captures in found
            if isinstance(captures, Captures)
        }
        assert matching == ({} if case.rule is None else {case.rule: case.captured})


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: mix.name)
def test_mixes_hold_what_they_promise(mix: Mix) -> None:
    """All kinds of rules are there in their shares, a tenth of the paths matches nothing, and a seed repeats it."""
    load = workload(mix, 100)
    missing = sum(case.rule is None for case in load.cases)

    assert sum(kind.share for kind in mix.kinds) == 100
    assert len(set(load.templates)) == 100
    assert len(load.cases) == PATHS
    assert abs(missing / PATHS - MISSES) < 0.02
    assert workload(mix, 100) == load


def test_report_has_a_figure_for_every_number_of_rules() -> None:
    """One JSON object holds our time and the loop's for each N, and what building takes."""
    command = [sys.executable, "bench/match.py", "--rules", "1,20", "--mixes", "folders", "--rounds", "1", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)

    for engine in ("landfall_us", "rules_match_us", "regex_loop_us"):
        assert [*report[engine]] == ["1", "20"]
        assert all(us > 0 for us in report[engine].values())
    assert report["build_s"] == pytest.approx(report["parse_s"] + report["index_s"], abs=0.002)
    assert report["memory_mb"] >= 0
    told = {row["engine"] for row in report["mixes"]["folders"]["20"]}
    assert told == {*ENGINES, "Rules.match"}


def test_table_tells_the_goals() -> None:
    """For people there are a table for each mix and the goals with what was reached."""
    command = [sys.executable, "bench/match.py", "--rules", "10", "--mixes", "names,hot", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert "names: literals only inside segments" in done.stdout
    assert "hot: one hot container with captures and dates" in done.stdout
    assert "10 rules, seconds to parse and index: 0.0" in done.stdout
