"""What notebooks use beside their own code, in processes that really run: `dbutils`, magic commands and `display`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from localdev.workspace.runners import task_report
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import (
    TOKEN,
    Json,
    Workspace,
    notebook,
    open_workspace,
    sign_in,
    task,
    workspace_settings,
)

SECRETS = {"etl": {"storage-key": "c4n4ry-K3y", "certificate": "-----BEGIN-----\nfirst-line\nsecond-line\n"}}


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """Return the notebooks folder."""
    return tmp_path / "notebooks"


@pytest.fixture
async def equipped(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Serve a workspace with secrets, in which notebooks may use the shell."""
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps(SECRETS), encoding="utf-8")
    file.chmod(0o600)
    async with open_workspace(workspace_settings(tmp_path, secrets=file, allow_shell=True)) as workspace:
        yield workspace


async def run(workspace: Workspace, *tasks: Json, **request: object) -> tuple[Json, dict[str, Json]]:
    """Create a job, run it to its end, and return the run and the outputs of its tasks."""
    ended = await workspace.ended(await workspace.run_now(await workspace.create(*tasks), **request))
    return ended, await workspace.outputs(ended)


def left_with(outputs: dict[str, Json], key: str = "main") -> str:
    """Return the value that a notebook has left with."""
    assert "error" not in outputs[key], outputs[key]["error_trace"]
    return str(outputs[key]["notebook_output"]["result"])


def printed(tmp_path: Path, ended: Json, number: int = 0) -> str:
    """Return what a task has printed."""
    return (tmp_path / "data" / "tasks" / str(ended["tasks"][number]["run_id"]) / "output.txt").read_text()


async def test_later_tasks_see_task_values(real: Workspace, notebooks: Path) -> None:
    """Any JSON that an earlier task has set, also one that failed afterwards."""
    notebook(notebooks, "a", "dbutils.jobs.taskValues.set('rows', {'crm': [1, 2.5, None]})")
    notebook(
        notebooks,
        "b",
        "get = dbutils.jobs.taskValues.get",
        "assert get('a', 'other', default=7) == 7\nassert get(taskKey='a', key='rows', debugValue=0)['crm'][1] == 2.5",
        "import json\ndbutils.notebook.exit(json.dumps(get('a', 'rows')))",
    )

    _, outputs = await run(real, task("a"), task("b", "a"))

    assert json.loads(left_with(outputs, "b")) == {"crm": [1, 2.5, None]}


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("dbutils.jobs.taskValues.set('x', 'é' * 30_000)", "cannot exceed 48 KiB"),
        ("dbutils.jobs.taskValues.set('x', {1, 2})", "ValueError: The task value x cannot be expressed as JSON"),
        ("dbutils.jobs.taskValues.set('x', float('nan'))", "ValueError: The task value x cannot be expressed as JSON"),
        ("dbutils.jobs.taskValues.set(7, 1)", "TypeError: The key of a task value must be a string"),
        ("dbutils.jobs.taskValues.get('main', 'x')", "ValueError: The task 'main' has not set the task value 'x'"),
        ("dbutils.jobs.taskValues.get('nobody', 'x', default=1)", "ValueError: The run has no task 'nobody'"),
    ],
)
async def test_task_values_have_their_errors(real: Workspace, notebooks: Path, cell: str, error: str) -> None:
    """What cannot be kept, or was never set, is an error as documented."""
    notebook(notebooks, "main", cell)

    _, outputs = await run(real, task())

    assert error in outputs["main"]["error"]


async def test_values_of_a_killed_task_hold(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """They count from the moment they are set, whatever becomes of the process."""
    notebook(
        notebooks,
        "main",
        "import os\ndbutils.jobs.taskValues.set('x', 1)\ndbutils.jobs.taskValues.set('y', 2)",
        "os._exit(3)",
    )
    run_id = await real.run_now(await real.create())
    ended = await real.ended(run_id)

    result = task_report.of_crash(tmp_path / "data" / "tasks" / str(ended["tasks"][0]["run_id"]), 3)

    assert ended["state"]["result_state"] == "FAILED"
    assert result.output.values == {"x": 1, "y": 2}


async def test_file_system_works_on_its_folder(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """A file that a notebook puts into DBFS or a volume is there for the tasks after it, and on disk."""
    notebook(
        notebooks,
        "main",
        "dbutils.fs.put('dbfs:/landing/a.csv', 'id\\n1\\n')",
        "dbutils.fs.cp('/landing/a.csv', '/Volumes/main/etl/in/b.csv')",
        "dbutils.notebook.exit(repr([f[:3] for f in dbutils.fs.ls('/Volumes/main/etl/in')]))",
    )

    ended, outputs = await run(real, task())

    assert left_with(outputs) == "[('dbfs:/Volumes/main/etl/in/b.csv', 'b.csv', 5)]"
    assert (tmp_path / "data" / "dbfs" / "landing" / "a.csv").read_text() == "id\n1\n"
    assert printed(tmp_path, ended) == "Wrote 5 bytes.\n"


async def test_secrets_are_shown_nowhere(equipped: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """Not in what is printed by Python, by a library below it or by a program, nor in the result."""
    notebook(
        notebooks,
        "main",
        "key = dbutils.secrets.get('etl', 'storage-key')\ndbutils.secrets.get(scope='etl', key='certificate')",
        "import os, subprocess, sys\nprint('python', key)\nos.write(1, ('below ' + key + '\\n').encode())",
        "sys.stdout.write(key[:4])\nsys.stdout.flush()\nsys.stdout.write(key[4:] + '\\n')\nsys.stdout.flush()",
        "subprocess.run(['echo', 'program', key], check=True)\nprint('second-line', file=sys.stderr)",
        f"# MAGIC %sh\n# MAGIC cat {tmp_path}/secrets.json",
        "assert key.encode() == dbutils.secrets.getBytes('etl', 'storage-key')\nassert key == 'c4n4' + 'ry-K3y'",
        "dbutils.notebook.exit(f'the key is {key}')",
    )

    ended, outputs = await run(equipped, task())

    assert left_with(outputs) == "the key is [REDACTED]"
    text = printed(tmp_path, ended)
    assert text.startswith("python [REDACTED]\nbelow [REDACTED]\n[REDACTED]\nprogram [REDACTED]\n[REDACTED]\n")
    assert not [word for word in ("c4n4ry", "K3y", "first-line", "second-line") if word in text]


async def test_errors_do_not_tell_secrets(equipped: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """An exception that has one in its message is shown without it."""
    notebook(notebooks, "main", "raise ValueError(f\"wrong key {dbutils.secrets.get('etl', 'storage-key')}\")")

    ended, outputs = await run(equipped, task())

    assert outputs["main"]["error"] == "ValueError: wrong key [REDACTED]"
    everything = printed(tmp_path, ended) + json.dumps(outputs)
    assert "wrong key [REDACTED]" in printed(tmp_path, ended)
    assert "c4n4ry" not in everything


async def test_objects_do_not_tell_secrets(equipped: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """Looking into dbutils shows none that was not asked for."""
    notebook(
        notebooks,
        "main",
        "print({name: vars(value) for name, value in vars(dbutils).items() if hasattr(value, '__dict__')})",
        "print(dbutils._surroundings, dbutils._surroundings.instructions)",
    )

    ended, _ = await run(equipped, task())

    assert "Surroundings(" in printed(tmp_path, ended)
    assert "c4n4ry" not in printed(tmp_path, ended)


async def test_scopes_can_be_looked_through(equipped: Workspace, notebooks: Path) -> None:
    """By name; a secret or a scope that is not there is told in Databricks' words."""
    notebook(
        notebooks,
        "main",
        "print(dbutils.secrets.listScopes(), dbutils.secrets.list('etl'))",
        "found = [dbutils.secrets.listScopes()[0].name, *(each.key for each in dbutils.secrets.list('etl'))]",
        "for call in (lambda: dbutils.secrets.get('etl', 'no'), lambda: dbutils.secrets.list('none')):\n"
        "    try:\n        call()\n    except Exception as error:\n        found.append(str(error))",
        "import json\ndbutils.notebook.exit(json.dumps(found))",
    )

    _, outputs = await run(equipped, task())

    assert json.loads(left_with(outputs)) == [
        "etl",
        "certificate",
        "storage-key",
        "java.lang.IllegalArgumentException: Secret does not exist with scope: etl and key: no",
        "RESOURCE_DOES_NOT_EXIST: Scope none does not exist!",
    ]


async def test_other_notebook_is_a_run_of_its_own(equipped: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """Its own widgets and names, the caller's task values and secrets; its value comes back as text."""
    notebook(
        notebooks,
        "lib/child",
        "assert 'mine' not in globals()\ndbutils.widgets.text('x', 'none')",
        "dbutils.jobs.taskValues.set('from child', 1)",
        "key = dbutils.secrets.get('etl', 'storage-key')\nprint('child', key)",
        "dbutils.notebook.exit(dbutils.widgets.get('x') + dbutils.widgets.getArgument('y', '-') + key)",
    )
    notebook(notebooks, "lib/silent", "pass")
    notebook(
        notebooks,
        "main",
        "mine = 1\nresult = dbutils.notebook.run('./lib/child', 60, {'x': 1})\nassert result == '1-c4n4ry-K3y', result",
        "print('parent', result)\nassert dbutils.notebook.run('/Workspace/lib/silent', 60) == ''",
        "dbutils.notebook.exit(result)",
    )

    ended, outputs = await run(equipped, task(), notebook_params={"y": "of the caller"})

    assert left_with(outputs) == "1-[REDACTED]"
    assert printed(tmp_path, ended) == "child [REDACTED]\nparent 1-[REDACTED]\n"
    kept = tmp_path / "data" / "tasks" / str(ended["tasks"][0]["run_id"]) / "values.json"
    assert json.loads(kept.read_text()) == {"from child": 1}
    assert not [file for file in kept.parent.rglob("*") if file.is_file() and b"c4n4ry" in file.read_bytes()]


async def test_failure_of_another_notebook_is_raised(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """As a WorkflowException that can be caught; so are a notebook that is not there and one that is killed."""
    notebook(notebooks, "bad", "raise RuntimeError('of the child')")
    notebook(notebooks, "killed", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    notebook(
        notebooks,
        "main",
        "found = []\nfor path in ('bad', 'killed', 'nothing', '../../outside'):\n    try:\n"
        "        dbutils.notebook.run(path, 60)\n    except Exception as error:\n        found.append(str(error))",
        "import json\ndbutils.notebook.exit(json.dumps(found))",
    )

    ended, outputs = await run(real, task())

    bad, killed, *missing = json.loads(left_with(outputs))
    start = "com.databricks.WorkflowException: com.databricks.NotebookExecutionException: FAILED: "
    assert bad == f"{start}Workload failed, see run output for details: RuntimeError: of the child"
    assert killed == f"{start}The process of killed ended before the notebook was finished"
    assert [text.removeprefix(start)[:29] for text in missing] == ["Unable to access the notebook"] * 2
    assert '"/bad (cell 1)", line 1' in printed(tmp_path, ended)


async def test_other_notebook_past_its_time_ends(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """Alone: the caller goes on, also when the other one was running one itself."""
    pid = tmp_path / "pid"
    notebook(notebooks, "inner", f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)")
    notebook(notebooks, "outer", "dbutils.notebook.run('inner', 0)")
    notebook(
        notebooks,
        "main",
        "try:\n    dbutils.notebook.run('outer', 1)\nexcept Exception as error:\n    message = str(error)",
        "dbutils.notebook.exit(message)",
    )

    _, outputs = await run(real, task())

    assert "TIMEDOUT: outer ran for more than 1 seconds" in left_with(outputs)
    await until(lambda: not pid.exists() or not alive(int(pid.read_text())))


async def test_notebooks_run_side_by_side(real: Workspace, notebooks: Path) -> None:
    """Threads of a notebook may each run another one, as pipelines do."""
    notebook(notebooks, "child", "dbutils.notebook.exit(dbutils.widgets.get('n'))")
    notebook(
        notebooks,
        "main",
        "from concurrent.futures import ThreadPoolExecutor",
        "with ThreadPoolExecutor(3) as pool:\n"
        "    found = list(pool.map(lambda n: dbutils.notebook.run('child', 60, {'n': n}), range(3)))",
        "dbutils.notebook.exit(','.join(found))",
    )

    _, outputs = await run(real, task())

    assert left_with(outputs) == "0,1,2"


async def test_context_tells_of_the_run(real: Workspace, notebooks: Path) -> None:
    """By the long way that public notebooks take, and by the short one."""
    notebook(
        notebooks,
        "ETL/main",
        "import json\nlong = dbutils.notebook.entry_point.getDbutils().notebook().getContext()",
        "short = dbutils.notebook.getContext()\nassert short.jobId().get() == long.tags().apply('jobId')",
        "bindings = dbutils.notebook.entry_point.getCurrentBindings()\nassert bindings['x'] == '1', bindings",
        "assert long.jobId().isDefined() and long.tags().get('no').getOrElse('none') == 'none'",
        "dbutils.notebook.exit(json.dumps([long.notebookPath().get(), short.currentRunId().get().id(),"
        " json.loads(long.toJson())]))",
    )

    ended, outputs = await run(
        real, {"task_key": "main", "notebook_task": {"notebook_path": "/ETL/main"}}, notebook_params={"x": "1"}
    )

    path, run_id, document = json.loads(left_with(outputs))
    assert (path, run_id) == ("/ETL/main", ended["tasks"][0]["run_id"])
    assert document["extraContext"]["notebook_path"] == "/ETL/main"
    assert document["tags"] == {
        "jobId": str(ended["job_id"]),
        "multitaskParentRunId": str(ended["run_id"]),
        "runId": str(run_id),
        "taskKey": "main",
    }


async def test_magic_commands_follow_each_other(equipped: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """Shell, files, text and Python in cells of one notebook, each doing its own."""
    notebook(
        notebooks,
        "main",
        "# MAGIC %md\n# MAGIC # Title",
        "# MAGIC %sh\n# MAGIC echo from the shell\n# MAGIC false",
        "# MAGIC %fs mkdirs /landing",
        "# MAGIC %fs ls /",
        "# MAGIC %python\n# MAGIC %matplotlib inline\n# MAGIC print('from Python')",
        "# MAGIC %sh -e\n# MAGIC false\n# MAGIC echo not reached",
    )

    ended, outputs = await run(equipped, task())

    assert outputs["main"]["error"].endswith("ShellCommandFailed: Command failed with exit code 1.")
    lines = printed(tmp_path, ended).splitlines()
    assert lines[:2] == ["from the shell", "True"]
    assert [word.strip() for word in lines[2].split("|")] == ["path", "name", "size", "modificationTime"]
    assert lines[4].startswith("dbfs:/landing/ | landing/ | 0")
    assert lines[5:7] == ["Not run locally: %matplotlib inline", "from Python"]


async def test_packages_are_installed_when_allowed(equipped: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """For the task alone, into its own folder; the cell's Python goes on with them."""
    wheel = a_wheel(tmp_path)
    notebook(
        notebooks,
        "main",
        f"%pip install --no-index --no-deps {wheel}\nimport greetings_of_a_test\ndbutils.library.restartPython()",
        "dbutils.notebook.exit(greetings_of_a_test.WORD)",
    )

    ended, outputs = await run(equipped, task())

    assert left_with(outputs) == "hello"
    folder = tmp_path / "data" / "tasks" / str(ended["tasks"][0]["run_id"])
    assert (folder / "packages" / "greetings_of_a_test.py").is_file()


async def test_packages_are_not_installed_otherwise(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """%pip is noted and skipped, and the rest of its cell runs."""
    notebook(notebooks, "main", "# MAGIC %pip install nothing-like-this\n# MAGIC print('after')")

    ended, _ = await run(real, task())

    assert printed(tmp_path, ended) == "Not run locally: %pip install nothing-like-this\nafter\n"


async def test_run_magic_passes_parameters(real: Workspace, notebooks: Path) -> None:
    """To the widgets of the other notebook, up the tree and by absolute path; the caller's stay as they were."""
    notebook(notebooks, "helpers", "dbutils.widgets.text('who', 'nobody')\nseen = dbutils.widgets.get('who')")
    notebook(
        notebooks,
        "ETL/main",
        '# MAGIC %run ../helpers $who="Ada \\"L\\"" $n=1',
        "first = seen",
        "# MAGIC %run /Workspace/helpers",
        "dbutils.notebook.exit(first + '|' + seen)",
    )

    _, outputs = await run(real, {"task_key": "main", "notebook_task": {"notebook_path": "/ETL/main"}})

    assert left_with(outputs) == 'Ada "L"|nobody'


async def test_data_is_displayed_as_text(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """Lists of records as tables, HTML as its source, everything else as it prints itself."""
    notebook(
        notebooks,
        "main",
        "display([{'id': 1, 'name': 'a\\nb'}, {'id': 22}])\ndisplay([(1, 2)])",
        "display('text', [], 3)\ndisplayHTML('<b>x</b>')",
    )

    ended, _ = await run(real, task())

    assert printed(tmp_path, ended).splitlines() == [
        "id | name",
        "-- | ----",
        "1  | a\\nb",
        "22 | None",
        "_1 | _2",
        "-- | --",
        "1  | 2",
        "text",
        "[]",
        "3",
        "<b>x</b>",
    ]


async def test_data_frames_are_displayed_whole(real: Workspace, notebooks: Path, tmp_path: Path) -> None:
    """All rows and columns, where pandas would leave out the middle."""
    if importlib.util.find_spec("pandas") is None and not os.environ.get("CI"):
        pytest.skip("pandas is not installed")
    notebook(
        notebooks,
        "main",
        "import pandas\ndisplay(pandas.DataFrame({f'column {n}': range(200) for n in range(30)}))",
    )

    ended, outputs = await run(real, task())

    assert "error" not in outputs["main"]
    lines = printed(tmp_path, ended).splitlines()
    assert len(lines) == 201
    assert lines[0].split("column")[-1].strip() == "29"


async def test_missing_spark_says_what_to_install(real: Workspace, notebooks: Path) -> None:
    """A NameError, which notebooks that look for it can catch."""
    notebook(notebooks, "main", "try:\n    spark\nexcept NameError:\n    print('no Spark')", "spark.sql('SELECT 1')")

    _, outputs = await run(real, task())

    assert outputs["main"]["error"].startswith("NameError: name 'spark' is not defined: there is no Spark here.")
    assert 'pip install -e ".[spark]"' in outputs["main"]["error"]


async def test_spark_is_made_when_it_is_used(real: Workspace, notebooks: Path) -> None:
    """Not before; here with a package beside the notebook in the place of the real one."""
    (notebooks / "pyspark").mkdir(parents=True)
    (notebooks / "pyspark" / "__init__.py").touch()
    (notebooks / "pyspark" / "sql.py").write_text(
        "class Builder:\n    made = 0\n    def appName(self, name):\n        return self\n"
        "    def getOrCreate(self):\n        Builder.made += 1\n        return self\n"
        "    def range(self, count):\n        return list(range(count))\n"
        "class SparkSession:\n    builder = Builder()\n"
    )
    notebook(
        notebooks,
        "main",
        "import sys\nassert 'pyspark' not in sys.modules and spark is not None",
        "rows = spark.range(3) + spark.range(2)\nfrom pyspark.sql import Builder",
        "dbutils.notebook.exit(f'{rows} {Builder.made}')",
    )

    _, outputs = await run(real, task())

    assert left_with(outputs) == "[0, 1, 2, 0, 1] 1"


async def test_command_line_gives_tools_to_notebooks(tmp_path: Path, notebooks: Path) -> None:
    """Folder, secrets and shell are options; an open secrets file is warned of and used."""
    (tmp_path / "secrets.yaml").write_text("etl:\n  key: canary\n")
    (tmp_path / "secrets.yaml").chmod(0o644)
    notebook(
        notebooks,
        "main",
        "# MAGIC %sh\n# MAGIC echo shell",
        "dbutils.fs.put('/x.txt', 'text')\ndbutils.notebook.exit(str(len(dbutils.secrets.get('etl', 'key'))))",
    )
    folders = {"--data": "data", "--notebooks": "notebooks", "--dbfs": "lake", "--secrets": "secrets.yaml"}
    options = [text for name, folder in folders.items() for text in (name, str(tmp_path / folder))]
    with subprocess.Popen(  # noqa: ASYNC220 - it starts in a moment, and nothing else goes on here
        [sys.executable, "-m", "localdev.workspace", "--port", "0", "--allow-shell", *options],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "LANDFALL_WORKSPACE_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        async with httpx.AsyncClient(base_url=url, headers=sign_in(TOKEN), timeout=20) as client:
            _, outputs = await run(Workspace(url=url, client=client), task())
        server.terminate()
        _, said = server.communicate()

    assert left_with(outputs) == "6"
    assert (tmp_path / "lake" / "x.txt").read_text() == "text"
    assert "secrets.yaml can be read by others: chmod 600" in said
    assert "canary" not in said


def alive(pid: int) -> bool:
    """Tell whether a process still runs; a zombie does not."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def a_wheel(folder: Path) -> Path:
    """Write the smallest wheel there is."""
    import zipfile  # noqa: PLC0415 - one test

    name = "greetings_of_a_test"
    wheel = folder / f"{name}-1-py3-none-any.whl"
    files = {
        f"{name}.py": "WORD = 'hello'\n",
        f"{name}-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{name}-1.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{name}-1.dist-info/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in {**files, f"{name}-1.dist-info/RECORD": record}.items():
            archive.writestr(file, text)
    return wheel
