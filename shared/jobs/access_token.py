"""An access token, and whoever fetches one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from shared.secret import Secret

# For an answer that does not say in a readable way how long its token lives.
ASSUMED_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token and the moment it expires."""

    secret: Secret
    expires_at: datetime


class SignIn(Protocol):
    """One way to sign in to Databricks."""

    async def sign_in(self) -> AccessToken:
        """Return a new access token; raises JobsUnauthorised with the reason and nothing secret."""

    async def forget(self) -> None:
        """Drop whatever would make the next sign_in return the same token again."""

    async def aclose(self) -> None:
        """Close what is open; safe to repeat."""
