"""Classes of jars that really run in a Java virtual machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil
import pytest

from localdev.workspace.runners.process_runner import ProcessExecution
from tests.fakes.java import jar_of
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import Json
from tests.localdev.workspace.process_kit import Processes

MAIN = """
package shop;
public class Main {
    public static void main(String[] arguments) throws Exception {
        System.out.println(String.join("|", arguments));
        switch (arguments[0]) {
            case "throw": throw new IllegalStateException("no stock");
            case "wait": Thread.sleep(600_000);
            case "exit": System.exit(Integer.parseInt(arguments[1]));
        }
    }
}
"""


@pytest.fixture(scope="session")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a jar with one class."""
    return jar_of(MAIN, "Main", tmp_path_factory.mktemp("jar"))


@pytest.fixture
def processes(tmp_path: Path, jar: Path) -> Processes:
    """Return a place to run tasks, with the jar in the workspace."""
    found = Processes(tmp_path)
    shutil.copy(jar, found.notebooks / "shop.jar")
    return found


def task(*parameters: str, main_class: str = "shop.Main", jar: str = "/Workspace/shop.jar") -> Json:
    """Return a task that runs a class."""
    work = {"main_class_name": main_class, "parameters": list(parameters)}
    return {"spark_jar_task": work, "libraries": [{"jar": jar}]}


async def test_main_method_gets_its_parameters(processes: Processes) -> None:
    """As they are, spaces and all; run-now's jar_params instead of the task's own."""
    own = await processes.run(task("print", "é 1.csv", "-x"))
    given = await processes.run(task("print", "own"), {"jar_params": ["print", "run-now"]})

    assert own.outcome.succeeded
    assert own.output.logs == "print|é 1.csv|-x\n"
    assert given.output.logs == "print|run-now\n"


@pytest.mark.parametrize(("code", "succeeded"), [("0", True), ("3", False)])
async def test_exit_code_counts(processes: Processes, code: str, succeeded: bool) -> None:  # noqa: FBT001 - a column of the table
    """System.exit(0) ends a task well, any other code does not."""
    result = await processes.run(task("exit", code))

    assert result.outcome.succeeded is succeeded
    assert result.output.error == (None if succeeded else "shop.Main ended with exit code 3")


async def test_exception_is_the_error(processes: Processes) -> None:
    """With its stack trace."""
    result = await processes.run(task("throw"))

    assert result.output.error == "java.lang.IllegalStateException: no stock"
    assert "at shop.Main.main(Main.java:" in (result.output.error_trace or "")


async def test_missing_class_and_jar_are_told(processes: Processes) -> None:
    """Each by its name: the class as a failure, the jar as a library."""
    no_class = await processes.run(task("x", main_class="shop.Nothing"))
    no_jar = await processes.run(task("x", jar="/Workspace/nothing.jar"))

    assert no_class.output.error == "Could not find or load main class shop.Nothing"
    assert no_jar.outcome.code == "LIBRARY_INSTALLATION_ERROR"


async def test_ending_a_task_ends_its_machine(processes: Processes) -> None:
    """Java and all: nothing of the task is left."""
    execution = await processes.start(task("wait"))
    await until(lambda: any(child.name() == "java" for child in psutil.Process().children(recursive=True)))
    machine = next(child for child in psutil.Process().children(recursive=True) if child.name() == "java")

    execution.end()
    result = await execution.wait()

    assert not result.by_itself
    await until(lambda: not machine.is_running() or machine.status() == psutil.STATUS_ZOMBIE)


async def test_machine_ends_with_the_server(processes: Processes) -> None:
    """When the pipe to the server closes, as it does when that is killed, Java ends with the rest of the group."""
    execution = await processes.start(task("wait"))
    await until(lambda: any(child.name() == "java" for child in psutil.Process().children(recursive=True)))
    machine = next(child for child in psutil.Process().children(recursive=True) if child.name() == "java")
    assert isinstance(execution, ProcessExecution)
    assert execution._process.stdin is not None

    execution._process.stdin.close()
    result = await execution.wait()

    assert result.outcome.code == "DRIVER_ERROR"
    await until(lambda: not machine.is_running() or machine.status() == psutil.STATUS_ZOMBIE)


async def test_missing_java_is_told(tmp_path: Path) -> None:
    """The error says what to install."""
    processes = Processes(tmp_path, path=str(tmp_path))
    processes.write("shop.jar", "")

    result = await processes.run(task("x"))

    assert "needs Java" in (result.output.error or "")
