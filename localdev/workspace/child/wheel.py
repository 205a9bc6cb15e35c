"""Runs an entry point of a package.

It is looked up as Databricks documents it (PythonWheelTask.entry_point in databricks/sdk/service/jobs.py): by its name
in the metadata of the package, else as a function of the package itself.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

from localdev.workspace.child.failure import TaskFailed


def run(instructions: Mapping[str, Any], report: dict[str, Any]) -> None:
    """Call the entry point; raises TaskFailed where there is none, and whatever it raises itself."""
    del report
    package, name = instructions["package"], instructions["entry_point"]
    sys.argv = [package, *instructions["arguments"]]
    entry_point = _entry_point(package, name)
    try:
        entry_point()
    except SystemExit as end:
        if end.code not in (None, 0):
            raise


def _entry_point(package: str, name: str) -> Callable[[], object]:
    try:
        declared = metadata.distribution(package).entry_points
    except metadata.PackageNotFoundError:
        declared = metadata.EntryPoints()
    for entry_point in declared:
        if entry_point.name == name:
            return _callable(entry_point.load(), package, name)
    return _callable(getattr(_module(package), name, None), package, name)


def _module(package: str) -> object:
    module = package.replace("-", "_")
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:  # something that the package itself needs
            raise
        raise TaskFailed(
            f"The package {package!r} is not installed: name its wheel in the task's libraries, "
            "or install it where the workspace runs."
        ) from None


def _callable(found: object, package: str, name: str) -> Callable[[], object]:
    if callable(found):
        return found
    raise TaskFailed(
        f"The package {package!r} has no entry point {name!r}, neither in its metadata nor as a function of its own."
    )
