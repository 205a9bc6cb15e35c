"""One page of List Blobs, and the service's clock: fetched by the SDK and decoded by us.

`list_blobs` spends nine tenths of its time on turning XML into the SDK's models (it parses each page twice; see also
https://github.com/Azure/azure-sdk-for-python/issues/19755), and no public method gives the bytes. So the request goes
through the pipeline of the SDK's own client: its authentication, retries, time-outs, redirects and API version are
all in force, and `stream` keeps its XML decoder away. The pipeline is the one name here that is not public.

The request and its parameters: https://learn.microsoft.com/rest/api/storageservices/list-blobs
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azure.core.rest import HttpRequest

from shared.blobs.page_decoder import UnreadablePage, decode_page
from shared.errors import BlobsUnavailable
from shared.landing import Page
from shared.storage_answers import UNREADABLE_HINT, refusal, whole_answer

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient, ContainerClient

PAGE_SIZE = 5_000  # the most that Blob Storage gives
_ERROR_CODE = re.compile(rb"<Code>([A-Za-z0-9]+)</Code>")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of a listing: from a cursor on, or the first one from a name on; "" stands for none."""

    prefix: str
    cursor: str
    start_from: str
    size: int


async def read_page(container: ContainerClient, account: str, asked: PageRequest) -> Page:
    """Return a page of a listing. Safe to repeat.

    Raises what the SDK raises for the same listing, and BlobsUnavailable for a page that cannot be read.
    """
    response = await _answered(container, _request(container, asked))
    try:
        decoded = decode_page(response.content, account, container.container_name)
        server_time = parsedate_to_datetime(response.headers["Date"])
    except (UnreadablePage, KeyError, ValueError) as error:
        raise BlobsUnavailable(
            f"Could not list {container.container_name}/{asked.prefix}: Blob Storage answered what is no listing.",
            hint=UNREADABLE_HINT,
        ) from error
    return Page(arrivals=decoded.arrivals, server_time=server_time, cursor=decoded.next_marker)


async def read_server_time(service: BlobServiceClient) -> datetime:
    """Return the time at which Blob Storage says that it answered. Safe to repeat.

    Raises what the SDK raises, and BlobsUnavailable where it is not Blob Storage that answers. (A hook of the SDK's
    would also see the answers of gateways, and none at all after a connection broke.)
    """
    parameters = {"restype": "service", "comp": "properties"}
    headers = {"x-ms-version": service.api_version, "Accept": "application/xml"}
    response = await _answered(service, HttpRequest("GET", service.url, params=parameters, headers=headers))
    told = response.headers.get("Date") if b"<StorageServiceProperties" in response.content else None
    try:
        return parsedate_to_datetime(told or "")
    except ValueError as error:
        raise BlobsUnavailable(
            "Could not ask Blob Storage for the time: something else answered in its place.", hint=UNREADABLE_HINT
        ) from error


def _request(container: ContainerClient, asked: PageRequest) -> HttpRequest:
    parameters = {"restype": "container", "comp": "list", "maxresults": str(asked.size)}
    texts = {"prefix": asked.prefix, "marker": asked.cursor, "startFrom": asked.start_from}
    # HttpRequest joins parameters as they are.
    parameters |= {name: quote(text, safe="") for name, text in texts.items() if text}
    headers = {"x-ms-version": container.api_version, "Accept": "application/xml"}
    return HttpRequest("GET", container.url, params=parameters, headers=headers)


async def _answered(client: BlobServiceClient | ContainerClient, request: HttpRequest) -> Any:
    """Return the answer with its whole body; raises HttpResponseError when its status is not 200."""
    pipeline: Any = client._pipeline  # noqa: SLF001 - no public method gives the bytes; see above

    async def ask() -> Any:
        return (await pipeline.run(request, stream=True)).http_response

    response = await whole_answer(ask)
    if response.status_code != 200:
        code = _ERROR_CODE.search(response.content)
        raise refusal(response, code[1].decode("ascii") if code else None)
    return response
