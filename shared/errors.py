"""What can go wrong, named by what the one who catches it should do.

LandfallError
 + ConfigurationError      a person must change something; nothing is retried
 |  · SettingsError        the environment: all faults at once
 |  · RulesError           rules.yaml: all faults at once, each with line and column
 + RequestError            what a person asks of us cannot be done as they say it; nothing was changed
 + LedgerError             the ledger
 |  · LedgerUnavailable    the write may or may not have happened; repeat the step later
 |  · LedgerConflict       somebody else moved the entry first; read it again
 |  · LedgerRefused        this very row cannot be written; others can
 |  · LedgerDamaged        a row is none that Landfall writes; a person must mend it
 |  · RequestTooLarge      more than any request has to say
 |  · RequestForeign       a page of another site sent it, and not the person
 + Unexpected              a defect of ours; the log says where
 + BlobsUnavailable        Blob Storage did not answer; repeat later
 + QueueUnavailable        Queue Storage did not answer; repeat later
 + JobsError               Databricks
    · JobsBusy             throttled: nothing was started; the same token later
    · JobsUnknown          the outcome is unknown; the same token later, never a new one
    · JobsUnauthorised     our identity is refused; the rule's breaker trips
    · JobMissing           no such job, or a name that is not unique (JobAmbiguous); the rule's breaker trips
    · JobsRefused          Databricks refuses this very request; repeated, it is given up

Every message says what is wrong and where; `hint` says what to do next. Neither ever holds a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class LandfallError(Exception):
    """Base of every error raised on purpose."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a configuration, and where (1-based; 0 when there is no such place)."""

    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}" if self.line else f" {self.message}"


class ConfigurationError(LandfallError):
    """A person must change the configuration; carries every fault found, in the order of the source."""

    def __init__(self, source: str, faults: Sequence[Fault], *, hint: str = "") -> None:
        self.source = source
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{source}:{fault}" for fault in self.faults), hint=hint)

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}".rstrip()


class SettingsError(ConfigurationError):
    """The environment does not hold the settings that the service needs."""


class RulesError(ConfigurationError):
    """The rules file cannot be used."""


class RequestError(LandfallError):
    """A person asks for what cannot be done as they say it; nothing was changed. Names every fault found."""

    def __init__(self, faults: Sequence[str], *, hint: str = "") -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(self.faults), hint=hint)


class RequestTooLarge(RequestError):
    """The request's body is longer than any request has to be."""


class RequestForeign(RequestError):
    """A browser sent the request for a page of another site."""


class Unexpected(LandfallError):
    """Something failed that should not: a defect of ours. The message names its kind, and the log its place."""


class LedgerError(LandfallError):
    """The ledger could not do what was asked."""


class LedgerUnavailable(LedgerError):
    """The ledger did not answer, so a write may or may not have happened: repeat the step later."""


class LedgerConflict(LedgerError):
    """Somebody else changed a row first: read it again and decide anew."""


class LedgerRefused(LedgerError):
    """The ledger does not take this very row: nothing was written, and a repetition cannot help. Others go on."""


class LedgerDamaged(LedgerError):
    """A row of the ledger cannot be read: somebody else than Landfall has written it."""


class BlobsUnavailable(LandfallError):
    """Blob Storage did not answer, or refused us: repeat later."""


class QueueUnavailable(LandfallError):
    """Queue Storage did not answer, or refused us: messages may or may not be there; repeat later."""


class JobsError(LandfallError):
    """Databricks could not do what was asked; `status` is the HTTP status, 0 when there was no answer."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0, error_code: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.error_code = error_code


class JobsBusy(JobsError):
    """Databricks asks us to slow down; nothing was started. `retry_after` is in seconds, 0 when not told."""

    def __init__(
        self, message: str, *, hint: str = "", status: int = 0, error_code: str = "", retry_after: float = 0
    ) -> None:
        super().__init__(message, hint=hint, status=status, error_code=error_code)
        self.retry_after = retry_after


class JobsUnknown(JobsError):
    """No usable answer: the request may have taken effect. Only the same token may be sent again."""


class JobsUnauthorised(JobsError):
    """Databricks refuses our identity or its permissions."""


class JobMissing(JobsError):
    """The job does not exist, or its name is not unique."""


class JobAmbiguous(JobMissing):
    """Several jobs have the name."""


class JobsRefused(JobsError):
    """Databricks refuses this request for what it says; sending it again as it is cannot help."""
