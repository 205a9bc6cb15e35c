"""Who may call what, when keys are checked at all: `func start` does not, nor does this host unless it is told to.

https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from shared.secret import Secret

if TYPE_CHECKING:
    from starlette.requests import Request

_NO_KEY = Secret("")


class AccessLevel(IntEnum):
    """What a caller may do; a higher level includes the lower ones, save SYSTEM, which opens webhooks only."""

    ANONYMOUS = 0
    FUNCTION = 1
    SYSTEM = 2
    ADMIN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessKeys:
    """The keys given at start. An empty one opens nothing; `checked` False opens everything."""

    checked: bool = False
    function: Secret = _NO_KEY
    system: Secret = _NO_KEY  # of the Event Grid webhook
    master: Secret = _NO_KEY

    def allow(self, request: Request, needed: AccessLevel) -> bool:
        """Tell whether the request's key, in `x-functions-key` or else `?code=`, reaches the level needed."""
        if not self.checked or needed is AccessLevel.ANONYMOUS:
            return True
        given = request.headers.get("x-functions-key") or request.query_params.get("code") or ""
        keys = {AccessLevel.FUNCTION: self.function, AccessLevel.SYSTEM: self.system, AccessLevel.ADMIN: self.master}
        return _same(given, keys[needed]) or _same(given, self.master)

    def is_master(self, request: Request) -> bool:
        """Tell whether the request carries the master key itself; never so where keys are not checked."""
        return self.checked and self.allow(request, AccessLevel.ADMIN)


def _same(given: str, key: Secret) -> bool:
    return bool(key) and hmac.compare_digest(given.encode("utf-8", "replace"), key.reveal().encode("utf-8", "replace"))
