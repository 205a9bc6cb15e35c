"""Reads the `defaults` of a rules file: what every rule of it has unless it says otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.containers import container_fault
from shared.path_template import PathPattern
from shared.rules import Conditions, Limit, Mode, OnFailure, OnOverwrite
from shared.rules.conditions import NO_CONDITIONS
from shared.rules_file.condition_reader import CONDITION_KEYS, read_conditions
from shared.rules_file.failure_reader import RECORDED, read_on_failure
from shared.rules_file.limit_reader import read_limits
from shared.rules_file.node_reader import NodeReader
from shared.rules_file.parameter_reader import DEFAULT_KINDS, WrittenKind, read_kinds
from shared.rules_file.path_reader import read_exclude
from shared.wording import shown
from shared.yaml_source import nodes

DEFAULTS_KEYS = ("exclude", *CONDITION_KEYS, "mode", "on_overwrite", "on_failure", "limit", "volumes", *DEFAULT_KINDS)

# /Volumes/catalog/schema/volume and folders below. https://learn.microsoft.com/azure/databricks/volumes/paths
_VOLUME = re.compile(r"/Volumes(?:/[^/\x00-\x1f\x7f{}]+){3,}")
_ODD_SEGMENTS = frozenset({".", ".."})


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """What rules have that do not say otherwise."""

    exclude: tuple[PathPattern, ...] = ()
    conditions: Conditions = NO_CONDITIONS
    mode: Mode = Mode.RUN
    on_overwrite: OnOverwrite = OnOverwrite.RUN
    on_failure: OnFailure = RECORDED
    limits: tuple[Limit, ...] = ()  # each rule's own
    volumes: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, WrittenKind] = field(default_factory=dict)


def read_defaults(reader: NodeReader, node: nodes.Node | None) -> Defaults:
    """Return the file's defaults."""
    mapping = reader.mapping(node, "defaults", such_as="{notebook_params: {}}") if node else None
    if mapping is None:
        return Defaults()
    fields = reader.fields(mapping, DEFAULTS_KEYS, "`defaults`")
    return Defaults(
        exclude=read_exclude(reader, fields.get("exclude")),
        conditions=read_conditions(reader, fields),
        mode=read_mode(reader, fields.get("mode"), Mode.RUN),
        on_overwrite=read_on_overwrite(reader, fields.get("on_overwrite"), OnOverwrite.RUN),
        on_failure=read_on_failure(reader, fields.get("on_failure"), RECORDED),
        limits=read_limits(reader, fields.get("limit"), ()),
        volumes=_read_volumes(reader, fields["volumes"]) if "volumes" in fields else {},
        kinds=read_kinds(reader, fields),
    )


def read_on_overwrite(reader: NodeReader, node: nodes.Node | None, default: OnOverwrite) -> OnOverwrite:
    """Return what a new version of a known path does."""
    word = reader.word(node, "on_overwrite", [*OnOverwrite]) if node else None
    return OnOverwrite(word) if word else default


def read_mode(reader: NodeReader, node: nodes.Node | None, default: Mode) -> Mode:
    """Return what becomes of a match."""
    word = reader.word(node, "mode", [*Mode]) if node else None
    return Mode(word) if word else default


def _read_volumes(reader: NodeReader, node: nodes.Node) -> dict[str, str]:
    mapping = reader.mapping(node, "volumes", such_as="{landing: /Volumes/main/raw/landing}")
    volumes: dict[str, str] = {}
    for key, value in mapping.entries if mapping else ():
        if fault := container_fault(key.value):
            reader.fault(fault, key)
        text = reader.text(value, key.value)
        if text is None:
            continue
        if _VOLUME.fullmatch(text.value) and _ODD_SEGMENTS.isdisjoint(text.value.split("/")):
            volumes[key.value] = text.value
        else:
            message = (
                f"{shown(text.value)} is no volume's path: write one such as /Volumes/main/raw/landing, "
                "with no `/` at its end."
            )
            reader.fault(message, text)
    return volumes
