"""`landfall up`: everything on this laptop, until Ctrl-C."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from cli.output import out, talk
from cli.target import state_folder
from localdev.stack import Stack, StackOptions
from localdev.workspace.pages.access import page_link
from shared.secret import Secret
from shared.wiring import APP_ROOT


def up(
    rules: Annotated[Path, typer.Option(help="The rules file.")] = APP_ROOT / "rules.yaml",
    jobs: Annotated[Path, typer.Option(help="Folder of job definitions (JSON) that the local workspace gets.")] = (
        APP_ROOT / "samples" / "jobs"
    ),
    notebooks: Annotated[Path, typer.Option(help="Folder that /Workspace stands for in the local workspace.")] = (
        APP_ROOT / "samples" / "notebooks"
    ),
    host: Annotated[str, typer.Option(help="embedded, or func: Azure Functions Core Tools.")] = "embedded",
    events: Annotated[str, typer.Option(help="Schema of the events: eventgrid or cloudevents.")] = "eventgrid",
    workspace: Annotated[str, typer.Option(help="local, or remote: DATABRICKS_HOST and its credentials.")] = "local",
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not show the log of the app.")] = False,
) -> None:
    """Start Azurite, a workspace, the app and the event simulator; drop files with `landfall drop`."""
    _one_of(host, ("embedded", "func"), "--host")
    _one_of(events, ("eventgrid", "cloudevents"), "--events")
    _one_of(workspace, ("local", "remote"), "--workspace")
    options = StackOptions(
        state=state_folder(),
        rules=rules,
        jobs=jobs,
        notebooks=notebooks,
        host=host,
        schema=events,
        remote=workspace == "remote",
        host_port=7071,  # as `func start`
        workspace_port=8765,
    )
    show = None if quiet else _show
    with Stack(options, say=lambda text: talk.print(f"… {text}", markup=False), on_line=show) as stack:
        out.print(_welcome(stack), markup=False, soft_wrap=True)
        _wait()


def _one_of(value: str, choices: tuple[str, ...], option: str) -> None:
    if value not in choices:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(choices)}", param_hint=option)


def _wait() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    threading.Event().wait()


def _show(name: str, line: str) -> None:
    """Show a fact of the app; a pass that had nothing to do is not worth a line every ten seconds."""
    _, _, fact = line.partition(".User ")
    idle = fact.startswith("pass.completed") and "due=0" in fact and "missed=0" in fact and "failures=0" in fact
    if name == "host" and fact and not idle:
        talk.print(fact, markup=False, soft_wrap=True)


def _welcome(stack: Stack) -> str:
    return f"""
Landfall is up. In another terminal:

  landfall drop FILE --as landing/inbox/     start the job of a file
  landfall runs                              what became of it
  landfall status                            every rule at a glance
  landfall jobs apply FILE                   make a job of your own

App        {stack.host_url}/api/status
Workspace  {stack.environment["DATABRICKS_HOST"]}{_local_workspace(stack)}
Storage    {stack.azurite.connection.blob_endpoint}
State      {stack.options.state.resolve()} (logs in logs/)

Ctrl-C stops everything; the state stays.
"""


def _local_workspace(stack: Stack) -> str:
    """Return what else there is of a local workspace: its token, its pages with a link that signs in, and its mail."""
    if stack.options.remote:
        return ""
    state = stack.options.state.resolve()
    link = page_link(stack.environment["DATABRICKS_HOST"], Secret(stack.environment["DATABRICKS_TOKEN"]))
    return f"""
Token      {state / "workspace-token"}
Pages      {link} (jobs, runs and mail in a browser)
Mail       {state / "workspace" / "mail"} (what jobs send by e-mail, and goes nowhere else)"""
