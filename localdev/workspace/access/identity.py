"""Who calls the workspace: its owner, another user, or a service principal that signs in with a client secret."""

from __future__ import annotations

from dataclasses import dataclass

USER, GROUP, SERVICE_PRINCIPAL = "user_name", "group_name", "service_principal_name"
EVERYBODY = "users"  # the group that everybody is in
ADMINS = "admins"  # the group that may do everything


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Whom a permission names; `kind` is the API's field for it."""

    kind: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """One who has signed in."""

    name: str  # a user's name, or a service principal's application id
    is_admin: bool = False
    is_service_principal: bool = False

    @property
    def principal(self) -> Principal:
        """Return the caller itself, as permissions name it."""
        return Principal(kind=SERVICE_PRINCIPAL if self.is_service_principal else USER, name=self.name)

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the groups that the caller is in."""
        return (ADMINS, EVERYBODY) if self.is_admin else (EVERYBODY,)

    @property
    def principals(self) -> tuple[Principal, ...]:
        """Return all that a permission may name to mean this caller."""
        return (self.principal, *(Principal(kind=GROUP, name=name) for name in self.groups))


OWNER = Identity(name="landfall@localhost", is_admin=True)
