"""docs/proof.md tells what the proofs showed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof import document
from tests.proof.commands import PROOFS
from tests.proof_record import PROOF_FILE, record

PAGE = """# Proof
<!-- results: begin (written by make proof) -->
old
<!-- results: end -->
between
<!-- mutants: begin -->
<!-- mutants: end -->
"""
RESULT = {"what": "histories", "how_many": "2 | 3", "result": "0 lost", "seed": "", "date": "2026-11-22", "table": "M"}


def test_document_shows_the_results_that_are_kept() -> None:
    """docs/proof.md is what docs/proof.json makes of it."""
    text = document.DOCUMENT.read_text(encoding="utf-8")

    assert document.kept()
    assert document.refreshed(text, document.kept()) == text


def test_document_names_every_proof() -> None:
    """Each proof that `make proof` runs stands in the table of proofs."""
    text = document.DOCUMENT.read_text(encoding="utf-8")

    assert [proof.name for proof in PROOFS if f"| `{proof.name}` |" not in text] == []


def test_generated_parts_are_replaced_whole() -> None:
    """What stood between the marks goes, what stands around them stays, and bars in cells are escaped."""
    made = document.refreshed(PAGE, [RESULT])

    assert "old" not in made
    assert "| histories | 2 \\| 3 | 0 lost | - | 2026-11-22 |" in made
    assert "between\n<!-- mutants: begin -->\nM\n<!-- mutants: end -->" in made
    assert document.refreshed(made, [RESULT]) == made


def test_document_without_marks_is_refused() -> None:
    """Where a page has no place for the results, that is said."""
    with pytest.raises(ValueError, match="no marks of the part 'results'"):
        document.refreshed("# Proof", [RESULT])


def test_newer_result_takes_the_place_of_its_elder() -> None:
    """A proof has one row, at the place where it has always been."""
    other = {**RESULT, "what": "search"}

    merged = document.merged([RESULT, other], [{**RESULT, "result": "1 lost"}])

    assert [(found["what"], found["result"]) for found in merged] == [("histories", "1 lost"), ("search", "0 lost")]


def test_records_are_kept_where_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record is one line of the file that the environment names, and nothing is written without it."""
    file = tmp_path / "records.jsonl"
    monkeypatch.delenv(PROOF_FILE, raising=False)
    record("unseen", how_many="1", result="0 lost")
    monkeypatch.setenv(PROOF_FILE, str(file))
    record("histories", how_many="1", result="0 lost", seconds=1.26)

    (line,) = file.read_text(encoding="utf-8").splitlines()
    assert '"what": "histories"' in line
    assert '"seconds": 1.3' in line
