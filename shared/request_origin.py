"""Whether a browser sends a request for a page of another site.

Where App Service signs people in, a cookie lets their browser in, whosever page it is that makes it send something.
Browsers say so themselves, in headers that no page can set: https://developer.mozilla.org/docs/Web/HTTP/Headers/Sec-Fetch-Site
Scripts and Azure send neither header.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.errors import RequestForeign

_OURS = frozenset({"same-origin", "none"})  # none: typed into the address bar


def refuse_other_sites(headers: Mapping[str, str]) -> None:
    """Raise RequestForeign for a request that a page of another site has made; `headers` has names in lower case."""
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    is_ours = site in _OURS if site else not origin or _host(origin) == headers.get("host", "").lower()
    if not is_ours:
        raise RequestForeign(["A page of another site sent this request."], hint="Send it from a script, or from here.")


def _host(origin: str) -> str | None:
    """Return the host and port of an origin; None for `null` and for what is none."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
