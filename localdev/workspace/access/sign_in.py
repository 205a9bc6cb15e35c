"""Who may come in: from an Authorization header to the one who calls."""

from __future__ import annotations

import hmac

from localdev.workspace import errors
from localdev.workspace.access.identity import OWNER, Identity
from localdev.workspace.access.oauth import TokenIssuer
from localdev.workspace.settings import WorkspaceSettings
from shared.secret import Secret


class SignIn:
    """The tokens that are let in: the owner's, those of users, and those that clients were given."""

    def __init__(self, settings: WorkspaceSettings, issuer: TokenIssuer) -> None:
        users = [(Identity(name=name), token) for name, token in settings.users.items()]
        self._known: list[tuple[Identity, Secret]] = [(OWNER, settings.token), *users]
        self._issuer = issuer

    def of(self, authorization: str) -> Identity:
        """Return who calls; raises ApiError."""
        scheme, _, rest = authorization.partition(" ")
        token = rest.strip()
        if scheme.lower() != "bearer" or not token:
            raise errors.no_credential()
        found = None
        for identity, secret in self._known:
            if hmac.compare_digest(token.encode(), secret.reveal().encode()):
                found = identity
        return found or self._client(token)

    def _client(self, token: str) -> Identity:
        client = self._issuer.client_of(token)
        if client is None:
            raise errors.wrong_credential()
        return Identity(name=client, is_service_principal=True)
