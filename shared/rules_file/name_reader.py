"""Reads what rules are called and were called before: no name, present or former, is that of two rules of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.rules_file.node_reader import NodeReader
from shared.wording import shown
from shared.yaml_source import nodes

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class RuleNames:
    """The names of one file's rules. Entries are kept by name: with two rules of one name, they would share theirs."""

    def __init__(self, reader: NodeReader) -> None:
        self._nodes = reader
        self._lines: dict[str, int] = {}  # where each rule's name stands
        self._former: list[nodes.Text] = []

    def read(self, fields: Mapping[str, nodes.Node]) -> tuple[str, tuple[str, ...]]:
        """Return a rule's name, and its former ones, the latest first."""
        name = self._name(fields["name"]) if "name" in fields else ""
        return name, self._former_names(fields["renamed_from"], name) if "renamed_from" in fields else ()

    def check(self) -> None:
        """Note each former name that another rule has or had; to be asked once all rules are read."""
        first_lines: dict[str, int] = {}
        for text in self._former:
            if line := self._lines.get(text.value):
                says = f"is the name of the rule on line {line}"
                mend = "Call that rule something else, or leave the name out here."
            elif line := first_lines.get(text.value):
                says = f"is a former name of another rule already, on line {line}"
                mend = "Leave it out of one of them."
            else:
                first_lines[text.value] = text.line
                continue
            self._nodes.fault(f"{shown(text.value)} {says}: the ledger would take the two for one. {mend}", text)

    def _name(self, node: nodes.Node) -> str:
        text = self._nodes.text(node, "name")
        if text is None:
            return ""
        if self._is_well_formed(text):
            if first := self._lines.get(text.value):
                self._nodes.fault(f"A rule called {shown(text.value)} is already on line {first}.", text)
            else:
                self._lines[text.value] = text.line
        return text.value

    def _former_names(self, node: nodes.Node, name: str) -> tuple[str, ...]:
        texts = self._nodes.texts(node, "renamed_from")
        for text in texts:
            if not self._is_well_formed(text):
                continue
            if text.value == name:
                message = (
                    f"{shown(name)} is what this rule is called now; `renamed_from` lists what it was called before."
                )
                self._nodes.fault(message, text)
            else:
                self._former.append(text)
        return tuple(text.value for text in texts)

    def _is_well_formed(self, text: nodes.Text) -> bool:
        if _NAME.fullmatch(text.value):
            return True
        self._nodes.fault(
            f"{shown(text.value)} cannot name a rule: use 1 to 63 lower-case letters, digits, `-` and `_`, "
            "a letter or digit first.",
            text,
        )
        return False
