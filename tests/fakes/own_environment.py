"""Environments beside that of the tests, for what wants other versions of their libraries: a real dbt, say."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def own_environment(name: str, wanted: Sequence[str]) -> Path:
    """Return the folder of programs of `.venv-<name>-<version of Python>`, into which `wanted` is installed.

    On CI it is made once, whichever test process comes first; a marker says that it is whole. Elsewhere the test is
    skipped without it.
    """
    folder = ROOT / f".venv-{name}-{sys.version_info.major}.{sys.version_info.minor}"
    if not (folder / "ready").exists():
        if "CI" not in os.environ:
            pytest.skip(f"needs {name} in {folder.name}: with CI=1 the tests make it")
        _make(folder, wanted)
    return folder / "bin"


def environment_of_extra(extra: str) -> Path:
    """Return the folder of programs of an environment with what an extra of pyproject.toml installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return own_environment(extra, project["optional-dependencies"][extra])


def _make(folder: Path, wanted: Sequence[str]) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([folder / "bin" / "pip", "install", "--quiet", *wanted], check=True)
            (folder / "ready").touch()
