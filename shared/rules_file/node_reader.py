"""Reads typed values from YAML nodes and gathers what is wrong, each fault with its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from shared.errors import Fault
from shared.path_template.braces import TemplateError
from shared.wording import shown, unknown
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
            self.wrong(node, name, "text")
        return None

    def mapping(self, node: nodes.Node, name: str, *, such_as: str = "") -> nodes.Mapping | None:
        """Return a mapping."""
        if isinstance(node, nodes.Mapping):
            return node
        self.wrong(node, name, f"a mapping{such_as and f', such as {such_as}'}")
        return None

    def items(self, node: nodes.Node, name: str) -> tuple[nodes.Node, ...]:
        """Return the items of a list."""
        if isinstance(node, nodes.Sequence):
            return node.items
        self.wrong(node, name, "a list")
        return ()

    def texts(self, node: nodes.Node, name: str) -> tuple[nodes.Text, ...]:
        """Return one text, or the texts of a list of at least one; one that stands twice is a fault."""
        items = node.items if isinstance(node, nodes.Sequence) else (node,)
        if not items:
            self.fault(f"`{name}` is empty; list at least one, or leave it out.", node)
        found: dict[str, nodes.Text] = {}
        for item in items:
            text = self.text(item, name)
            if text and text.value in found:
                self.fault(f"{shown(text.value)} stands twice in `{name}`.", text)
            elif text:
                found[text.value] = text
        return tuple(found.values())

    def word(self, node: nodes.Node, name: str, known: Sequence[str]) -> str | None:
        """Return one of the words that are known."""
        if not isinstance(node, nodes.Text):
            self.wrong(node, name, _either(known))
            return None
        if node.value in known:
            return node.value
        close = get_close_matches(node.value.lower(), [word.lower() for word in known], n=1)
        meant = next((f" Did you mean `{word}`?" for word in known if [word.lower()] == close), "")
        self.fault(f"`{name}` must be {_either(known)}, not {shown(node.value)}.{meant}", node)
        return None

    def boolean(self, node: nodes.Node, name: str) -> bool | None:
        """Return true or false."""
        if isinstance(node, nodes.Boolean):
            return node.value
        if isinstance(node, nodes.Text) and node.value in ("true", "false"):
            self.fault(f"`{name}` must be `true` or `false`: write {node.value} without quotes.", node)
        else:
            self.wrong(node, name, "`true` or `false`")
        return None

    def wrong(self, node: nodes.Node, name: str, expected: str) -> None:
        """Note that a node is not what it must be, unless a fault has been noted for it already."""
        if isinstance(node, nodes.Invalid):
            return
        if isinstance(node, nodes.Null) or (isinstance(node, nodes.Text) and not node.value):
            self.fault(f"`{name}` is empty; it must be {expected}.", node)
        else:
            self.fault(f"`{name}` must be {expected}, not {_kind(node)}.", node)


def _either(words: Sequence[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]])


def _kind(node: nodes.Node) -> str:
    return _KINDS.get(type(node), "empty")
