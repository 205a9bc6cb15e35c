"""Puts the notifier of a workspace together."""

from __future__ import annotations

from localdev.workspace.api.views import Workspace
from localdev.workspace.notifications.mail_folder import MailFolder
from localdev.workspace.notifications.notifier import Notifier
from localdev.workspace.notifications.post_office import MailCarrier, PostOffice
from localdev.workspace.notifications.smtp import SmtpCarrier
from localdev.workspace.notifications.webhook import WebhookCarrier
from localdev.workspace.settings import WorkspaceSettings
from localdev.workspace.storage.store import Store
from shared.clock import Clock

MAIL_FOLDER = "mail"  # below the data folder


def notifier(store: Store, settings: WorkspaceSettings, clock: Clock) -> Notifier:
    """Return the notifier, which listens from now on, and delivers once it is started."""
    post_office = PostOffice(
        store.destinations,
        _mail(settings),
        WebhookCarrier(allow_http=settings.notifications.allow_http),
        sender=settings.notifications.sender,
        workspace=Workspace(base_url=settings.url, organisation=settings.organisation),
    )
    return Notifier(store, post_office, clock)


def _mail(settings: WorkspaceSettings) -> MailCarrier:
    server = settings.notifications.smtp
    if server is None:
        return MailFolder(settings.data / MAIL_FOLDER)
    return SmtpCarrier(server, settings.notifications.sender)
