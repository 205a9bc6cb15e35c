"""What a file_arrival trigger watches: a folder of this machine, or one in a container of Azure Storage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote

from shared.addresses import split_address
from shared.containers import is_possible
from shared.storage_connection import EMULATOR_ACCOUNT

_VOLUMES = "/Volumes/"
_FORMS = "file:/folder, /Volumes/catalog/schema/volume, abfss://container@account.dfs.core.windows.net/folder or https"


class NoPlace(ValueError):
    """A url that cannot be watched."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; inside the workspace's own DBFS, or of the machine."""

    path: PurePosixPath  # absolute; below DBFS without its leading slash
    in_dbfs: bool


@dataclass(frozen=True, slots=True)
class ContainerFolder:
    """What lies below a prefix of a container; a prefix that is not empty ends with a slash."""

    account: str
    container: str
    prefix: str


Place = Folder | ContainerFolder


def read_place(url: str) -> Place:
    """Return the place of a url; raises NoPlace and says which urls there are."""
    if "*" in url or "?" in url:
        raise NoPlace("wildcards are not supported: it names a folder, and all below it is watched")
    if url.startswith(_VOLUMES):
        return _in_dbfs(url)
    parts = split_address(url)
    if parts is None or ".." in unquote(parts.path).split("/"):
        raise NoPlace(f"it must be {_FORMS}")
    if parts.scheme == "dbfs":
        return _in_dbfs(unquote(parts.path))
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return Folder(PurePosixPath("/" + unquote(parts.path).lstrip("/")), in_dbfs=False)
    if parts.scheme == "abfss" and parts.username and parts.hostname:
        return _container(parts.hostname.split(".")[0], parts.username, unquote(parts.path))
    if parts.scheme in {"https", "http"} and parts.hostname:
        return _behind_http(parts)
    raise NoPlace(f"it must be {_FORMS}")


def _in_dbfs(path: str) -> Folder:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise NoPlace("it may not lead out of its volume")
    return Folder(PurePosixPath(*parts), in_dbfs=True)


def _behind_http(parts: SplitResult) -> ContainerFolder:
    segments = unquote(parts.path).lstrip("/")
    if segments.startswith(f"{EMULATOR_ACCOUNT}/"):  # Azurite's path begins with the account
        segments = segments.removeprefix(f"{EMULATOR_ACCOUNT}/")
        account = EMULATOR_ACCOUNT
    elif parts.scheme == "https":
        account = str(parts.hostname).split(".")[0]
    else:
        raise NoPlace("only Azurite's address may begin with http://")
    container, _, path = segments.partition("/")
    return _container(account, container, path)


def _container(account: str, container: str, path: str) -> ContainerFolder:
    if not is_possible(container):
        raise NoPlace(f"{container!r} cannot be the name of a container")
    prefix = path.strip("/")
    return ContainerFolder(account, container, f"{prefix}/" if prefix else "")
