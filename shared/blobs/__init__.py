"""Blob Storage: listings and properties as our own types. The only home of azure.storage.blob."""

from __future__ import annotations

from shared.blobs.landing_account import Blobs, open_blobs
from shared.blobs.rules_blob import RulesBlob, open_rules_blob

__all__ = ["Blobs", "RulesBlob", "open_blobs", "open_rules_blob"]
