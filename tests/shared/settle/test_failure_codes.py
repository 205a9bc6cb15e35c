"""Which failures are tried again, and what the documents say of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.settle import LASTING, PASSING, may_pass

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def test_codes_are_divided() -> None:
    """No code is in both sets, and none of a cancelled or skipped run is in the one that is tried again."""
    assert not PASSING & LASTING
    assert not [code for code in ("CANCELED", "USER_CANCELED", "SKIPPED", "SUCCESS", "FAILED", "") if may_pass(code)]


def test_every_code_of_databricks_is_judged() -> None:
    """The official SDK's list of codes holds none that was forgotten."""
    codes = pytest.importorskip("databricks.sdk.service.jobs").TerminationCodeCode
    judged = PASSING | LASTING | {"SUCCESS", "SUCCESS_WITH_FAILURES", "CANCELED", "USER_CANCELED", "SKIPPED"}
    never_ran = {"MAX_CONCURRENT_RUNS_EXCEEDED", "MAX_JOB_QUEUE_SIZE_EXCEEDED", "WORKSPACE_RUN_LIMIT_EXCEEDED"}

    assert {code.value for code in codes} <= judged | never_ran


@pytest.mark.parametrize(("row", "codes"), [("may pass", PASSING), ("last", LASTING)])
def test_documents_name_every_code(row: str, codes: frozenset[str]) -> None:
    """docs/operations.md has the two sets, and nothing else in them."""
    (line,) = re.findall(rf"^\| {row} \|(.*)\|$", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(re.findall(r"`([A-Z_]+)`", line)) == codes
