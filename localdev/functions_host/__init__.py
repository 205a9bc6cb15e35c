"""The embedded Functions host: runs an unmodified Azure Functions app on a laptop (docs/functions-host.md)."""

from localdev.functions_host.host import EmbeddedHost

__all__ = ["EmbeddedHost"]
