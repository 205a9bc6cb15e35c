"""What the workspace answers when it refuses, in Databricks' own envelope, and why it may not start.

LandfallError
 · WorkspaceNotStarted   a person must change how the workspace is started
 · ApiError              a request is answered with this HTTP status, error code and message
 · OAuthError            a request for a token is answered with this error of RFC 6749
"""

from __future__ import annotations

from shared.errors import LandfallError


class WorkspaceNotStarted(LandfallError):
    """The workspace cannot start as it was asked to."""


class ApiError(LandfallError):
    """A refusal as Databricks words it; `error_code` is a name, a number, or None where the cloud sends none."""

    def __init__(self, status: int, error_code: str | int | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code


class OAuthError(LandfallError):
    """A refusal as a token endpoint words it. https://www.rfc-editor.org/rfc/rfc6749#section-5.2."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


def invalid(message: str) -> ApiError:
    """Return the refusal of a value that can be read but not used."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def malformed(message: str) -> ApiError:
    """Return the refusal of a request that cannot be read. https://github.com/databrickslabs/dbx/issues/182."""
    return ApiError(400, "MALFORMED_REQUEST", f"Could not parse request object: {message}")


def wrong_state(message: str) -> ApiError:
    """Return the refusal of what is right at another time."""
    return ApiError(400, "INVALID_STATE", message)


def job_missing(job_id: int) -> ApiError:
    """Return the answer for a job that does not exist, which is no 404.

    https://github.com/databricks/terraform-provider-databricks/issues/2225
    """
    return invalid(f"Job {job_id} does not exist.")


def run_missing(run_id: int) -> ApiError:
    """Return the answer for a run that does not exist; the SDKs recognise these very words."""
    return invalid(f"Run {run_id} does not exist.")


def not_supported(what: str) -> ApiError:
    """Return the refusal of what Databricks can do and the local workspace cannot."""
    return invalid(f"{what} is not supported by the local workspace: docs/workspace-api.md says what is.")


def no_endpoint(method: str, path: str) -> ApiError:
    """Return the answer for a method and a path that no Jobs API has."""
    return ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{method} {path}'")


def bad_target(path: str) -> ApiError:
    """Return the answer for an API or a version that a workspace lacks: it has no error code.

    https://github.com/databricks/databricks-sdk-py/issues/922, https://github.com/apache/airflow/issues/60444
    """
    return ApiError(404, None, f"Bad Target: {path}")


def no_credential() -> ApiError:
    """Return the answer for a request without a bearer token; its error code is a number."""
    return ApiError(401, 401, "Credential was not sent or was of an unsupported type for this API.")


def wrong_credential() -> ApiError:
    """Return the answer for a wrong token: a 403, with a number for a code.

    https://github.com/databricks/databricks-sdk-go/issues/1061
    """
    return ApiError(403, 403, "Invalid access token.")


def expired_credential() -> ApiError:
    """Return the answer for an expired token: a 403 as well, and no 401.

    https://github.com/databricks/databricks-sdk-go/issues/1061
    """
    return ApiError(403, 403, "JWT has expired")


def permission_denied(caller: str, permissions: str, job_id: int) -> ApiError:
    """Return the answer for a caller who lacks all of some permissions on a job."""
    message = f'User "{caller}" does not have {permissions} permissions on job {job_id}'
    return ApiError(403, "PERMISSION_DENIED", message)


def too_many_requests(what: str) -> ApiError:
    """Return the answer for more requests than a published rate allows."""
    return ApiError(429, "RESOURCE_EXHAUSTED", f"Too many requests: {what}. Please try again later.")


def path_missing(path: str) -> ApiError:
    """Return the answer for a path of the workspace where nothing is."""
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Path ({path}) doesn't exist.")


def path_taken(path: str) -> ApiError:
    """Return the answer for a path of the workspace where something is already."""
    return ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Path ({path}) already exists.")
