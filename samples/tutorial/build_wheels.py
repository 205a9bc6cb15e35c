# ruff: noqa: INP001 - a script, and no part of any package
"""Builds the tutorial's two wheels into the folder that /Workspace stands for.

`python samples/tutorial/build_wheels.py` needs the standard library alone, and no network.
`pip wheel samples/tutorial/wheels/reporting` builds the same from the same pyproject.toml.
https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_TARGET = HERE.parent / "notebooks" / "wheels"
_WHEEL = "Wheel-Version: 1.0\nGenerator: landfall-samples\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same source makes the same wheel, to the byte


def build(project: Path, target: Path) -> Path:
    """Build the wheel of a project that is one pure Python package, and return it."""
    described = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = described["name"], described["version"]
    info = f"{name}-{version}.dist-info"
    files = {str(file.relative_to(project)): file.read_bytes() for file in sorted((project / name).rglob("*.py"))}
    files[f"{info}/METADATA"] = _metadata(described).encode()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/entry_points.txt"] = _entry_points(described["entry-points"]).encode()
    record = "".join(f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    target.mkdir(parents=True, exist_ok=True)
    wheel = target / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), content)
    return wheel


def _metadata(described: dict[str, str]) -> str:
    lines = {"Name": "name", "Version": "version", "Summary": "description", "Requires-Python": "requires-python"}
    return "Metadata-Version: 2.1\n" + "".join(f"{key}: {described[name]}\n" for key, name in lines.items())


def _entry_points(groups: dict[str, dict[str, str]]) -> str:
    return "".join(
        f"[{group}]\n" + "".join(f"{name} = {where}\n" for name, where in points.items())
        for group, points in groups.items()
    )


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def main() -> None:
    """Build all wheels of the tutorial."""
    parser = argparse.ArgumentParser(description="Build the tutorial's wheels.")
    parser.add_argument("--to", type=Path, default=DEFAULT_TARGET, help="the folder that gets them")
    target = parser.parse_args().to
    for project in sorted((HERE / "wheels").iterdir()):
        sys.stdout.write(f"{build(project, target)}\n")


if __name__ == "__main__":
    main()
