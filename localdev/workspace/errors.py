"""What the workspace answers when it refuses, in Databricks' own envelope, and why it may not start.

LandfallError
 · WorkspaceNotStarted   a person must change how the workspace is started
 · ApiError              a request is answered with this HTTP status, error code and message
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
    """Return the refusal of what Databricks can do and the local workspace cannot, yet."""
    return invalid(f"{what} is not supported by the local workspace: docs/workspace.md says what is.")


def endpoint_not_supported(method: str, path: str) -> ApiError:
    """Return the answer for an endpoint that Databricks has and the local workspace has not."""
    return ApiError(501, "NOT_IMPLEMENTED", f"{method} {path} is not supported by the local workspace yet.")


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
