"""`python -m localdev.workspace`: a local Databricks workspace in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from localdev.workspace.app import create_app
from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.notifications import options as notification_options
from localdev.workspace.server import bind, serve, url_of
from localdev.workspace.settings import API_VERSIONS, WorkspaceSettings
from shared.errors import Fault
from shared.logs import hush_libraries
from shared.secret import Secret
from shared.storage_connection import StorageConnection, read_connection

TOKEN_VARIABLE = "LANDFALL_WORKSPACE_TOKEN"  # noqa: S105 - the name of a variable
STORAGE_VARIABLE = "AZURE_STORAGE_CONNECTION_STRING"
TOKEN_FILE = "token"  # noqa: S105 - the name of a file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    hush_libraries()
    try:
        asyncio.run(_run(asked))
    except WorkspaceNotStarted as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def _run(asked: argparse.Namespace) -> None:
    if os.name != "posix":
        raise WorkspaceNotStarted("The local workspace needs Linux or macOS.", hint="On Windows, run it inside WSL.")
    listener = bind(asked.host, asked.port)
    with listener:
        url = url_of(listener)
        app = create_app(replace(_settings(asked, os.environ), url=url))
        await serve(app, listener, lambda: _say(f"Local workspace listening at {url}"))


def _settings(asked: argparse.Namespace, environment: Mapping[str, str]) -> WorkspaceSettings:
    return WorkspaceSettings(
        data=asked.data,
        notebooks=asked.notebooks,
        token=_token(asked, environment),
        host=asked.host,
        environment=_task_environment(asked.env, environment),
        running_tasks=asked.running_tasks,
        install_libraries=asked.install_libraries,
        api_versions=tuple(asked.api_versions),
        dbfs=asked.dbfs,
        secrets=asked.secrets,
        storage=_storage(asked.storage, environment),
        allow_shell=asked.allow_shell,
        notifications=notification_options.read(asked),
        faults=asked.faults,
        rate_limits=asked.rate_limits,
        short_pages=asked.short_pages,
        users=_named_secrets(asked.user, "--user"),
        clients=_named_secrets(asked.client, "--client"),
    )


def _token(asked: argparse.Namespace, environment: Mapping[str, str]) -> Secret:
    """Return the token of the file, else of the environment, else one that is made once and kept in the data folder."""
    if asked.token_file is not None:
        return _read_token(asked.token_file)
    if text := environment.get(TOKEN_VARIABLE, "").strip():
        return Secret(text)
    kept = asked.data / TOKEN_FILE
    if not kept.exists():
        _make_token(kept)
        sys.stderr.write(f"The workspace's token is in {kept}\n")
    return _read_token(kept)


def _storage(name: str | None, environment: Mapping[str, str]) -> StorageConnection | None:
    """Return the account of the variable that was asked for; else of the usual one, if that holds one with a key."""
    found = read_connection(name or STORAGE_VARIABLE, environment)
    if isinstance(found, StorageConnection) and found.key is not None:
        return found
    if name is None:
        return None
    raise WorkspaceNotStarted(
        found.message if isinstance(found, Fault) else f"--storage {name}: that variable holds no connection string.",
        hint="It needs one with a key: no identity is asked here.",
    )


def _folder(text: str) -> Path:
    """Return a folder as the tasks find it too, which run elsewhere."""
    return Path(text).absolute()


def _make_token(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.write_text(f"{secrets.token_urlsafe(24)}\n", encoding="utf-8")
    except OSError as error:
        raise WorkspaceNotStarted(f"The token cannot be kept in {file}: {error.strerror}.") from error


def _read_token(file: Path) -> Secret:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceNotStarted(f"The token file {file} cannot be read.") from error
    if not text:
        raise WorkspaceNotStarted(f"The token file {file} is empty.", hint="Write the token into it, and nothing else.")
    return Secret(text)


def _task_environment(asked: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of tasks: NAME=VALUE as it stands, NAME alone with the value it has here."""
    found = {}
    for item in asked:
        name, separator, value = item.partition("=")
        if not name or not (separator or name in environment):
            raise WorkspaceNotStarted(
                f"--env {name} has no value.",
                hint="Write --env NAME=VALUE, or --env NAME for a variable that is set here.",
            )
        found[name] = value if separator else environment[name]
    return found


def _named_secrets(asked: Sequence[str], option: str) -> dict[str, Secret]:
    """Return the secrets of users or clients by their names: NAME=FILE."""
    found = {}
    for item in asked:
        name, _, file = item.partition("=")
        if not name or not file:
            raise WorkspaceNotStarted(f"{option} {item} names no file.", hint=f"Write {option} NAME=FILE.")
        found[name] = _read_token(Path(file))
    return found


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m localdev.workspace",
        description="A local Databricks workspace: the Jobs API (2.0 to 2.2), really running the tasks of jobs. "
        "It prints its address when it listens, and stops on SIGTERM or Ctrl-C.",
        epilog="For example: python -m localdev.workspace --data .workspace --notebooks samples/notebooks. "
        "docs/workspace.md tells more.",
    )
    parser.add_argument("--data", type=_folder, required=True, help="folder in which it remembers jobs and runs")
    parser.add_argument("--notebooks", type=_folder, required=True, help="folder that /Workspace stands for")
    parser.add_argument("--port", type=int, default=8765, help="port to listen at; 0 takes a free one (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    parser.add_argument(
        "--token-file",
        type=Path,
        help=f"file with the bearer token; without it the variable {TOKEN_VARIABLE} holds, "
        f"and without both a token is made and kept in DATA/{TOKEN_FILE}",
    )
    _add_task_options(parser)
    parser.add_argument(
        "--api-versions",
        nargs="+",
        choices=API_VERSIONS,
        default=API_VERSIONS,
        help="versions of the Jobs API to answer (all)",
    )
    _add_belongings(parser)
    notification_options.add_to(parser)
    _add_strictness(parser)
    return parser


def _add_task_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="variable that every task gets; without a value, the one it has here. May be repeated",
    )
    parser.add_argument(
        "--running-tasks",
        type=_positive,
        default=os.cpu_count() or 1,
        help="how many tasks run at once (%(default)s, the number of processors)",
    )
    parser.add_argument(
        "--install-libraries",
        action="store_true",
        help="let pip fetch the libraries of tasks from a package index, each set into an environment of its own",
    )


def _add_belongings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dbfs", type=_folder, help="folder that stands for DBFS and /Volumes (DATA/dbfs)")
    parser.add_argument("--secrets", type=_folder, metavar="FILE", help="YAML or JSON file for dbutils.secrets")
    parser.add_argument(
        "--storage",
        metavar="NAME",
        help="variable with the connection string of the account that file_arrival triggers watch "
        f"({STORAGE_VARIABLE}, if it holds one)",
    )
    parser.add_argument("--allow-shell", action="store_true", help="let notebooks use %%sh, and install with %%pip")


def _add_strictness(parser: argparse.ArgumentParser) -> None:
    """Add what makes the workspace as hard on its clients as the cloud: faults, limits, and who may do what."""
    parser.add_argument("--faults", action="store_true", help="let requests to /__workspace/faults plan faults")
    parser.add_argument("--rate-limits", action="store_true", help="keep to the rates that Databricks publishes")
    parser.add_argument(
        "--short-pages", action="store_true", help="let pages of lists come short, as the cloud's sometimes do"
    )
    parser.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="NAME=TOKENFILE",
        help="another user, who needs permissions on jobs, and the file with that user's token. May be repeated",
    )
    parser.add_argument(
        "--client",
        action="append",
        default=[],
        metavar="ID=SECRETFILE",
        help="service principal that signs in by OAuth, and the file with its secret. May be repeated",
    )


if __name__ == "__main__":
    sys.exit(main())
