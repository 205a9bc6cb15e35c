"""docs/security.md: every threat has its control, and every control a test that is really there."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "security.md").read_text("utf-8")


def threats() -> list[list[str]]:
    """Return the rows of the threat table: threat, control, tests, and what is left."""
    section = DOCUMENT.split("\n## Threats\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


@cache
def known_tests() -> frozenset[str]:
    """Return the name of every test function."""
    trees = (ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


@pytest.mark.parametrize("row", threats(), ids=lambda row: row[0][:60])
def test_threat_has_a_control_and_a_test_of_it(row: list[str]) -> None:
    """A row names the tests that hold it, and each of them exists."""
    assert len(row) == 4
    threat, control, tests, _ = row
    named = re.findall(r"`(test_\w+)`", tests)

    assert threat
    assert control
    assert named
    assert set(named) <= known_tests()


def test_threats_are_all_there() -> None:
    """A table that lost its rows would hold nothing."""
    assert len(threats()) >= 30


@pytest.mark.parametrize("named", sorted(set(re.findall(r"\(`([a-z_]+(?:/[a-z_]+)?)`\)", DOCUMENT))))
def test_module_of_a_control_is_there(named: str) -> None:
    """Who looks for a control finds it."""
    places = [ROOT / "functions" / named, ROOT / "shared" / named, ROOT / named]

    assert any(place.with_suffix(".py").is_file() or place.is_dir() for place in places)


def test_every_role_is_named_in_the_deployment() -> None:
    """The landing account is read and nothing else: no role of a writer, an owner or a contributor is given on it."""
    deployment = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    given = re.findall(r'--role "([^"]+)" --scope "\$(\w+)"', deployment)
    rows = re.findall(r"^\| the identity[^|]*\| ([^|]+) \| ([^|]+) \|", deployment, re.MULTILINE)

    assert ("Storage Blob Data Reader", "LANDING_ID") in given
    assert [role for role, scope in given if scope == "LANDING_ID"] == ["Storage Blob Data Reader"]
    assert dict(rows)["each job"].strip() == "CAN MANAGE RUN"


def test_audit_never_passes_by_skipping() -> None:
    """pip-audit leaves out what it cannot ask about, and ends well, unless it is told to be strict."""
    recipe = subprocess.run(["make", "-n", "audit"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "pip-audit --strict" in recipe
    assert "-r requirements.txt" in recipe
    assert "exit 1" in recipe
