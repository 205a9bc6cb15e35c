"""Azurite is installed once, by npm ci, and what is missing is said in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from localdev.azurite_package import AzuriteMissing, ensure_installed, find_node

REPOSITORY = Path(__file__).parents[2]
NPM_CI = """
echo "$@" >> calls
mkdir -p node_modules/azurite/dist/src
rm -f node_modules/.landfall-stamp
echo "// $(cat package-lock.json)" > node_modules/azurite/dist/src/azurite.js
"""
Programs = Callable[..., None]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Return a function that makes shell scripts the only `npm` and `node` there are, beside the system's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")

    def put(**scripts: str) -> None:
        for name, script in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}")
            (folder / name).chmod(0o755)

    return put


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a folder with a lock file and nothing installed."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "package-lock.json").write_text("one")
    return folder


def test_install_is_done_once(programs: Programs, package: Path) -> None:
    """What the lock file says is installed when it is missing, quietly, without scripts, and not again."""
    programs(npm=NPM_CI)

    first, second = ensure_installed(package), ensure_installed(package)

    calls = (package / "calls").read_text().splitlines()
    assert first == second == package / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    assert calls == ["ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error"]


def test_changed_lock_is_installed_again(programs: Programs, package: Path) -> None:
    """A new version in the lock file replaces the old one."""
    programs(npm=NPM_CI)
    ensure_installed(package)
    (package / "package-lock.json").write_text("two")

    program = ensure_installed(package)

    assert program.read_text() == "// two\n"


def test_interrupted_install_is_done_again(programs: Programs, package: Path) -> None:
    """Half an installation does not pass for a whole one."""
    programs(npm=NPM_CI + "kill -9 $$")
    with pytest.raises(AzuriteMissing):
        ensure_installed(package)
    programs(npm=NPM_CI)

    ensure_installed(package)

    assert len((package / "calls").read_text().splitlines()) == 2


def test_concurrent_installs_run_npm_once(programs: Programs, package: Path) -> None:
    """Several processes that need it wait for the first one's install."""
    programs(npm="sleep 0.5\n" + NPM_CI)
    script = (
        "from pathlib import Path; from localdev.azurite_package import ensure_installed;"
        f"ensure_installed(Path({str(package)!r}))"
    )

    processes = [
        subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stderr=subprocess.DEVNULL) for _ in range(3)
    ]

    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len((package / "calls").read_text().splitlines()) == 1


def test_failed_install_says_what_npm_said(programs: Programs, package: Path) -> None:
    """What npm said last, and the next step, are in the error."""
    programs(npm="echo 'npm error code ENOTFOUND' >&2; exit 1")

    with pytest.raises(AzuriteMissing) as caught:
        ensure_installed(package)

    assert "npm error code ENOTFOUND" in str(caught.value)
    assert f"`npm ci` in {package}" in str(caught.value)


@pytest.mark.parametrize("missing", ["npm", "node"])
def test_missing_program_is_named(missing: str, package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Node.js the error says which program is missing and where to get it."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(AzuriteMissing, match=rf"no `{missing}` on the PATH.*https://nodejs\.org"):
        ensure_installed(package) if missing == "npm" else find_node()


@pytest.mark.parametrize("version", ["v18.19.1", "nonsense"])
def test_old_node_is_refused(programs: Programs, version: str) -> None:
    """A Node.js that Azurite does not run on is refused before anything is started."""
    programs(node=f"echo {version}")

    with pytest.raises(AzuriteMissing, match=rf"needs Node\.js 20.*{version}"):
        find_node()


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_missing_backend_is_a_failure_in_ci_only(tmp_path: Path, ci: str, outcome: str) -> None:
    """The shared fixture skips on a laptop without Node.js and fails where CI is set."""
    test_file = tmp_path / "test_something.py"
    test_file.write_text("def test_something(azurite): pass\n")
    environment = {**os.environ, "PATH": str(tmp_path), "CI": ci}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "tests.fakes.azurite_fixture", "-c", os.devnull, str(test_file)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome in done.stdout
    assert "no `node` on the PATH" in done.stdout
