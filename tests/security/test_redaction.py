"""Redaction: what goes out as text loses the secrets that we hold, and whatever looks like one."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import redaction
from shared.redaction import HIDDEN, guard_logs, hold, redacted

SECRET = "canary+of/the=day"


@pytest.fixture(autouse=True)
def nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without the secrets of other tests."""
    monkeypatch.setattr(redaction, "_held", set())
    monkeypatch.setattr(redaction, "_pattern", None)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return what a library's logger writes while records are guarded."""
    make = logging.getLogRecordFactory()
    guard_logs()
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logging.getLogger("some.library").addHandler(handler)
    yield written
    logging.getLogger("some.library").removeHandler(handler)
    logging.setLogRecordFactory(make)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://a.blob.core.windows.net/c/b?sv=1&sig=AbC%2Bdef%3D&se=2", "…&sig=***&se=2"),
        ("POST /runtime/webhooks/eventgrid?functionName=f&code=abcDEF123==", "…&code=***"),
        ("AccountName=a;AccountKey=c2VjcmV0c2VjcmV0;EndpointSuffix=x", "AccountName=a;AccountKey=***;EndpointSuffix=x"),
        ("Authorization: Bearer dGhpc2lzYXRva2VuMTIz", "Authorization: Bearer ***"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZDEyMw==", "Authorization: Basic ***"),
        ("Authorization: SharedKey acct:c2lnbmF0dXJlc2lnbmF0dXJl", "Authorization: SharedKey ***"),
        ("{'x-functions-key': 'abcdef123456'}", "…'***'}"),
        ('{"access_token": "abcdef123456"}', '{"access_token": "***"}'),
        ("https://user:hunter22@host/", "https://user:***@host/"),
        ("the token dapi0123456789abcdef0123456789abcdef is old", "the token *** is old"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0In0.c2ln", "***"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    """Signatures, keys, tokens and passwords in the forms in which Azure and Databricks write them."""
    head, ellipsis, tail = shown.partition("…")

    assert redacted(text).endswith(tail) if ellipsis else redacted(text) == head


@pytest.mark.parametrize(
    "text",
    [
        "run.settled rule=crm path=landing/crm/country_code=DEU12345/a.csv entry=0123456789ab",
        "Databricks answered 400 INVALID_PARAMETER_VALUE to jobs/run-now: the password must not be empty",
        "generation=1 token=3f5a9c2b https://adb-1.2.azuredatabricks.net:443/jobs/7/runs/8",
        "Basic authentication is off. Bearer tokens too. code=RUN_EXECUTION_ERROR",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    """A log that hides what people look for is no log."""
    assert redacted(text) == text


@pytest.mark.parametrize("form", [SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode()])
def test_held_secret_is_hidden_in_each_form(form: str) -> None:
    """As it is, as an address writes it, and in base64."""
    hold([SECRET])

    assert redacted(f"before {form} after") == f"before {HIDDEN} after"


def test_short_words_are_not_held() -> None:
    """A password of four letters would blank out words of every sentence."""
    hold(["", "file"])

    assert redacted("the file of the day") == "the file of the day"


def test_record_of_any_library_is_redacted(log: io.StringIO) -> None:
    """In its message, its arguments and its traceback; what holds no secret is left as it was."""
    hold([SECRET])
    logger = logging.getLogger("some.library")

    logger.error("sent %s to %s", SECRET, "host")
    logger.error("it failed", exc_info=RuntimeError(f"refused {SECRET}"))

    assert SECRET not in log.getvalue()
    assert "sent *** to host" in log.getvalue()
    assert "RuntimeError: refused ***" in log.getvalue()


def test_record_without_secrets_keeps_its_arguments(log: io.StringIO) -> None:
    """Handlers that look at the arguments find them."""
    record = logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, "%d of %d", (1, 2), None)

    assert (record.msg, record.args) == ("%d of %d", (1, 2))
    assert log.getvalue() == ""


def test_guarding_twice_is_guarding_once() -> None:
    """Each build of a service guards the log."""
    make = logging.getLogRecordFactory()
    try:
        guard_logs()
        once = logging.getLogRecordFactory()
        guard_logs()

        assert logging.getLogRecordFactory() is once
    finally:
        logging.setLogRecordFactory(make)


TEXT = st.characters(exclude_characters="*")


@given(st.text(TEXT), st.text(TEXT, min_size=redaction.SHORTEST), st.text(TEXT))
def test_no_held_secret_is_ever_shown(before: str, secret: str, after: str) -> None:
    """Whatever surrounds it."""
    hold([secret])

    assert secret not in redacted(before + secret + after)
