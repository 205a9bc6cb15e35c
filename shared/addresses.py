"""Which addresses of other services Landfall talks to: encrypted ones of named hosts, and what is on this machine."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def split_address(text: str) -> SplitResult | None:
    """Return the parts of an address, or None for what is none: a port that is no number, half an IPv6 address."""
    try:
        parts = urlsplit(text)
        _ = parts.port, parts.hostname  # read from the text only now
    except ValueError:
        return None
    return parts


def is_safe(parts: SplitResult) -> bool:
    """Tell whether secrets may go there: https and a host's name, or http or https on this very machine.

    A bare IP address has no certificate worth trusting, and 169.254.169.254 hands out identities.
    """
    if is_loopback(parts):
        return parts.scheme in {"http", "https"}
    host = parts.hostname or ""
    return parts.scheme == "https" and bool(_HOST_NAME.fullmatch(host)) and not _is_ip_address(host)


def is_loopback(parts: SplitResult) -> bool:
    """Tell whether an address is on this machine."""
    return parts.hostname in _LOOPBACK


def _is_ip_address(host: str) -> bool:
    # 169.254.169.254 may also be written 2852039166 or 0xa9fea9fe; no public name is one number.
    if re.fullmatch(r"(?:0[xX][0-9A-Fa-f]*|[0-9]+)(?:\.(?:0[xX][0-9A-Fa-f]*|[0-9]+)){0,3}\.?", host):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
