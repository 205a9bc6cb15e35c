"""Azurite's npm package (and the demo's data set): pinned in package.json, locked in package-lock.json.

Azurite 3.37 declares Node 22 and runs on Node 20, where npm merely warns about it. The lock file names no registry
(`npm install --package-lock-only --omit-lockfile-registry-resolved`), so npm asks whichever one it is set up for.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import LandfallError

FOLDER = Path(__file__).parent
OLDEST_NODE = 20
_GET_NODE = f"Install Node.js {OLDEST_NODE} or newer with npm from https://nodejs.org, then try again."
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
_LONGEST_INSTALL = 900  # seconds


class AzuriteMissing(LandfallError):
    """Azurite cannot be run on this machine before somebody installs something."""


def find_node() -> str:
    """Return the path of Node.js; raises AzuriteMissing where there is none, or only one that is too old."""
    node = _find("node")
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - the program found on PATH, fixed arguments
    version = re.match(r"v(\d+)\.", answer.stdout)
    if not version or int(version[1]) < OLDEST_NODE:
        found = answer.stdout.strip() or "no version at all"
        raise AzuriteMissing(f"Azurite needs Node.js {OLDEST_NODE}, and {node} says {found}.", hint=_GET_NODE)
    return node


def ensure_installed(folder: Path = FOLDER) -> Path:
    """Return Azurite's program, installing what `folder/package-lock.json` locks unless that has been done.

    Safe to repeat, and for several processes at once: the others wait for the first. An install that was cut short
    is done again. Raises AzuriteMissing, with what npm said, when it cannot be installed.
    """
    lock_file = folder / "package-lock.json"
    program = folder / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    digest = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    # npm empties node_modules before anything else, so the stamp is there only after a complete install.
    stamp = folder / "node_modules" / ".landfall-stamp"
    if _reads(stamp, digest):
        return program
    with _exclusively(lock_file):
        if not _reads(stamp, digest):
            _install(folder)
            stamp.write_text(digest)
    return program


def _install(folder: Path) -> None:
    npm = _find("npm")
    sys.stderr.write("Installing Azurite with npm: once, about 365 MB, a minute or two ...\n")
    try:
        done = subprocess.run(  # noqa: S603 - the program found on PATH, fixed arguments
            [npm, *_INSTALL], cwd=folder, capture_output=True, text=True, timeout=_LONGEST_INSTALL, check=False
        )
    except subprocess.TimeoutExpired:
        raise AzuriteMissing(
            f"npm did not install Azurite within {_LONGEST_INSTALL // 60} minutes.", hint=_retry(folder)
        ) from None
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-10:])
        raise AzuriteMissing(
            f"npm could not install Azurite (exit code {done.returncode}):\n{said}\n", hint=_retry(folder)
        )
    sys.stderr.write("Azurite is installed.\n")


def _retry(folder: Path) -> str:
    return f"Check the network and npm's registry setting; `npm ci` in {folder} shows more."


def _find(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise AzuriteMissing(f"There is no `{program}` on the PATH, and Azurite needs it.", hint=_GET_NODE)
    return path


def _reads(stamp: Path, digest: str) -> bool:
    try:
        return stamp.read_text() == digest
    except FileNotFoundError:
        return False


@contextmanager
def _exclusively(path: Path) -> Iterator[None]:
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released by closing, and by the kernel should we die
        yield


if __name__ == "__main__":
    try:
        ensure_installed()
    except AzuriteMissing as error:
        sys.exit(str(error))
