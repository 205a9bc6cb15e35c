"""From a delivery to the way it travels."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from typing import Protocol

from localdev.workspace.api.views import Workspace
from localdev.workspace.notifications import payloads
from localdev.workspace.notifications.destination_table import DestinationTable
from localdev.workspace.notifications.destinations import DestinationType
from localdev.workspace.notifications.message import message
from localdev.workspace.notifications.model import Channel
from localdev.workspace.notifications.outbox import Delivery
from localdev.workspace.notifications.undelivered import NeverAgain
from localdev.workspace.notifications.webhook import WebhookCarrier


class MailCarrier(Protocol):
    """Takes e-mails."""

    async def send(self, message: EmailMessage, receivers: Sequence[str], delivery_id: str) -> None:
        """Send a message; raises TryLater or NeverAgain."""

    def close(self) -> None:
        """End what is under way."""


class PostOffice:
    """Knows for every receiver the form of the message and who carries it."""

    def __init__(
        self,
        destinations: DestinationTable,
        mail: MailCarrier,
        webhooks: WebhookCarrier,
        *,
        sender: str,
        workspace: Workspace,
    ) -> None:
        self._destinations = destinations
        self._mail = mail
        self._webhooks = webhooks
        self._sender = sender
        self._workspace = workspace

    async def deliver(self, delivery: Delivery) -> None:
        """Deliver; raises TryLater or NeverAgain. The receiver may get it twice, with the same id."""
        if delivery.receiver.channel is Channel.EMAIL:
            await self._mail_to([delivery.receiver.address], delivery)
            return
        destination = self._destinations.get(delivery.receiver.address)
        if destination is None:
            raise NeverAgain("The notification destination has been deleted")
        link = delivery.notice.link(self._workspace)
        match destination.type:
            case DestinationType.EMAIL:
                await self._mail_to(destination.addresses, delivery)
            case DestinationType.SLACK:
                await self._webhooks.post(destination, payloads.slack(delivery.notice, link), delivery.id)
            case DestinationType.TEAMS:
                await self._webhooks.post(destination, payloads.teams(delivery.notice, link), delivery.id)
            case DestinationType.WEBHOOK:
                body = payloads.generic(delivery.notice, self._workspace.organisation)
                await self._webhooks.post(destination, body, delivery.id)

    async def close(self) -> None:
        """Close all connections."""
        self._mail.close()
        await self._webhooks.close()

    async def _mail_to(self, receivers: Sequence[str], delivery: Delivery) -> None:
        link = delivery.notice.link(self._workspace)
        try:
            made = message(
                delivery.notice, delivery_id=delivery.id, sender=self._sender, receivers=receivers, link=link
            )
        except ValueError as error:
            raise NeverAgain("The receiver's address is no e-mail address") from error
        await self._mail.send(made, receivers, delivery.id)
