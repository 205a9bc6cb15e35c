"""Every weakened copy of the service is noticed: a test programme that kills no mutant proves nothing."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.mutants.__main__ import main
from tests.mutants.catalogue import MUTANTS
from tests.mutants.killing import Death, summary, table, try_out
from tests.mutants.mutant import ROOT, Change, Mutant, Search, Simulation, Suite
from tests.proof_record import PROOF_FILE
from tests.search.scenarios import everything

# All of them at their first seeds take some minutes; `make mutants` lets each live for forty.
SEEDS_OF_CONTROL = 3


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_still_applies(mutant: Mutant) -> None:
    """The text that a mutant replaces is in the code of today, once, and what comes of it can be compiled."""
    texts: dict[Path, str] = defaultdict(str)
    for change in mutant.changes:
        texts[change.path] = change.applied(texts[change.path] or change.path.read_text(encoding="utf-8"))

    for path, text in texts.items():
        compile(text, str(path), "exec")
        assert text != path.read_text(encoding="utf-8")


@pytest.mark.proof
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_killed(mutant: Mutant) -> None:
    """By the simulation within forty seeds, by an exhaustive search, or by the test that is named."""
    assert try_out(mutant.name).killed


@pytest.mark.proof
def test_code_as_it_is_survives() -> None:
    """What kills a mutant must not kill the service itself: neither the first seeds nor the tests that are named."""
    assert try_out("", SEEDS_OF_CONTROL).killed == ""


def test_what_a_mutant_shows_is_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests that kill a mutant also record what they showed; of a weakened service that must not stand anywhere."""
    monkeypatch.setenv(PROOF_FILE, str(tmp_path / "records.jsonl"))

    assert try_out("budget-written-unconditionally").killed
    assert not list(tmp_path.iterdir())


def test_names_tell_mutants_apart() -> None:
    """A mutant is asked for by its name, and its rule says what is weakened."""
    names = [mutant.name for mutant in MUTANTS]

    assert len(set(names)) == len(names) >= 40
    assert all(mutant.rule for mutant in MUTANTS)


def test_killers_exist() -> None:
    """A search or a test that is named is there, and a test has its reason not to be the simulation."""
    scenarios = [each.name for each in everything(faults=0)]
    for mutant in MUTANTS:
        match mutant.killer:
            case Search(beginning):
                assert sum(name.startswith(beginning) for name in scenarios) == 1
            case Suite(test, why):
                assert (ROOT / test.partition("::")[0]).is_file()
                assert why


def test_whole_histories_kill_most() -> None:
    """Tests of single rules are for what neither the simulation nor a search can see, which is the lesser part."""
    by_history = [mutant for mutant in MUTANTS if isinstance(mutant.killer, Simulation | Search)]

    assert len(by_history) > len(MUTANTS) / 2


def test_text_that_is_gone_is_an_error() -> None:
    """A mutant that changes nothing would survive for ever, and say nothing."""
    with pytest.raises(ValueError, match="0 times and not once"):
        Change("shared.model", "what was never there", "").applied("some text")


def test_summary_counts_survivors() -> None:
    """The closing line tells how many were killed and after how many seeds."""
    deaths = [Death("one", "lost", 3, 1.0), Death("two", "double", 5, 1.0), Death("three", "", None, 1.0)]

    assert summary(deaths) == "3 mutants, 2 killed, 1 survived, seeds until death median/max 4/5"


def test_table_names_rule_and_killer() -> None:
    """The table of the proof has a row for each mutant, with what killed it."""
    name = MUTANTS[0].name

    rows = table([Death(name, "lost", 3, 1.0)]).splitlines()

    assert rows[-1] == f"| `{name}` | {MUTANTS[0].rule} | `lost`, seed 3 |"


def test_unknown_mutant_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that nobody knows is said, and nothing is tried out."""
    assert main(["no-such-mutant"]) == 2
    assert "no-such-mutant" in capsys.readouterr().err
