"""Notebooks and Python files that really run, each in a process of its own; over real HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.fakes.waiting import until
from tests.localdev.workspace.kit import Json, Workspace, notebook, open_workspace, task, workspace_settings


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """Return the notebooks folder."""
    return tmp_path / "notebooks"


def python(file: str, **more: object) -> Json:
    """Return a task that runs a Python file."""
    return {"task_key": "main", "spark_python_task": {"python_file": f"/Workspace/{file}", **more}}


async def run(workspace: Workspace, *tasks: Json, **request: object) -> tuple[Json, dict[str, Json]]:
    """Create a job, run it to its end, and return the run and the outputs of its tasks."""
    ended = await workspace.ended(await workspace.run_now(await workspace.create(*tasks), **request))
    return ended, await workspace.outputs(ended)


def alive(pid: int) -> bool:
    """Tell whether a process still runs; a zombie does not."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def number_in(file: Path) -> int:
    """Return the number that a task has written into a file, 0 as long as it has not."""
    return int(file.read_text()) if file.exists() and file.read_text().endswith("\n") else 0


async def written_number(file: Path) -> int:
    """Return the number that a task writes into a file, once it is there."""
    await until(lambda: number_in(file) > 0)
    return number_in(file)


async def test_notebook_gets_its_file(real: Workspace, notebooks: Path) -> None:
    """The tutorial's job: a notebook reads its widgets, prints, and leaves with a value."""
    notebook(
        notebooks,
        "ETL/01_Ingestion",
        "# MAGIC %md\n# MAGIC # Ingestion",
        'dbutils.widgets.text("file_path", "none")\ndbutils.widgets.text("triggered_by", "hand")',
        'print("reading")',
        'get = dbutils.widgets.get\ndbutils.notebook.exit(get("file_path") + "|" + get("triggered_by"))',
        "raise AssertionError('not reached')",
    )
    ingest = {"task_key": "ingest", "notebook_task": {"notebook_path": "/Workspace/ETL/01_Ingestion"}}

    ended, outputs = await run(real, ingest, notebook_params={"file_path": "landing/é 1.csv"})

    assert ended["state"]["result_state"] == "SUCCESS"
    assert outputs["ingest"]["notebook_output"] == {"result": "landing/é 1.csv|hand", "truncated": False}


async def test_notebook_without_exit_has_an_empty_output(real: Workspace, notebooks: Path) -> None:
    """The field is there, its result is not, and neither are logs."""
    notebook(notebooks, "main", "print(1)")

    _, outputs = await run(real, task())

    assert outputs["main"]["notebook_output"] == {}
    assert not {"logs", "error", "error_trace"} & outputs["main"].keys()


async def test_failed_notebook_shows_its_error(real: Workspace, notebooks: Path) -> None:
    """The error is the exception, the trace its way through the notebook's cells and nothing of ours."""
    notebook(notebooks, "main", "def boom():\n    raise RuntimeError('intentional failure')", "boom()")

    ended, outputs = await run(real, task())

    assert ended["status"]["termination_details"]["code"] == "RUN_EXECUTION_ERROR"
    assert outputs["main"]["error"] == "RuntimeError: intentional failure"
    trace = outputs["main"]["error_trace"].splitlines()
    assert [line for line in trace if line.strip("~^ ")] == [  # Python 3.13 underlines the place
        "Traceback (most recent call last):",
        '  File "/Workspace/main (cell 2)", line 1, in <module>',
        "    boom()",
        '  File "/Workspace/main (cell 1)", line 2, in boom',
        "    raise RuntimeError('intentional failure')",
        "RuntimeError: intentional failure",
    ]


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("x = (", "SyntaxError: '(' was never closed"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("# MAGIC %scala\n# MAGIC val x = 1", "written in %scala: the local workspace runs Python, SQL and shell"),
        ("# MAGIC %r\n# MAGIC x <- 1", "written in %r: the local workspace runs Python, SQL and shell"),
        ("# MAGIC %sh\n# MAGIC true", "%sh cells are off: start the workspace with --allow-shell"),
        ("dbutils.credentials.help()", "dbutils.credentials is not supported by the local workspace"),
        ("dbutils.fs.mounts()", "Mounts are not supported by the local workspace"),
        ("dbutils.widgets.get('nothing')", "No input widget named nothing is defined"),
        ("input()", "EOFError"),
        ("import os; os._exit(3)", "ended with exit code 3 before the task was finished"),
    ],
)
async def test_every_way_to_fail_is_told(real: Workspace, notebooks: Path, cell: str, error: str) -> None:
    """Whatever ends a notebook early, the output says what it was."""
    notebook(notebooks, "main", cell)

    ended, outputs = await run(real, task())

    assert ended["state"]["result_state"] == "FAILED"
    assert ended["status"]["termination_details"]["code"] == "RUN_EXECUTION_ERROR"
    assert error in outputs["main"]["error"]


async def test_killed_process_is_a_driver_error(real: Workspace, notebooks: Path) -> None:
    """As when a cluster runs out of memory: not the notebook's own error."""
    notebook(notebooks, "main", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")

    ended, outputs = await run(real, task())

    assert ended["status"]["termination_details"]["code"] == "DRIVER_ERROR"
    assert outputs["main"]["error"] == "The process of the task was ended by signal SIGKILL"


@pytest.mark.parametrize("path", ["/Workspace/nothing", "/Workspace/../../etc/passwd"])
async def test_missing_notebook_fails_the_task(real: Workspace, path: str) -> None:
    """A job may be created before its notebook is there; its run says what is missing."""
    ended, outputs = await run(real, {"task_key": "main", "notebook_task": {"notebook_path": path}})

    assert ended["status"]["termination_details"]["code"] == "RESOURCE_NOT_FOUND"
    assert path in outputs["main"]["error"]


async def test_file_is_no_notebook(real: Workspace, notebooks: Path) -> None:
    """A Python file without the header is refused with a reason, as a workspace refuses it."""
    (notebooks / "main.py").write_text("print(1)\n")

    _, outputs = await run(real, task())

    assert "no notebook: a notebook's first line is '# Databricks notebook source'" in outputs["main"]["error"]


async def test_jupyter_notebook_runs(real: Workspace, notebooks: Path) -> None:
    """With the same dbutils, and with await at the top of a cell."""
    cells = [
        "import asyncio\nvalue = await asyncio.sleep(0, 'slept')",
        "display(value)\ndbutils.notebook.exit(value + dbutils.widgets.get('x'))",
    ]
    document = {"cells": [{"cell_type": "code", "source": cell} for cell in cells], "metadata": {}, "nbformat": 4}
    (notebooks / "main.ipynb").write_text(json.dumps(document))

    _, outputs = await run(real, task(), notebook_params={"x": "!"})

    assert outputs["main"]["notebook_output"]["result"] == "slept!"


async def test_run_magic_shares_the_namespace(real: Workspace, notebooks: Path) -> None:
    """`%run` brings another notebook's names here; paths are relative to the notebook, and never lead out."""
    notebook(notebooks, "ETL/lib/helpers", "def double(x):\n    return 2 * x")
    notebook(notebooks, "ETL/main", "# MAGIC %run ./lib/helpers", "dbutils.notebook.exit(double(21))")
    notebook(notebooks, "ETL/out", "# MAGIC %run ../../outside")
    notebook(notebooks.parent, "outside", "dbutils.notebook.exit('escaped')")
    tasks = [{"task_key": name, "notebook_task": {"notebook_path": f"/ETL/{name}"}} for name in ("main", "out")]

    _, outputs = await run(real, *tasks)

    assert outputs["main"]["notebook_output"]["result"] == "42"
    assert "FileNotFoundError: %run ../../outside" in outputs["out"]["error"]


async def test_python_file_runs_with_arguments(real: Workspace, notebooks: Path) -> None:
    """Its output is the task's logs, standard error too; it is __main__ and finds its neighbours."""
    (notebooks / "lib").mkdir()
    (notebooks / "lib" / "neighbour.py").write_text("NAME = 'neighbour'\n")
    (notebooks / "lib" / "script.py").write_text(
        "import os, sys\nfrom neighbour import NAME\n"
        "print(__name__, sys.argv[1:], NAME, os.path.basename(os.getcwd()))\nprint('aside', file=sys.stderr)\n"
    )

    ended, outputs = await run(real, python("lib/script.py", parameters=["--date", "é"]))

    assert ended["state"]["result_state"] == "SUCCESS"
    assert outputs["main"]["logs"] == "__main__ ['--date', 'é'] neighbour lib\naside\n"
    assert outputs["main"]["logs_truncated"] is False
    assert "notebook_output" not in outputs["main"]


@pytest.mark.parametrize(("code", "result"), [("0", "SUCCESS"), ("3", "FAILED")])
async def test_exit_code_of_a_python_file_counts(real: Workspace, notebooks: Path, code: str, result: str) -> None:
    """sys.exit(0) is a success, any other value a failure that keeps its logs."""
    (notebooks / "script.py").write_text(f"import sys\nprint('before')\nsys.exit({code})\n")

    ended, outputs = await run(real, python("script.py"))

    assert ended["state"]["result_state"] == result
    assert outputs["main"]["logs"].startswith("before\n")


async def test_failed_python_file_shows_its_error(real: Workspace, notebooks: Path) -> None:
    """Error, trace and logs, from the file's own first line on."""
    (notebooks / "script.py").write_text("print('before')\n{}['x']\n")

    _, outputs = await run(real, python("script.py"))

    assert outputs["main"]["error"] == "KeyError: 'x'"
    assert outputs["main"]["error_trace"].splitlines()[1] == f'  File "{notebooks}/script.py", line 2, in <module>'
    assert outputs["main"]["logs"].startswith("before\nTraceback")


async def test_outputs_are_cut_at_5_mb(real: Workspace, notebooks: Path) -> None:
    """The first 5 MB of a notebook's result, the last 5 MB of a file's logs, whole characters in both."""
    notebook(notebooks, "main", "dbutils.notebook.exit('é' * 3_000_000)")
    (notebooks / "script.py").write_text("print('first')\nprint('é' * 3_000_000)\n")

    _, of_notebook = await run(real, task())
    _, of_file = await run(real, python("script.py"))

    assert of_notebook["main"]["notebook_output"] == {"result": "é" * 2_621_440, "truncated": True}
    assert of_file["main"]["logs_truncated"] is True
    assert of_file["main"]["logs"].endswith("éé\n")


async def test_tasks_see_only_their_environment(
    tmp_path: Path, notebooks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the owner configured, a plain PATH and a HOME of its own; nothing that the server has."""
    monkeypatch.setenv("DATABRICKS_TOKEN", "canary")
    monkeypatch.setenv("PYTHONPATH", "/canary")
    notebook(notebooks, "main", "import json, os\ndbutils.notebook.exit(json.dumps(dict(os.environ)))")
    settings = workspace_settings(tmp_path, environment={"LANDING_STORAGE": "UseDevelopmentStorage=true"})
    async with open_workspace(settings) as workspace:
        ended, outputs = await run(workspace, task())

    found = json.loads(outputs["main"]["notebook_output"]["result"])
    ours = {name for name in found if name != "LC_CTYPE"}
    assert ours == {
        "HOME",
        "LANDING_STORAGE",
        "LANG",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONNOUSERSITE",
        "PYTHONUNBUFFERED",
    }
    assert found["LANDING_STORAGE"] == "UseDevelopmentStorage=true"
    assert found["HOME"] == str(tmp_path / "data" / "tasks" / str(ended["tasks"][0]["run_id"]) / "home")
    assert "canary" not in found["PATH"]


async def test_task_past_its_time_is_ended(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """With everything it started, and the run says that it was the time."""
    notebook(
        notebooks,
        "main",
        "import subprocess, time",
        f"child = subprocess.Popen(['sleep', '600'])\nopen({str(tmp_path / 'pid')!r}, 'w').write(f'{{child.pid}}\\n')",
        "time.sleep(600)",
    )

    ended, _ = await run(real, task(timeout_seconds=1))

    assert ended["tasks"][0]["state"]["result_state"] == "TIMEDOUT"
    pid = await written_number(tmp_path / "pid")
    await until(lambda: not alive(pid))


async def test_stubborn_task_is_ended_by_force(
    real: Workspace, notebooks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that ignores SIGTERM has a grace period and no more."""
    monkeypatch.setattr("localdev.workspace.runners.process_runner.GRACE", 0.2)
    notebook(
        notebooks,
        "main",
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
        f"open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}\\n')\ntime.sleep(600)",
    )
    run_id = await real.run_now(await real.create())
    pid = await written_number(tmp_path / "pid")

    await real.post("runs/cancel", {"run_id": run_id})
    ended = await real.ended(run_id)

    assert ended["state"]["result_state"] == "CANCELED"
    assert not alive(pid)


async def test_background_processes_end_with_their_task(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """What a notebook leaves running does not outlive its run."""
    notebook(
        notebooks,
        "main",
        "import subprocess\nchild = subprocess.Popen(['sleep', '600'])",
        f"open({str(tmp_path / 'pid')!r}, 'w').write(f'{{child.pid}}\\n')",
    )

    ended, _ = await run(real, task())

    assert ended["state"]["result_state"] == "SUCCESS"
    pid = await written_number(tmp_path / "pid")
    await until(lambda: not alive(pid))


async def test_lingering_threads_do_not_hold_a_run(
    real: Workspace, notebooks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished notebook whose threads go on is ended after a while, and has succeeded."""
    boot = Path(__file__).parents[3] / "localdev" / "workspace" / "child" / "boot.py"
    hurried = notebooks.parent / "boot.py"
    root = str(boot.parents[3])
    hurried.write_text(
        f"import sys\nsys.path[0] = {root!r}\nfrom localdev.workspace.child import run\n"
        "run.LONGEST_GOODBYE = 0.2\nrun.main()\n"
    )
    monkeypatch.setattr("localdev.workspace.runners.process_runner.BOOT", hurried)
    notebook(notebooks, "main", "import threading, time\nthreading.Thread(target=time.sleep, args=[600]).start()")

    ended, _ = await run(real, task())

    assert ended["state"]["result_state"] == "SUCCESS"


async def test_deleted_run_leaves_no_files(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """Its tasks' folders go with it."""
    notebook(notebooks, "main", "print(1)")
    ended, _ = await run(real, task())
    folder = tmp_path / "data" / "tasks" / str(ended["tasks"][0]["run_id"])
    before = (folder / "output.txt").read_text()

    await real.post("runs/delete", {"run_id": ended["run_id"]})

    assert before == "1\n"
    assert not folder.exists()


@pytest.fixture
async def one_at_a_time(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Serve a workspace that runs one task at a time."""
    async with open_workspace(workspace_settings(tmp_path, running_tasks=1)) as workspace:
        yield workspace


async def test_tasks_start_fast(one_at_a_time: Workspace, notebooks: Path) -> None:
    """A notebook of a few cells takes well under a second, process and all."""
    notebook(notebooks, "main", "x = 1", "dbutils.notebook.exit(str(x))")
    job_id = await one_at_a_time.create(max_concurrent_runs=10)
    begun = time.monotonic()

    for run_id in [await one_at_a_time.run_now(job_id) for _ in range(5)]:
        await one_at_a_time.ended(run_id)

    assert (time.monotonic() - begun) / 5 < 0.9


def test_children_need_only_the_standard_library() -> None:
    """That is what makes them fast."""
    ours = Path(__file__).parents[3]
    program = (
        f"import sys; sys.path.insert(0, {str(ours)!r}); import localdev.workspace.child.run; "
        "print(*[name for name in sys.modules if name.partition('.')[0] not in sys.stdlib_module_names])"
    )

    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)

    assert {name.partition(".")[0] for name in loaded.stdout.split()} == {"__main__", "localdev"}
