"""Entry points of wheels that really run, and the environments that their libraries are installed into."""

from __future__ import annotations

import asyncio
import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.fakes.waiting import until
from tests.localdev.workspace.kit import Json
from tests.localdev.workspace.process_kit import Processes, wheel

CLI = """
import sys
def main():
    print("entry point", sys.argv)
def fail():
    raise ValueError("no")
def leave():
    sys.exit(int(sys.argv[1]))
"""
ENTRY_POINTS = ["run = shop.cli:main", "fail = shop.cli:fail", "leave = shop.cli:leave"]
SHOP = {"shop/__init__.py": "def checks():\n    print('function')\nlevel = 3\n", "shop/cli.py": CLI}
LIBRARIES: list[Json] = [{"whl": "/Workspace/dist/shop-1.0-py3-none-any.whl"}]


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    """Return a place to run tasks, with the shop's wheel in the workspace."""
    return processes_of_shop(tmp_path)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Processes:
    """Return such a place for all tests that leave the wheel alone: its environment is made once, in two seconds."""
    return processes_of_shop(tmp_path_factory.mktemp("shop"))


def processes_of_shop(folder: Path) -> Processes:
    """Return a place to run tasks, with the shop's wheel in the workspace."""
    found = Processes(folder)
    wheel(found.notebooks / "dist", SHOP, entry_points=ENTRY_POINTS)
    return found


def task(entry_point: str = "run", *, libraries: list[Json] | None = None, **more: object) -> Json:
    """Return a task that runs an entry point of the shop."""
    work = {"package_name": "shop", "entry_point": entry_point, **more}
    return {"python_wheel_task": work, "libraries": LIBRARIES if libraries is None else libraries}


def environments(processes: Processes) -> list[Path]:
    """Return the environments that are finished."""
    return [marker.parent for marker in (processes.data / "environments").glob("*/ready")]


async def test_entry_point_of_the_metadata_runs(shop: Processes) -> None:
    """With its parameters as the command line, and what it prints in the logs."""
    result = await shop.run(task(named_parameters={"date": "own"}), None, {"date": "2026-11-22", "file": "é 1.csv"})

    assert result.outcome.succeeded
    assert result.output.logs == "entry point ['shop', '--date=2026-11-22', '--file=é 1.csv']\n"


async def test_function_of_the_package_runs_without_metadata(shop: Processes) -> None:
    """A name that is no entry point is a function of the package itself."""
    result = await shop.run(task("checks"))

    assert result.output.logs == "function\n"


async def test_what_is_installed_needs_no_library(processes: Processes) -> None:
    """A package that is there where the workspace runs is there for tasks."""
    work = {"package_name": "pytest", "entry_point": "console_main", "parameters": ["--version"]}

    result = await processes.run({"python_wheel_task": work})

    assert result.output.logs == f"pytest {pytest.__version__}\n"
    assert not (processes.data / "environments").exists()


@pytest.mark.parametrize(
    ("entry_point", "error"),
    [
        ("fail", "ValueError: no"),
        ("nothing", "The package 'shop' has no entry point 'nothing', neither in its metadata nor as a function"),
        ("level", "The package 'shop' has no entry point 'level'"),
        ("leave", "SystemExit: 3"),
    ],
)
async def test_wheel_that_fails_says_why(shop: Processes, entry_point: str, error: str) -> None:
    """An exception, an exit code other than 0, or an entry point that is not there."""
    result = await shop.run(task(entry_point, parameters=["3"]))

    assert result.outcome.code == "RUN_EXECUTION_ERROR"
    assert (result.output.error or "").startswith(error)


async def test_exit_with_0_is_well(shop: Processes) -> None:
    """As for a Python file."""
    result = await shop.run(task("leave", parameters=["0"]))

    assert result.outcome.succeeded


async def test_missing_package_is_told(shop: Processes) -> None:
    """The error says where a package can come from."""
    result = await shop.run(task(libraries=[]))

    assert result.output.error == (
        "The package 'shop' is not installed: name its wheel in the task's libraries, "
        "or install it where the workspace runs."
    )


async def test_missing_wheel_is_a_library_error(shop: Processes) -> None:
    """The run says that it is the library, before anything runs."""
    result = await shop.run(task(libraries=[{"whl": "/Workspace/dist/other.whl"}]))

    assert result.outcome.code == "LIBRARY_INSTALLATION_ERROR"
    assert "/Workspace/dist/other.whl" in (result.output.error or "")


async def test_tasks_with_the_same_libraries_share_an_environment(processes: Processes) -> None:
    """Two at once make it once; a wheel of the same name with another content makes another."""
    first = await asyncio.gather(*(processes.run(task()) for _ in range(3)))
    made = environments(processes)
    wheel(processes.notebooks / "dist", {**SHOP, "shop/__init__.py": "def checks():\n    print('new')\n"})

    later = await processes.run(task("checks"))

    assert [result.outcome.code for result in first] == ["SUCCESS"] * 3
    assert len(made) == 1
    assert later.output.logs == "new\n"
    assert len(environments(processes)) == 2


async def test_killed_installation_leaves_no_environment(processes: Processes) -> None:
    """What kill -9 leaves half made is never used: the next task makes it anew."""
    wheel(processes.notebooks / "dist", {**SHOP, **{f"shop/big{n}.py": "x = 1\n" * 2000 for n in range(100)}})
    execution = await processes.start(task("checks"))
    folder = processes.data / "environments"
    await until(lambda: any(folder.glob("*/lib/*/site-packages/_below.pth")))  # pip is about to start

    child = next(each for each in psutil.Process().children() if "boot.py" in " ".join(each.cmdline()))
    for process in (child, *child.children(recursive=True)):
        process.kill()
    killed = await execution.wait()
    half = environments(processes)
    again = await processes.run(task("checks"))

    assert killed.outcome.code == "DRIVER_ERROR"
    assert half == []
    assert again.output.logs == "function\n"


async def test_package_that_may_not_be_fetched_names_the_option(shop: Processes) -> None:
    """Nothing is fetched unless the workspace's owner allows it; what is installed anyway will do."""
    installed = [*LIBRARIES, {"pypi": {"package": "pytest>=8"}}]
    missing = [*LIBRARIES, {"pypi": {"package": "great-expectations==0.18.0"}}]
    shop.write("requirements.txt", "pytest\n")

    fine = await shop.run(task(libraries=installed))
    refused = await shop.run(task(libraries=missing))
    listed = await shop.run(task(libraries=[{"requirements": "/Workspace/requirements.txt"}]))

    assert fine.outcome.succeeded
    assert refused.outcome.code == listed.outcome.code == "LIBRARY_INSTALLATION_ERROR"
    assert "--install-libraries" in refused.outcome.message
    assert "great-expectations==0.18.0" in refused.outcome.message
    assert "--install-libraries" in listed.outcome.message


@contextmanager
def package_index(folder: Path) -> Iterator[str]:
    """Serve an index of packages on loopback, in the simplest form that pip reads."""
    handler = partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        finally:
            server.shutdown()
            thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Say nothing."""


async def test_allowed_packages_are_installed(tmp_path: Path) -> None:
    """From the index that the library names, with what the package itself needs."""
    processes = Processes(tmp_path, may_install=True)
    served = tmp_path / "index" / "simple"
    wheel(served / "shop", SHOP, entry_points=ENTRY_POINTS, metadata="Requires-Dist: till\n")
    wheel(served / "till", {"till.py": "def ring():\n    print('ring')\n"}, name="till")

    with package_index(tmp_path / "index") as index:
        libraries = [{"pypi": {"package": "shop==1.0", "repo": index}}]
        needed = await processes.run(
            {"python_wheel_task": {"package_name": "till", "entry_point": "ring"}, "libraries": libraries}
        )
        missing = await processes.run(task(libraries=[{"pypi": {"package": "shop==2.0", "repo": index}}]))
    cached = await processes.run(task(libraries=libraries))

    assert needed.output.logs == "ring\n"
    assert missing.outcome.code == "LIBRARY_INSTALLATION_ERROR"
    assert "shop==2.0" in missing.outcome.message
    assert cached.outcome.succeeded  # although the index is gone


async def test_requirements_file_is_installed(tmp_path: Path) -> None:
    """As pip reads it, its index and all."""
    processes = Processes(tmp_path, may_install=True)
    wheel(tmp_path / "index" / "simple" / "shop", SHOP)

    with package_index(tmp_path / "index") as index:
        processes.write("requirements.txt", f"--index-url {index}\nshop<2\n")
        result = await processes.run(task("checks", libraries=[{"requirements": "/Workspace/requirements.txt"}]))

    assert result.output.logs == "function\n"


async def test_libraries_serve_other_kinds_too(shop: Processes) -> None:
    """A Python file imports from its task's wheel, and so do the processes it starts."""
    shop.write("main.py", "import subprocess, shop\nsubprocess.run(['python', '-c', 'import shop; shop.checks()'])\n")

    result = await shop.run({"spark_python_task": {"python_file": "/Workspace/main.py"}, "libraries": LIBRARIES})

    assert result.output.logs == "function\n"


async def test_environment_can_be_removed(processes: Processes) -> None:
    """It is a cache: the next task makes it anew."""
    await processes.run(task("checks"))
    shutil.rmtree(processes.data / "environments")

    result = await processes.run(task("checks"))

    assert result.outcome.succeeded
