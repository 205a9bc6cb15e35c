"""What a rule tells its job: the fields of run-now, kind by kind, and which of them Databricks would refuse.

https://docs.databricks.com/api/azure/workspace/jobs/runnow
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.compact_json import compact
from shared.model import ENTRY_PARAMETER
from shared.parameters import Context, ParameterTemplate, looks_dynamic
from shared.wording import shown

# Kinds whose texts are templates: by name, and one after the other.
MAPPING_KINDS = ("notebook_params", "job_parameters", "python_named_params", "sql_params")
LIST_KINDS = ("python_params", "jar_params", "dbt_commands")
# Kinds that are sent as they are written.
LITERAL_KINDS = ("pipeline_params", "only")
KINDS = (*MAPPING_KINDS, *LIST_KINDS, *LITERAL_KINDS)

# Bytes of {"notebook_params": {...}} that run-now takes, the key included; other kinds have no limit that is told.
SIZE_LIMIT = 10_000
# UTF-16 units of all fields together, so that a row of the ledger takes them, in a request of some hundred more:
# one property holds 32,768. What is longer could not be claimed, and its event would come again for a day.
# https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
MOST_UNITS = 30_000
LIMITED_KINDS = frozenset({"notebook_params", "jar_params", "python_params"})
# "Using non-ASCII characters returns an error", says the reference of this kind and of no other that is here.
_ASCII_KINDS = frozenset({"python_params"})
# What run-now refuses together. The reference tells of the last pair; of the others Airflow does, as
# _RUN_NOW_PARAM_SLOTS_CONFLICTING_WITH_JOB_PARAMETERS of https://pypi.org/project/apache-airflow-providers-databricks/
_NOT_BESIDE_JOB_PARAMETERS = ("notebook_params", "python_params", "jar_params", "python_named_params", "dbt_commands")
CONFLICTS = (*(("job_parameters", kind) for kind in _NOT_BESIDE_JOB_PARAMETERS), ("notebook_params", "jar_params"))

Value = ParameterTemplate | str | bool | tuple["Value", ...] | Mapping[str, "Value"]


@dataclass(frozen=True, slots=True)
class RunParameters:
    """The fields of run-now that a rule sets, by kind; of templates where a text is rendered, else as they are sent."""

    fields: Mapping[str, Value] = field(default_factory=dict, hash=False)

    def templates(self) -> Iterator[tuple[str, ParameterTemplate]]:
        """Yield every parameter template with its place, such as `notebook_params.file_path` or `jar_params[0]`."""
        for kind, value in self.fields.items():
            yield from ((place, leaf) for place, leaf in leaves(kind, value) if isinstance(leaf, ParameterTemplate))

    def render(self, context: Context) -> dict[str, Any]:
        """Return run-now's fields, the entry's key among them where Databricks lets it stand; see `problem`."""
        fields: dict[str, Any] = {
            kind: _mapped(value, lambda template: template.render(context)) for kind, value in self.fields.items()
        }
        if kind := entry_kind(fields):
            fields[kind] = {**fields.get(kind, {}), ENTRY_PARAMETER: context.key}
        return fields


def entry_kind(kinds: Mapping[str, object]) -> str:
    """Return the kind that tells a run its entry, "" where Databricks takes no mapping beside these kinds."""
    if "job_parameters" in kinds:
        return "job_parameters"
    return "" if "jar_params" in kinds else "notebook_params"


def problem(fields: Mapping[str, Any]) -> str:
    """Return why Databricks would not take these rendered fields as they are meant, "" when nothing is wrong.

    It depends on what a blob is called, so that it can only be told of a rendered request. Never raises.
    """
    for kind, value in fields.items():
        if kind in LIMITED_KINDS and (size := sent_size(kind, value)) > SIZE_LIMIT:
            return f"{_longest(kind, value)} makes `{kind}` {size:,} bytes long, and Databricks takes {SIZE_LIMIT:,}"
        for place, text in text_leaves(kind, value):
            if says := _unusable(kind, text):
                return f"the parameter {shown(place)} {says}"
    if not is_storable(fields):
        longest = max(fields, key=lambda kind: _units(fields[kind]))
        return f"{_longest(longest, fields[longest])} is among more than the {MOST_UNITS:,} characters that a row holds"
    return ""


def is_storable(fields: Mapping[str, Any]) -> bool:
    """Tell whether a row of the ledger has room for rendered fields."""
    return _units(fields) <= MOST_UNITS


def _units(value: object) -> int:
    """Return how long a value is in the ledger, in UTF-16 units."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-16-le", "surrogatepass")) // 2


def least_size(kind: str, value: Value) -> int:
    """Return the bytes that a field takes at least, with nothing in its placeholders; 0 where nobody counts."""
    if kind not in LIMITED_KINDS:
        return 0
    least = _mapped(value, ParameterTemplate.literal_text)
    return sent_size(kind, {**least, ENTRY_PARAMETER: "0" * 64} if kind == "notebook_params" else least)


def sent_size(kind: str, value: object) -> int:
    """Return how many bytes a field takes in a request, as Databricks counts: with its name, in braces of its own."""
    return len(compact({kind: value}).encode())


def _unusable(kind: str, text: str) -> str:
    if looks_dynamic(text):
        return "holds {{ or }}, which Databricks would evaluate; rename the file"
    if kind in _ASCII_KINDS and not text.isascii():
        return "is not ASCII, and Databricks takes no other characters there; pass it as a percent-encoded `blob.https`"
    return ""


def text_leaves(kind: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield every text of a rendered field with its place, such as `notebook_params.file_path`, `jar_params[0]`."""
    return ((place, leaf) for place, leaf in leaves(kind, value) if isinstance(leaf, str))


def _longest(kind: str, value: object) -> str:
    place, _ = max(text_leaves(kind, value), key=lambda found: len(compact(found[1]).encode()), default=(kind, ""))
    return f"the parameter {shown(place)}"


def leaves(place: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield what a field, called `place`, is made of, each with its own place; a template is a leaf."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from leaves(f"{place}.{name}", item)
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from leaves(f"{place}[{index}]", item)
    else:
        yield place, value


def _mapped(value: Value, text_of: Callable[[ParameterTemplate], str]) -> Any:
    """Return a value as JSON has it, with each template made text."""
    if isinstance(value, ParameterTemplate):
        return text_of(value)
    if isinstance(value, Mapping):
        return {name: _mapped(item, text_of) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_mapped(item, text_of) for item in value]
    return value
