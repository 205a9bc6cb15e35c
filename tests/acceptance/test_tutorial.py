"""docs/tutorial.md from its first line to its last: every command typed, every line of Python run, in one go."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localdev.azurite import Azurite
from tests.acceptance.test_readme import running
from tests.fakes.waiting import block_until

pytestmark = pytest.mark.acceptance
ROOT = Path(__file__).parent.parent.parent
BLOCKS = re.compile(r"^```(console|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
UP = "landfall up"
FINDS_ERRORS = "landfall jobs check tests/cli/jobs/data/tutorial_etl_pipeline.json"
# What a line of the page shows as `…` may be anything.
ANYTHING = "…"


@dataclass
class Reader:
    """Somebody who types what the page says, and compares what it shows."""

    environment: dict[str, str]
    names: dict[str, Any] = field(default_factory=dict)
    log: Path = Path()

    def type(self, block: str) -> None:
        """Type the commands of a block; those that run until Ctrl-C run already."""
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            if command == UP:
                continue
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=ROOT,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == (1 if command == FINDS_ERRORS else 0), done.stdout + done.stderr
            for line in shown:
                assert matches(line, done.stdout + done.stderr), (command, line, done.stdout, done.stderr)

    def run(self, block: str) -> None:
        """Run the Python of a block; what it prints is what its comments say."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(block, "docs/tutorial.md", "exec"), self.names)  # noqa: S102 - our own document is what is tested
        wanted = re.findall(r"^print\(.*\)  # (.*)$", block, re.MULTILINE)
        assert block.count("print(") == len(wanted)
        assert said.getvalue().splitlines() == wanted, self.log.read_text(encoding="utf-8")[-5000:]


def matches(line: str, output: str) -> bool:
    """Tell whether a line that the page shows is among those that were written."""
    pattern = ".*".join(re.escape(part) for part in line.split(ANYTHING))
    return any(re.fullmatch(pattern, written) for written in output.splitlines())


@pytest.fixture
def reader(azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Return a reader in whose other terminal `landfall up` runs."""
    del azurite
    state = str(tmp_path / "state")
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    assert shutil.which("landfall", path=path), "the project is not installed: pip install -e ."
    environment = {**os.environ, "LANDFALL_STATE": state, "PATH": path, "COLUMNS": "500"}
    monkeypatch.setenv("LANDFALL_STATE", state)
    monkeypatch.chdir(ROOT)
    log = tmp_path / "up.log"
    with running(UP, environment, log) as up:
        block_until(lambda: "Landfall is up" in log.read_text(encoding="utf-8") or up.poll() is not None, 90)
        yield Reader(environment=environment, log=log)


def test_tutorial_works_from_top_to_bottom(reader: Reader) -> None:
    """Section by section the page does what it says: jobs, dependencies, schedules, events, notifications, submits."""
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    sections = page.split("\n## ")
    for section in sections:
        for language, block in BLOCKS.findall(section):
            if language == "console":
                reader.type(block)
            else:
                reader.run(block)

    assert [section[0] for section in sections[1:]] == list("1234567")
    assert "Traceback" not in reader.log.read_text(encoding="utf-8")


def test_every_block_is_executed() -> None:
    """A block in another language than those of this test, and than JSON, would not be checked by anybody."""
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^```(\w*)$", page, re.MULTILINE)) == {"console", "python", "json", ""}
    assert f"$ {UP}\n" in page
    assert f"$ {FINDS_ERRORS}\n" in page
