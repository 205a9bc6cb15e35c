"""A notice as an e-mail: text and HTML, in which whatever a job is called is only ever text."""

from __future__ import annotations

import html
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from localdev.workspace.notifications.notice import Notice

FOOTER = "Sent by the local workspace of Landfall, as the settings of the job say."


def message(notice: Notice, *, delivery_id: str, sender: str, receivers: Sequence[str], link: str) -> EmailMessage:
    """Return the message of a notice; its Message-ID is the delivery's, so a second copy can be told from another.

    No header can be smuggled in: the subject is one line by then, and addresses are checked by the library, which
    raises ValueError.
    """
    made = EmailMessage(policy=SMTP)
    made["From"] = Address(display_name="Landfall", addr_spec=sender)
    made["To"] = [Address(addr_spec=receiver) for receiver in receivers]
    made["Subject"] = notice.headline
    made["Date"] = format_datetime(notice.happened_at)
    made["Message-ID"] = f"<{delivery_id}@landfall.invalid>"
    made["Auto-Submitted"] = "auto-generated"  # nobody's holiday answers: https://www.rfc-editor.org/rfc/rfc3834
    made.set_content(_text(notice, link))
    made.add_alternative(_html(notice, link), subtype="html")
    return made


def _text(notice: Notice, link: str) -> str:
    lines = [notice.headline, "", *(f"{label + ':':<10}{text}" for label, text in notice.details())]
    return "\n".join([*lines, *(["", link] if link else []), "", FOOTER, ""])


def _html(notice: Notice, link: str) -> str:
    rows = "\n".join(
        f'<tr><th align="left">{html.escape(label)}</th><td>{html.escape(text)}</td></tr>'
        for label, text in notice.details()
    )
    anchor = f'<p><a href="{html.escape(link)}">The run</a></p>\n' if link else ""
    return (
        f"<!doctype html>\n<html><body>\n<h3>{html.escape(notice.headline)}</h3>\n<table>\n{rows}\n</table>\n"
        f"{anchor}<p><small>{FOOTER}</small></p>\n</body></html>\n"
    )
