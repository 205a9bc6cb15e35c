"""What the tests of notifications share: receivers that really listen, and runs to tell about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from localdev.workspace.flow import lifecycle, outcomes
from localdev.workspace.model.job import Job
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Outcome, Run
from localdev.workspace.notifications.happenings import Happening, Verdict
from localdev.workspace.notifications.model import Channel, Event, Receiver
from localdev.workspace.notifications.notice import Notice, notice_of
from localdev.workspace.notifications.outbox import Delivery
from localdev.workspace.server import running
from localdev.workspace.storage.store import Store
from tests.localdev.workspace.kit import START, Json, settings_of, task

SOMEBODY = "team@company.com"


@dataclass
class HttpReceiver:
    """A web server that keeps what is posted to it, and answers as told."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    silent: asyncio.Event | None = None  # not answered before it is set
    requests: list[tuple[str, dict[str, str], Json]] = field(default_factory=list)  # path, headers, body

    async def answer(self, request: Request) -> Response:
        """Keep a request and answer it."""
        self.requests.append((request.url.path, dict(request.headers), await request.json()))
        if self.silent is not None:
            await self.silent.wait()
        return Response("no business of the sender's", self.status, self.headers)

    @property
    def bodies(self) -> list[Json]:
        """Return what was posted, in order."""
        return [body for _, _, body in self.requests]


@asynccontextmanager
async def http_receiver(**how: Any) -> AsyncIterator[HttpReceiver]:
    """Listen on a free port of loopback."""
    receiver = HttpReceiver(**how)
    app = Starlette(routes=[Route("/{path:path}", receiver.answer, methods=["GET", "POST"])])
    async with running(app) as url:
        receiver.url = url
        try:
            yield receiver
        finally:
            if receiver.silent is not None:
                receiver.silent.set()


@dataclass
class MailServer:
    """A mail server that keeps what it is given, and answers as told."""

    port: int = 0
    recipient_answer: str = "250 OK"
    data_answer: str = "250 OK"
    silent: asyncio.Event | None = None  # no answer to a message before it is set
    sign_in: bool = False  # whether messages are taken from those only who have signed in
    taken: list[tuple[str, list[str], bytes]] = field(default_factory=list)  # sender, receivers, message
    password: str = "canary-password"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take or refuse a receiver."""
        del server, session, options
        if self.recipient_answer.startswith("250") or not address.startswith("refused"):
            envelope.rcpt_tos.append(address)
            return "250 OK"
        return self.recipient_answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        """Take or refuse a message."""
        del server
        if self.sign_in and not session.authenticated:
            return "530 Authentication required"
        if self.silent is not None:
            await self.silent.wait()
        if self.data_answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.taken.append((envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content))
        return self.data_answer

    def authenticated(self, server: SMTP, session: Session, envelope: Envelope, how: str, data: Any) -> AuthResult:
        """Check a password."""
        del server, session, envelope, how
        is_right = data.login == b"workspace" and data.password == self.password.encode()
        return AuthResult(success=is_right, handled=False)  # "handled" would mean that we have answered the client


@asynccontextmanager
async def mail_server(*, tls: Any = None, **how: Any) -> AsyncIterator[MailServer]:
    """Listen on a free port of loopback."""
    kept = MailServer(**how)
    made: list[SMTP] = []

    def protocol() -> SMTP:
        made.append(
            SMTP(
                kept,
                authenticator=kept.authenticated if kept.sign_in else None,
                auth_require_tls=tls is not None,
                require_starttls=tls is not None,
                tls_context=tls,
                loop=asyncio.get_running_loop(),
                hostname="localhost",
            )
        )
        return made[-1]

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        if kept.silent is not None:
            kept.silent.set()
        server.close()
        for each in made:  # a client that has gone may not have been noticed, and its socket would stay open
            if isinstance(each.transport, asyncio.WriteTransport):
                each.transport.abort()
        await asyncio.sleep(0)  # the loop tells the connections that they are lost


def a_run(*, outcome: Outcome | None = None, first_id: int = 1, **settings: Any) -> Run:
    """Return a run of a job with the tasks a and b, which has ended like this, or goes on."""
    ids = iter(range(first_id, first_id + 100))
    run = lifecycle.new_run(
        7,
        settings_of(task("a", **settings.pop("task_settings", {})), task("b", "a"), **settings),
        RunRequest(job_id=7),
        START,
        active=0,
        new_id=lambda: next(ids),
    )
    if outcome is None:
        return run
    first = run.attempts[0]
    run = lifecycle.ended(lifecycle.started(run, first.id, START), first.id, outcome, START + timedelta(seconds=90))
    return lifecycle.advanced(run, START + timedelta(seconds=90), lambda: next(ids))


def a_notice(*, of_task: bool = False, **settings: Any) -> Notice:
    """Return the notice of a failed run, or of its failed task."""
    run = a_run(outcome=outcomes.FAILED, **settings)
    attempt = run.attempts[0] if of_task else None
    happening = Happening(event=Event.FAILURE, run=run, attempt=attempt, verdict=Verdict.FAILURE)
    return notice_of(happening, START + timedelta(seconds=90))


def a_delivery(address: str = SOMEBODY, channel: Channel = Channel.EMAIL, *, notice: Notice | None = None) -> Delivery:
    """Return a delivery of the notice of a failed run."""
    return Delivery(
        id="6f2d1f0e-0000-4000-8000-000000000001",
        receiver=Receiver(channel=channel, address=address),
        notice=notice or a_notice(),
        tries=0,
    )


def told(**events: list[str]) -> Json:
    """Return `email_notifications`."""
    return dict(events)


def saved_run(store: Store, **settings: Any) -> Run:
    """Save a job and a run of it, which starts; return the run."""
    with store.transaction():
        job = Job(id=store.new_id(), settings=settings_of(task("a"), **settings), created_at=START)
        store.jobs.add(job)
        run = lifecycle.new_run(job.id, job.settings, RunRequest(job_id=job.id), START, active=0, new_id=store.new_id)
        store.save_run(run)
    return run


def parsed(content: bytes | Path) -> EmailMessage:
    """Return a message as a mail program reads it."""
    text = content.read_bytes() if isinstance(content, Path) else content
    return message_from_bytes(text, policy=default)
