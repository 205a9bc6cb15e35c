"""`dbutils.secrets`. https://docs.databricks.com/aws/en/dev-tools/databricks-utils#secrets-utility-dbutilssecrets."""

from __future__ import annotations

from typing import NamedTuple

from localdev.workspace.child.services import Services


class SecretMetadata(NamedTuple):
    """One secret of a scope, without its value."""

    key: str


class SecretScope(NamedTuple):
    """One scope."""

    name: str


class SecretUtilities:
    """Secrets of the workspace's file; what was got here is shown nowhere any more."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def get(self, scope: str, key: str) -> str:
        """Return a secret's text; raises ExecutionError."""
        return str(self._services.ask("secret", scope, key))

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802 - Databricks' name
        """Return a secret's bytes in UTF-8; raises ExecutionError."""
        return self.get(scope, key).encode()

    def listScopes(self) -> list[SecretScope]:  # noqa: N802 - Databricks' name
        """Return the scopes."""
        return [SecretScope(name) for name in self._services.ask("scopes")]

    def list(self, scope: str) -> list[SecretMetadata]:
        """Return the keys of a scope; raises ExecutionError."""
        return [SecretMetadata(key) for key in self._services.ask("keys", scope)]
