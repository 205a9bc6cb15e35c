"""Where in a rules file something stands: a rule itself knows only its line."""

from __future__ import annotations

from functools import cached_property

from shared.rules import Rule
from shared.yaml_source import nodes, read_yaml

Place = tuple[int, int]  # line and column, 1-based


class Places:
    """The places of one file's text, which is read again only when somebody asks."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, rule: Rule, *keys: str) -> Place:
        """Return where the value of a rule's key stands, of a key within it and so on; as near as there is."""
        node = self._by_line.get(rule.line)
        place = (rule.line, 1) if node is None else (node.line, node.column)
        for key in keys:
            node = _value(node, key)
            if node is None:
                break
            place = (node.line, node.column)
        return place

    def of_path(self, rule: Rule) -> Place:
        """Return where a rule's `path` or `regex` stands."""
        return self.of(rule, "regex" if _value(self._by_line.get(rule.line), "regex") else "path")

    def examples(self, rule: Rule) -> tuple[str, ...]:
        """Return the paths that a rule's examples say it matches."""
        match = _value(_value(self._by_line.get(rule.line), "examples"), "match")
        if isinstance(match, nodes.Mapping):
            return tuple(key.value for key, _ in match.entries)
        items = match.items if isinstance(match, nodes.Sequence) else ()
        return tuple(item.value for item in items if isinstance(item, nodes.Text))

    @cached_property
    def _by_line(self) -> dict[int, nodes.Node]:
        rules = _value(read_yaml(self._text).root, "rules")
        return {node.line: node for node in rules.items} if isinstance(rules, nodes.Sequence) else {}


def _value(node: nodes.Node | None, key: str) -> nodes.Node | None:
    if not isinstance(node, nodes.Mapping):
        return None
    return next((value for name, value in node.entries if name.value == key), None)
