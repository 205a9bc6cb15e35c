"""Storage connections, in the forms that Azure Functions knows."""

from __future__ import annotations

from shared.errors import Fault
from shared.storage_connection import StorageConnection, read_connection


def connection(environment: dict[str, str]) -> StorageConnection:
    """Return the connection X of an environment; it must be right."""
    found = read_connection("X", environment)
    assert isinstance(found, StorageConnection), found
    return found


def test_connection_string_gives_endpoints_and_key() -> None:
    """The usual connection string of an account's access keys."""
    found = connection({"X": "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a+b/c==;EndpointSuffix=x.net"})

    assert found.account == "acct"
    assert found.blob_endpoint == "https://acct.blob.x.net"
    assert found.table_endpoint == "https://acct.table.x.net"
    assert found.key is not None
    assert found.key.reveal() == "a+b/c=="


def test_explicit_endpoints_win() -> None:
    """Azurite on its own ports is reached by explicit endpoints."""
    found = connection({"X": "AccountName=a;AccountKey=k;BlobEndpoint=http://127.0.0.1:1/a/;QueueEndpoint=https://h/q"})

    assert found.blob_endpoint == "http://127.0.0.1:1/a"
    assert found.queue_endpoint == "https://h/q"


def test_development_storage_is_azurite() -> None:
    """UseDevelopmentStorage means Azurite on its usual ports."""
    found = connection({"X": "UseDevelopmentStorage=true"})

    assert found.table_endpoint == "http://127.0.0.1:10002/devstoreaccount1"


def test_account_name_alone_means_an_identity() -> None:
    """NAME__accountName signs in without a key, NAME__clientId says as whom."""
    found = connection({"X__accountName": "acct", "X__clientId": "id", "X__credential": "managedidentity"})

    assert found.key is None
    assert found.client_id == "id"
    assert found.blob_endpoint == "https://acct.blob.core.windows.net"


def test_service_addresses_name_the_account() -> None:
    """The samples of Azure give addresses and leave the name out."""
    found = connection({"X__blobServiceUri": "https://acct.blob.core.windows.net/"})

    assert found.account == "acct"
    assert found.blob_endpoint == "https://acct.blob.core.windows.net"


def test_absent_connection_is_none() -> None:
    """What is not set is not a fault: another connection may serve."""
    assert read_connection("X", {"XY": "z", "X": "  "}) is None


def test_unreadable_connection_is_a_fault_without_its_text() -> None:
    """A connection string is a secret even when it is wrong."""
    found = read_connection("X", {"X": "AccountKey=canary"})

    assert isinstance(found, Fault)
    assert "canary" not in found.message
