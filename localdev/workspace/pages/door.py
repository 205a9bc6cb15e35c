"""The pages over HTTP: who is let in, which page is meant, and what a browser is told about it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from localdev.workspace.api.paging import FROM_THE_START
from localdev.workspace.core import Core
from localdev.workspace.pages import access
from localdev.workspace.pages.job_pages import JobPages
from localdev.workspace.pages.mail import Mailbox
from localdev.workspace.pages.rendering import environment
from localdev.workspace.pages.run_page import RunPages, page_of_task
from localdev.workspace.settings import WorkspaceSettings

LARGEST_FORM = 4096  # bytes
LARGEST_NUMBER = 2**63 - 1
REFRESH_SECONDS = 5
_STATIC = Path(__file__).parent / "static"
_HEADERS = {
    # No scripts at all, and nothing from elsewhere. https://www.w3.org/TR/CSP3/
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class _IdentifierConvertor(IntegerConvertor):
    """The id of a job or a run in an address: Starlette's own takes any number of digits, and Python does not."""

    regex = "[0-9]{1,100}"


register_url_convertor("identifier", _IdentifierConvertor())


class NotHere(Exception):
    """What a page's address names is not there; the text says what."""


class Pages:
    """Answers a browser. The pages change nothing."""

    def __init__(self, core: Core, settings: WorkspaceSettings) -> None:
        self._settings = settings
        self._clock = core.clock
        self._jobs = JobPages(core.store)
        self._runs = RunPages(core, settings.data / "tasks")
        self._mailbox = Mailbox(settings.data / "mail")
        self._templates = environment()

    def rules(self) -> list[Route]:
        """Return which address leads to which page."""
        return [
            Route("/", self._guarded(self._job_list)),
            Route("/jobs/{job_id:identifier}", self._guarded(self._job)),
            Route("/jobs/{job_id:identifier}/runs/{run_id:identifier}", self._guarded(self._run)),
            Route("/mail", self._guarded(self._mail)),
            Route("/mail/{name}", self._guarded(self._message)),
            Route("/sign-in", self._sign_in, methods=["POST"]),
            Route("/static/{name}", self._static),
        ]

    async def missing(self, request: Request, error: Exception) -> Response:
        """Answer for an address that leads nowhere: in HTML to a browser, else as before."""
        if "text/html" in request.headers.get("accept", "") and self._is_own_host(request):
            return self._problem(404, "There is no such page.")
        detail = error.detail if isinstance(error, HTTPException) else "Not Found"
        return PlainTextResponse(detail, 404)

    def _guarded(self, page: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if not self._is_own_host(request):
                return self._wrong_host()
            if access.KEY_PARAMETER in request.query_params:
                return self._open(request)
            if not self._is_signed_in(request):
                return self._page("sign_in.html", status=401, notice="")
            try:
                return page(request)
            except NotHere as error:
                return self._problem(404, str(error))
            except Exception:
                logging.getLogger("landfall").exception("workspace.page_failed")
                return self._problem(500, "The local workspace failed to show this page: its log says why.")

        return answer

    def _job_list(self, request: Request) -> Response:
        shown = self._jobs.list_page(_number(request, "before", LARGEST_NUMBER), self._clock.now())
        return self._page("jobs.html", request, refresh=shown.is_active, page=shown)

    def _job(self, request: Request) -> Response:
        job_id = _id(request, "job_id")
        before = (_number(request, "created", FROM_THE_START[0]), _number(request, "before", FROM_THE_START[1]))
        shown = self._jobs.job_page(job_id, before, self._clock.now())
        if shown is None:
            raise NotHere(f"There is no job {job_id}: it was deleted, or its number is another.")
        return self._page("job.html", request, refresh=shown.is_active, page=shown)

    def _run(self, request: Request) -> Response:
        job_id, run_id = _id(request, "job_id"), _id(request, "run_id")
        run = self._runs.find(job_id, run_id)
        if run is None:
            raise NotHere(f"Job {job_id} has no run {run_id}: it was deleted, or its number is another.")
        if run.id != run_id:  # a task run: its place is on the page of its run
            number = list(run.settings.tasks).index(run.attempt(run_id).task_key)
            return self._redirect(f"/jobs/{job_id}/runs/{run.id}?page={page_of_task(number)}#task-{number}")
        shown = self._runs.page(run, _number(request, "page", 1), self._clock.now())
        return self._page("run.html", request, refresh=run.is_active, page=shown)

    def _mail(self, request: Request) -> Response:
        return self._page("mail.html", request, messages=self._mailbox.latest())

    def _message(self, request: Request) -> Response:
        message = self._mailbox.get(request.path_params["name"])
        if message is None:
            raise NotHere("There is no such message.")
        return self._page("message.html", request, message=message)

    async def _static(self, request: Request) -> Response:
        """Answer with the style sheet or the icon, which tell nothing and are needed to sign in."""
        file = _STATIC / request.path_params["name"]
        if not self._is_own_host(request):
            return self._wrong_host()
        if file not in set(_STATIC.iterdir()):
            return self._problem(404, "There is no such file.")
        return FileResponse(file, headers=_HEADERS)

    async def _sign_in(self, request: Request) -> Response:
        if not self._is_own_host(request):
            return self._wrong_host()
        form = b""
        async for part in request.stream():
            form += part
            if len(form) > LARGEST_FORM:
                return self._page("sign_in.html", status=413, notice="That is too long for a token.")
        token = parse_qs(form.decode("utf-8", "replace")).get("token", [""])[0]
        if not access.is_token(token, self._settings.token):
            return self._page("sign_in.html", status=403, notice="That is not the token of this workspace.")
        return self._signed_in(request, "/")

    def _open(self, request: Request) -> Response:
        """Answer to a link with a key: with a cookie, and the same address without the key."""
        if access.is_key(request.query_params[access.KEY_PARAMETER], self._settings.token):
            return self._signed_in(request, request.url.path)
        notice = "That link does not open this workspace: its token has changed since, or it is another workspace's."
        return self._page("sign_in.html", status=403, notice=notice)

    def _signed_in(self, request: Request, path: str) -> Response:
        answer = self._redirect(path)
        name, value = access.cookie_name(request.url.port), access.cookie_value(self._settings.token)
        answer.set_cookie(name, value, httponly=True, samesite="strict")
        return answer

    def _redirect(self, path: str) -> Response:
        return RedirectResponse(path, 303, headers=_HEADERS)

    def _is_own_host(self, request: Request) -> bool:
        return access.is_own_host(request.url.hostname, (self._settings.host,))

    def _is_signed_in(self, request: Request) -> bool:
        authorization = request.headers.get("authorization", "")
        return access.is_signed_in(request.cookies, authorization, request.url.port, self._settings.token)

    def _wrong_host(self) -> Response:
        text = "These pages answer to the name of this machine only: 127.0.0.1, localhost, or what --host says.\n"
        return PlainTextResponse(text, 421, headers=_HEADERS)

    def _problem(self, status: int, message: str) -> Response:
        return self._page("problem.html", status=status, message=message)

    def _page(
        self,
        template: str,
        request: Request | None = None,
        *,
        status: int = 200,
        refresh: bool = False,
        **shown: object,
    ) -> Response:
        """Return a page; one of something active asks for itself again, unless its reader has paused that."""
        paused = request is not None and request.query_params.get("updates") == "paused"
        again = REFRESH_SECONDS if refresh and not paused else None
        html = self._templates.get_template(template).render(
            **shown,
            refresh=again,
            can_pause=refresh,
            pause_link=_link(request, updates="paused"),
            resume_link=_link(request, updates=None),
            now=self._clock.now(),
        )
        # A file's name may hold half a character: it is shown with a question mark.
        return Response(html.encode("utf-8", "replace"), status, _HEADERS, "text/html; charset=utf-8")


def _link(request: Request | None, *, updates: str | None) -> str:
    """Return the address of the same page, with its updates paused or not."""
    if request is None:
        return "/"
    url = request.url.remove_query_params("updates")
    url = url if updates is None else url.include_query_params(updates=updates)
    return f"{url.path}?{url.query}" if url.query else url.path


def _id(request: Request, name: str) -> int:
    number = int(request.path_params[name])
    if number > LARGEST_NUMBER:
        raise NotHere("There is no such page.")
    return number


def _number(request: Request, name: str, default: int) -> int:
    """Return a number of the query; what is none means the default, as for a reader who mistyped."""
    text = request.query_params.get(name, "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_NUMBER)) else default
    return min(number, LARGEST_NUMBER)
