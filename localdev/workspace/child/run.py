"""The process of one task: reads its one line of instructions, does the work, and reports how it ended.

Its standard input is a pipe that the server holds open. When the pipe closes, the server is gone, even by `kill -9`,
and the whole process group ends at once. A notebook that never lets another thread run (a long call into C that keeps
the interpreter's lock) delays that; the next server ends it then.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localdev.workspace.child import notebook_task, redaction
from localdev.workspace.child.failure import TaskFailed

Instructions = dict[str, Any]
Report = dict[str, Any]  # what _write writes and task_report.py reads
LONGEST_GOODBYE = 5.0  # seconds that threads of the task may still take when it is finished
_OUR_FOLDER = str(Path(__file__).parent)
_PACKAGE = "localdev.workspace.child"
_MODULES = {
    "python_wheel_task": "wheel",
    "sql_task": "sql",
    "dbt_task": "dbt_commands",
    "spark_jar_task": "jar",
    "pipeline_task": "pipeline",
}


def main() -> None:
    """Run the task that standard input describes."""
    instructions = read_instructions()
    sys.path[0] = os.getcwd()  # noqa: PTH109 - the folder of the notebook or file; an empty one for the other kinds
    report: Report = {"kind": instructions["kind"], "result": None, "fields": {}, "values": {}}
    report |= _end_of(instructions, report)
    report |= {name: redaction.clean(report[name]) for name in ("result", "error", "error_trace", "fields")}
    redaction.flush()
    _write(Path(instructions["report"]), report)
    timer = threading.Timer(LONGEST_GOODBYE, os._exit, [0])
    timer.daemon = True
    timer.start()


def read_instructions() -> Instructions:
    """Read the line, watch the pipe, and leave an empty standard input to the task."""
    pipe = os.dup(0)
    with os.fdopen(os.open(os.devnull, os.O_RDONLY)) as nothing:
        os.dup2(nothing.fileno(), 0)
    line = _read_line(pipe)
    instructions: Instructions = json.loads(line)
    end = _end_alone if "services" in instructions else _end_with_server
    threading.Thread(target=end, args=[pipe], daemon=True).start()
    return instructions


def _read_line(pipe: int) -> bytes:
    parts = []
    while part := os.read(pipe, 65536):
        parts.append(part)
        if part.endswith(b"\n"):
            return b"".join(parts)
    raise SystemExit("The server was gone before it said what to run.")


def _end_with_server(pipe: int) -> None:
    os.read(pipe, 1)
    os.killpg(0, signal.SIGKILL)


def _end_alone(pipe: int) -> None:
    """End with the notebook that runs this one: its time may be over while that of the task is not."""
    os.read(pipe, 1)
    os._exit(1)


def _end_of(instructions: Instructions, report: Report) -> Report:
    """Do the work, which adds to the report what it leaves behind, and return how it ended."""
    try:
        _with_libraries(instructions)
        _work(instructions["kind"])(instructions, report)
    except TaskFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return {"succeeded": False, "code": failure.code, "error": str(failure), "error_trace": failure.trace}
    except BaseException as error:  # noqa: BLE001 - whatever ends the task is its outcome, SystemExit and all
        trace = "".join(traceback.format_exception(type(error), error, _without_us(error)))
        sys.stderr.write(trace)
        last_line = traceback.format_exception_only(error)[-1].strip()
        return {"succeeded": False, "error": last_line, "error_trace": trace}
    return {"succeeded": True, "error": None, "error_trace": None}


def _with_libraries(instructions: Instructions) -> None:
    libraries = instructions["libraries"]
    if libraries["wheels"] or libraries["packages"] or libraries["requirements"]:
        importlib.import_module(f"{_PACKAGE}.environment").activate(libraries)


def _work(kind: str) -> Callable[[Instructions, Report], None]:
    """Return what does the work of a kind; most kinds are a module that only they load."""
    if kind == "notebook_task":
        return notebook_task.run
    if kind == "spark_python_task":
        return _run_file
    work: Callable[[Instructions, Report], None] = importlib.import_module(f"{_PACKAGE}.{_MODULES[kind]}").run
    return work


def _run_file(instructions: Instructions, report: Report) -> None:
    del report
    sys.argv = [instructions["file"], *instructions["arguments"]]
    try:
        runpy.run_path(instructions["file"], run_name="__main__")
    except SystemExit as end:
        if end.code not in (None, 0):
            raise


def _without_us(error: BaseException) -> Any:
    """Return the traceback from the task's own first line on."""
    step = error.__traceback__
    while step is not None and _is_ours(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    return step


def _is_ours(file: str) -> bool:
    return file.startswith((_OUR_FOLDER, "<frozen runpy>", runpy.__file__))


def _write(file: Path, report: Report) -> None:
    """Write the report so that it is there as a whole or not at all."""
    sys.stdout.flush()
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(report), encoding="utf-8")
    draft.replace(file)
