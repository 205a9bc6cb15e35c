"""Webhooks over real HTTP, e-mails to a real mail server and into a real folder."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from localdev.workspace.notifications.destinations import Destination, DestinationType
from localdev.workspace.notifications.mail_folder import MailFolder
from localdev.workspace.notifications.message import message
from localdev.workspace.notifications.options import SmtpServer
from localdev.workspace.notifications.smtp import SmtpCarrier
from localdev.workspace.notifications.undelivered import NeverAgain, TryLater
from localdev.workspace.notifications.webhook import DELIVERY_HEADER, WebhookCarrier
from shared.secret import Secret
from tests.fakes.waiting import until
from tests.localdev.workspace.notifications.kit import (
    SOMEBODY,
    MailServer,
    a_notice,
    http_receiver,
    mail_server,
    parsed,
)

SENDER = "workspace@landfall.invalid"
BODY = {"event_type": "jobs.on_failure"}


def destination(url: str, **more: str) -> Destination:
    """Return a generic webhook."""
    password = Secret(more["password"]) if "password" in more else None
    return Destination(
        id="d",
        name="Team",
        type=DestinationType.WEBHOOK,
        url=Secret(url),
        username=more.get("username"),
        password=password,
    )


async def posted(to: Destination, *, allow_http: bool = False, seconds: float = 5) -> None:
    """Post to a destination."""
    carrier = WebhookCarrier(allow_http=allow_http, seconds=seconds)
    try:
        await carrier.post(to, BODY, "delivery-1")
    finally:
        await carrier.close()


async def test_webhook_is_json_with_a_delivery_id() -> None:
    """The body as it is, and who asks can tell a repeated delivery."""
    async with http_receiver() as receiver:
        await posted(destination(f"{receiver.url}/hook?key=1"))

    [(path, headers, body)] = receiver.requests
    assert (path, body) == ("/hook", BODY)
    assert headers["content-type"] == "application/json"
    assert headers[DELIVERY_HEADER.lower()] == "delivery-1"
    assert "authorization" not in headers


async def test_webhook_signs_in_with_basic() -> None:
    """When a user name and a password are set, and in no other way."""
    async with http_receiver() as receiver:
        await posted(destination(receiver.url, username="me", password="canary"))

    expected = base64.b64encode(b"me:canary").decode()
    assert receiver.requests[0][1]["authorization"] == f"Basic {expected}"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (202, None),
        (204, None),
        (301, NeverAgain),
        (302, NeverAgain),
        (307, NeverAgain),
        (400, NeverAgain),
        (401, NeverAgain),
        (404, NeverAgain),
        (410, NeverAgain),
        (408, TryLater),
        (425, TryLater),
        (429, TryLater),
        (500, TryLater),
        (503, TryLater),
    ],
)
async def test_status_decides_what_comes_next(status: int, error: type[Exception] | None) -> None:
    """Done, once more, or never again."""
    async with http_receiver(status=status) as receiver:
        if error is None:
            await posted(destination(receiver.url))
        else:
            with pytest.raises(error, match=f"answered {status}"):
                await posted(destination(receiver.url))

        assert len(receiver.requests) == 1


async def test_redirects_are_not_followed() -> None:
    """A receiver cannot send us, and our password, anywhere else."""
    async with http_receiver() as other, http_receiver(status=307, headers={"Location": other.url}) as receiver:
        with pytest.raises(NeverAgain):
            await posted(destination(receiver.url, username="me", password="canary"))

    assert other.requests == []


async def test_silence_ends_after_a_while() -> None:
    """Five seconds, or what the test says; the error names neither the url nor the password."""
    async with http_receiver(silent=asyncio.Event()) as receiver:
        with pytest.raises(TryLater) as failed:
            await posted(destination(f"{receiver.url}/canary", username="me", password="canary"), seconds=0.1)

    assert "canary" not in str(failed.value)
    assert str(failed.value) == "The receiver could not be reached: TimeoutError"


async def test_slow_answer_ends_too() -> None:
    """The limit is for all of it, so that a byte from time to time buys no more time."""

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.create_task(reader.read(-1))
        while not gone.done():
            writer.write(b"H")
            await asyncio.wait({gone}, timeout=0.01)
        writer.close()
        left.set()

    left = asyncio.Event()
    server = await asyncio.start_server(dribble, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(TryLater):
        await posted(destination(url), seconds=0.2)
    server.close()
    await left.wait()  # or its socket would be open at the end of the test


async def test_nobody_listening_is_tried_later() -> None:
    """A receiver may be down."""
    async with http_receiver() as receiver:
        url = receiver.url
    with pytest.raises(TryLater, match="could not be reached: ConnectError"):
        await posted(destination(url))


async def test_http_leaves_this_machine_only_when_allowed() -> None:
    """Also for a destination of a time when it was."""
    with pytest.raises(NeverAgain, match="--allow-http-webhooks"):
        await posted(destination("http://receiver.example.test/hook"))


async def sent(server: SmtpServer, *receivers: str, carrier: SmtpCarrier | None = None) -> None:
    """Send the message about a failed run."""
    to = receivers or (SOMEBODY,)
    made = message(a_notice(name="Tägliche ETL"), delivery_id="d", sender=SENDER, receivers=to, link="http://x/1")
    await (carrier or SmtpCarrier(server, SENDER)).send(made, to, "d")


def at(server: MailServer, **more: object) -> SmtpServer:
    """Return where a server listens."""
    return SmtpServer(host="127.0.0.1", port=server.port, **more)  # type: ignore[arg-type]  # whatever the test says


async def test_mail_server_gets_the_message() -> None:
    """Envelope and message, in real SMTP."""
    async with mail_server() as server:
        await sent(at(server))

    [(sender, receivers, content)] = server.taken
    assert (sender, receivers) == (SENDER, [SOMEBODY])
    assert parsed(content)["Subject"] == "Tägliche ETL: run 1 failed"
    assert content.isascii()  # a server without SMTPUTF8 and 8BITMIME takes it too


async def test_mail_server_is_signed_in_to() -> None:
    """With the user name and the password of the options."""
    async with mail_server(sign_in=True) as server:
        await sent(at(server, username="workspace", password=Secret("canary-password")))

    assert len(server.taken) == 1


async def test_wrong_password_is_tried_later() -> None:
    """The owner can put it right; the error does not repeat it."""
    async with mail_server(sign_in=True) as server:
        with pytest.raises(TryLater, match="does not let the workspace sign in") as failed:
            await sent(at(server, username="workspace", password=Secret("wrong-canary")))

    assert "canary" not in str(failed.value)
    assert server.taken == []


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return the TLS of a server at 127.0.0.1, and the file with its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "mail.pem", folder / "mail.key"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key_file)
    return context, file


async def test_starttls_checks_the_certificate(tmp_path: Path) -> None:
    """A server that is trusted gets the message, one that is not gets neither message nor password."""
    context, file = certificate(tmp_path)
    async with mail_server(sign_in=True, tls=context) as server:
        signed_in = {"username": "workspace", "password": Secret("canary-password"), "starttls": True}
        await sent(at(server, authority=file, **signed_in))
        with pytest.raises(TryLater, match="SSLCertVerificationError"):
            await sent(at(server, **signed_in))

    assert len(server.taken) == 1


async def test_missing_starttls_sends_nothing() -> None:
    """Who asked for TLS does not get less."""
    async with mail_server() as server:
        with pytest.raises(TryLater):
            await sent(at(server, starttls=True))

    assert server.taken == []


@pytest.mark.parametrize(("answer", "error"), [("451 later", TryLater), ("554 never", NeverAgain)])
async def test_mail_answers_decide_what_comes_next(answer: str, error: type[Exception]) -> None:
    """https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1: 4yz for now, 5yz for good."""
    async with mail_server(data_answer=answer) as server:
        with pytest.raises(error, match=answer[:3]):
            await sent(at(server))


async def test_refused_receiver_does_not_keep_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """The message has been sent then; all refused is another matter."""
    async with mail_server(recipient_answer="550 nobody") as server:
        await sent(at(server), SOMEBODY, "refused@company.com")
        with pytest.raises(NeverAgain, match="550"):
            await sent(at(server), "refused@company.com")

    assert [receivers for _, receivers, _ in server.taken] == [[SOMEBODY]]
    assert "workspace.mail_refused_in_part delivery=d refused=1" in caplog.text


async def test_silent_mail_server_is_left_alone() -> None:
    """After so many seconds for an answer, or for all of it."""
    async with mail_server(silent=asyncio.Event()) as server:
        with pytest.raises(TryLater, match="could not be spoken to"):
            await sent(at(server), carrier=SmtpCarrier(at(server), SENDER, seconds=0.1))
        with pytest.raises(TryLater, match="TimeoutError"):
            await sent(at(server), carrier=SmtpCarrier(at(server), SENDER, seconds=20, longest=0.1))


async def test_stopping_waits_for_no_mail_server() -> None:
    """The thread that waits for an answer ends with what asked for it."""
    async with mail_server(silent=asyncio.Event()) as server:
        carrier = SmtpCarrier(at(server), SENDER, seconds=60)
        sending = asyncio.create_task(sent(at(server), carrier=carrier))
        await until(lambda: any(client.sock is not None for client in carrier._open))
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

        await until(lambda: not carrier._open, seconds=5)


async def test_mail_folder_keeps_messages(tmp_path: Path) -> None:
    """One file each, named by time and delivery, that only the owner reads; a second copy replaces the first."""
    folder = MailFolder(tmp_path / "mail")
    made = message(a_notice(), delivery_id="d", sender=SENDER, receivers=[SOMEBODY], link="")
    for _ in range(2):
        await folder.send(made, [SOMEBODY], "d")
    folder.close()

    [file] = (tmp_path / "mail").iterdir()
    assert file.name == "20261122T120130Z-d.eml"
    assert parsed(file)["Subject"] == "ETL: run 1 failed"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "mail").stat().st_mode & 0o777 == 0o700


async def test_folder_that_cannot_be_written_is_tried_later(tmp_path: Path) -> None:
    """A disk may be full today."""
    (tmp_path / "mail").write_text("a file")
    made = message(a_notice(), delivery_id="d", sender=SENDER, receivers=[SOMEBODY], link="")

    with pytest.raises(TryLater, match="The mail folder cannot be written"):
        await MailFolder(tmp_path / "mail").send(made, [SOMEBODY], "d")
