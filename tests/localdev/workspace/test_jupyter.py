"""Jupyter notebooks in a kernel, driven by Jupyter's own stack, in tasks that really run."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.fakes.waiting import until
from tests.localdev.workspace.kit import (
    TOKEN,
    Json,
    Workspace,
    job,
    notebook,
    open_workspace,
    sign_in,
    task,
    workspace_settings,
)

if not all(map(importlib.util.find_spec, ("nbclient", "ipykernel"))) and not os.environ.get("CI"):
    pytest.skip('the extra "notebooks" is not installed', allow_module_level=True)

ROOT = Path(__file__).parents[3]


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """Return the notebooks folder."""
    return tmp_path / "notebooks"


@pytest.fixture
async def equipped(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Serve a workspace with a secret."""
    file = tmp_path / "secrets.yaml"
    file.write_text("etl:\n  key: c4n4ry-K3y\n", encoding="utf-8")
    file.chmod(0o600)
    async with open_workspace(workspace_settings(tmp_path, secrets=file)) as workspace:
        yield workspace


def jupyter(folder: Path, name: str, *cells: str) -> None:
    """Write a Jupyter notebook of these cells, as small as the format allows."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "cells": [{"cell_type": "markdown", "source": ["# Title"]}]
        + [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / f"{name}.ipynb").write_text(json.dumps(document), encoding="utf-8")


async def run(workspace: Workspace, *tasks: Json, **request: object) -> tuple[Json, dict[str, Json]]:
    """Create a job, run it to its end, and return the run and the outputs of its tasks."""
    ended = await workspace.ended(await workspace.run_now(await workspace.create(*tasks), **request))
    return ended, await workspace.outputs(ended)


def task_folder(tmp_path: Path, ended: Json) -> Path:
    """Return the folder of a run's only task."""
    return tmp_path / "data" / "tasks" / str(ended["tasks"][0]["run_id"])


def alive(pid: int) -> bool:
    """Tell whether a process still runs; a zombie does not."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def test_kernel_knows_what_databricks_adds(equipped: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """Widgets, task values, other notebooks and secrets, which neither the output nor the executed copy shows."""
    notebook(notebooks, "helpers", "def double(x):\n    return 2 * x")
    notebook(notebooks, "child", "dbutils.notebook.exit('from child')")
    jupyter(
        notebooks,
        "main",
        "get_ipython().kernel and dbutils.widgets.text('x', 'none')",
        "%run ./helpers",
        "print(dbutils.widgets.get('x'))\nkey = dbutils.secrets.get('etl', 'key')\nkey",
        "",
        "import asyncio\nslept = await asyncio.sleep(0, 'slept')\nprint(key)\n"
        "dbutils.jobs.taskValues.set('n', double(21))",
        "%md\n*text*",
        "display([{'id': 1}])\ndisplayHTML('<b>bold</b>')",
        "%python\ndbutils.notebook.exit(slept + ' ' + dbutils.notebook.run('child', 60) + key)",
        "raise AssertionError('not reached')",
    )

    ended, outputs = await run(equipped, task(), notebook_params={"x": "given"})

    assert "error" not in outputs["main"], outputs["main"]["error_trace"]
    assert outputs["main"]["notebook_output"]["result"] == "slept from child[REDACTED]"
    folder = task_folder(tmp_path, ended)
    executed = json.loads((folder / "executed.ipynb").read_text())
    codes = [cell for cell in executed["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in codes] == [1, 2, 3, None, 4, 5, 6, 7, None]
    assert codes[2]["outputs"][0]["text"] == "given\n"
    assert codes[2]["outputs"][1]["data"]["text/plain"] == "'[REDACTED]'"
    assert codes[6]["outputs"][1]["data"]["text/html"] == "<b>bold</b>"
    assert (folder / "output.txt").read_text().splitlines()[:3] == ["given", "'[REDACTED]'", "[REDACTED]"]
    assert json.loads((folder / "values.json").read_text()) == {"n": 42}
    assert not [file for file in folder.rglob("*") if file.is_file() and b"c4n4ry" in file.read_bytes()]


async def test_errors_look_like_those_of_source_notebooks(real: Workspace, notebooks: Path) -> None:
    """The exception and its way through the cells, nothing of Jupyter's or ours."""
    jupyter(notebooks, "main", "def boom():\n    raise RuntimeError('intentional failure')", "", "x = 1\nboom()")

    ended, outputs = await run(real, task())

    assert ended["status"]["termination_details"]["code"] == "RUN_EXECUTION_ERROR"
    assert outputs["main"]["error"] == "RuntimeError: intentional failure"
    trace = outputs["main"]["error_trace"].splitlines()
    assert [line for line in trace if line.strip("~^ ")] == [  # Python 3.13 underlines the place
        "Traceback (most recent call last):",
        '  File "/Workspace/main (cell 3)", line 2, in <module>',
        "    boom()",
        '  File "/Workspace/main (cell 1)", line 2, in boom',
        "    raise RuntimeError('intentional failure')",
        "RuntimeError: intentional failure",
    ]


@pytest.mark.proof  # each starts a kernel
@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("x = )", "SyntaxError: unmatched ')'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("%scala\nval x = 1", "UnsupportedCell: Cell 1 of /Workspace/main is written in %scala"),
        ("%run ./nothing", "FileNotFoundError: %run ./nothing: there is no such notebook"),
        ("dbutils.widgets.get('nothing')", "InputWidgetNotDefined: No input widget named nothing is defined"),
        ("spark.sql('SELECT 1')", "NameError: name 'spark' is not defined: there is no Spark here."),
        ("import os; os._exit(3)", "The kernel of the notebook ended with exit code 3 before"),
        ("import os; os.kill(os.getpid(), 9)", "The kernel of the notebook was ended by signal 9"),
    ],
)
async def test_every_way_to_fail_is_told(real: Workspace, notebooks: Path, cell: str, error: str) -> None:
    """Whatever ends a notebook early, the output says what it was."""
    jupyter(notebooks, "main", cell)

    ended, outputs = await run(real, task())

    assert ended["state"]["result_state"] == "FAILED"
    assert error in outputs["main"]["error"]


async def test_sql_cells_run_in_a_kernel(real: Workspace, notebooks: Path) -> None:
    """As Databricks writes them into a Jupyter file."""
    if importlib.util.find_spec("duckdb") is None and not os.environ.get("CI"):
        pytest.skip('the extra "sql" is not installed')
    jupyter(notebooks, "main", "%sql\nSELECT 42 AS answer", "dbutils.notebook.exit(str(_sqldf.collect()))")

    _, outputs = await run(real, task())

    assert outputs["main"]["notebook_output"]["result"] == "[(42,)]"


async def test_jupyter_runs_without_its_stack(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """Where nbclient is not installed the cells run in the task's own process, with the same dbutils."""
    jupyter(notebooks, "main", "import sys\ndbutils.notebook.exit(str('ipykernel' in sys.modules))")
    notebook(
        notebooks,
        "without",
        "import importlib.util, localdev.workspace.child.notebook_task as task",
        "find = importlib.util.find_spec\ntask.find_spec = lambda name: None if name == 'nbclient' else find(name)",
        "import json\ninstructions = {**dbutils._surroundings.instructions, 'kind': 'notebook_task'}",
        f"instructions.update(file={str(notebooks / 'main.ipynb')!r}, path='/main', parameters={{}})",
        "report = {'values': {}}\ntask.run(instructions, report)\nimport sys\n"
        "sys.stdout.write(report['result'] + '\\n')",
    )

    with_it, outputs = await run(real, task())
    without, _ = await run(real, task("without"))

    assert outputs["main"]["notebook_output"]["result"] == "True"
    assert (task_folder(tmp_path, with_it) / "executed.ipynb").exists()
    assert (task_folder(tmp_path, without) / "output.txt").read_text() == "False\n"
    assert not (task_folder(tmp_path, without) / "executed.ipynb").exists()


async def test_cancelled_notebook_leaves_no_kernel(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """The kernel belongs to the task's process group."""
    pid = tmp_path / "pid"
    jupyter(
        notebooks, "main", f"import os, time\nopen({str(pid)!r}, 'w').write(f'{{os.getpid()}}\\n')\ntime.sleep(600)"
    )
    run_id = await real.run_now(await real.create())
    await until(lambda: pid.exists() and pid.read_text().endswith("\n"))

    await real.post("runs/cancel", {"run_id": run_id})
    ended = await real.ended(run_id)

    assert ended["state"]["result_state"] == "CANCELED"
    await until(lambda: not alive(int(pid.read_text())))


@pytest.fixture
def server(tmp_path: Path, notebooks: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the workspace as a process of its own."""
    notebooks.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "localdev.workspace", "--port", "0", "--data", str(tmp_path / "data")]
    environment = {**os.environ, "LANDFALL_WORKSPACE_TOKEN": TOKEN}
    with subprocess.Popen(
        [*command, "--notebooks", str(notebooks)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


async def test_killed_server_leaves_no_kernel(server: subprocess.Popen[str], notebooks: Path, tmp_path: Path) -> None:
    """Even by kill -9: nothing of a notebook goes on behind anybody's back."""
    pid = tmp_path / "pid"
    jupyter(
        notebooks, "main", f"import os, time\nopen({str(pid)!r}, 'w').write(f'{{os.getpid()}}\\n')\ntime.sleep(600)"
    )
    assert server.stdout is not None
    url = server.stdout.readline().split()[-1]
    async with httpx.AsyncClient(base_url=url, headers=sign_in(TOKEN), timeout=20) as client:
        job_id = (await client.post("/api/2.2/jobs/create", json=job())).json()["job_id"]
        await client.post("/api/2.2/jobs/run-now", json={"job_id": job_id})
        await until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    kernel = int(pid.read_text())
    was_alive = alive(kernel)

    server.send_signal(signal.SIGKILL)

    assert was_alive
    await until(lambda: not alive(kernel))
