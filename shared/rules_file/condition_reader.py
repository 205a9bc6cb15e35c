"""Reads the conditions of a rule or of the defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.durations import parse_duration
from shared.events import UNCOMMITTED_APIS
from shared.rules import Conditions
from shared.rules.conditions import NO_CONDITIONS, media_type
from shared.rules_file.node_reader import NodeReader
from shared.rules_file.sizes import parse_size
from shared.wording import shown
from shared.yaml_source import nodes

BLOB_TYPES = ("BlockBlob", "PageBlob", "AppendBlob")
# Those that Event Grid is known to name. Others are not refused: Azure adds some now and then.
# https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
_APIS = ("PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit", "RenameFile", "SftpRename")
_API_BY_LOWER_CASE = {api.lower(): api for api in (*_APIS, *UNCOMMITTED_APIS)}

_API = re.compile(r"[A-Za-z0-9]{1,64}")
# https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_TOKEN = r"[a-z0-9!#$&^_.+-]{1,127}"  # noqa: S105 - RFC 6838's name for it
_CONTENT_TYPE = re.compile(rf"{_TOKEN}/(?:{_TOKEN}|\*)")


def read_conditions(
    reader: NodeReader, fields: Mapping[str, nodes.Node], defaults: Conditions = NO_CONDITIONS
) -> Conditions:
    """Return the conditions among the keys of a rule, and for those it does not name the defaults."""
    own = {key: fields[key] for key in CONDITION_KEYS if key in fields}
    read: dict[str, Any] = {key: _READERS[key](reader, node) for key, node in own.items()}
    changes = {key: value for key, value in read.items() if value is not None}
    if not changes:
        return defaults
    conditions = replace(defaults, **changes)
    least, most = conditions.min_size, conditions.max_size
    bounds = own.get("max_size") or own.get("min_size")
    if bounds and least is not None and most is not None and least > most:
        reader.fault("`max_size` is less than `min_size`: no blob has such a size.", bounds)
    return conditions


def read_size(reader: NodeReader, node: nodes.Node, name: str) -> int | None:
    """Return a size in bytes."""
    if not isinstance(node, nodes.Number | nodes.Text):
        reader.wrong(node, name, "a size, such as 1024, 10KB or 5MiB")
        return None
    try:
        return parse_size(node.value)
    except ValueError as error:
        reader.fault(f"`{name}` {error}.", node)
        return None


def read_blob_type(reader: NodeReader, node: nodes.Node) -> str | None:
    """Return one of Azure's types of blobs."""
    return reader.word(node, "blob_type", BLOB_TYPES)


def _min_age(reader: NodeReader, node: nodes.Node) -> timedelta | None:
    if isinstance(node, nodes.Number):
        reader.fault("`min_age` needs a unit, such as 90s, 5m, 48h or 7d.", node)
        return None
    if not isinstance(node, nodes.Text):
        reader.wrong(node, "min_age", "a length of time, such as 90s, 5m, 48h or 7d")
        return None
    try:
        return parse_duration(node.value)
    except ValueError as error:
        reader.fault(f"`min_age` is {shown(node.value)}: {error}.", node)
        return None


def _content_types(reader: NodeReader, node: nodes.Node) -> tuple[str, ...]:
    found: list[str] = []
    for text in reader.texts(node, "content_type"):
        plain = media_type(text.value)
        if not _CONTENT_TYPE.fullmatch(plain):
            reader.fault(f"{shown(text.value)} is no content type: write one such as `text/csv`, or `text/*`.", text)
        elif ";" in text.value:
            reader.fault(f"A content type is compared without what follows its `;`: write {shown(plain)}.", text)
        else:
            found.append(plain)
    return tuple(found)


def _apis(reader: NodeReader, node: nodes.Node) -> tuple[str, ...]:
    texts = reader.texts(node, "api")
    for text in texts:
        spelt = _API_BY_LOWER_CASE.get(text.value.lower(), text.value)
        if not _API.fullmatch(text.value):
            reader.fault(f"{shown(text.value)} is no operation: write its name, such as `PutBlob`.", text)
        elif spelt != text.value:
            reader.fault(f"{shown(text.value)} is spelt `{spelt}`.", text)
        elif text.value in UNCOMMITTED_APIS:
            reader.fault(f"`{text.value}` only opens a file and starts nothing: name the one that commits it.", text)
    return tuple(text.value for text in texts)


def _accounts(reader: NodeReader, node: nodes.Node) -> tuple[str, ...]:
    texts = reader.texts(node, "account")
    for text in texts:
        if not _ACCOUNT.fullmatch(text.value):
            message = f"{shown(text.value)} cannot be a storage account: use 3 to 24 lower-case letters and digits."
            reader.fault(message, text)
    return tuple(text.value for text in texts)


# Each returns None, or an empty tuple, where it has noted a fault.
_READERS: dict[str, Callable[[NodeReader, nodes.Node], Any]] = {
    "min_size": lambda reader, node: read_size(reader, node, "min_size"),
    "max_size": lambda reader, node: read_size(reader, node, "max_size"),
    "content_type": _content_types,
    "blob_type": read_blob_type,
    "api": _apis,
    "account": _accounts,
    "min_age": _min_age,
}
CONDITION_KEYS = tuple(_READERS)
