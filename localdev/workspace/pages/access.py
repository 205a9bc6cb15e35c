"""Who may read the pages: whoever has the workspace's token, in a browser that asks for this machine by its name.

The token itself is never in a link or a cookie. Both hold a value made of it that opens the pages, which change
nothing, and not the API: a link stays in a terminal, and a browser sends a cookie of 127.0.0.1 to every port of it
(https://www.rfc-editor.org/rfc/rfc6265#section-8.5).
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection, Mapping

from shared.secret import Secret

KEY_PARAMETER = "key"


def page_key(token: Secret) -> str:
    """Return the `key` of the link that signs a browser in; it holds for as long as the token does."""
    return _derived(token, "landfall workspace page link")


def page_link(base_url: str, token: Secret) -> str:
    """Return the link that signs a browser in."""
    return f"{base_url.rstrip('/')}/?{KEY_PARAMETER}={page_key(token)}"


def is_key(given: str, token: Secret) -> bool:
    """Tell whether a link's key is the right one."""
    return _same(given, page_key(token))


def is_token(given: str, token: Secret) -> bool:
    """Tell whether what somebody typed is the workspace's token."""
    return _same(given.strip(), token.reveal())


def cookie_name(port: int | None) -> str:
    """Return the name of the cookie: ports share their cookies, and two workspaces must not share theirs."""
    return f"landfall-workspace-{port or 80}"


def cookie_value(token: Secret) -> str:
    """Return what the cookie of a signed-in browser holds."""
    return _derived(token, "landfall workspace page cookie")


def is_signed_in(cookies: Mapping[str, str], authorization: str, port: int | None, token: Secret) -> bool:
    """Tell whether a request carries the cookie, or the token itself as a client of the API sends it."""
    scheme, _, bearer = authorization.partition(" ")
    if scheme.lower() == "bearer" and is_token(bearer, token):
        return True
    return _same(cookies.get(cookie_name(port), ""), cookie_value(token))


def is_own_host(host: str | None, more: Collection[str]) -> bool:
    """Tell whether a request means this machine: another name that leads here is an attack on the browser.

    https://owasp.org/www-community/attacks/DNS_Rebinding
    """
    name = (host or "").rstrip(".").lower()
    if name == "localhost" or name in {each.lower() for each in more}:
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _derived(token: Secret, purpose: str) -> str:
    return hmac.digest(token.reveal().encode(), purpose.encode(), "sha256").hex()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
