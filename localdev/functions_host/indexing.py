"""Indexing: from an app's folder to its functions, as the Python worker does it at start.

The module is executed anew at each indexing, since `FunctionApp.get_functions()` answers only once; what it imports is
not. One bad signature stops the whole app, there as here; there only the first is reported, here all of them.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import azure.functions as func

from localdev.functions_host.app_functions import AppFunction, app_function
from localdev.functions_host.app_settings import AppSettings
from localdev.functions_host.errors import AppNotLoadable
from localdev.functions_host.retry_policy import check_retry_policy
from localdev.functions_host.signature import SignatureRefused
from shared.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_SCRIPT_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]*\.py")
_DEFAULT_SCRIPT = "function_app.py"


def index_app(folder: Path, settings: AppSettings, *, only: AbstractSet[str] | None = None) -> tuple[AppFunction, ...]:
    """Return the functions of the app in `folder`, `only` those of these case-folded names.

    Executes the app's code: call it within `importable`, with the settings in os.environ. Raises AppNotLoadable.
    """
    script = _script(folder, settings)
    module = _imported(folder, script)
    declared = _declared_functions(module, script)
    return _accepted(script, declared, settings, only)


@contextmanager
def importable(folder: Path, settings: AppSettings) -> Iterator[None]:
    """Put an app's folder at the head of sys.path, and undo that, and the import of its main module, at the end."""
    name = Path(settings.get("PYTHON_SCRIPT_FILE_NAME") or _DEFAULT_SCRIPT).stem
    before = sys.modules.pop(name, None)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(name, None)
        if before is not None:
            sys.modules[name] = before


def _script(folder: Path, settings: AppSettings) -> str:
    script = settings.get("PYTHON_SCRIPT_FILE_NAME") or _DEFAULT_SCRIPT
    if not _SCRIPT_NAME.fullmatch(script):
        fault = Fault(f"PYTHON_SCRIPT_FILE_NAME is {script!r}; it must be a .py file in the app's own folder.")
        raise AppNotLoadable("settings", [fault])
    if not (folder / script).is_file():
        hint = "An app of the Python v2 model has a function_app.py in its root."
        raise AppNotLoadable(script, [Fault(f"There is no such file in {folder}.")], hint=hint)
    return script


def _imported(folder: Path, script: str) -> ModuleType:
    name = Path(script).stem
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:  # an import runs the app's code, which may raise anything
        raise AppNotLoadable(script, [_import_fault(folder, script, error)], hint=_import_hint(error)) from error
    found = Path(inspect.getfile(module)).resolve()
    if found != (folder / script).resolve():
        raise AppNotLoadable(script, [Fault(f"Python imported {found} in its place: rename one of the two.")])
    return module


def _import_fault(folder: Path, script: str, error: BaseException) -> Fault:
    """Return what went wrong, at the app's own innermost line."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno or 0, 1) for frame in frames if Path(frame.filename).is_relative_to(folder)]
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno or 0, error.offset or 1))
        message = f"{type(error).__name__}: {error.msg}"
    if not places:
        return Fault(message)
    filename, line, column = places[-1]
    file = os.path.relpath(filename, folder)
    return Fault(message, line, column) if file == script else Fault(f"{file}:{line}: {message}")


def _import_hint(error: BaseException) -> str:
    if isinstance(error, ImportError):
        return "Is everything in requirements.txt installed in this environment?"
    return "--verbose shows the traceback."


def _declared_functions(module: ModuleType, script: str) -> Sequence[func.Function]:
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        found = "no FunctionApp" if not apps else f"{len(apps)} function apps"
        hint = "A module has exactly one: app = func.FunctionApp()."
        raise AppNotLoadable(script, [Fault(f"It holds {found} at its top level.")], hint=hint)
    try:
        return apps[0].get_functions()
    except (ValueError, TypeError) as error:  # duplicate names, a function without a trigger
        raise AppNotLoadable(script, [Fault(str(error))]) from error


def _accepted(
    script: str, declared: Sequence[func.Function], settings: AppSettings, only: AbstractSet[str] | None
) -> tuple[AppFunction, ...]:
    accepted, faults = [], []
    for function in declared:
        try:
            check_retry_policy(function)
            accepted.append(app_function(function, settings))
        except SignatureRefused as error:
            faults.append(Fault(f"The function {function.get_function_name()} cannot be loaded: {error}."))
    if faults:
        raise AppNotLoadable(script, faults)
    return tuple(each for each in accepted if only is None or each.name.casefold() in only)
