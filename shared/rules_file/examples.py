"""The examples of a rule: paths that must start its job, what they must capture, and paths that must not match.

They are tried when the file is read, by the code that is used on live blobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from shared.model import ENTRY_PARAMETER, Arrival, Source
from shared.parameters import Locations
from shared.path_template import Captures, Mismatch
from shared.rules import Match, Rule, Rules
from shared.rules_file.node_reader import NodeReader
from shared.wording import shown, unknown
from shared.yaml_source import nodes

# Where the blobs of examples lie. What only a real blob has (size, event and so on) is empty in an example.
EXAMPLE_LOCATIONS = Locations(
    account="account",
    blob_endpoint="https://account.blob.core.windows.net",
    dfs_host="account.dfs.core.windows.net",
)
_EXAMPLE_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_EXAMPLE_KEY = "0" * 64


@dataclass(frozen=True, slots=True)
class MatchExample:
    """A path that must start the rule's job, and the text that captures and parameters must have."""

    path: nodes.Text
    expected: tuple[tuple[nodes.Text, nodes.Text], ...] = ()


@dataclass(frozen=True, slots=True)
class Examples:
    """All examples of one rule."""

    match: tuple[MatchExample, ...] = ()
    no_match: tuple[nodes.Text, ...] = ()


def read_examples(reader: NodeReader, node: nodes.Node) -> Examples:
    """Return the examples that a node holds."""
    mapping = reader.mapping(node, "examples", such_as='{match: ["landing/a.csv"], no_match: ["landing/a.txt"]}')
    if mapping is None:
        return Examples()
    fields = reader.fields(mapping, ("match", "no_match"), "`examples`")
    match = _read_matches(reader, fields["match"]) if "match" in fields else ()
    no_match = reader.items(fields["no_match"], "no_match") if "no_match" in fields else ()
    return Examples(match, tuple(path for item in no_match if (path := _path(reader, item))))


def _read_matches(reader: NodeReader, node: nodes.Node) -> tuple[MatchExample, ...]:
    if not isinstance(node, nodes.Mapping):
        paths = [_path(reader, item) for item in reader.items(node, "match")]
        return tuple(MatchExample(path) for path in paths if path)
    examples: list[MatchExample] = []
    for key, value in node.entries:
        path = _path(reader, key)
        expected = reader.mapping(value, key.value, such_as='{source: "crm"}')
        if path and expected:
            pairs = [(name, reader.text(wanted, name.value)) for name, wanted in expected.entries]
            examples.append(MatchExample(path, tuple((name, wanted) for name, wanted in pairs if wanted)))
    return tuple(examples)


def _path(reader: NodeReader, node: nodes.Node) -> nodes.Text | None:
    text = reader.text(node, "an example")
    if text and not all(text.value.partition("/")):
        reader.fault("An example is a container and a blob's path, such as `landing/orders.csv`.", text)
        return None
    return text


def check_examples(reader: NodeReader, rules: Rules, rule: Rule, examples: Examples) -> None:
    """Note each example that fails; `rules` are all rules of the file, since an earlier one may take the path."""
    for example in examples.match:
        _check_match(reader, rules, rule, example)
    for path in examples.no_match:
        if isinstance(rule.match(path.value), Captures):
            reader.fault(f"{shown(path.value)} matches, and should not.", path)


def _check_match(reader: NodeReader, rules: Rules, rule: Rule, example: MatchExample) -> None:
    path = example.path
    captures = rule.match(path.value)
    if isinstance(captures, Mismatch):
        reader.fault(f"{shown(path.value)} does not match: {captures.reason}.", path)
        return
    arrival = _arrival(path.value)
    winner = next(iter(rules.match(arrival)), None)
    if winner is None:
        reader.fault(f"{shown(arrival.container)} is kept by Azure for itself; nothing matches there.", path)
        return
    if winner.rule is not rule:
        message = f"{shown(path.value)} matches the rule {shown(winner.rule.name)} on line {winner.rule.line} first."
        reader.fault(message, path)
    _check_expected(reader, Match(rule, arrival, captures), example)


def _check_expected(reader: NodeReader, match: Match, example: MatchExample) -> None:
    parameters = match.render(EXAMPLE_LOCATIONS, _EXAMPLE_KEY)
    del parameters[ENTRY_PARAMETER]
    found = {name: capture.text for name, capture in match.captures.items()} | parameters
    for name, wanted in example.expected:
        if name.value not in found:
            reader.fault(unknown(name.value, found, "is no parameter and no capture of this rule"), name)
        elif found[name.value] != wanted.value:
            reader.fault(f"{shown(name.value)} is {shown(found[name.value])} here, not {shown(wanted.value)}.", wanted)


def _arrival(full_path: str) -> Arrival:
    container, _, path = full_path.partition("/")
    return Arrival(
        account=EXAMPLE_LOCATIONS.account,
        container=container,
        path=path,
        version=None,
        committed_at=_EXAMPLE_TIME,
        source=Source.EVENT,
    )
