"""The corpus of bad events and names: data files beside this one, and what is too large or too odd for these."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ACCOUNT = "devstoreaccount1"
SUBJECT = "/blobServices/default/containers/landing/blobs/"
FILE = "crm/a.csv"
DEPTH = 10_000


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One body, and what must come of it."""

    number: int
    title: str
    body: bytes  # lone surrogates are escaped in it, as JSON has them
    runs: int
    entries: int
    ignored: tuple[str, ...]  # a part of each reason, in order
    ignored_in_all: int
    vanished: int
    duplicates: int
    landing: str
    is_refused_by_host: bool

    @property
    def text(self) -> str:
        """Return the body as the worker hands it over."""
        return self.body.decode("utf-8", "replace")

    @property
    def events(self) -> int:
        """Return how many events it takes in all that must come of it."""
        return max(self.entries, self.runs) + self.duplicates + self.ignored_in_all + self.vanished


@dataclass(frozen=True, kw_only=True)
class Name:
    """One name of a blob, and what must come of it."""

    number: int
    title: str
    text: str
    event: str
    verbatim: str
    encoded: str
    azurite: str


def documents(file: str) -> list[dict[str, Any]]:
    """Return the cases of a data file. The reader in Python knows more escapes than the fast one."""
    found: list[dict[str, Any]] = yaml.load((HERE / file).read_text("ascii"), Loader=yaml.SafeLoader)
    return found


def deliveries() -> list[Delivery]:
    """Return everything that is sent."""
    return [_delivery(case, sent) for case in documents("events.yaml") for sent in case["sends"]]


def names() -> list[Name]:
    """Return every name."""
    return [_name(case, told) for case in documents("names.yaml") for told in case["names"]]


def label(case: Delivery | Name) -> str:
    """Return what a test of a case is called."""
    return f"{case.number}-{case.title.replace(' ', '-')}"


def event(**changes: Any) -> dict[str, Any]:
    """Return the event of the file landing/crm/a.csv, with changes to the envelope and to `data`."""
    made: dict[str, Any] = {
        "id": "e1",
        "topic": f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}",
        "subject": f"{SUBJECT}{FILE}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-22T12:00:00.1234567Z",
        "data": {"api": "PutBlob", "eTag": "0x1", "contentLength": 5, "blobType": "BlockBlob"},
        "dataVersion": "",
        "metadataVersion": "1",
    }
    data = changes.pop("data", {})
    made |= changes
    made["data"] = made["data"] | data if isinstance(data, dict) else data
    return made


def event_of(name: str, **changes: Any) -> dict[str, Any]:
    """Return the event of a file of another name."""
    return event(subject=f"{SUBJECT}{name}", **changes)


def _delivery(case: Mapping[str, Any], sent: Mapping[str, Any]) -> Delivery:
    runs, ignored = sent.get("runs", 0), tuple(sent.get("ignored", ()))
    return Delivery(
        number=case["number"],
        title=case["title"],
        body=_body(sent),
        runs=runs,
        entries=sent.get("entries", runs),
        ignored=ignored,
        ignored_in_all=sent.get("ignored_in_all", len(ignored)),
        vanished=sent.get("vanished", 0),
        duplicates=sent.get("duplicates", 0),
        landing=sent.get("landing", "file"),
        is_refused_by_host=sent.get("host") == "refused",
    )


def _body(sent: Mapping[str, Any]) -> bytes:
    if "made" in sent:
        return BODIES[sent["made"]]()
    if "text" in sent:
        return str(sent["text"]).encode()
    changes = sent["events"] if "events" in sent else [sent["event"]]
    made = [event(**change) for change in changes]
    for path in sent.get("without", ()):
        *parents, last = path.split(".")
        for each in made:
            del (each[parents[0]] if parents else each)[last]
    return _json(made)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _name(case: Mapping[str, Any], told: Mapping[str, Any]) -> Name:
    return Name(
        number=case["number"],
        title=case["title"],
        text=NAMES[told["made"]]() if "made" in told else told["name"],
        event=told.get("event", "verbatim"),
        verbatim=told.get("verbatim", "runs"),
        encoded=told.get("encoded", "runs"),
        azurite=told.get("azurite", "same"),
    )


def _with_text(field: str, text: str) -> bytes:
    """Return an event in which a field is written so, be it JSON or not."""
    return _json(event(extra="HERE")).replace(b'"extra": "HERE"', f'"{field}": {text}'.encode())


def _with_size(text: str) -> bytes:
    return _json([event(data={"contentLength": "HERE"})]).replace(b'"HERE"', text.encode())


def _files(count: int) -> list[dict[str, Any]]:
    return [event_of(f"crm/{number}.csv", id=f"e{number}") for number in range(count)]


def _cloud_event(name: str) -> dict[str, Any]:
    told = event_of(name)
    return {
        "specversion": "1.0",
        "id": told["id"],
        "source": told["topic"],
        "subject": told["subject"],
        "type": told["eventType"],
        "time": told["eventTime"],
        "data": told["data"],
    }


BODIES = {
    "truncated": lambda: _json([event()])[:-40],
    "type_twice": lambda: _with_text("eventType", '"Microsoft.Storage.BlobDeleted"'),
    "a_hundred_thousand_ids": lambda: _with_text("id", ', "id": '.join(f'"{n}"' for n in range(100_000))),
    "not_a_number": lambda: _with_size("NaN"),
    "infinite": lambda: _with_size("-Infinity"),
    "deep_lists": lambda: b"[" * DEPTH + b"]" * DEPTH,
    "deep_objects": lambda: b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "deep_field": lambda: _with_text("extra", "[" * DEPTH + "]" * DEPTH),
    "long_number": lambda: _with_size("1" * 5_000),
    "five_thousand_files": lambda: _json(_files(5_000)),
    "one_file_five_thousand_times": lambda: _json([event(id=f"e{number}") for number in range(5_000)]),
    "large_field": lambda: _json([event(extra="x" * 2**21)]),
    "large_name": lambda: _json([event_of("x" * 2**21)]),
    "large_type": lambda: _json([event(eventType="x" * 2**21)]),
    "large_etag": lambda: _json([event(data={"eTag": "x" * 2**21})]),
    "large_container": lambda: _json([event(subject=f"/blobServices/default/containers/{'x' * 2**21}/blobs/a.csv")]),
    "many_empty_objects": lambda: b"[" + b",".join([b"{}"] * (2**21 // 3)) + b"]",
    "with_byte_order_mark": lambda: b"\xef\xbb\xbf" + _json([event()]),
    "in_utf_16": lambda: json.dumps([event()]).encode("utf-16"),
    "compressed": lambda: gzip.compress(_json([event()]), mtime=0),
    "one_bad_among_fifty": lambda: _json([*_files(25), event(data=None), *_files(49)[25:]]),
    "cloud_event": lambda: _json(_cloud_event(FILE)),
    "cloud_events": lambda: _json([_cloud_event(FILE), _cloud_event("crm/b.csv")]),
    "long_etag": lambda: _json([event(data={"eTag": "0" * 10_000})]),
}
NAMES = {
    "letters_1024": lambda: "x" * 1024,
    "letters_1025": lambda: "x" * 1025,
    "letters_2049": lambda: "x" * 2049,
    "chinese_1024": lambda: "\u5b57" * 1024,
    "segments_254": lambda: "/".join("a" * 254),
    "segments_260": lambda: "/".join("a" * 260),
    "a_and_exclamation": lambda: "a" * 1000 + "!",
    "alternating": lambda: "aA0-_" * 200 + "!",
}
