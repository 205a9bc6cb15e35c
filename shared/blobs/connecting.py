"""What all clients of Blob Storage share: patience, and our own words for what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError

from shared.errors import BlobsUnavailable
from shared.storage_answers import UNREADABLE, UNREADABLE_HINT, told

# The SDK's own default waits 15 s before it tries again, longer than Event Grid lets us take for all.
RETRIES: dict[str, Any] = {
    "initial_backoff": 0.5,
    "increment_base": 2,
    "random_jitter_range": 1,
    "retry_total": 2,
    "connection_timeout": 5,
    "read_timeout": 30,
    "permit_redirects": False,  # Blob Storage never redirects, and our identity is not for whoever does
}
_HINT = "Check the storage account of LANDING_STORAGE (or AzureWebJobsStorage) and our role on its blobs."


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Raise what the SDK raises as BlobsUnavailable, which says what could not be done."""
    try:
        yield
    except HttpResponseError as error:
        raise BlobsUnavailable(f"Could not {action}: {told('Blob Storage', error)}.", hint=_HINT) from error
    except (AzureError, OSError) as error:  # a time-out is an OSError
        raise BlobsUnavailable(f"Could not {action}: {type(error).__name__}.", hint=_HINT) from error
    except UNREADABLE as error:
        message = f"Could not {action}: the answer cannot be read ({type(error).__name__})."
        raise BlobsUnavailable(message, hint=UNREADABLE_HINT) from error
