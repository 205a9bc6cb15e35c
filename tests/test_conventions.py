"""What tests themselves must be like."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = sorted(TESTS.rglob("test_*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_each_test_states_its_rule(path: Path) -> None:
    """A test's docstring is the specification it checks."""
    silent = [
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert silent == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_sleeps(path: Path) -> None:
    """Waiting a fixed time is slow and flaky: tests move a clock, or poll with a deadline in tests/fakes/waiting.py."""
    text = path.read_text(encoding="utf-8")

    calls = [ast.unparse(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]

    assert [
        call for call in calls if call.startswith(("time.sleep", "asyncio.sleep")) and not call.endswith("(0)")
    ] == []
