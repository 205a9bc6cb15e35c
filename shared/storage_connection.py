"""Where a storage account is and how to sign in to it, in the two forms that Azure Functions knows.

A connection string in NAME, or the identity form NAME__accountName (or NAME__blobServiceUri,
NAME__queueServiceUri, NAME__tableServiceUri), with NAME__clientId for a user-assigned identity.
https://learn.microsoft.com/azure/azure-functions/functions-reference#configure-an-identity-based-connection
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.addresses import is_safe, split_address
from shared.errors import Fault
from shared.secret import Secret

# Azurite's well-known account: published by Microsoft and the same on every machine, so no secret at all.
# https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key
EMULATOR_ACCOUNT = "devstoreaccount1"
EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_EMULATOR_PORTS = {"blob": 10000, "queue": 10001, "table": 10002}
_SERVICES = ("blob", "queue", "table")


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageConnection:
    """A storage account: its name, its endpoints (no trailing slash), and the key, or None for an identity."""

    account: str
    blob_endpoint: str
    queue_endpoint: str
    table_endpoint: str
    key: Secret | None = None
    client_id: str | None = None  # of a user-assigned managed identity

    @property
    def named_key(self) -> dict[str, str] | None:
        """Return the key as the SDKs of blobs and queues take it, None for an identity. It is a secret."""
        return {"account_name": self.account, "account_key": self.key.reveal()} if self.key else None

    @property
    def is_emulator(self) -> bool:
        """Tell whether this is Azurite, which has no dfs endpoint for Databricks to read from."""
        return self.account == EMULATOR_ACCOUNT


def read_connection(name: str, environment: Mapping[str, str]) -> StorageConnection | Fault | None:
    """Return the connection called `name`, what is wrong with it, or None when nothing defines it."""
    text = environment.get(name, "").strip()
    if text:
        return _from_connection_string(name, text)
    prefix = f"{name}__"
    parts = {key.removeprefix(prefix): value for key, value in environment.items() if key.startswith(prefix) and value}
    return _from_identity(name, parts) if parts else None


def _from_connection_string(name: str, text: str) -> StorageConnection | Fault:
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    if parts.get("UseDevelopmentStorage", "").lower() == "true":
        return _emulator(name, parts.get("DevelopmentStorageProxyUri", "http://127.0.0.1"))
    account, key = parts.get("AccountName", ""), parts.get("AccountKey", "")
    if not (account and key):
        return Fault(
            f"{name} is no connection string with AccountName and AccountKey. "
            f"Copy one from the storage account's access keys, or set {name}__accountName to sign in by identity."
        )
    scheme = parts.get("DefaultEndpointsProtocol", "https")
    suffix = parts.get("EndpointSuffix", "core.windows.net")
    endpoints = {
        service: parts.get(f"{service.capitalize()}Endpoint", f"{scheme}://{account}.{service}.{suffix}").rstrip("/")
        for service in _SERVICES
    }
    return _connection(name, account, endpoints, key=Secret(key))


def _from_identity(name: str, parts: Mapping[str, str]) -> StorageConnection | Fault:
    account = parts.get("accountName") or _account_of(parts)
    if not account:
        return Fault(f"{name}__accountName is missing: set it to the storage account's name.")
    endpoints = {
        service: parts.get(f"{service}ServiceUri", f"https://{account}.{service}.core.windows.net").rstrip("/")
        for service in _SERVICES
    }
    return _connection(name, account, endpoints, client_id=parts.get("clientId"))


def _account_of(parts: Mapping[str, str]) -> str:
    for service in _SERVICES:
        address = split_address(parts.get(f"{service}ServiceUri", ""))
        if address is not None and address.hostname:
            return address.hostname.split(".", 1)[0]
    return ""


def _is_usable(endpoint: str, account: str) -> bool:
    """Tell whether an endpoint may be talked to: Azurite's key is no secret, and its container may have any name."""
    address = split_address(endpoint)
    if address is None or not address.hostname:
        return False
    return is_safe(address) or (account == EMULATOR_ACCOUNT and address.scheme in {"http", "https"})


def _emulator(name: str, proxy: str) -> StorageConnection | Fault:
    endpoints = {service: f"{proxy.rstrip('/')}:{port}/{EMULATOR_ACCOUNT}" for service, port in _EMULATOR_PORTS.items()}
    return _connection(name, EMULATOR_ACCOUNT, endpoints, key=Secret(EMULATOR_KEY))


def _connection(
    name: str, account: str, endpoints: Mapping[str, str], *, key: Secret | None = None, client_id: str | None = None
) -> StorageConnection | Fault:
    if not all(_is_usable(endpoint, account) for endpoint in endpoints.values()):
        return Fault(f"{name} names an endpoint that is no https:// address; only Azurite's may be http://.")
    return StorageConnection(
        account=account,
        blob_endpoint=endpoints["blob"],
        queue_endpoint=endpoints["queue"],
        table_endpoint=endpoints["table"],
        key=key,
        client_id=client_id,
    )
