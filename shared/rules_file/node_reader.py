"""Reads typed values from YAML nodes and gathers what is wrong, each fault with its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.errors import Fault
from shared.path_template.braces import TemplateError
from shared.wording import unknown
from shared.yaml_source import nodes

_KINDS: dict[type[nodes.Node], str] = {
    nodes.Text: "text",
    nodes.Number: "a number",
    nodes.Boolean: "`true` or `false`",
    nodes.Sequence: "a list",
    nodes.Mapping: "a mapping",
}


class NodeReader:
    """Each method returns what it was asked for, or something empty after a fault has been noted."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)

    def fault(self, message: str, node: nodes.Node) -> None:
        """Note what is wrong with a node."""
        self.faults.append(Fault(message, node.line, node.column))

    def template_fault(self, error: TemplateError, text: nodes.Text) -> None:
        """Note what is wrong within a template, at the very character where the source allows to tell."""
        self.faults.append(Fault(error.message, *text.place(error.column)))

    def fields(self, node: nodes.Mapping, known: Sequence[str], owner: str) -> dict[str, nodes.Node]:
        """Return the values by key; a key that is not known is a fault."""
        found: dict[str, nodes.Node] = {}
        for key, value in node.entries:
            if key.value in known:
                found[key.value] = value
            else:
                self.fault(unknown(key.value, known, f"is no key of {owner}"), key)
        return found

    def text(self, node: nodes.Node, name: str) -> nodes.Text | None:
        """Return text that is not empty; other scalars must be quoted to be text."""
        if isinstance(node, nodes.Text) and node.value:
            return node
        if isinstance(node, nodes.Number | nodes.Boolean):
            self.fault(f'`{name}` must be text: write "{str(node.value).lower()}" with quotes.', node)
        elif isinstance(node, nodes.Mapping | nodes.Sequence):
            bracket = "{" if isinstance(node, nodes.Mapping) else "["
            message = f"`{name}` must be text, not {_kind(node)}. A value that begins with `{bracket}` must be quoted."
            self.fault(message, node)
        else:
            self._wrong(node, name, "text")
        return None

    def mapping(self, node: nodes.Node, name: str, *, such_as: str = "") -> nodes.Mapping | None:
        """Return a mapping."""
        if isinstance(node, nodes.Mapping):
            return node
        self._wrong(node, name, f"a mapping{such_as and f', such as {such_as}'}")
        return None

    def items(self, node: nodes.Node, name: str) -> tuple[nodes.Node, ...]:
        """Return the items of a list."""
        if isinstance(node, nodes.Sequence):
            return node.items
        self._wrong(node, name, "a list")
        return ()

    def _wrong(self, node: nodes.Node, name: str, expected: str) -> None:
        if isinstance(node, nodes.Invalid):
            return
        if isinstance(node, nodes.Null) or (isinstance(node, nodes.Text) and not node.value):
            self.fault(f"`{name}` is empty; it must be {expected}.", node)
        else:
            self.fault(f"`{name}` must be {expected}, not {_kind(node)}.", node)


def _kind(node: nodes.Node) -> str:
    return _KINDS.get(type(node), "empty")
