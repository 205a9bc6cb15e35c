"""Environments beside that of the tests, for what wants other versions of their libraries: a real dbt, say."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
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


def _make(folder: Path, wanted: Sequence[str]) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([folder / "bin" / "pip", "install", "--quiet", *wanted], check=True)
            (folder / "ready").touch()
