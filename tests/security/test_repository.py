"""The repository itself: no key in any file, no rule of the linters switched off for good."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from shared.storage_connection import EMULATOR_KEY

ROOT = Path(__file__).parents[2]
# What a leaked secret looks like. Azurite's key is published by Microsoft, and the same everywhere.
SHAPES = {
    "a storage account's key": re.compile(r"(?<![A-Za-z0-9+/])(?<!sha512-)[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])"),
    "a Databricks token": re.compile(r"\bdapi[0-9a-f]{32}\b"),
    "a Databricks OAuth secret": re.compile(r"\bdose[0-9a-f]{32}\b"),
    "an Entra client secret": re.compile(r"(?<![\w~.-])[\w.-]{3}8Q~[\w~.-]{34}(?![\w~.-])"),
    "a signature": re.compile(r"[?&]sig=[A-Za-z0-9%+/]{40,}(?:%3D|=)"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20,}"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    "an AWS key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a Functions key": re.compile(r"\b[\w-]{44}AzFu[\w-]{6}=="),
}
# Made up for tests, one by one; each is what its test is about.
MADE_UP = frozenset({"dapi0123456789abcdef0123456789abcdef"})


def files() -> list[Path]:
    """Return every file that is, or is about to be, in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return [path for path in (ROOT / name for name in listed if name) if path.is_file()]


def secrets_in(text: str) -> list[str]:
    """Return what a text holds that looks like a secret: its kind, and its beginning."""
    return [
        f"{kind}: {found[0][:12]}…"
        for kind, shape in SHAPES.items()
        for found in shape.finditer(text)
        if found[0] != EMULATOR_KEY and found[0] not in MADE_UP
    ]


def test_no_file_holds_a_secret() -> None:
    """Whoever finds one here has already had the time to use it."""
    looked_at = files()
    found = {str(path.relative_to(ROOT)): secrets_in(path.read_text("utf-8", "replace")) for path in looked_at}

    assert len(looked_at) > 500
    assert {name: secrets for name, secrets in found.items() if secrets} == {}


@pytest.mark.parametrize(
    "planted",
    [
        "AccountKey=" + "A" * 86 + "==",
        "DATABRICKS_TOKEN=dapi" + "0f" * 16,
        "https://a.blob.core.windows.net/c/b?sv=1&sig=" + "Ab1" * 14 + "%3D",
        "-----BEGIN RSA PRIVATE " + "KEY-----",
        "ghp_" + "a1" * 18,
        "abc8Q~" + "x" * 34,
    ],
)
def test_planted_secret_is_found(planted: str) -> None:
    """The scan is not blind."""
    assert len(secrets_in(planted)) == 1


def test_security_rules_of_ruff_are_on_everywhere_that_is_deployed() -> None:
    """No S rule is off but in tests and benchmarks, and each line that leaves one out says why."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    off = {place: [code for code in codes if code.startswith("S")] for place, codes in lint["per-file-ignores"].items()}

    assert lint["select"] == ["ALL"]
    assert not [code for code in lint["ignore"] if re.fullmatch(r"S\d*", code)]
    assert not {place for place, codes in off.items() if any(re.match(r"S\d", code) for code in codes)} - {
        "tests/**",
        "bench/**",
    }


def test_every_exception_from_bandit_is_one_line_with_its_reason() -> None:
    """`nosec` without a code would hide everything on its line, and a list of skips everything everywhere."""
    bandit = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["bandit"]
    sources = [path for path in files() if path.suffix == ".py" and path.parts[len(ROOT.parts)] != "tests"]
    bare = [path for path in sources if re.search(r"#\s*nosec(?! B\d{3})", path.read_text("utf-8"))]

    assert bare == []
    assert set(bandit["skips"]) == {"B101", "B105", "B311", "B404", "B405", "B406", "B603", "B608"}
