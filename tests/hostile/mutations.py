"""Broken copies of what is in order: JSON values with something odd in them, and texts with some characters changed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.hostile.corpus import event

EVENTS = Path(__file__).parent.parent / "events"
ODD_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "\x00",
        "\r\n",
        "\ud800",
        "\u202e",
        "\ufffd",
        "x" * 3000,
        "9" * 5000,
        "{{job.id}}",
        "0x8D",
        '"0x8D"',
        "W/",
        "/storageAccounts/devstoreaccount1",
        "/blobServices/default/containers/landing/blobs/a.csv",
        "/blobServices/default/containers/landing/blobs/../a",
        "/blobServices/default/containers/$logs/blobs/a",
        "/blobServices/default/containers//blobs/",
        "Microsoft.Storage.BlobCreated",
        "Microsoft.Storage.BlobRenamed",
        "Microsoft.Storage.DirectoryRenamed",
        "CreateFile",
        "2026-11-22T11:59:58Z",
        "0001-01-01T00:00:00+14:00",
        "2026-W47-7",
        "https://[",
        "https://devstoreaccount1.blob.core.windows.net:99999/a",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | ODD_TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["id", "topic", "source", "subject", "type", "eventType", "eventTime", "time", "data", "eTag", "etag", "api", "url"]
)
PAYLOADS = [
    *(json.loads(path.read_text("utf-8-sig")) for path in sorted(EVENTS.glob("*.json"))),
    event(),
    [event(), event(id="e2")],
]


@st.composite
def mutated_json(draw: st.DrawFn) -> Any:
    """Draw a real payload with one to four of its values replaced, removed or added."""
    payload = copy.deepcopy(draw(st.sampled_from(PAYLOADS)))
    for _ in range(draw(st.integers(1, 4))):
        mappings = list(_mappings(payload))
        if not mappings:
            break
        target = draw(st.sampled_from(mappings))
        key = draw(KEYS | st.sampled_from(sorted(target))) if target else draw(KEYS)
        if draw(st.booleans()) and key in target:
            del target[key]
        else:
            target[key] = draw(VALUES)
    return payload


def _mappings(value: Any) -> Any:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _mappings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _mappings(item)


@st.composite
def mutated_text(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """Draw a text with one to five of its parts removed, repeated or replaced."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        instead = draw(
            st.sampled_from(
                ["", text[start:end] * 2, "\x00", "{", "}", "[", '"', "&a;", "<", "\ud800", "\n", "*", ": "]
            )
            | st.text(max_size=4)
        )
        text = text[:start] + instead + text[end:]
    return text


def bodies() -> st.SearchStrategy[str]:
    """Draw what may be delivered as a body: broken events, broken JSON, any text, any bytes."""
    whole = mutated_json().map(json.dumps)
    return st.one_of(
        whole,
        whole,
        mutated_text(whole),
        st.text(),
        st.binary().map(lambda raw: raw.decode("utf-8", "replace")),
        VALUES.map(json.dumps),
    )
