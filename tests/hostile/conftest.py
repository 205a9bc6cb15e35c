"""Fuzzing takes as many examples as the environment asks for; what was put to the service is told at the end."""

from __future__ import annotations

import pytest

from tests.hostile import tally
from tests.proof_record import record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the closing line, and leave it behind as a proof when nothing failed."""
    if not tally.inputs:
        return  # the workers of a parallel run have it
    failed = len(terminalreporter.stats.get("failed", ())) + len(terminalreporter.stats.get("error", ()))
    how_many = f"{tally.inputs['corpus']:,} bad inputs at their doors, {tally.inputs['fuzzed']:,} fuzzed"
    result = f"{failed} tests failed" if failed else "no crash, no wrong run, nothing dropped silently"
    terminalreporter.write_line(f"hostile input: {how_many}: {result}")
    if not failed:
        record("hostile input", how_many=how_many, result=result)
