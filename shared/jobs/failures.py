"""What went wrong, as the error for the caller and the remedy for the client; decided here and nowhere else.

The order of the tests is from the most to the least specific, for Databricks says alike things in unlike ways:
a missing job is a 400, an expired Entra token a 403, a token for another service a 400 in HTML.
https://github.com/databricks/databricks-sdk-py/blob/main/databricks/sdk/errors/overrides.py
https://github.com/databricks/databricks-sdk-go/issues/1061
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from shared.errors import JobMissing, JobsBusy, JobsError, JobsRefused, JobsUnauthorised, JobsUnknown
from shared.jobs.http_client import Answer, cause_of, never_opened
from shared.jobs.json_values import parse_object, text_of
from shared.jobs.retry_pace import LONGEST_RETRY_AFTER, retry_after
from shared.logs import printable

_LONGEST_MESSAGE = 500
_LONGEST_BODY = 10_000
_MISSING_RUN = re.compile(r"Run \S+ does not exist|Run: \S+ in job: \S+ doesn't exist")
_MISSING_JOB = re.compile(r"Job \S+ does not exist")
_EXPIRED_TOKEN = re.compile(
    r"JWT has expired|token (?:is|has) expired|invalid access token|invalid token", re.IGNORECASE
)
_CREATION_QUOTA = re.compile(r"already \d+ jobs created in past")
_HTML_MESSAGES = tuple(re.compile(rf"<{tag}>([^<]*)", re.IGNORECASE) for tag in ("pre", "title"))
_THROTTLED = re.compile(r"COULD_NOT_ACQUIRE_LOCK|RPC token bucket limit has been exceeded")
_RUN_NOW = "jobs/run-now"
_PATHS_OF_A_RUN = frozenset({"jobs/runs/get", "jobs/runs/get-output", "jobs/runs/cancel", "jobs/runs/repair"})

_SAME_TOKEN = "The same token is sent again later; if a run was started, Databricks answers with that run."  # noqa: S105 - a sentence
_ASK_AGAIN = "It is asked again later."
_KEPT_REQUEST = "Compare the job's parameters with the rule's; repeated, the request stays as it is."
_CHECK_IDENTITY = "Check DATABRICKS_AUTH_TYPE and its settings, and that the identity is added to the workspace."
_GRANT = "Grant Landfall's identity CAN MANAGE RUN on the job."
_AUDIENCE = "The token is for another service: the Entra resource must be 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d."
_LOGIN = "That is a login page and not the Jobs API: check DATABRICKS_HOST, and private link or IP access lists."
_PRIVATE_LINK = "The workspace only takes private link: let the function app reach it through its private endpoint."
_WRONG_HOST = "Nothing there speaks the Jobs API: check DATABRICKS_HOST."


class RunMissing(JobsRefused):
    """Databricks does not know the run: deleted, or older than the 60 days it keeps."""


class Remedy(Enum):
    """What the client itself can do about a failure."""

    NONE = "none"
    WAIT = "wait"  # the same request may succeed later
    REFRESH = "refresh"  # the access token is refused; a new one may be taken
    OLDER_API = "older-api"  # the server does not know this version of the API


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed: what to raise when there is no remedy, and the remedy."""

    error: JobsError
    remedy: Remedy = Remedy.NONE


@dataclass(frozen=True, slots=True)
class _Envelope:
    """An error's parts in whichever clothes it came; `code` is "" when the answer was no JSON or had none."""

    code: str
    message: str
    is_html: bool


def unanswered(error: BaseException, path: str, token: str) -> Failure:
    """Return the failure of an exchange that raised one of http_client.NO_ANSWER."""
    cause = cause_of(error)
    reason = f"{type(cause).__name__}: {_shown(str(cause), token)}".rstrip(": ")
    if never_opened(error):
        message = f"Databricks could not be reached for {path} ({reason})."
        hint = "Nothing was started. If this lasts, check DATABRICKS_HOST, the name's DNS and the firewall."
        return Failure(JobsBusy(message, hint=hint), Remedy.WAIT)
    return Failure(JobsUnknown(f"Databricks gave no answer to {path} ({reason}).", hint=_repeat(path)), Remedy.WAIT)


def failure_of(answer: Answer, path: str, token: str, now: datetime) -> Failure:
    """Return what an answer means that is not the JSON object hoped for; `token` is kept out of every message."""
    envelope = _envelope(answer)
    said = _Said(answer.status, _shown(envelope.code, token), path, _shown(envelope.message, token))
    if answer.status < 400:
        return _no_api_answer(said, answer, envelope)
    if b"Expected aud claim" in answer.body:
        return said.fails(JobsUnauthorised, _AUDIENCE)
    if answer.status in {401, 403}:
        return _identity_failure(said, envelope)
    if (busy := _busy_failure(said, envelope, answer, now)) is not None:
        return busy
    if answer.status >= 500:
        again = Remedy.WAIT if answer.status in {500, 502, 503, 504} else Remedy.NONE
        return said.fails(JobsUnknown, _repeat(path), again)
    return _refusal(said, envelope)


@dataclass(frozen=True, slots=True)
class _Said:
    """The facts that every message gives."""

    status: int
    code: str
    path: str
    message: str

    def fails(self, kind: type[JobsError], hint: str, remedy: Remedy = Remedy.NONE) -> Failure:
        return Failure(kind(self.sentence(), hint=hint, status=self.status, error_code=self.code), remedy)

    def sentence(self) -> str:
        code = "" if self.code == str(self.status) else self.code  # identities are refused with the status for a code
        answer = f"Databricks answered {self.status} {code}".rstrip()
        return f"{answer} to {self.path}: {self.message}" if self.message else f"{answer} to {self.path}."


def _no_api_answer(said: _Said, answer: Answer, envelope: _Envelope) -> Failure:
    """Judge a redirect, a web page or a broken answer where JSON was due.

    A redirect or a web page did not come from the Jobs API, so nothing was started. Of anything else that is hard
    to say: the outcome is unknown.
    """
    if answer.status >= 300:
        private = "private-link" in answer.headers.get("location", "")
        return said.fails(JobsUnauthorised, _PRIVATE_LINK if private else _LOGIN)
    if envelope.is_html:
        return said.fails(JobsUnauthorised, _LOGIN)
    unusable = "no JSON object" if answer.complete else f"more than the {len(answer.body)} bytes that are read"
    message = f"Databricks answered {said.status} to {said.path} with {unusable}."
    return Failure(JobsUnknown(message, hint=_repeat(said.path), status=said.status))


def _identity_failure(said: _Said, envelope: _Envelope) -> Failure:
    # An expired Entra token is a 403 with a number for an error code.
    if said.status == 401 or envelope.code.isdigit() or _EXPIRED_TOKEN.search(envelope.message):
        return said.fails(JobsUnauthorised, _CHECK_IDENTITY, Remedy.REFRESH)
    return said.fails(JobsUnauthorised, _GRANT if envelope.code == "PERMISSION_DENIED" else _CHECK_IDENTITY)


def _busy_failure(said: _Said, envelope: _Envelope, answer: Answer, now: datetime) -> Failure | None:
    if said.status >= 500:
        return None
    wait = retry_after(answer.headers.get("retry-after", ""), now)
    if envelope.code == "QUOTA_EXCEEDED" or _CREATION_QUOTA.search(envelope.message):
        wait = LONGEST_RETRY_AFTER  # counted per hour: https://docs.azure.cn/en-us/databricks/kb/jobs/job-rate-limit
    elif said.status != 429 and not _THROTTLED.search(f"{envelope.code} {envelope.message}"):
        return None
    error = JobsBusy(
        said.sentence(),
        hint="Nothing was started; it is tried again later.",
        status=said.status,
        error_code=said.code,
        retry_after=wait,
    )
    return Failure(error, Remedy.WAIT)


def _refusal(said: _Said, envelope: _Envelope) -> Failure:
    if _MISSING_RUN.search(envelope.message):
        return said.fails(RunMissing, "Databricks keeps runs for 60 days, unless somebody deletes them.")
    if _MISSING_JOB.search(envelope.message):
        return said.fails(JobMissing, "Correct the rule's job, or restore the job.")
    if said.status == 404 and not envelope.code:
        return said.fails(JobMissing, _WRONG_HOST, Remedy.OLDER_API)
    if envelope.code == "RESOURCE_DOES_NOT_EXIST":
        return said.fails(RunMissing if said.path in _PATHS_OF_A_RUN else JobMissing, "")
    return said.fails(JobsRefused, _KEPT_REQUEST if said.path == _RUN_NOW else "")


def _envelope(answer: Answer) -> _Envelope:
    """Return the parts of an error, in any of the forms that Databricks and what stands before it are known to use."""
    found = parse_object(answer.body)
    if found is not None:
        code = found.get("error_code")
        code = str(code)[:80] if isinstance(code, (str, int)) and not isinstance(code, bool) else ""
        messages = (text_of(found.get(name), _LONGEST_BODY) for name in ("message", "error"))
        return _Envelope(code, next((message for message in messages if message), ""), is_html=False)
    text = answer.body[:_LONGEST_BODY].decode("utf-8", "replace").strip()
    if not (text.startswith("<") or "html" in answer.headers.get("content-type", "")):
        return _Envelope("", text, is_html=False)
    messages = (message[1].strip() for tag in _HTML_MESSAGES if (message := tag.search(text)))
    return _Envelope("", next((message for message in messages if message), text), is_html=True)


def _repeat(path: str) -> str:
    return _SAME_TOKEN if path == _RUN_NOW else _ASK_AGAIN


def _shown(text: str, token: str) -> str:
    """Return text fit for a message: one bounded line, in which a server that repeats our token is not repeated."""
    if token:
        text = text.replace(token, "***")
    text = " ".join(text.split())
    return printable(text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…")
