"""docs/semantics.md promises nothing that no test holds."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCUMENT = TESTS.parent / "docs" / "semantics.md"
_ROW = re.compile(r"^\| (?!what happens \||-)(.+) \|$", re.MULTILINE)
_TEST = re.compile(r"`(test_\w+)`")


def rows() -> list[list[str]]:
    """Return the cells of every row of every table, without the heads."""
    return [line.split(" | ") for line in _ROW.findall(DOCUMENT.read_text(encoding="utf-8"))]


@cache
def written_tests() -> frozenset[str]:
    """Return the names of all tests of the project."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in TESTS.rglob("test_*.py")]
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for tree in trees for node in tree.body if isinstance(node, functions))


def test_the_tables_are_found() -> None:
    """A change of the document's form must not make these tests look at nothing."""
    assert len(rows()) > 50
    assert {len(cells) for cells in rows()} == {4, 5}


@pytest.mark.parametrize("cells", rows(), ids=lambda cells: cells[0])
def test_each_row_names_tests_that_exist(cells: list[str]) -> None:
    """Whatever is said to happen is held by a test that is named beside it."""
    named = _TEST.findall(cells[-1])

    assert named
    assert set(named) <= written_tests()


def test_every_test_that_is_named_exists() -> None:
    """What stands between the tables is held by tests, too."""
    named = set(_TEST.findall(DOCUMENT.read_text(encoding="utf-8")))

    assert named <= written_tests()


@pytest.mark.parametrize("module", ["test_semantics.py", "test_late_arrivals.py"])
def test_every_test_of_semantics_has_its_row(module: str) -> None:
    """A rule that is tested there and stands nowhere in the document would be known to nobody."""
    tree = ast.parse((TESTS / "shared" / module).read_text(encoding="utf-8"))
    held = [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")]
    named = set(_TEST.findall(DOCUMENT.read_text(encoding="utf-8")))

    assert [name for name in held if name not in named] == []
