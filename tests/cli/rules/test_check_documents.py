"""What is published about the check: its codes, its exit statuses, its hook."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.metadata import Distribution, requires
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.rules.check.findings import CODES
from cli.rules.check.reports import Format
from tests.cli.rules.templates import rules_text

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "rules-check.md").read_text(encoding="utf-8")
# Refuses to import what the hook does not install, and then is the command.
_PROGRAM = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {absent!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from cli.__main__ import main
main()
"""


def hook() -> dict[str, Any]:
    """Return the only hook that is defined."""
    (found,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    return dict(found)


def requirements() -> list[str]:
    """Return the requirements of the service and of development, with their bounds."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("requirements.txt", "requirements-dev.txt")]
    return [line for text in texts for line in text.splitlines() if line and line[0] not in "#-"]


def name_of(requirement: str) -> str:
    """Return the package that a requirement names."""
    return re.split(r"[<>=!~;\[ (]", requirement)[0].lower()


def installed_by(names: set[str]) -> set[str]:
    """Return the packages, and all that they bring."""
    found, waiting = set(names), [*names]
    while waiting:
        brought = {name_of(each) for each in requires(waiting.pop()) or () if "extra ==" not in each}
        brought = {name for name in brought if name not in found and find_distribution(name)}
        found |= brought
        waiting += brought
    return found


def find_distribution(name: str) -> bool:
    """Tell whether a package is installed here: some are for other systems only."""
    return any(True for _ in Distribution.discover(name=name))


def module_of(name: str) -> str:
    """Return the module that a package installs."""
    known = {
        "pyyaml": "yaml",
        "google-re2": "re2",
        "httpx-aiohttp": "httpx_aiohttp",
        "azure-data-tables": "azure.data.tables",
    }
    return known.get(name, name.replace("-", ".") if name.startswith("azure-") else name.replace("-", "_"))


def test_every_code_is_documented_with_its_level() -> None:
    """docs/rules-check.md has one row per code, in the order of the table, and none besides."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (error|warning|note) \|", DOCUMENT, re.MULTILINE)

    assert rows == [(code.name, code.level.value) for code in CODES]


def test_every_format_is_documented() -> None:
    """The formats of the document are those of the option."""
    rows = re.findall(r"^\| `([a-z]+)` \| (?!error|warning|note)", DOCUMENT, re.MULTILINE)

    assert rows == [form.value for form in Format]


def test_hook_takes_the_files_that_hold_rules() -> None:
    """rules.yaml and rules.yml, in whichever folder, and no other file."""
    files = re.compile(hook()["files"])

    assert all(files.search(name) for name in ("rules.yaml", "a/b/rules.yml"))
    assert not any(files.search(name) for name in ("my-rules.yaml", "rules.yaml.bak", "a/rules.json", "xrules.yml"))
    assert hook()["language"] == "python"
    assert f"id: {hook()['id']}" in DOCUMENT


def test_hook_installs_what_is_bounded_elsewhere() -> None:
    """Each dependency of the hook stands in the requirements, with the same bounds."""
    assert set(hook()["additional_dependencies"]) <= set(requirements())


@pytest.mark.parametrize(
    ("text", "status"), [(rules_text("landing/*.csv"), 0), (rules_text("landing/**", "landing/a"), 1)]
)
def test_hook_runs_with_what_it_installs(text: str, status: int, tmp_path: Path) -> None:
    """Its entry takes file names, and needs no other package of the requirements."""
    file = tmp_path / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    command, *arguments = shlex.split(hook()["entry"])
    installed = installed_by({name_of(each) for each in hook()["additional_dependencies"]})
    absent = {module_of(name) for name in {name_of(each) for each in requirements()} - installed}

    found = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(absent=absent), *arguments, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert command == "landfall"
    assert found.returncode == status, found.stderr
    assert f"{1 + status} rule" in found.stderr
