"""App settings: the `Values` of local.settings.json under the environment, as Core Tools lay them.

https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from shared.errors import ConfigurationError, Fault
from shared.storage_connection import StorageConnection, read_connection

_TRUE = {"1", "true"}


class SettingUnresolved(ValueError):
    """A binding names a setting that nothing defines."""


@dataclass(frozen=True)
class AppSettings:
    """The settings in force; names are found whatever their case, as .NET configuration does."""

    values: Mapping[str, str] = field(repr=False)

    @cached_property
    def _folded(self) -> Mapping[str, str]:
        return {name.casefold(): value for name, value in self.values.items()}

    def get(self, name: str) -> str | None:
        """Return a setting's value, or None when it is not defined."""
        return self._folded.get(name.casefold())

    def resolve(self, text: str) -> str:
        """Return `text` with every `%NAME%` replaced by its setting; raises SettingUnresolved, naming the setting."""
        parts = text.split("%")
        if len(parts) % 2 == 0:
            raise SettingUnresolved(f"the % at position {text.rindex('%')} of {text!r} has no closing %")
        for index in range(1, len(parts), 2):
            parts[index] = self._defined(parts[index])
        return "".join(parts)

    def connection(self, name: str) -> StorageConnection | Fault:
        """Return the storage account behind a binding's `connection`, or what is wrong with it; no name is Storage.

        The prefixed name comes first: https://github.com/Azure/azure-webjobs-sdk, IConfigurationExtensions.cs.
        """
        bare = name or "Storage"
        for candidate in (f"AzureWebJobs{bare}", bare):
            if found := read_connection(candidate, self.values):
                return found
        return Fault(f"the connection {bare} is not defined: set {bare}, or {bare}__accountName to sign in by identity")

    def usable_connection(self, name: str) -> StorageConnection:
        """Return the storage account behind a binding's `connection`; raises ConfigurationError."""
        found = self.connection(name)
        if isinstance(found, Fault):
            raise ConfigurationError("settings", [found])
        return found

    def is_disabled(self, function: str) -> bool:
        """Tell whether a setting such as AzureWebJobs.NAME.Disabled switches the function off.

        https://learn.microsoft.com/azure/azure-functions/disable-function
        """
        values = (self.get(f"AzureWebJobs{mark}{function}{mark}Disabled") for mark in (".", "__", "_", ":"))
        return any((value or "").strip().lower() in _TRUE for value in values)

    def _defined(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise SettingUnresolved(f"the setting {name} is not defined")
        return value


def read_settings_file(path: Path) -> dict[str, str]:
    """Return the `Values` of a local.settings.json, {} when there is no such file; raises ConfigurationError."""
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(path.name, [Fault(f"It cannot be read as JSON: {error}")]) from error
    values = document.get("Values", {}) if isinstance(document, dict) else None
    if not isinstance(values, dict):
        raise ConfigurationError(path.name, [Fault('It must be an object such as {"Values": {"NAME": "value"}}.')])
    if document.get("IsEncrypted") is True:
        fault = Fault("Its values are encrypted, which only Core Tools can read.")
        raise ConfigurationError(path.name, [fault], hint="Run `func settings decrypt`.")
    if faults := [Fault(problem) for name, value in values.items() if (problem := _problem(name, value))]:
        raise ConfigurationError(path.name, faults)
    return {name: str(value) for name, value in values.items()}


def settings_in_force(values: Mapping[str, str], environment: Mapping[str, str]) -> AppSettings:
    """Return `values` with the environment over them: what is exported in a shell wins, as with `func start`."""
    return AppSettings({**values, **environment})


@contextmanager
def placed_in_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Put into os.environ what it does not hold yet, and take just that out again at the end."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in added.items():
            if os.environ.get(name) == value:
                del os.environ[name]


def _problem(name: str, value: Any) -> str:
    """Say why a setting cannot be an environment variable; never shows its value."""
    if not isinstance(value, str | int | float):
        return f"Values.{name} must be a string."
    if not name or "=" in name or "\0" in name or "\0" in str(value):
        return f"Values has a name or a value that no environment variable can have: {name!r}."
    return ""
