"""Notification destinations: where webhooks go, as the Notification Destinations API takes and shows them.

The shapes are those of the SDK's `NotificationDestination`, `Config` and its nested configs: urls, user names and
passwords are input only, and an answer says no more than that they are set. Nested configs may be changed in part,
since who changes one cannot have read the rest.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from localdev.workspace.errors import ApiError, invalid, not_supported
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.notifications.settings import is_address
from shared.secret import Secret

LONGEST_URL = 2000  # characters


class DestinationType(StrEnum):
    """What stands behind a destination."""

    EMAIL = "EMAIL"
    SLACK = "SLACK"
    TEAMS = "MICROSOFT_TEAMS"
    WEBHOOK = "WEBHOOK"


_TYPES = {
    "email": DestinationType.EMAIL,
    "slack": DestinationType.SLACK,
    "microsoft_teams": DestinationType.TEAMS,
    "generic_webhook": DestinationType.WEBHOOK,
}
_NAMES = {kind: name for name, kind in _TYPES.items()}
_ELSEWHERE = ("pagerduty", "databricks_app_slack", "databricks_app_teams")
_SIGNED_IN = ("channel_id", "oauth_token", "app_id", "auth_secret", "channel_url", "tenant_id")  # Slack's, Teams' apps


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """One destination; of the fields that its type has not, none is set."""

    id: str  # a UUID
    name: str
    type: DestinationType
    url: Secret | None = None  # whoever knows Slack's or Teams' can write there
    username: str | None = None
    password: Secret | None = None
    addresses: tuple[str, ...] = ()

    def config(self) -> Document:
        """Return the configuration without anything secret."""
        if self.type is DestinationType.EMAIL:
            return {_NAMES[self.type]: {"addresses": list(self.addresses)}}
        shown: Document = {"url_set": self.url is not None}
        if self.type is DestinationType.WEBHOOK:
            shown |= {"username_set": self.username is not None, "password_set": self.password is not None}
        return {_NAMES[self.type]: shown}


def read(destination_id: str, body: Document, old: Destination | None, *, allow_http: bool) -> Destination:
    """Return the destination of a request, what it does not say taken from the `old` one; raises ApiError."""
    fields = Fields(body)
    if fields.has("config"):
        kind, config = _nested(Fields(fields.object("config")))
    elif old is not None:
        kind, config = old.type, Fields({})
    else:
        raise invalid("Missing required field: config")
    if old is not None and kind is not old.type:
        raise invalid(f"The type of a notification destination cannot be changed: it is {old.type}.")
    name = fields.text("display_name") or ("" if old is None else old.name)
    if not name:
        raise invalid("Missing required field: display_name")
    if kind is DestinationType.EMAIL:
        return Destination(id=destination_id, name=name, type=kind, addresses=_addresses(config, old))
    _refuse_apps(config, kind)
    return Destination(
        id=destination_id,
        name=name,
        type=kind,
        url=_url(config, kind, old, allow_http=allow_http),
        username=config.text("username") or (old.username if old else None)
        if kind is DestinationType.WEBHOOK
        else None,
        password=_password(config, old) if kind is DestinationType.WEBHOOK else None,
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, whatever a name server says."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def leads_astray(host: str) -> bool:
    """Tell whether a host is an address that no receiver has: of the link (a cloud's metadata), of nobody, of many."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_link_local or address.is_unspecified or address.is_multicast


def missing(destination_id: str) -> ApiError:
    """Return the answer for a destination that does not exist."""
    message = f"Notification destination {destination_id[:300]} does not exist."
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)


def not_admin(caller: str) -> ApiError:
    """Return the answer for a caller who is no admin, and may not change destinations."""
    return ApiError(403, "PERMISSION_DENIED", f'User "{caller}" is not a workspace admin: only admins may do this.')


def _nested(config: Fields) -> tuple[DestinationType, Fields]:
    for name in _ELSEWHERE:
        if config.has(name):
            raise not_supported(f"A notification destination of the type {name}")
    found = [name for name in _TYPES if config.has(name)]
    if len(found) != 1:
        raise invalid(f"config must hold exactly one of {', '.join(_TYPES)}.")
    return _TYPES[found[0]], Fields(config.object(found[0]))


def _addresses(config: Fields, old: Destination | None) -> tuple[str, ...]:
    addresses = config.text_list("addresses") or (old.addresses if old else ())
    for address in addresses:
        if not is_address(address):
            raise invalid(f"email.addresses: {address[:300]!r} is no e-mail address.")
    if not addresses:
        raise invalid("email.addresses is empty.")
    return addresses


def _refuse_apps(config: Fields, kind: DestinationType) -> None:
    for name in _SIGNED_IN:
        if config.has(name):
            raise not_supported(f"{_NAMES[kind]}.{name}: an incoming webhook's url is, and an app")


def _url(config: Fields, kind: DestinationType, old: Destination | None, *, allow_http: bool) -> Secret:
    text = config.text("url")
    where = f"{_NAMES[kind]}.url"
    if not text:
        if old is None or old.url is None:
            raise invalid(f"{where} is missing.")
        return old.url
    _check_url(_split(text, where), where, allow_http=allow_http)
    return Secret(text)


def _split(text: str, where: str) -> SplitResult:
    try:
        url = urlsplit(text)
        url.port  # noqa: B018 - reading it raises ValueError for what is no port
    except ValueError as error:
        raise invalid(f"{where} is no URL.") from error
    if (
        not url.hostname
        or len(text) > LONGEST_URL
        or not text.isascii()
        or not text.isprintable()
        or {" ", "\\"} & set(text)
    ):
        raise invalid(f"{where} is no URL: https://HOST/PATH, up to {LONGEST_URL} characters, all of them ASCII.")
    return url


def _check_url(url: SplitResult, where: str, *, allow_http: bool) -> None:
    if url.username is not None or url.password is not None:
        raise invalid(f"{where} holds credentials: put them into username and password.")
    if leads_astray(url.hostname or "") and not allow_http:
        raise invalid(f"{where} is an address that leads to no receiver: name a host, or the address of one.")
    if url.scheme == "https" or (url.scheme == "http" and (allow_http or is_loopback(url.hostname or ""))):
        return
    raise invalid(
        f"{where} must begin with https://. Only this machine itself is reached by http, "
        "or any host if the workspace is started with --allow-http-webhooks."
    )


def _password(config: Fields, old: Destination | None) -> Secret | None:
    text = config.text("password")
    return Secret(text) if text else (old.password if old else None)
