"""What is published to Azure: the app and nothing else, whichever tool packs it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pathspec
import pytest

ROOT = Path(__file__).parent.parent
PUBLISHED = {"function_app.py", "functions", "host.json", "requirements.txt", "rules.yaml", "shared"}
# func leaves these out whatever .funcignore says: GetLocalFiles in Core Tools' FileSystemHelpers.cs
ALWAYS_LEFT_OUT = {".funcignore", ".gitignore", "local.settings.json", "project.lock.json"}


def tracked() -> list[str]:
    """Return the files of the project, with what else lies about on a developer's machine."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    litter = ["local.settings.json", ".landfall/azurite.db", "tests/.hidden/x", "my_functions/x.py"]
    return [*listing.stdout.splitlines(), *litter]


def patterns() -> list[str]:
    """Return the lines of .funcignore."""
    return [line for line in (ROOT / ".funcignore").read_text().splitlines() if line and not line.startswith("#")]


def packed_by_func(path: str) -> bool:
    """Tell whether func packs a file.

    Its parser is no gitignore: one expression anchored at the start, `!` always wins.
    https://github.com/Azure/azure-functions-core-tools/issues/2701
    """

    def matches(chosen: list[str]) -> bool:
        expressions = [
            re.escape(line.removeprefix("!").removeprefix("/")).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
            for line in chosen
        ]
        return re.match(rf"^(({')|('.join(expressions)}))\b", path) is not None

    if Path(path).name in ALWAYS_LEFT_OUT:
        return False
    denied = matches([line for line in patterns() if not line.startswith("!")])
    return not denied or matches([line for line in patterns() if line.startswith("!")])


def packed_by_gitignore(path: str) -> bool:
    """Tell whether a tool that reads .funcignore as gitignore packs a file: VS Code, azd."""
    ignored = pathspec.GitIgnoreSpec.from_lines(patterns())
    return Path(path).name not in ALWAYS_LEFT_OUT and not ignored.match_file(path)


@pytest.mark.parametrize("packs", [packed_by_func, packed_by_gitignore])
def test_exactly_the_app_is_published(packs: object) -> None:
    """Tests, tools, documents and local settings stay at home."""
    assert callable(packs)
    published = [path for path in tracked() if packs(path)]

    assert {path.split("/", 1)[0] for path in published} == PUBLISHED


def test_requirements_hold_no_tools() -> None:
    """Azure installs requirements.txt: what only develops or tests Landfall is not in it."""
    names = {re.split(r"[<>=~;\[ ]", line, maxsplit=1)[0] for line in lines("requirements.txt")}

    assert not names & {"pytest", "mypy", "ruff", "hypothesis", "typer", "rich", "starlette", "uvicorn"}
    assert "azure-functions" in names
    assert "azure-functions-worker" not in names


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_bounded_and_argued(file: str) -> None:
    """A requirement has a lowest and a highest version, and a reason in docs/dependencies.md."""
    argued = (ROOT / "docs" / "dependencies.md").read_text()
    for line in lines(file):
        name = re.split(r"[<>=~;\[ ]", line, maxsplit=1)[0]
        assert ">=" in line, line
        assert "<" in line, line
        assert f"`{name}`" in argued, f"{name} is not argued in docs/dependencies.md"


def lines(file: str) -> list[str]:
    """Return the requirements of a file, without comments and references."""
    return [line for line in (ROOT / file).read_text().splitlines() if line and line[0] not in "#-"]


def test_host_timeout_leaves_room_for_a_pass() -> None:
    """A reconcile pass ends by itself well before the host would end it."""
    from shared.settings import read_settings  # noqa: PLC0415 - only this test needs it
    from tests.fakes.world import ENVIRONMENT  # noqa: PLC0415 - the same

    hours, minutes, seconds = (int(part) for part in host_json()["functionTimeout"].split(":"))
    timeout = hours * 3600 + minutes * 60 + seconds

    assert read_settings(ENVIRONMENT).reconcile_budget.total_seconds() <= timeout / 2


def host_json() -> dict[str, str]:
    """Return host.json."""
    found: dict[str, str] = json.loads((ROOT / "host.json").read_text())
    return found
