"""Recognises a place in the landing account in a text: a parameter's, a job's setting's, a trigger's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from cli.blob_place import BlobPlace

# abfss://container@account.dfs.core.windows.net/path: https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-introduction-abfs-uri
_SPARK = re.compile(
    r"(?:abfs|wasb)s?://(?P<container>[^@/]+)@(?P<account>[a-z0-9]+)\.(?:dfs|blob)\.[^/]+/(?P<path>.*)", re.DOTALL
)
_HOST = re.compile(r"(?P<account>[a-z0-9]+)\.(?:dfs|blob)\.[a-z0-9.]+")
_OUTPUT = re.compile(r"(?i)out|target|dest|sink|result|write|save|export")
_INPUT = re.compile(r"(?i)input|source|src|read|from|^in(?:[_-]|$)|^file_?(?:path|name)$")
_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")


def place_in(text: str, volumes: Mapping[str, str]) -> BlobPlace | None:
    """Return the place that a URL or a volume's path names, None where a text names none."""
    if found := _SPARK.fullmatch(text):
        return BlobPlace(found["account"], found["container"], found["path"])
    for container, folder in volumes.items():
        if text == folder or text.startswith(f"{folder}/"):
            return BlobPlace("", container, text[len(folder) + 1 :])
    return _of_url(text)


def bare_place_in(text: str) -> BlobPlace | None:
    """Return the place that `container/path` names, None where a text cannot be one."""
    container, slash, path = text.partition("/")
    return BlobPlace("", container, path) if slash and _CONTAINER.fullmatch(container) else None


def _of_url(text: str) -> BlobPlace | None:
    if not text.startswith(("https://", "http://")):
        return None
    parts = urlsplit(text)
    found = _HOST.fullmatch(parts.hostname or "")
    container, _, path = parts.path.removeprefix("/").partition("/")
    return BlobPlace(found["account"], unquote(container), unquote(path)) if found else None


def is_output(name: str) -> bool:
    """Tell whether a parameter's name says that something is written there."""
    return bool(_OUTPUT.search(name)) and not is_input(name)


def is_input(name: str) -> bool:
    """Tell whether a parameter's name says that something is read from there."""
    return bool(_INPUT.search(name))
