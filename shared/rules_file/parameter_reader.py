"""Reads what a rule or the file's defaults tell a job, kind by kind, and merges the two."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from shared.model import ENTRY_PARAMETER
from shared.parameters import ParameterTemplate, looks_dynamic
from shared.path_template.braces import TemplateError
from shared.rules.run_parameters import KINDS, LIST_KINDS, MAPPING_KINDS, Value
from shared.rules_file.node_reader import NodeReader
from shared.wording import shown
from shared.yaml_source import nodes

# `only` names tasks of one job, so that a default would make no sense.
DEFAULT_KINDS = tuple(kind for kind in KINDS if kind != "only")
SELECTIONS = (
    "full_refresh_selection",
    "refresh_selection",
    "refresh_flow_selection",
    "reset_checkpoint_selection",
)
PIPELINE_KEYS = ("full_refresh", *SELECTIONS)
# "A maximum of up to 10 commands": https://docs.databricks.com/api/azure/workspace/jobs/create (dbt_task.commands)
MOST_DBT_COMMANDS = 10

# "May only contain alphanumeric characters, _, -, and ." says the reference of job parameters.
_JOB_PARAMETER = re.compile(r"[A-Za-z0-9_.-]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_TASK = re.compile(r"\+?[A-Za-z0-9_-]{1,100}\+?")


@dataclass(frozen=True, slots=True)
class Written:
    """A parameter template, and where it stands."""

    template: ParameterTemplate
    text: nodes.Text


# What one kind holds: templates by name, templates in a list, or what is sent as it is.
WrittenKind = Mapping[str, "WrittenKind"] | tuple["WrittenKind", ...] | Written | str | bool


def read_kinds(reader: NodeReader, fields: Mapping[str, nodes.Node]) -> dict[str, WrittenKind]:
    """Return the kinds of parameters among the keys of a rule, or of the defaults."""
    return {kind: _READERS[kind](reader, fields[kind]) for kind in KINDS if kind in fields}


def merged(own: Mapping[str, WrittenKind], defaults: Mapping[str, WrittenKind]) -> dict[str, WrittenKind]:
    """Return a rule's own kinds over the defaults.

    Defaults of a kind are for the rules that use it, and for those that use none. Of mappings the names are merged,
    a list takes the place of another.
    """
    used = [kind for kind in own if kind in DEFAULT_KINDS]
    kinds = {kind: value for kind, value in defaults.items() if not used or kind in used}
    for kind, value in own.items():
        default = kinds.get(kind)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            kinds[kind] = {**default, **value}
        else:
            kinds[kind] = value
    return {kind: kinds[kind] for kind in KINDS if kind in kinds}


def written_texts(kind: WrittenKind) -> Iterator[Written]:
    """Yield the templates of one kind."""
    items = kind.values() if isinstance(kind, Mapping) else kind if isinstance(kind, tuple) else ()
    return (item for item in items if isinstance(item, Written))


def values_of(kinds: Mapping[str, WrittenKind]) -> dict[str, Value]:
    """Return the kinds without the places where they stand."""
    return {kind: _value(written) for kind, written in kinds.items()}


def _value(written: WrittenKind) -> Value:
    if isinstance(written, Written):
        return written.template
    if isinstance(written, Mapping):
        return {name: _value(item) for name, item in written.items()}
    if isinstance(written, tuple):
        return tuple(_value(item) for item in written)
    return written


def _read_mapping(kind: str, reader: NodeReader, node: nodes.Node) -> dict[str, Written]:
    mapping = reader.mapping(node, kind, such_as='{file_path: "{blob.uri}"}')
    found: dict[str, Written] = {}
    for key, value in mapping.entries if mapping else ():
        if fault := _name_fault(kind, key.value):
            reader.fault(fault, key)
        written = _read_text(reader, value, key.value)
        if written:
            found[key.value] = written
    return found


def _name_fault(kind: str, name: str) -> str:
    if not name:
        return "A parameter needs a name."
    if kind == "job_parameters" and not _JOB_PARAMETER.fullmatch(name):
        return f"{shown(name)} cannot name a job parameter: use letters, digits, `_`, `-` and `.`."
    if name == ENTRY_PARAMETER and kind in ("notebook_params", "job_parameters"):
        return f"`{ENTRY_PARAMETER}` is what Landfall adds to every run; use another name."
    if looks_dynamic(name):
        return "The name of a parameter is literal text and cannot hold two braces in a row."
    return ""


def _read_list(kind: str, reader: NodeReader, node: nodes.Node) -> tuple[Written, ...]:
    items = reader.items(node, kind)
    return tuple(written for item in items if (written := _read_text(reader, item, kind)))


def _read_ascii_list(kind: str, reader: NodeReader, node: nodes.Node) -> tuple[Written, ...]:
    found = _read_list(kind, reader, node)
    for written in found:
        if odd := _NOT_ASCII.search(written.text.value):
            message = f"`{kind}` can hold only ASCII characters: Databricks refuses others."
            reader.template_fault(TemplateError(message, odd.start() + 1), written.text)
    return found


def _read_commands(kind: str, reader: NodeReader, node: nodes.Node) -> tuple[Written, ...]:
    found = _read_list(kind, reader, node)
    if isinstance(node, nodes.Sequence) and not 1 <= len(node.items) <= MOST_DBT_COMMANDS:
        reader.fault(f"`{kind}` must hold 1 to {MOST_DBT_COMMANDS} commands, not {len(node.items)}.", node)
    for written in found:
        if written.template.text.split(" ")[0] != "dbt":
            reader.fault(f"{shown(written.template.text)} is no dbt command: each begins with `dbt `.", written.text)
    return found


def _read_text(reader: NodeReader, node: nodes.Node, name: str) -> Written | None:
    text = node if isinstance(node, nodes.Text) else reader.text(node, name)
    if text is None:
        return None
    try:
        return Written(ParameterTemplate.parse(text.value), text)
    except TemplateError as error:
        reader.template_fault(error, text)
        return None


def _read_pipeline(reader: NodeReader, node: nodes.Node) -> dict[str, WrittenKind]:
    mapping = reader.mapping(node, "pipeline_params", such_as="{full_refresh: true}")
    found: dict[str, WrittenKind] = {}
    fields = reader.fields(mapping, PIPELINE_KEYS, "`pipeline_params`") if mapping else {}
    for key, value in fields.items():
        if key in SELECTIONS:
            found[key] = tuple(text.value for text in _literals(reader, value, key))
        elif (full := reader.boolean(value, key)) is not None:
            found[key] = full
    return found


def _read_tasks(reader: NodeReader, node: nodes.Node) -> tuple[str, ...]:
    texts = _literals(reader, node, "only")
    for text in texts:
        if not _TASK.fullmatch(text.value):
            message = (
                f"{shown(text.value)} is no task: write its key, with `+` before it for what it depends on "
                "and after it for what depends on it."
            )
            reader.fault(message, text)
    return tuple(text.value for text in texts)


def _literals(reader: NodeReader, node: nodes.Node, name: str) -> tuple[nodes.Text, ...]:
    """Return the texts of a list, which are no templates."""
    if not isinstance(node, nodes.Sequence):
        reader.wrong(node, name, "a list")
        return ()
    found: list[nodes.Text] = []
    for text in reader.texts(node, name):
        if "{" in text.value or "}" in text.value:
            reader.fault(f"`{name}` is sent as it is written: it can hold no braces.", text)
        else:
            found.append(text)
    return tuple(found)


_READERS: dict[str, Callable[[NodeReader, nodes.Node], WrittenKind]] = {
    **{kind: partial(_read_mapping, kind) for kind in MAPPING_KINDS},
    **{kind: partial(_read_list, kind) for kind in LIST_KINDS},
    "python_params": partial(_read_ascii_list, "python_params"),
    "dbt_commands": partial(_read_commands, "dbt_commands"),
    "pipeline_params": _read_pipeline,
    "only": _read_tasks,
}
