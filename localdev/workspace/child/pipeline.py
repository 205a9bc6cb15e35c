"""Runs one update of a declarative pipeline with Spark's own `spark-pipelines` (pyspark 4.1 or newer) on this machine.

https://spark.apache.org/docs/latest/declarative-pipelines-programming-guide.html. What the pipeline has made stays
with the workspace: its tables and their catalog, one folder per pipeline, so that a later update goes on from there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localdev.workspace.child.failure import TaskFailed, end_of

_SPECIFICATIONS = ("spark-pipeline.yml", "spark-pipeline.yaml")
_DEFINITIONS = {".py", ".sql"}
_ERROR = re.compile(r"^Error: (.+)", re.MULTILINE)  # of one flow, before the words on the whole update


def run(instructions: Mapping[str, Any], report: dict[str, Any]) -> None:
    """Run the update to its end; raises TaskFailed."""
    del report
    program, java = shutil.which("spark-pipelines"), shutil.which("java")
    if program is None:
        raise TaskFailed(
            "pipeline_task needs Spark's declarative pipelines, and there is no spark-pipelines on the PATH of tasks. "
            'Install the extra "spark" in the folder of Landfall: pip install -e ".[spark]".'
        )
    if java is None:
        raise TaskFailed("pipeline_task needs Java 17 or newer, and there is no java on the PATH of tasks.")
    specification = _specification(instructions)
    command = [program, "run", "--spec", str(specification), *_selection(instructions)]
    variables = {
        "PYSPARK_PYTHON": str(Path(program).with_name("python")),
        "SPARK_CONF_DIR": str(_configuration(Path(instructions["storage"]))),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    # Not in the pipeline's folder: there a numbers.py would stand in for the module of Python's own that Spark loads.
    code = subprocess.run(command, env={**os.environ, **variables}, check=False).returncode  # noqa: S603 - running the owner's pipelines is the purpose
    if code != 0:
        raise _failure(instructions["pipeline"], end_of(Path(instructions["output"])))


def _specification(instructions: Mapping[str, Any]) -> Path:
    """Copy the pipeline, and return its own specification, or one that names every .py and .sql file."""
    source, folder = Path(instructions["source"]), Path.cwd() / "pipeline"
    if source.is_dir():
        shutil.copytree(source, folder, symlinks=True)
    else:
        folder.mkdir()
        shutil.copy(source, folder)
    for name in _SPECIFICATIONS:
        if (folder / name).is_file():
            return folder / name
    files = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.suffix in _DEFINITIONS)
    named = [file for file in files if not any(part.startswith(("_", ".")) for part in file.parts)]
    if not named:
        raise TaskFailed(f"The pipeline {instructions['pipeline']!r} has no .py or .sql file.")
    document = {
        "name": instructions["pipeline"],
        "storage": Path(instructions["storage"]).as_uri(),
        "libraries": [{"glob": {"include": str(file)}} for file in named],
        "configuration": instructions["parameters"],
    }
    specification = folder / _SPECIFICATIONS[0]
    specification.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    return specification


def _configuration(storage: Path) -> Path:
    """Return a folder that tells Spark where tables and their catalog are kept, and to serve no web page."""
    storage.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": storage / "tables",
        "spark.sql.catalogImplementation": "hive",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={storage / 'catalog'};create=true",
    }
    folder = Path.cwd() / "conf"
    folder.mkdir()
    lines = [f"{name} {value}\n" for name, value in settings.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    return folder


def _selection(instructions: Mapping[str, Any]) -> list[str]:
    if instructions["full_refresh"]:
        return ["--full-refresh-all"]
    words = []
    for option, tables in (("--full-refresh", "full_refresh_of"), ("--refresh", "refresh_of")):
        if instructions[tables]:
            words += [option, ",".join(instructions[tables])]
    return words


def _failure(pipeline: str, printed: str) -> TaskFailed:
    words = f"The update of the pipeline {pipeline!r} failed"
    error = _ERROR.search(printed)
    return TaskFailed(words if error is None else f"{words}: {error[1].strip()}", trace=printed)
