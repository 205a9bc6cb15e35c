"""Runs dbt on a copy of its project, with a profile for the workspace's DuckDB where the task brings none.

dbt is a program of its own here: it is found on the PATH, among the task's libraries first.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from localdev.workspace.child.failure import TaskFailed, end_of

LONGEST_WAIT = 600.0  # seconds for other tasks to be done with the database
PAUSE = 1.0  # seconds between two tries to get it
DEFAULT_SCHEMA = "main"  # DuckDB's own, which needs no quotes; Databricks' is "default"
_PROFILE = "landfall"
_DATABASE_TAKEN = "Could not set lock on file"  # DuckDB's words when it opens the file, before anything was done
_MADE_BY_DBT = ("target", "logs")
_QUIET = {"DBT_USE_COLORS": "0", "DBT_SEND_ANONYMOUS_USAGE_STATS": "0", "DO_NOT_TRACK": "1"}


def run(instructions: Mapping[str, Any], report: dict[str, Any]) -> None:
    """Run the commands in order up to the first that fails; raises TaskFailed."""
    dbt = shutil.which("dbt")
    if dbt is None:
        raise TaskFailed(
            "dbt_task needs dbt with its adapter for DuckDB, and there is no dbt on the PATH of tasks. "
            'Install the extra "dbt" in the folder of Landfall: pip install -e ".[dbt]".'
        )
    project = Path.cwd() / "project"
    shutil.copytree(instructions["project"], project, symlinks=True, ignore=shutil.ignore_patterns(*_MADE_BY_DBT))
    settings = _settings(instructions, project)
    try:
        for command in instructions["commands"]:
            _run(dbt, command, project, settings, Path(instructions["output"]))
    finally:
        report["fields"] = {"dbt_output": {"artifacts_link": _packed(project, Path(instructions["artifacts"]))}}


def _settings(instructions: Mapping[str, Any], project: Path) -> dict[str, str]:
    """Return the variables that tell dbt where its profile is."""
    theirs = (project / instructions["profiles"]).resolve()
    if not theirs.is_relative_to(project.resolve()):
        raise TaskFailed(f"profiles_directory {instructions['profiles']!r} is not inside the project.")
    if not instructions["makes_profile"] and (theirs / "profiles.yml").exists():
        return {**_QUIET, "DBT_PROFILES_DIR": str(theirs)}
    if instructions["profiles"]:
        raise TaskFailed(f"There is no profiles.yml in profiles_directory {instructions['profiles']!r}.")
    folder = Path.cwd() / "profiles"
    folder.mkdir()
    (folder / "profiles.yml").write_text(json.dumps(_profile(instructions)), encoding="utf-8")  # JSON is YAML
    return {**_QUIET, "DBT_PROFILES_DIR": str(folder), "DBT_PROFILE": _PROFILE}


def _profile(instructions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile for the one database file, under the catalog's name if the task names one."""
    file = instructions["folders"]["warehouse"]
    target: dict[str, Any] = {"type": "duckdb", "schema": instructions["schema"] or DEFAULT_SCHEMA, "threads": 1}
    if instructions["catalog"]:
        catalog = instructions["catalog"]
        target |= {"path": ":memory:", "attach": [{"path": file, "alias": catalog}], "database": catalog}
    else:
        target["path"] = file
    return {_PROFILE: {"target": "local", "outputs": {"local": target}}}


def _run(dbt: str, command: str, project: Path, settings: Mapping[str, str], output: Path) -> None:
    words = shlex.split(command)
    if words[:1] != ["dbt"]:
        raise TaskFailed(f"{command!r} is no command of dbt; it must start with dbt.")
    variables = {**os.environ, **settings}
    if any(word.startswith("--profiles-dir") for word in words):
        variables.pop("DBT_PROFILE", None)  # they bring their own
    deadline = time.monotonic() + LONGEST_WAIT
    while True:
        _say(f"$ {command}")
        begun = output.stat().st_size
        code = _code([dbt, *words[1:]], project, variables)
        if code == 0:
            return
        printed = end_of(output, begun)
        if _DATABASE_TAKEN not in printed or time.monotonic() > deadline:
            raise TaskFailed(f"The command {command!r} ended with exit code {code}", trace=printed)
        time.sleep(PAUSE)


def _code(command: Sequence[str], project: Path, variables: Mapping[str, str]) -> int:
    return subprocess.run(command, cwd=project, env=variables, check=False).returncode  # noqa: S603 - dbt, without a shell


def _packed(project: Path, archive: Path) -> str:
    """Write what dbt has made into an archive; return the link to it."""
    with tarfile.open(archive, "w:gz") as packed:
        for name in _MADE_BY_DBT:
            if (project / name).is_dir():
                packed.add(project / name, arcname=name)
    return archive.as_uri()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
