"""The many ways in which people write down which blob they mean."""

from __future__ import annotations

import re
from urllib.parse import unquote

from cli.blob_place import BlobPlace

# abfss://container@account.dfs.core.windows.net/path, the path as it is:
# https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-introduction-abfs-uri
_SPARK = re.compile(r"(?:abfs|wasb)s?://(?P<container>[^@/]+)@(?P<host>[^/]+)/(?P<path>.+)", re.DOTALL | re.IGNORECASE)
# Nothing behind a `?` is kept, for it may hold a signature. A `#` belongs to the name: Azure's own events leave it raw.
_HTTP = re.compile(r"https?://(?P<host>[^/?]+)/(?P<place>[^?]*)(?:\?.*)?", re.DOTALL | re.IGNORECASE)
# Behind what is no URL a `?` may be part of the name, unless a signature follows.
_SIGNATURE = re.compile(r"\?(?=[^?]*\bsig=).*", re.DOTALL)
_STORAGE_HOST = re.compile(r"([a-z0-9]+)\.(?:blob|dfs)\.", re.IGNORECASE)


def parse_address(text: str) -> BlobPlace:
    """Return the blob of `container/path`, of an https URL, or of an abfss or wasbs URI.

    Raises ValueError with a sentence that holds nothing of the text, which may hold a secret.
    """
    text = _SIGNATURE.sub("", text)
    if found := _SPARK.fullmatch(text):
        return BlobPlace(_account(found["host"]), found["container"], found["path"])
    if found := _HTTP.fullmatch(text):
        return _of_url(found["host"], unquote(found["place"]))
    if re.match(r"[a-z]+://", text, re.IGNORECASE):
        raise ValueError("of URLs only https://, abfss:// and wasbs:// name blobs")
    return _placed("", text.lstrip("/"))


def _of_url(host: str, place: str) -> BlobPlace:
    account = _account(host)
    if not account:
        # An emulator, or a host that is an IP address, has the account in the path:
        # https://learn.microsoft.com/azure/storage/common/storage-use-azurite#ip-style-url
        account, _, place = place.partition("/")
    if place and "/" not in place:
        place = f"$root/{place}"
    return _placed(account, place)


def _placed(account: str, place: str) -> BlobPlace:
    container, _, path = place.partition("/")
    if not (container and path):
        raise ValueError("a blob is a container and a path, such as landing/crm/orders.csv")
    return BlobPlace(account, container, path)


def _account(host: str) -> str:
    found = _STORAGE_HOST.match(host)
    return found[1].lower() if found else ""
