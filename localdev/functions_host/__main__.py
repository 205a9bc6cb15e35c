"""`python -m localdev.functions_host --app DIR`: serve an app on loopback until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

from localdev.functions_host.access_keys import AccessKeys
from localdev.functions_host.app_settings import AppSettings, read_settings_file, settings_in_force
from localdev.functions_host.host import EmbeddedHost
from localdev.functions_host.host_options import read_host_options
from localdev.functions_host.log_output import log_to_stderr
from localdev.functions_host.server import ADDRESS, listening_socket, serve
from localdev.functions_host.web import web_app
from shared import logs
from shared.errors import ConfigurationError, Fault
from shared.secret import Secret

_TRUE = frozenset({"1", "true", "t", "yes", "y"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the app that the arguments name; return the exit status: 0 when told to stop, 1 when it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        if options.verbose and error.__cause__:
            sys.stderr.write("".join(traceback.format_exception(error.__cause__)))
        return 1
    return 0


async def _serve(options: argparse.Namespace) -> None:
    app_folder = options.app.resolve()
    state = options.state.resolve() if options.state else None
    settings_file = options.settings.resolve() if options.settings else app_folder / "local.settings.json"
    if options.settings and not settings_file.is_file():
        raise ConfigurationError("--settings", [Fault(f"There is no file {settings_file}.")])
    if not app_folder.is_dir():
        raise ConfigurationError("--app", [Fault(f"There is no folder {app_folder}.")])
    listener = listening_socket(options.port)
    with listener:
        os.chdir(app_folder)  # an app finds its own files from its folder, as under func
        values = read_settings_file(settings_file)
        _log(app_folder, settings_in_force(values, os.environ), verbose=options.verbose)
        host = EmbeddedHost(app_folder, values, state=state)
        url = f"http://{ADDRESS}:{listener.getsockname()[1]}"
        await serve(
            host,
            web_app(host, _keys(options)),
            listener,
            grace=options.grace,
            ready=lambda: _announce(host, url),
        )


def _log(app_folder: Path, settings: AppSettings, *, verbose: bool) -> None:
    """Start logging, before the app is imported: it may log while it is."""
    levels = read_host_options(app_folder / "host.json", settings.values).log_levels
    debug = (settings.get("PYTHON_ENABLE_DEBUG_LOGGING") or "").strip().lower() in _TRUE
    log_to_stderr(levels, verbose=verbose, debug=debug)


def _announce(host: EmbeddedHost, url: str) -> None:
    sys.stdout.write(f"{logs.line('host.listening', url=url, functions=_names(host))}\n")
    sys.stdout.flush()


def _names(host: EmbeddedHost) -> str:
    return ",".join(function.name for function in host.functions.values() if function.runs)


def _keys(options: argparse.Namespace) -> AccessKeys:
    return AccessKeys(
        checked=options.enable_auth,
        function=Secret(options.function_key),
        system=Secret(options.system_key),
        master=Secret(options.master_key),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m localdev.functions_host",
        description="Serve an Azure Functions app on 127.0.0.1, without Azure Functions Core Tools.",
    )
    parser.add_argument("--app", type=Path, required=True, help="the app's folder, which holds function_app.py")
    parser.add_argument("--port", type=int, default=7071, help="the port, 0 for any free one (default: 7071)")
    parser.add_argument("--state", type=Path, help="where timers remember when they ran (default: nowhere)")
    parser.add_argument("--settings", type=Path, help="app settings (default: local.settings.json in the app's folder)")
    parser.add_argument("--enable-auth", action="store_true", help="check access keys, as Azure does")
    parser.add_argument("--function-key", default="", help="the key of HTTP functions")
    parser.add_argument("--system-key", default="", help="the key of the Event Grid webhook")
    parser.add_argument("--master-key", default="", help="the key that opens everything")
    parser.add_argument(
        "--grace", type=float, default=5.0, help="seconds that runs get to finish at a stop (default: 5)"
    )
    parser.add_argument("--verbose", action="store_true", help="log everything, with tracebacks")
    return parser


def _leave(status: int) -> None:
    """End the process, even while a function that nobody can cancel still holds a thread."""
    logging.shutdown()
    sys.stdout.flush()
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    _leave(main())
