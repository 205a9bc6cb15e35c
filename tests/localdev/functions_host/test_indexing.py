"""Indexing: which apps load, what is said of those that do not, and which of their functions can run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from localdev.functions_host import EmbeddedHost
from localdev.functions_host.app_functions import AppFunction
from localdev.functions_host.errors import AppNotLoadable
from tests.localdev.functions_host.signature_apps import APPS, EVENT, HEADER, OUT, QUEUE, ROUTE, TIMER, SignatureApp

SETTINGS = {"C": "UseDevelopmentStorage=true"}


def app_of(folder: Path, source: str, settings: dict[str, str] | None = None) -> dict[str, AppFunction]:
    """Index an app with this source."""
    (folder / "function_app.py").write_text(HEADER + source, "utf-8")
    with EmbeddedHost(folder, SETTINGS if settings is None else settings) as host:
        return dict(host.functions)


@pytest.mark.parametrize("app", [pytest.param(app, id=app.name) for app in APPS])
def test_loads_just_what_the_worker_loads(app: SignatureApp, tmp_path: Path) -> None:
    """An app loads if and only if the Python worker would load it."""
    (tmp_path / "function_app.py").write_text(app.text, "utf-8")

    try:
        with EmbeddedHost(tmp_path, SETTINGS):
            loads = True
    except AppNotLoadable:
        loads = False

    assert loads is app.loads


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param(EVENT + "def f(event: dict): pass", "event is annotated dict", id="annotation"),
        pytest.param(EVENT + "def f(event: str, more): pass", "no decorator binds its parameter more", id="unbound"),
        pytest.param(EVENT + OUT + "def f(event: str): pass", "binds out, which is none", id="binding without one"),
        pytest.param(EVENT + OUT + "def f(event: str, out: str): pass", "must be a func.Out", id="out"),
        pytest.param(ROUTE + "def f(req) -> dict: pass", "return value is annotated dict", id="return value"),
        pytest.param("import no_such_module", "No module named 'no_such_module'", id="import"),
        pytest.param("import no_such_module", "requirements.txt", id="import hint"),
        pytest.param("x = 1\nraise RuntimeError('boom')", "function_app.py:7:1: RuntimeError: boom", id="line"),
        pytest.param("def f(:", "function_app.py:6:7: SyntaxError", id="syntax"),
        pytest.param("raise SystemExit(3)", "SystemExit: 3", id="exit"),
        pytest.param("app = None", "no FunctionApp", id="no app"),
        pytest.param("more = func.FunctionApp()", "2 function apps", id="two apps"),
        pytest.param(OUT + "def f(out: func.Out[str]): pass", "does not have a trigger", id="no trigger"),
    ],
)
def test_says_why_an_app_does_not_load(source: str, said: str, tmp_path: Path) -> None:
    """An app that does not load is refused with the place and the reason."""
    with pytest.raises(AppNotLoadable) as refused:
        app_of(tmp_path, source)

    assert said in str(refused.value)


def test_every_bad_signature_is_told_at_once(tmp_path: Path) -> None:
    """Two functions that do not fit are both named; the worker would stop at the first."""
    with pytest.raises(AppNotLoadable) as refused:
        app_of(tmp_path, EVENT + "def f(event: int): pass\n" + TIMER + "def g(timer: int): pass")

    assert [fault.message.split()[2] for fault in refused.value.faults] == ["f", "g"]


def test_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    """A folder without function_app.py is refused by that name."""
    with pytest.raises(AppNotLoadable, match=r"function_app\.py"):
        EmbeddedHost(tmp_path)


def test_error_in_a_module_names_that_module(tmp_path: Path) -> None:
    """An import that fails in another module of the app names that module and its line."""
    (tmp_path / "landfall_sample_helper.py").write_text("\nraise ValueError('in the helper')\n", "utf-8")

    with pytest.raises(AppNotLoadable, match=r"landfall_sample_helper\.py:2: ValueError: in the helper"):
        app_of(tmp_path, "import landfall_sample_helper")


def test_script_may_have_another_name(tmp_path: Path) -> None:
    """PYTHON_SCRIPT_FILE_NAME names the app's main module."""
    (tmp_path / "sample_main.py").write_text(HEADER + EVENT + "def f(event: str): pass", "utf-8")

    with EmbeddedHost(tmp_path, {"PYTHON_SCRIPT_FILE_NAME": "sample_main.py"}) as host:
        assert list(host.functions) == ["f"]


def test_script_must_be_in_the_apps_own_folder(tmp_path: Path) -> None:
    """A main module in another folder is refused, as the worker refuses it."""
    with pytest.raises(AppNotLoadable, match="own folder"):
        EmbeddedHost(tmp_path, {"PYTHON_SCRIPT_FILE_NAME": "../function_app.py"})


def test_settings_are_there_when_the_app_is_imported(tmp_path: Path) -> None:
    """The app's module finds its settings in os.environ while it is imported."""
    source = 'import os\nassert os.environ["SAMPLE_GREETING"] == "hello"\n' + EVENT + "def f(event: str): pass"

    assert "f" in app_of(tmp_path, source, {"SAMPLE_GREETING": "hello"})


def test_app_can_be_indexed_again_and_again(tmp_path: Path) -> None:
    """Each host has functions of its own, although the library lists an app's functions only once."""
    source = EVENT + "def f(event: str): pass"

    first, second = app_of(tmp_path, source), app_of(tmp_path, source)

    assert first["f"].user_function is not second["f"].user_function


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a host is closed, sys.path and sys.modules are as they were, another app's main module included."""
    other = ModuleType("function_app")
    monkeypatch.setitem(sys.modules, "function_app", other)
    path = list(sys.path)

    app_of(tmp_path, EVENT + "def f(event: str): pass")

    assert sys.path == path
    assert sys.modules["function_app"] is other


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param(
            '@app.timer_trigger(arg_name="timer", schedule="%NOWHERE%")\ndef f(timer): pass',
            "the setting NOWHERE is not defined (in schedule of the timerTrigger)",
            id="setting",
        ),
        pytest.param(
            '@app.timer_trigger(arg_name="timer", schedule="0 0 2 * * ?")\ndef f(timer): pass', "Quartz", id="schedule"
        ),
        pytest.param('@app.route(route="a/{b:color}")\ndef f(req): pass', "color", id="route"),
        pytest.param(
            '@app.queue_trigger(arg_name="m", queue_name="q", connection="Nowhere")\ndef f(m: str): pass',
            "Nowhere is not defined",
            id="connection",
        ),
        pytest.param(
            EVENT + '@app.queue_output(arg_name="out", queue_name="q", connection="Nowhere")\n'
            "def f(event: str, out: func.Out[str]): pass",
            "Nowhere is not defined",
            id="output connection",
        ),
        pytest.param(
            '@app.queue_trigger(arg_name="m", queue_name="q", connection="ByIdentity")\ndef f(m: str): pass',
            "by key only",
            id="identity",
        ),
        pytest.param(
            '@app.generic_trigger(arg_name="timer", type="timerTrigger")\ndef f(timer): pass',
            "has 0 fields",
            id="no schedule",
        ),
        pytest.param(
            '@app.blob_trigger(arg_name="b", path="c/{n}", connection="C")\ndef f(b: func.InputStream): pass',
            "no blobTrigger",
            id="trigger",
        ),
        pytest.param(
            EVENT + '@app.blob_output(arg_name="b", path="c/n", connection="C")\n'
            "def f(event: str, b: func.Out[str]): pass",
            "no blob binding",
            id="binding",
        ),
        pytest.param('@app.function_name("1st")\n' + EVENT + "def f(event: str): pass", "name is a letter", id="name"),
        pytest.param('@app.function_name("host")\n' + EVENT + "def f(event: str): pass", "name is", id="reserved"),
    ],
)
def test_one_function_in_error_leaves_the_rest(source: str, said: str, tmp_path: Path) -> None:
    """A function that cannot run as it is configured says why, and the others run."""
    settings = {**SETTINGS, "ByIdentity__accountName": "acct"}

    functions = app_of(tmp_path, f"{source}\n{EVENT}def fine(event: str): pass", settings)

    faulty = next(function for name, function in functions.items() if name != "fine")
    assert said in faulty.problem
    assert not faulty.runs
    assert functions["fine"].runs


def test_settings_are_resolved_in_bindings(tmp_path: Path) -> None:
    """Bindings hold what their %NAME% stand for."""
    source = QUEUE.replace('"q"', '"%SAMPLE_QUEUE%-in"') + "def f(message: str): pass"

    function = app_of(tmp_path, source, {**SETTINGS, "SAMPLE_QUEUE": "work"})["f"]

    assert function.trigger["queueName"] == "work-in"
    assert not function.problem


def test_only_the_functions_that_host_json_lists_are_there(tmp_path: Path) -> None:
    """`functions` in host.json leaves only those it names, whatever their case."""
    (tmp_path / "host.json").write_text('{"version": "2.0", "functions": ["G"]}', "utf-8")

    functions = app_of(tmp_path, EVENT + "def f(event: str): pass\n" + TIMER + "def g(timer): pass")

    assert list(functions) == ["g"]


def test_disabled_function_does_not_run(tmp_path: Path) -> None:
    """A function that a setting disables is known, and does not run."""
    function = app_of(tmp_path, EVENT + "def f(event: str): pass", {"AzureWebJobs.f.Disabled": "true"})["f"]

    assert function.disabled
    assert not function.runs
