"""What all clients of Blob Storage share: patience, keys, and our own words for what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError

from shared.errors import BlobsUnavailable
from shared.storage_connection import StorageConnection

# The SDK's own default waits 15 s before it tries again, longer than Event Grid lets us take for all.
RETRIES: dict[str, Any] = {
    "initial_backoff": 0.5,
    "increment_base": 2,
    "random_jitter_range": 1,
    "retry_total": 2,
    "connection_timeout": 5,
    "read_timeout": 30,
}
_HINT = "Check the storage account of LANDING_STORAGE (or AzureWebJobsStorage) and our role on its blobs."


def key_of(connection: StorageConnection) -> dict[str, str] | None:
    """Return the account's key as the SDK takes it, or None where the connection has none."""
    if connection.key is None:
        return None
    return {"account_name": connection.account, "account_key": connection.key.reveal()}


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Raise what the SDK raises as BlobsUnavailable, which says what could not be done."""
    try:
        yield
    except HttpResponseError as error:
        code = getattr(error, "error_code", None) or error.reason
        code = getattr(code, "value", code)  # the SDK gives some as text and some as an Enum
        raise BlobsUnavailable(
            f"Could not {action}: Blob Storage answered {error.status_code} {code}.", hint=_HINT
        ) from error
    except (AzureError, OSError) as error:  # a time-out is an OSError
        raise BlobsUnavailable(f"Could not {action}: {type(error).__name__}.", hint=_HINT) from error
