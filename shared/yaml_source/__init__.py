"""Strict YAML: the part of the language that says the same to every reader, as nodes that know where they stand.

The only home of PyYAML. No object is ever constructed from a tag, and anchors, aliases, merge keys and tags are
refused: a rules file is data.
"""

from __future__ import annotations

from shared.yaml_source.nodes import Boolean, Invalid, Mapping, Node, Null, Number, Sequence, Text
from shared.yaml_source.reader import Document, read_yaml

__all__ = ["Boolean", "Document", "Invalid", "Mapping", "Node", "Null", "Number", "Sequence", "Text", "read_yaml"]
