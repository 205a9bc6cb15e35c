"""What one may do with a job. https://docs.databricks.com/aws/en/security/auth/access-control/#job-acls."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """A level of permission; each includes those before it."""

    CAN_VIEW = 1
    CAN_MANAGE_RUN = 2
    CAN_MANAGE = 3
    IS_OWNER = 4
