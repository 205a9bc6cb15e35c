"""The libraries of a task: installed once into an environment that all tasks with the same libraries share.

An environment is a venv on top of the Python that runs the workspace: what is installed there is there too. It is
made under a lock that the kernel drops with its process, and counts only once its marker is written, so two tasks
make it once, and what `kill -9` leaves half made is made anew. Removing environments is safe while no task runs.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import site
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localdev.workspace.child.failure import LibrariesNotInstalled

_READY = "ready"
_ADDRESS_WITH_SECRET = re.compile(r"://[^/\s@]+@")


def activate(libraries: Mapping[str, Any]) -> None:
    """Make the libraries importable in this process and in those it starts; raises LibrariesNotInstalled."""
    if libraries["requirements"] and not libraries["may_install"]:
        raise LibrariesNotInstalled(_not_allowed("requirements files"))
    if not (libraries["wheels"] or libraries["packages"] or libraries["requirements"]):
        return
    folder = Path(libraries["environments"])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment = folder / _key(libraries)
    with _locked(environment.with_suffix(".lock")):
        if not (environment / _READY).exists():
            shutil.rmtree(environment, ignore_errors=True)
            _make(environment, libraries)
            (environment / _READY).touch()
    _use(environment)


def _key(libraries: Mapping[str, Any]) -> str:
    """Return a name for what would be installed, on top of what is installed already."""
    parts = {
        "python": [sys.version, sys.prefix, _installed_here()],
        "files": [[Path(file).name, _digest(file)] for file in (*libraries["wheels"], *libraries["requirements"])],
        "packages": libraries["packages"],
        "may_install": libraries["may_install"],
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _installed_here() -> list[str]:
    found = (Path(folder).glob("*.dist-info") for folder in site.getsitepackages())
    return sorted(path.name for paths in found for path in paths)


def _digest(file: str) -> str:
    with Path(file).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(environment: Path, libraries: Mapping[str, Any]) -> None:
    venv.create(environment, symlinks=True)
    below = "".join(f"import site; site.addsitedir({folder!r})\n" for folder in site.getsitepackages())
    (_site_of(environment) / "_below.pth").write_text(below, encoding="utf-8")
    everywhere = [each["package"] for each in libraries["packages"] if not each["index"]]
    wanted = [*libraries["wheels"], *everywhere]
    for file in libraries["requirements"]:
        wanted += ["--requirement", file]
    if wanted:
        _install(environment, wanted, libraries)
    for each in libraries["packages"]:
        if each["index"]:
            _install(environment, ["--index-url", each["index"], each["package"]], libraries)


def _install(environment: Path, wanted: Sequence[str], libraries: Mapping[str, Any]) -> None:
    sources = [] if libraries["may_install"] else ["--no-index"]
    command = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--quiet"]
    command += ["--no-input", "--disable-pip-version-check", "--cache-dir", str(environment.parent / "pip-cache")]
    done = subprocess.run(  # noqa: S603 - pip, and libraries that were checked at the door
        [*command, *sources, *wanted], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode == 0:
        return
    said = _ADDRESS_WITH_SECRET.sub("://***@", done.stdout.decode(errors="replace"))
    sys.stdout.write(said)
    last = next((line for line in reversed(said.splitlines()) if line.startswith("ERROR:")), "pip failed")
    if not libraries["may_install"]:
        raise LibrariesNotInstalled(f"{_not_allowed('the libraries of this task')} pip says: {last}")
    raise LibrariesNotInstalled(f"The libraries of this task cannot be installed. pip says: {last}")


def _not_allowed(what: str) -> str:
    return (
        f"The local workspace does not fetch {what} from a package index, and not all is installed where it runs: "
        "install it there, or start the workspace with --install-libraries."
    )


def _use(environment: Path) -> None:
    """Put the environment before what is installed where the workspace runs, here and in processes to come."""
    before = [*sys.path]
    site.addsitedir(str(_site_of(environment)))
    ours = [entry for entry in sys.path if entry not in before]
    sys.path[:] = [before[0], *ours, *before[1:]]
    sys.executable = str(environment / "bin" / "python")
    os.environ["VIRTUAL_ENV"] = str(environment)
    os.environ["PATH"] = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def _site_of(environment: Path) -> Path:
    return environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
