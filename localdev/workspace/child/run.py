"""The process of one task: reads its one line of instructions, runs the notebook or file, and reports how it ended.

Its standard input is a pipe that the server holds open. When the pipe closes, the server is gone, even by `kill -9`,
and the whole process group ends at once. A notebook that never lets another thread run (a long call into C that keeps
the interpreter's lock) delays that; the next server ends it then.
"""

from __future__ import annotations

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

from localdev.workspace.child.notebook import Notebook

LONGEST_GOODBYE = 5.0  # seconds that threads of the task may still take when it is finished
_OUR_FOLDER = str(Path(__file__).parent)


def main() -> None:
    """Run the task that standard input describes."""
    instructions = _instructions()
    folder = str(Path(instructions["file"]).parent)
    sys.path[0] = folder
    sys.argv = [instructions["file"], *instructions["arguments"]]
    work = _run_notebook if instructions["kind"] == "notebook_task" else _run_file
    report = {"kind": instructions["kind"], **_report_of(work, instructions)}
    _write(Path(instructions["report"]), report)
    timer = threading.Timer(LONGEST_GOODBYE, os._exit, [0])
    timer.daemon = True
    timer.start()


def _instructions() -> dict[str, Any]:
    """Read the line, watch the pipe, and leave an empty standard input to the task."""
    pipe = os.dup(0)
    with os.fdopen(os.open(os.devnull, os.O_RDONLY)) as nothing:
        os.dup2(nothing.fileno(), 0)
    line = _read_line(pipe)
    threading.Thread(target=_end_with_server, args=[pipe], daemon=True).start()
    instructions: dict[str, Any] = json.loads(line)
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


def _run_notebook(instructions: dict[str, Any]) -> str | None:
    notebook = Notebook(
        Path(instructions["file"]), instructions["path"], Path(instructions["notebooks"]), instructions["parameters"]
    )
    return notebook.run()


def _run_file(instructions: dict[str, Any]) -> None:
    try:
        runpy.run_path(instructions["file"], run_name="__main__")
    except SystemExit as end:
        if end.code not in (None, 0):
            raise


def _report_of(work: Callable[[dict[str, Any]], str | None], instructions: dict[str, Any]) -> dict[str, Any]:
    try:
        result = work(instructions)
    except BaseException as error:  # noqa: BLE001 - whatever ends the task is its outcome, SystemExit and all
        trace = "".join(traceback.format_exception(type(error), error, _without_us(error)))
        sys.stderr.write(trace)
        last_line = traceback.format_exception_only(error)[-1].strip()
        return {"succeeded": False, "result": None, "error": last_line, "error_trace": trace}
    return {"succeeded": True, "result": result, "error": None, "error_trace": None}


def _without_us(error: BaseException) -> Any:
    """Return the traceback from the task's own first line on."""
    step = error.__traceback__
    while step is not None and _is_ours(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    return step


def _is_ours(file: str) -> bool:
    return file.startswith((_OUR_FOLDER, "<frozen runpy>", runpy.__file__))


def _write(file: Path, report: dict[str, Any]) -> None:
    """Write the report so that it is there as a whole or not at all."""
    sys.stdout.flush()
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(report), encoding="utf-8")
    draft.replace(file)
