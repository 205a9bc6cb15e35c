"""Every command of the README is executed, as a new user would type it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localdev.azurite import Azurite
from tests.fakes.waiting import block_until

pytestmark = pytest.mark.acceptance
ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.+)$", "\n".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL)), re.MULTILINE)
# These run by themselves below; `make test` is what runs this test, and `make bench` takes minutes of a quiet machine.
APART = ("make demo", "make up", "make test", "make bench")


@pytest.fixture
def shell(azurite: Azurite, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a user's terminal, with this interpreter's virtual environment in place of .venv."""
    del azurite
    if not (Path(sys.prefix) / ".ready").exists():
        pytest.skip("this environment was not made by the Makefile")
    return {**os.environ, "LANDFALL_STATE": str(tmp_path / "state"), "MAKEFLAGS": f"VENV={sys.prefix}"}


def run(command: str, shell: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command as typed into bash."""
    return subprocess.run(
        ["bash", "-c", command.replace(".venv", sys.prefix)],
        cwd=ROOT,
        env=shell,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@contextmanager
def running(command: str, shell: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until Ctrl-C."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=ROOT,
            env=shell,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def test_make_demo_shows_what_the_readme_shows(shell: dict[str, str]) -> None:
    """`make demo` exits with 0 and ends with the sentence that the README quotes."""
    done = run("make demo", shell)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every file ran exactly once, and every result is as expected." in README
    assert "Every file ran exactly once, and every result is as expected." in done.stdout
    assert "lost 0, run twice 0" in done.stdout


def test_commands_work_beside_make_up(shell: dict[str, str], tmp_path: Path) -> None:
    """With `make up` in one terminal, the other commands of the README do what they say, and Ctrl-C ends all."""
    typed = [command for command in COMMANDS if command not in APART]
    log = tmp_path / "up.log"
    with running("make up", shell, log) as up:
        block_until(lambda: "Landfall is up" in log.read_text(encoding="utf-8") or up.poll() is not None, 90)
        session = " && ".join(typed)
        done = run(session, shell)
        assert done.returncode == 0, done.stdout + done.stderr + log.read_text(encoding="utf-8")
        block_until(lambda: _results(shell) == ["succeeded"], 60)

    assert "crm-daily starts the job name:CSV Profile" in done.stdout
    assert "landing/crm/2026-11-22/orders.csv" in done.stdout
    assert "Last pass" in done.stdout
    assert "run.submitted" in log.read_text(encoding="utf-8")
    assert "Traceback" not in log.read_text(encoding="utf-8")


def _results(shell: dict[str, str]) -> list[str]:
    done = run("source .venv/bin/activate && landfall runs --json", shell)
    return [entry["result"] for entry in json.loads(done.stdout)]


def test_every_command_is_known() -> None:
    """A command that is added to the README is executed here, or the list above says why not."""
    assert set(APART) <= set(COMMANDS)
    assert len(COMMANDS) > len(APART)


def test_test_command_is_what_ci_runs() -> None:
    """What the README tells a developer is what decides whether a change lands."""
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", ["docs/deploy.md"])
def test_shell_understands_the_deployment(document: str) -> None:
    """Commands that need Azure are at least valid shell, and name settings that exist."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)

    done = subprocess.run(["bash", "-n"], input="\n".join(blocks), capture_output=True, text=True, check=False)

    assert blocks
    assert done.returncode == 0, done.stderr


def test_deployment_names_settings_that_exist() -> None:
    """A setting that is misspelt in the deployment would be a silent default in Azure."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    named = set(re.findall(r'"([A-Za-z_]+?)(?:__\w+)?=', text))
    known = set(
        re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert named <= known
    assert {"DATABRICKS_HOST", "RECONCILE_SCHEDULE", "AzureWebJobsStorage"} <= named
