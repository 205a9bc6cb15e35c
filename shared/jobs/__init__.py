"""Databricks' Jobs API: the only home of httpx in the service."""

from __future__ import annotations

from shared.jobs.answers import Job, RunOutput
from shared.jobs.client import JobsClient
from shared.jobs.credentials import Credentials, create_credentials
from shared.jobs.http_client import create_http_client
from shared.jobs.request_body import frozen_body

__all__ = [
    "Credentials",
    "Job",
    "JobsClient",
    "RunOutput",
    "create_credentials",
    "create_http_client",
    "frozen_body",
]
