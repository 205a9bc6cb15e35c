"""Notices as the bodies of webhooks."""

from __future__ import annotations

from localdev.workspace.json_fields import Document
from localdev.workspace.notifications.notice import Notice


def generic(notice: Notice, organisation: int) -> Document:
    """Return the body that a generic webhook gets, Databricks' own: ids are numbers, and there is no result in it.

    https://docs.databricks.com/aws/en/jobs/notifications
    """
    body: Document = {"event_type": f"jobs.{notice.event}", "workspace_id": organisation}
    run: Document = {"run_id": notice.run_id}
    if notice.task_key is not None:
        body["task"] = {"task_key": notice.task_key}
        run = {"run_id": notice.task_run_id, "parent_run_id": notice.run_id}
    return {**body, "run": run, "job": {"job_id": notice.job_id, "name": notice.job_name}}


def slack(notice: Notice, link: str) -> Document:
    """Return a message for an incoming webhook of Slack, in our own words; Databricks' may change at any time.

    Escaped as https://docs.slack.dev/messaging/formatting-message-text says, so that a job's name links to nothing and
    calls nobody.
    """
    lines = [notice.headline, *(f"{label}: {text}" for label, text in notice.details()), *([link] if link else [])]
    text = "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": text, "mrkdwn": False}


def teams(notice: Notice, link: str) -> Document:
    """Return a message for an incoming webhook of Microsoft Teams: an adaptive card.

    Its texts are text runs, which have no Markdown (https://adaptivecards.io/explorer/TextRun.html); the envelope is
    https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using.
    """
    lines = [notice.headline, *(f"{label}: {text}" for label, text in notice.details())]
    card: Document = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in lines],
    }
    if link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the run", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}
