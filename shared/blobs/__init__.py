"""Blob Storage: listings and properties as our own types. The only home of azure.storage.blob."""

from __future__ import annotations

from shared.blobs.dead_letter_blobs import DeadLetterBlobs, open_dead_letter_blobs
from shared.blobs.landing_account import Blobs, open_blobs
from shared.blobs.rules_blob import RulesBlob, open_rules_blob

__all__ = ["Blobs", "DeadLetterBlobs", "RulesBlob", "open_blobs", "open_dead_letter_blobs", "open_rules_blob"]
