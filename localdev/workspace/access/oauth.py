"""OAuth for machines: access tokens for client credentials, as the workspace's own token endpoint gives them.

https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m, https://www.rfc-editor.org/rfc/rfc6749#section-4.4.
A token is a JWT that only we can sign, so nothing of it has to be kept, and it outlives a restart.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from localdev.workspace.errors import OAuthError, expired_credential
from shared.clock import Clock
from shared.secret import Secret

LIFETIME = timedelta(seconds=3600)  # https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m
SCOPE = "all-apis"
TOKEN_PATH = "/oidc/v1/token"  # noqa: S105 - a path
_HEADER = {"alg": "HS256", "typ": "JWT"}


class TokenIssuer:
    """Gives tokens to clients that know their secret, and recognises them again."""

    def __init__(self, clients: Mapping[str, Secret], key: Secret, clock: Clock) -> None:
        self._clients = clients
        self._key = hmac.digest(key.reveal().encode(), b"access tokens of the local workspace", hashlib.sha256)
        self._clock = clock
        self._generation = 0

    def answer(self, authorization: str, body: bytes) -> dict[str, Any]:
        """Return the answer to a request for a token; raises OAuthError."""
        form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        client = self._client(authorization, form)
        if form.get("grant_type") != "client_credentials":
            raise OAuthError(400, "unsupported_grant_type", "The grant_type must be client_credentials.")
        if form.get("scope", SCOPE) != SCOPE:
            raise OAuthError(400, "invalid_scope", f"The scope must be {SCOPE}.")
        seconds = round(LIFETIME.total_seconds())
        return {"access_token": self.issue(client), "token_type": "Bearer", "expires_in": seconds, "scope": SCOPE}

    def issue(self, client: str) -> str:
        """Return a new token of a client."""
        now = round(self._clock.now().timestamp())
        claims = {
            "sub": client,
            "client_id": client,
            "scope": SCOPE,
            "iat": now,
            "exp": now + round(LIFETIME.total_seconds()),
            "jti": str(uuid.uuid4()),
            "generation": self._generation,
        }
        signed = f"{_encoded(_HEADER)}.{_encoded(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def client_of(self, token: str) -> str | None:
        """Return whose token it is, None when it is none of ours; raises ApiError when it has expired."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(signed).encode(), signature.encode()):
            return None
        claims = json.loads(_decoded(signed.partition(".")[2]))
        if claims["exp"] <= self._clock.now().timestamp() or claims["generation"] < self._generation:
            raise expired_credential()
        client = str(claims["sub"])
        return client if client in self._clients else None

    def expire_all(self) -> None:
        """Make every token that was given so far count as expired."""
        self._generation += 1

    def _client(self, authorization: str, form: Mapping[str, str]) -> str:
        name, secret = _basic(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
        known = self._clients.get(name)
        if known is None or known != Secret(secret):
            raise OAuthError(401, "invalid_client", "Client authentication failed")
        return name

    def _signature(self, signed: str) -> str:
        return _base64(hmac.digest(self._key, signed.encode("utf-8", "replace"), hashlib.sha256))


def metadata(base_url: str) -> dict[str, Any]:
    """Return where the endpoints are. https://www.rfc-editor.org/rfc/rfc8414."""
    return {
        "issuer": f"{base_url}/oidc",
        "authorization_endpoint": f"{base_url}/oidc/v1/authorize",
        "token_endpoint": f"{base_url}{TOKEN_PATH}",
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": [SCOPE],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }


def _basic(authorization: str) -> tuple[str, str] | None:
    """Return the name and secret of a Basic header, which the SDKs send as they are, and not percent-encoded."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return name, secret


def _encoded(document: Mapping[str, Any]) -> str:
    return _base64(json.dumps(document).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
