"""Gather: many arrivals, one run. See gatherer for the protocol, docs/rules.md for the option `gather`."""

from __future__ import annotations

from shared.gather.gatherer import Gatherer
from shared.gather.manifest import SCHEMA, Manifest, ManifestFile
from shared.gather.sealer import SealerTools

__all__ = ["SCHEMA", "Gatherer", "Manifest", "ManifestFile", "SealerTools"]
