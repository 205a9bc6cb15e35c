"""A manifest: the blob that lists a gathered run's files. What it says is the truth of who is in the batch.

docs/gather.md tells its readers what each field means.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.compact_json import compact
from shared.errors import BlobsUnavailable
from shared.model import Arrival, Entry, JobReference, State, entry_key
from shared.parameters import Context, Gathered, Locations, uri
from shared.path_template import Captures
from shared.path_template.captures import NO_CAPTURES
from shared.rules import Rule, problem
from shared.rules.gathering import manifest_arrival

SCHEMA = 1  # of the manifest; a reader that knows another must not guess
FORMAT = "landfall-manifest"


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestFile:
    """One file of a batch, and which generation of its entry is in it."""

    entry: str
    generation: int
    uri: str
    container: str
    path: str
    etag: str
    size: int | None
    committed_at: datetime

    @classmethod
    def of(cls, entry: Entry, locations: Locations) -> ManifestFile:
        """Return what the manifest says of a member."""
        arrival = entry.arrival
        return cls(
            entry=entry.key,
            generation=entry.generation,
            uri=uri_of(arrival, locations),
            container=arrival.container,
            path=arrival.path,
            etag=arrival.version or "",
            size=arrival.size,
            committed_at=arrival.committed_at,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A batch that is sealed: its files, and what its run is told. One without files was given up."""

    rule: str  # what its entries are kept under
    batch: str
    by: str
    sealed_at: datetime
    job: JobReference
    parameters: Mapping[str, Any]
    files: tuple[ManifestFile, ...] = ()
    missing: tuple[str, ...] = ()  # what was expected and had not come

    @property
    def path(self) -> str:
        """Return where it lies, in the container of manifests."""
        return manifest_path(self.rule, self.batch)

    def content(self) -> bytes:
        """Return it as the blob holds it."""
        said = {
            "format": FORMAT,
            "schema": SCHEMA,
            "rule": self.rule,
            "batch": self.batch,
            "by": self.by,
            "sealed_at": self.sealed_at.isoformat(),
            "job": str(self.job),
            "parameters": self.parameters,
            "missing": self.missing,
            "files": [_file_said(file) for file in self.files],
        }
        return compact(said).encode()

    @classmethod
    def read(cls, content: bytes, path: str) -> Manifest:
        """Return the manifest that a blob holds; raises BlobsUnavailable for what is none of ours."""
        try:
            said = _ours(json.loads(content))
            return cls(
                rule=said["rule"],
                batch=said["batch"],
                by=said["by"],
                sealed_at=datetime.fromisoformat(said["sealed_at"]),
                job=JobReference.parse(said["job"]),
                parameters=said["parameters"],
                files=tuple(_file_from(file) for file in said["files"]),
                missing=tuple(said["missing"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise BlobsUnavailable(
                f"The manifest {path!r} cannot be read: {type(error).__name__}.",
                hint="Somebody or something else has written it; its files wait until it is removed.",
            ) from error

    def entry(self, account: str, now: datetime) -> Entry:
        """Return the entry of the batch, to be claimed: the same from whoever makes it."""
        content = self.content()
        arrival = replace(
            manifest_arrival(account, self.rule, self.batch, self.sealed_at),
            size=len(content),
            md5=base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
            content_type="application/json",
            blob_type="BlockBlob",
        )
        return Entry(
            key=entry_key(self.rule, arrival),
            rule=self.rule,
            arrival=arrival,
            job=self.job,
            parameters=self.parameters,
            state=State.PENDING,
            claimed_at=now,
            due_at=now,
        )


def manifest_path(ledger_name: str, batch: str) -> str:
    """Return where the manifest of a batch lies, in the container of manifests."""
    return f"{ledger_name}/{batch}.json"


def uri_of(arrival: Arrival, locations: Locations) -> str:
    """Return what a job reads a file by, as `{blob.uri}` says it of a single one."""
    return uri(Context(rule="", key="", arrival=arrival, captures=NO_CAPTURES, locations=locations))


def batch_parameters(
    rule: Rule, batch: Arrival, captures: Captures, by: str, files: Sequence[ManifestFile], locations: Locations
) -> dict[str, Any]:
    """Return run-now's fields for a batch; `captures` are those of any of its files.

    The list of files is left out where Databricks would not take it: the manifest has it in any case.
    """
    context = Context(
        rule=rule.name,
        key=entry_key(rule.ledger_name, batch),
        arrival=batch,
        captures=captures,
        locations=locations,
        volumes=rule.volumes,
        gathered=Gathered(by=by, count=len(files), files=compact([file.uri for file in files])),
    )
    fields = rule.parameters.render(context)
    if problem(fields):
        return rule.parameters.render(replace(context, gathered=replace(context.gathered, files="")))
    return fields


def _ours(said: Any) -> Mapping[str, Any]:
    if said["format"] != FORMAT or said["schema"] != SCHEMA:
        raise ValueError("another format")
    known: Mapping[str, Any] = said
    return known


def _file_said(file: ManifestFile) -> dict[str, Any]:
    return {
        "entry": file.entry,
        "generation": file.generation,
        "uri": file.uri,
        "container": file.container,
        "path": file.path,
        "etag": file.etag,
        "size": file.size,
        "committed_at": file.committed_at.isoformat(),
    }


def _file_from(said: Mapping[str, Any]) -> ManifestFile:
    return ManifestFile(**{**said, "committed_at": datetime.fromisoformat(said["committed_at"])})
