"""Watches every manifest where it is written: who is in which batch, and what a manifest must never say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.rules.gathering import manifest_arrival
from tests.fakes.arrivals import ACCOUNT
from tests.simulation.history import History
from tests.simulation.ledger_watch import LedgerWatch
from tests.simulation.rule_texts import EXPECTED_FILES, MOST_FILES, RUN_IF_INCOMPLETE
from tests.simulation.truth import Batch, Truth


class Manifests:
    """Takes in what is sealed, and tells the truth about it to all that check."""

    def __init__(self, truth: Truth, watch: LedgerWatch, history: History) -> None:
        self._truth = truth
        self._watch = watch
        self._history = history

    def written(self, path: str, content: bytes) -> None:
        """Take in a manifest that has just come to be."""
        said = json.loads(content)
        sealed_at = datetime.fromisoformat(said["sealed_at"])
        arrival = manifest_arrival(ACCOUNT, said["rule"], said["batch"], sealed_at)
        members = tuple((file["entry"], file["generation"]) for file in said["files"])
        batch = Batch(said["rule"], said["batch"], arrival, members)
        self._history.hits["manifest sealed" if members else "manifest without files"] += 1
        self._history.record("landing", "sealed", arrival.full_path, f"{len(members)} files")
        if arrival.path != path:
            self._wrong(path, f"the manifest says that it is {arrival.path}")
        if any(known.arrival.path == path for known in self._truth.batches.values()):
            self._wrong(path, "it was sealed before")
        for member in members:
            if any(member in other.members for other in self._truth.batches_of.get(member[0], ())):
                what = f"the entry {member[0][:12]} of generation {member[1]} is in another manifest too"
                self._history.violated("double", what, path)
        wrong = next(filter(None, (self._file_fault(said["rule"], file) for file in said["files"])), "")
        if wrong or (wrong := _batch_fault(said)):
            self._wrong(path, wrong)
        self._truth.seal(batch)

    def removed(self, path: str) -> None:
        """Check that nobody needs a manifest that has just been removed."""
        self._history.hits["manifest removed"] += 1
        for key, batch in self._truth.batches.items():
            members = [
                entry for entry, _ in batch.members if self._watch.entries.get(entry, {}).get("batch") == batch.id
            ]
            if batch.arrival.path == path and self._watch.open & {key, *members}:
                self._wrong(path, "it was removed, and what it decides is open")

    def _file_fault(self, rule: str, file: Mapping[str, Any]) -> str:
        """Return what is wrong with a file of a manifest, "" for nothing."""
        identity = self._truth.by_key.get(file["entry"])
        if identity is None or identity.rule != rule:
            return f"it lists the entry {file['entry'][:12]}, which is none of the rule's"
        arrival = identity.content.arrival
        listed, real = (
            (file["container"], file["path"], file["etag"]),
            (arrival.container, arrival.path, identity.version),
        )
        if listed != real:
            return f"it lists {listed} for {real}"
        return "" if file["size"] in {None, arrival.size} else f"it says that {arrival.path} has {file['size']} bytes"

    def _wrong(self, path: str, what: str) -> None:
        self._history.violated("wrong", what, path)


def _batch_fault(said: Mapping[str, Any]) -> str:
    """Return what is wrong with the files of a manifest together, "" for nothing."""
    rule, files = said["rule"], said["files"]
    groups = {file["path"].split("/")[-2] for file in files}
    if files and groups != {said["by"]}:
        return f"it has files of {sorted(groups)} in a batch of {said['by']!r}"
    if rule not in EXPECTED_FILES:
        return f"it has {len(files)} files" if len(files) > MOST_FILES else ""
    missing = [name for name in EXPECTED_FILES[rule] if not any(file["path"].endswith(f"/{name}") for file in files)]
    if files and list(said["missing"]) != missing:
        return f"it says that {said['missing']} are missing, and lacks {missing}"
    return f"it lacks {missing}" if files and missing and rule not in RUN_IF_INCOMPLETE else ""
