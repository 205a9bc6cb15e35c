"""`landfall drop FILE…`: put files into the landing account, as any uploader would."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from rich.progress import Progress

from cli.output import out, talk
from cli.target import environment
from shared.errors import BlobsUnavailable
from shared.settings import read_settings
from shared.storage_connection import StorageConnection

DEFAULT_FOLDER = "landing/inbox/"


def drop(
    files: Annotated[list[Path], typer.Argument(help="Files to upload.", exists=True, dir_okay=False, readable=True)],
    to: Annotated[
        str,
        typer.Option("--as", help="Where to: container/path for one file, container/folder/ for one or more."),
    ] = DEFAULT_FOLDER,
) -> None:
    """Upload files into the landing account; their events, or the sweep, start their jobs."""
    if len(files) > 1 and not to.endswith("/"):
        raise typer.BadParameter("several files need a folder: end it with /", param_hint="--as")
    targets = [(file, _target(to, file)) for file in files]
    connection = read_settings(environment()).landing
    with _service(connection) as service, Progress(console=talk, transient=True) as progress:
        task = progress.add_task("Uploading", total=len(targets))
        for file, target in targets:
            _upload(service, file, target)
            out.print(target, markup=False)
            progress.advance(task)


def _target(to: str, file: Path) -> str:
    target = f"{to}{file.name}" if to.endswith("/") else to
    if "/" not in target.strip("/"):
        raise typer.BadParameter(f"{to!r} names no container: write container/path", param_hint="--as")
    return target.lstrip("/")


def _service(connection: StorageConnection) -> BlobServiceClient:
    if connection.key is None:
        return BlobServiceClient(connection.blob_endpoint, credential=DefaultAzureCredential())
    credential = {"account_name": connection.account, "account_key": connection.key.reveal()}
    return BlobServiceClient(connection.blob_endpoint, credential=credential, retry_total=2, initial_backoff=1)


def _upload(service: BlobServiceClient, file: Path, target: str) -> None:
    container, _, path = target.partition("/")
    try:
        with contextlib.suppress(ResourceExistsError):
            service.create_container(container)
        with file.open("rb") as content:
            service.get_blob_client(container, path).upload_blob(content, overwrite=True)
    except AzureError as error:
        reason = str(error).splitlines()[0]
        raise BlobsUnavailable(f"Could not upload {file} as {target}: {reason}") from error
