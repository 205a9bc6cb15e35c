"""What a notebook asks of its task: secrets, and to keep task values.

One process of a task holds them, the one that the server has started: the kernel of a Jupyter notebook and notebooks
that other notebooks run ask it over a socket. So there is one place that knows what must not be shown.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from localdev.workspace.child import redaction
from localdev.workspace.child.surroundings import ExecutionError


class Services(Protocol):
    """What dbutils needs of the task it runs in."""

    def ask(self, name: str, *arguments: Any) -> Any:
        """Do one of the things below by its name; raises ExecutionError."""

    def share(self) -> socket.socket:
        """Return the end of a socket at which another process can ask; whoever gets it closes it here."""


class TaskServices:
    """The services themselves. Safe to use from several threads."""

    def __init__(self, secrets: Mapping[str, Mapping[str, str]], values: dict[str, Any], folder: Path) -> None:
        self._secrets = secrets
        self._values = values  # filled here: the report of the task has them too
        self._file = folder / "values.json"
        self._lock = threading.Lock()

    def ask(self, name: str, *arguments: Any) -> Any:
        """Do what is asked for."""
        services: dict[str, Callable[..., Any]] = {
            "secret": self._secret,
            "scopes": self._scopes,
            "keys": self._keys,
            "keep": self._keep,
            "clean": redaction.clean,
        }
        return services[name](*arguments)

    def share(self) -> socket.socket:
        """Return a socket for another process, whose output is filtered from the start."""
        if self._secrets:
            redaction.start()
        return _offer(self)

    def _secret(self, scope: str, key: str) -> str:
        """Return a secret, which from now on nobody sees. The words are those of Databricks.

        https://github.com/databrickslabs/overwatch/issues/721
        """
        found = self._secrets.get(scope, {}).get(key)
        if found is None:
            raise ExecutionError(
                f"java.lang.IllegalArgumentException: Secret does not exist with scope: {scope} and key: {key}"
            )
        redaction.hide(found)
        return found

    def _scopes(self) -> list[str]:
        return sorted(self._secrets)

    def _keys(self, scope: str) -> list[str]:
        if scope not in self._secrets:
            raise ExecutionError(f"RESOURCE_DOES_NOT_EXIST: Scope {scope} does not exist!")
        return sorted(self._secrets[scope])

    def _keep(self, key: str, value: Any) -> None:
        """Keep a task value, on disk at once: it holds even if the task is killed."""
        with self._lock:
            self._values[key] = value
            draft = self._file.with_suffix(".draft")
            draft.write_text(json.dumps(self._values), encoding="utf-8")
            draft.replace(self._file)


class RemoteServices:
    """The services of another process of the task. Safe to use from several threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rwb")
        self._lock = threading.Lock()

    def ask(self, name: str, *arguments: Any) -> Any:
        """Ask the other process; raises ExecutionError with its words, or when it is gone."""
        with self._lock:
            self._stream.write(json.dumps([name, *arguments]).encode() + b"\n")
            self._stream.flush()
            line = self._stream.readline()
        if not line:
            raise ExecutionError("The process of the task is gone.")
        answer = json.loads(line)
        if "error" in answer:
            raise ExecutionError(answer["error"])
        return answer["value"]

    def share(self) -> socket.socket:
        """Return a socket for another process, which is answered through this one."""
        return _offer(self)


def _offer(services: Services) -> socket.socket:
    """Return one end of a socket and answer at the other until nobody has the first any more."""
    ours, theirs = socket.socketpair()
    threading.Thread(target=_answer, args=[ours, services], daemon=True).start()
    return theirs


def _answer(connection: socket.socket, services: Services) -> None:
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            stream.write(json.dumps(_answer_to(line, services)).encode() + b"\n")
            stream.flush()


def _answer_to(line: bytes, services: Services) -> dict[str, Any]:
    name, *arguments = json.loads(line)
    try:
        return {"value": services.ask(name, *arguments)}
    except (ExecutionError, OSError) as error:
        return {"error": str(error)}
