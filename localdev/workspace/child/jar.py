"""Runs the main class of jars in a Java virtual machine of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localdev.workspace.child.failure import TaskFailed, end_of

_UNCAUGHT = re.compile(r'^Exception in thread "[^"]*" (.*)', re.MULTILINE)
_LAUNCHER = re.compile(r"^Error: (Could not find or load main class .*|Main method not found .*)", re.MULTILINE)


def run(instructions: Mapping[str, Any], report: dict[str, Any]) -> None:
    """Run the class to its end, System.exit(0) being a good one; raises TaskFailed."""
    del report
    java = shutil.which("java")
    if java is None:
        raise TaskFailed("spark_jar_task needs Java, and there is no java on the PATH of tasks: install a JDK or JRE.")
    jars = instructions["libraries"]["jars"]
    command = [java, "-cp", os.pathsep.join(jars), instructions["main_class"], *instructions["arguments"]]
    code = subprocess.run(command, check=False).returncode  # noqa: S603 - running the owner's jars is the purpose
    if code != 0:
        raise _failure(instructions["main_class"], code, end_of(Path(instructions["output"])))


def _failure(main_class: str, code: int, printed: str) -> TaskFailed:
    if uncaught := list(_UNCAUGHT.finditer(printed)):
        thrown = uncaught[-1]
        return TaskFailed(thrown[1].strip(), trace=printed[thrown.start() :])
    if launcher := _LAUNCHER.search(printed):
        return TaskFailed(launcher[1].strip(), trace=printed[launcher.start() :])
    return TaskFailed(f"{main_class} ended with exit code {code}")
