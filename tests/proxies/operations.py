"""What a request asks for, in one word or two: the call sites at which faults are planned and counted."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit

Namer = Callable[[str, str], str]


def table_operation(method: str, target: str) -> str:
    """Name a request to Table Storage: transact, read, range or create table."""
    path = unquote(urlsplit(target).path)
    if path.endswith("/$batch"):
        return "transact"
    if method == "GET":
        return "read" if "(PartitionKey=" in path else "range"
    return "create table" if path.endswith("/Tables") else f"{method} row"


def blob_operation(method: str, target: str) -> str:
    """Name a request to Blob Storage: list, containers, time, properties or the HTTP method."""
    query = parse_qs(urlsplit(target).query)
    match query.get("restype", [""])[0], query.get("comp", [""])[0]:
        case "container", "list":
            return "list"
        case "", "list":
            return "containers"
        case "service", "properties":
            return "time"
    return "properties" if method == "HEAD" else f"{method} blob"


def queue_operation(method: str, target: str) -> str:
    """Name a request to Queue Storage: send, receive, update, delete or create queue."""
    if "/messages" not in urlsplit(target).path:
        return "create queue"
    return {"POST": "send", "GET": "receive", "PUT": "update", "DELETE": "delete"}.get(method, method)


def jobs_operation(method: str, target: str) -> str:
    """Name a request to the Jobs API by what follows its version: jobs/run-now, jobs/runs/get, ..."""
    del method
    return urlsplit(target).path.split("/", 3)[-1]
