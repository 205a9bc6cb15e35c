"""What e-mails, Slack, Teams and generic webhooks say."""

from __future__ import annotations

import html
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.api.views import Workspace
from localdev.workspace.flow import outcomes
from localdev.workspace.model.run import Outcome
from localdev.workspace.notifications import notice as notices
from localdev.workspace.notifications import payloads
from localdev.workspace.notifications.happenings import Happening, Verdict
from localdev.workspace.notifications.message import message
from localdev.workspace.notifications.model import Event
from localdev.workspace.notifications.notice import notice_of, one_line
from tests.localdev.workspace.kit import START
from tests.localdev.workspace.notifications.kit import SOMEBODY, a_notice, a_run, parsed

ORGANISATION = 1234567890123456
SENDER = "workspace@landfall.invalid"
NAMES = st.text(max_size=300) | st.text(alphabet="\r\n :<>&\"'=?a\u2028\x85\x0b\0", max_size=40)


def mail(name: str, link: str = "", **changes: str) -> bytes:
    """Return the bytes of the e-mail about a job of that name."""
    made = message(a_notice(name=name), delivery_id="d", sender=SENDER, receivers=[SOMEBODY], link=link, **changes)
    return bytes(made)


def test_mail_says_what_a_reader_needs() -> None:
    """Job, run, result, why, when, how long, and where to look."""
    link = a_notice().link(Workspace(base_url="http://127.0.0.1:8765", organisation=ORGANISATION))
    got = parsed(mail("ETL Pipeline Daily", link))
    text = got.get_body(("plain",))
    assert text is not None

    assert got["Subject"] == "ETL Pipeline Daily: run 1 failed"
    assert got["To"] == SOMEBODY
    assert got["From"] == f"Landfall <{SENDER}>"
    assert got["Message-ID"] == "<d@landfall.invalid>"
    assert got["Date"] == "Sun, 22 Nov 2026 12:01:30 +0000"
    lines = text.get_content().splitlines()
    assert "Job:      ETL Pipeline Daily (7)" in lines
    assert "Result:   failed" in lines
    assert "Started:  2026-11-22 12:00:00 UTC" in lines
    assert "Ended:    2026-11-22 12:01:30 UTC" in lines
    assert "Duration: 90.0 s" in lines
    assert any(line.startswith("Reason:   Task a failed with message") for line in lines)
    assert f"http://127.0.0.1:8765/jobs/7/runs/1?o={ORGANISATION}" in lines


@given(NAMES)
def test_no_name_smuggles_headers(name: str) -> None:
    """Whatever a job is called, the message has our headers, one subject of one line, and one receiver."""
    name = name.encode("utf-8", "replace").decode()
    got = parsed(mail(name))

    assert sorted({header.lower() for header in got}) == [
        "auto-submitted",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "subject",
        "to",
    ]
    assert len(got.items()) == 8
    assert got["To"] == SOMEBODY
    assert not any(unicodedata.category(each) == "Cc" for each in got["Subject"])


def test_newline_in_a_name_ends_no_header() -> None:
    """The textbook attack, as bytes on the wire."""
    sent = mail("ETL\r\nBcc: victim@example.com\r\n\r\nPay here")
    head = sent.partition(b"\r\n\r\n")[0]

    assert b"\nBcc:" not in head
    assert parsed(sent)["Subject"] == "ETL Bcc: victim@example.com Pay here: run 1 failed"


@given(NAMES)
def test_no_name_becomes_html(name: str) -> None:
    """It is text, also between tags: the only tags are ours."""
    name = name.encode("utf-8", "replace").decode()
    body = parsed(mail(name, "http://x/?o=1#job/7")).get_body(("html",))
    assert body is not None
    page = body.get_content()
    ours = parsed(mail("ETL", "http://x/?o=1#job/7")).get_body(("html",))
    assert ours is not None

    assert page.count("<") == ours.get_content().count("<")
    shown = one_line(name, 200)
    assert f"{html.escape(shown)} (7)" in page


def test_address_with_a_line_break_is_refused() -> None:
    """The library does it, should one ever get past the door."""
    with pytest.raises(ValueError, match=r"[Ii]nvalid|[Cc]haracters|CR|expected"):
        message(a_notice(), delivery_id="d", sender=SENDER, receivers=["a@b.c\r\nBcc: x@y.z"], link="")


def test_generic_webhook_gets_databricks_own_payload() -> None:
    """Ids are numbers, and there is no result in it. https://docs.databricks.com/aws/en/jobs/notifications."""
    assert payloads.generic(a_notice(), ORGANISATION) == {
        "event_type": "jobs.on_failure",
        "workspace_id": ORGANISATION,
        "run": {"run_id": 1},
        "job": {"job_id": 7, "name": "ETL"},
    }


def test_generic_webhook_of_a_task_names_both_runs() -> None:
    """`run_id` is the task run then, and `parent_run_id` the job's."""
    assert payloads.generic(a_notice(of_task=True), ORGANISATION) == {
        "event_type": "jobs.on_failure",
        "workspace_id": ORGANISATION,
        "task": {"task_key": "a"},
        "run": {"run_id": 2, "parent_run_id": 1},
        "job": {"job_id": 7, "name": "ETL"},
    }


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (Event.START, "jobs.on_start"),
        (Event.SUCCESS, "jobs.on_success"),
        (Event.FAILURE, "jobs.on_failure"),
        (Event.DURATION, "jobs.on_duration_warning_threshold_exceeded"),
    ],
)
def test_event_types_are_databricks_codes(event: Event, code: str) -> None:
    """Clients branch on them."""
    notice = notice_of(Happening(event=event, run=a_run()), START)

    assert payloads.generic(notice, ORGANISATION)["event_type"] == code


def test_slack_text_is_only_text() -> None:
    """A job's name links to nothing and calls nobody."""
    body = payloads.slack(a_notice(name="<!channel> *x* <http://evil|click> & co"), "http://x/run")

    assert body["mrkdwn"] is False
    assert body["text"].startswith("&lt;!channel&gt; *x* &lt;http://evil|click&gt; &amp; co: run 1 failed\n")
    assert body["text"].endswith("\nhttp://x/run")


def test_teams_card_is_only_text() -> None:
    """Text runs know no Markdown, and the link is a button."""
    body = payloads.teams(a_notice(name="[click](http://evil)"), "http://x/run")
    card = body["attachments"][0]["content"]

    assert body["type"] == "message"
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert card["body"][0]["inlines"] == [{"type": "TextRun", "text": "[click](http://evil): run 1 failed"}]
    assert card["actions"][0]["url"] == "http://x/run"


@pytest.mark.parametrize(
    ("verdict", "outcome", "verb"),
    [
        (Verdict.FAILURE, outcomes.FAILED, "failed"),
        (Verdict.FAILURE, outcomes.timed_out(START - START), "timed out"),
        (Verdict.SKIPPED, outcomes.skipped(1), "was skipped"),
        (Verdict.CANCELLED, outcomes.CANCELLED, "was cancelled"),
        (Verdict.SUCCESS, outcomes.SUCCEEDED, "succeeded"),
    ],
)
def test_result_is_in_plain_words(verdict: Verdict, outcome: Outcome, verb: str) -> None:
    """An event on_failure may be four different things."""
    run = a_run().evolve(outcome=outcome)
    happening = Happening(event=Event.FAILURE, run=run, verdict=verdict)

    assert notice_of(happening, START).headline == f"ETL: run 1 {verb}"


@given(NAMES, st.booleans())
def test_notices_are_kept_whole(name: str, of_task: bool) -> None:  # noqa: FBT001 - drawn
    """What was written is what is read."""
    notice = a_notice(name=name.encode("utf-8", "replace").decode(), of_task=of_task)

    assert notices.read(notices.written(notice)) == notice
    json.loads(notices.written(notice))


def test_workspace_without_an_address_links_nowhere() -> None:
    """Rather than to a wrong place."""
    assert a_notice().link(Workspace(base_url="", organisation=ORGANISATION)) == ""
    assert b"href" not in mail("ETL")
