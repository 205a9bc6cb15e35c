"""Microsoft's own Python worker, azure-functions-runtime, driven without its host: what our host is held against.

The package needs Python 3.13. Its seam for hosts that are not gRPC is `native_invocation`; the protobuf module that
the rest of it takes as an argument is played by plain objects.
"""

from __future__ import annotations

import importlib
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class _Message(SimpleNamespace):
    """Any protobuf message."""


class _BindingInfo(_Message):
    inout = 2
    out = 1
    undefined = 0


setattr(_BindingInfo, "in", 0)


class _StatusResult(_Message):
    Failure = 0
    Success = 1


class _Protos:
    """A stand-in for the module of generated messages."""

    BindingInfo = _BindingInfo
    StatusResult = _StatusResult

    def __getattr__(self, name: str) -> type[_Message]:
        return _Message


@dataclass(frozen=True)
class Loaded:
    """What the worker tells its host of an app: its functions' bindings by name, or why it has none."""

    bindings: Mapping[str, list[str]] = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True)
class Outcome:
    """What the worker answers to an invocation."""

    succeeded: bool
    returned: Any
    outputs: list[tuple[str, Any]]
    error: str | None


class MicrosoftWorker:
    """One app at a time in the real worker's code, in this process."""

    def __init__(self) -> None:
        package = "azure_functions_runtime"
        self._events: Any = importlib.import_module(f"{package}.handle_event")
        self._native: Any = importlib.import_module(f"{package}.native_invocation")
        self._registry = importlib.import_module(f"{package}.functions").Registry
        self._threads = importlib.import_module(f"{package}.utils.threadpool")
        self._threads.start_threadpool_executor()

    def close(self) -> None:
        """Let its threads go."""
        self._threads.stop_threadpool_executor()

    async def load(self, folder: Path) -> Loaded:
        """Index the app in a folder, forgetting the one before."""
        registry = self._registry()
        self._events._functions = registry
        self._native._functions = registry
        self._events._metadata_result = None
        sys.modules.pop("function_app", None)
        importlib.invalidate_caches()
        sys.path.insert(0, str(folder))
        try:
            return await self._load(folder)
        finally:
            sys.path.remove(str(folder))

    async def _load(self, folder: Path) -> Loaded:
        init = _Message(capabilities={}, function_app_directory=str(folder))
        properties = {"host": "127.0.0.1", "protos": _Protos()}
        request = _Message(request=_Message(worker_init_request=init), properties=properties)
        answer = await self._events.worker_init_request(request)
        if answer.result.status == _StatusResult.Failure:
            return Loaded(refused=str(answer.result.exception.message))
        metadata = (await self._events.functions_metadata_request(request)).function_metadata_results or []
        return Loaded(bindings={each.name: list(each.raw_bindings) for each in metadata})

    async def invoke(self, function: str, inputs: Mapping[str, Any], metadata: Mapping[str, Any]) -> Outcome:
        """Run a function with a datum per parameter."""
        answer = await self._native.invocation_request_native(
            str(uuid.uuid4()), str(uuid.uuid5(uuid.NAMESPACE_OID, function)), list(inputs.items()), dict(metadata)
        )
        succeeded, returned, outputs, error, _ = answer
        return Outcome(succeeded, returned, outputs, error)
