"""What a function is told about its own invocation, and where it puts its outputs."""

from __future__ import annotations

import secrets
import threading
from functools import cached_property
from typing import Any

import azure.functions as func


class HostContext(func.Context):
    """The `context` parameter; on the laptop nothing is retried and each invocation starts a trace of its own."""

    _local = threading.local()

    def __init__(self, function_name: str, function_directory: str, invocation_id: str) -> None:
        self._function_name = function_name
        self._function_directory = function_directory
        self._invocation_id = invocation_id

    @property
    def invocation_id(self) -> str:
        """Return the invocation's id."""
        return self._invocation_id

    @property
    def thread_local_storage(self) -> Any:
        """Return what a function's own threads set `invocation_id` in, to be logged with the invocation."""
        return self._local

    @property
    def function_name(self) -> str:
        """Return the function's name."""
        return self._function_name

    @property
    def function_directory(self) -> str:
        """Return the folder of the file that defines the function."""
        return self._function_directory

    @cached_property
    def trace_context(self) -> Any:
        """Return a W3C trace context."""
        return _TraceContext()

    @cached_property
    def retry_context(self) -> Any:
        """Return that nothing was retried."""
        return _RetryContext()


class _TraceContext:
    """The members of azure-functions' TraceContext, which it does not export."""

    trace_state = ""

    def __init__(self) -> None:
        self.trace_parent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
        self.attributes: dict[str, str] = {}


class _RetryContext:
    """The members of azure-functions' RetryContext, which it does not export."""

    retry_count = 0
    max_retry_count = 0
    exception = None


class OutputParameter(func.Out[Any]):
    """A `func.Out` parameter; None until the function sets it."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        """Keep the value for the host."""
        self._value = val

    def get(self) -> Any:
        """Return the value set last."""
        return self._value
