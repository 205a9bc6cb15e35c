"""Reads which paths a rule is for: a path template or a regular expression, and excludes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from shared.containers import container_fault, is_system_container
from shared.path_template import PathPattern, PathTemplate, RegexTemplate
from shared.path_template.braces import TemplateError
from shared.rules_file.node_reader import NodeReader
from shared.yaml_source import nodes

_PARSERS: dict[str, Callable[[str], PathPattern]] = {
    "path": PathTemplate.parse,
    "regex": RegexTemplate.parse,
    "exclude": lru_cache(maxsize=1024)(PathTemplate.parse),  # many rules exclude the same few
}


def read_path(reader: NodeReader, fields: Mapping[str, nodes.Node]) -> PathPattern | None:
    """Return the pattern that a rule's `path` or `regex` holds."""
    if "path" in fields and "regex" in fields:
        reader.fault("A rule has `path` or `regex`, not both.", fields["regex"])
        return None
    return _read(reader, fields["regex"], "regex") if "regex" in fields else _read(reader, fields.get("path"), "path")


def read_exclude(reader: NodeReader, node: nodes.Node | None) -> tuple[PathPattern, ...]:
    """Return the path templates that an `exclude` lists."""
    patterns: list[PathPattern] = []
    for item in reader.items(node, "exclude") if node else ():
        pattern = _read(reader, item, "exclude")
        if pattern and pattern.kinds:
            reader.fault("An `exclude` captures nothing: write `*` or `**` instead of braces.", item)
        elif pattern:
            patterns.append(pattern)
    return tuple(patterns)


def _read(reader: NodeReader, node: nodes.Node | None, key: str) -> PathPattern | None:
    text = reader.text(node, key) if node else None
    if text is None:
        return None
    try:
        pattern = _PARSERS[key](text.value)
    except TemplateError as error:
        reader.template_fault(error, text)
        return None
    if fault := _container_fault(pattern):
        reader.template_fault(TemplateError(fault, 1), text)
        return None
    return pattern


def _container_fault(pattern: PathPattern) -> str:
    if pattern.container is not None:
        return container_fault(pattern.container)
    beginning = pattern.static_prefix.partition("/")[0]
    return container_fault(beginning) if is_system_container(beginning) else ""
