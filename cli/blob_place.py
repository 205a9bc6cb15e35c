"""Where something lies in a storage account, as people and settings write it down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlobPlace:
    """A place in a storage account; `account` is "" where nothing names it."""

    account: str
    container: str
    path: str  # of a blob, or of a folder with or without a `/` at its end

    @property
    def full_path(self) -> str:
        """Return `container/path`, what rules match against."""
        return f"{self.container}/{self.path}"
