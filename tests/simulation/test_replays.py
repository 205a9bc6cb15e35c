"""One seed is one history, wherever and whenever it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.simulation import run_history
from tests.simulation.command import main
from tests.simulation.ingredients import Ingredient

ROOT = Path(__file__).parent.parent.parent
SEEDS = (4, 11)
PROGRAM = f"from tests.simulation import run_history; print([run_history(seed).digest for seed in {SEEDS}])"


def digests(hash_seed: str) -> str:
    """Return the digests of some seeds in another Python, with other hashes of texts."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_same_seed_is_the_same_history_under_other_hashes() -> None:
    """Neither the order of sets nor what ran before in this process makes a difference."""
    here = str([run_history(seed).digest for seed in SEEDS])

    assert digests("1") == digests("2") == here


def test_other_seeds_are_other_histories() -> None:
    """The digest tells two histories apart."""
    assert run_history(4).digest != run_history(5).digest


def test_seed_is_run_with_chosen_ingredients_alone() -> None:
    """With nothing but lost events nothing else fails."""
    outcome = run_history(4, arrivals=10, only=[Ingredient.LOST_EVENTS])

    assert not outcome.violations
    assert outcome.hits["crash"] == outcome.hits["overwrite"] == 0


def test_command_runs_seeds_and_closes_with_one_line(tmp_path: Path, capsys: object) -> None:
    """The command line says what came of all seeds in its last line, and writes the history that was asked for."""
    from _pytest.capture import CaptureFixture  # noqa: PLC0415 - for the type of a fixture only

    assert isinstance(capsys, CaptureFixture)
    history = tmp_path / "history-{seed}.txt"

    code = main(["--seeds", "4:2", "--arrivals", "5", "--jobs", "1", "--history", str(history)])

    assert code == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("seeds 2, arrivals 10, runs ")
    assert "upload" in (tmp_path / "history-4.txt").read_text(encoding="utf-8")
