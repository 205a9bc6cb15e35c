"""A secret for every setting that has one, and what finds them again, whole or in part, in whatever went out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

PARTIAL = 16  # characters: enough to guess the rest by, or to be found by


def canary(name: str) -> str:
    """Return a secret that occurs nowhere else, with characters that an address must escape."""
    return base64.b64encode(hashlib.sha512(f"canary of {name}".encode()).digest()).decode()


def token(name: str) -> str:
    """Return a secret fit for a header."""
    return hashlib.sha256(f"canary of {name}".encode()).hexdigest()


@dataclass(frozen=True)
class Canaries:
    """Secrets by the name of who holds them."""

    secrets: Mapping[str, str]

    def found_in(self, text: str) -> list[str]:
        """Return whose secrets a text gives away: any 16 characters of them, also in base64 or as an address has it."""
        return [name for name, secret in self.secrets.items() if any(part in text for part in parts_of(secret))]


def parts_of(secret: str) -> set[str]:
    """Return everything that would give a secret away."""
    raw = secret.encode()
    shifted = (base64.b64encode(b"\0" * shift + raw).decode()[4:-4] for shift in range(3))
    forms = (secret, quote(secret, safe=""), raw.hex(), *shifted)
    return {part for form in forms for part in _windows(form)}


def _windows(text: str) -> Iterable[str]:
    return (text[start : start + PARTIAL] for start in range(max(1, len(text) - PARTIAL + 1)))


def connection_string(name: str, endpoint: str) -> str:
    """Return a connection string whose key is a canary."""
    services = "".join(f"{service}Endpoint={endpoint}/{name};" for service in ("Blob", "Queue", "Table"))
    return f"AccountName={name};AccountKey={canary(name)};{services}"
