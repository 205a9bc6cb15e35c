"""A subscription's filter as people put it to use: arguments for `az`, Bicep, or Azure Resource Manager's JSON."""

from __future__ import annotations

import json
import shlex
from enum import StrEnum
from typing import Any

from cli.rules.filter.subscription_filter import SubscriptionFilter


class Format(StrEnum):
    """How a filter is written."""

    AZ = "az"
    BICEP = "bicep"
    JSON = "json"


def written(filter_: SubscriptionFilter, as_format: Format) -> str:
    """Return the text of a filter, without a line break at its end."""
    return {Format.AZ: _az, Format.BICEP: _bicep, Format.JSON: _json}[as_format](filter_)


def _json(filter_: SubscriptionFilter) -> str:
    return json.dumps(filter_.as_json(), indent=2)


def _az(filter_: SubscriptionFilter) -> str:
    """Return arguments of `az eventgrid [system-topic] event-subscription create`, one option a line, for sh.

    https://learn.microsoft.com/cli/azure/eventgrid/system-topic/event-subscription
    """
    options: list[list[str]] = []
    if filter_.event_types:
        options.append(["--included-event-types", *filter_.event_types])
    for name, text in (("begins", filter_.begins_with), ("ends", filter_.ends_with)):
        if text:
            options.append([f"--subject-{name}-with", text])
    options.append(["--subject-case-sensitive", str(filter_.is_case_sensitive).lower()])
    options += [["--advanced-filter", each.key, each.operator, *map(str, each.values)] for each in filter_.advanced]
    return " \\\n".join(f"  {shlex.join(option)}" for option in options)


def _bicep(filter_: SubscriptionFilter) -> str:
    """Return the `filter` of a Microsoft.EventGrid/systemTopics/eventSubscriptions resource."""
    return f"filter: {_bicep_value(filter_.as_json(), '')}"


def _bicep_value(value: Any, indent: str) -> str:
    inner = f"{indent}  "
    if isinstance(value, dict):
        lines = [f"{inner}{key}: {_bicep_value(item, inner)}" for key, item in value.items()]
        return "\n".join(["{", *lines, f"{indent}}}"])
    if isinstance(value, list) and value:
        return "\n".join(["[", *(f"{inner}{_bicep_value(item, inner)}" for item in value), f"{indent}]"])
    return _bicep_text(value) if isinstance(value, str) else json.dumps(value)


def _bicep_text(text: str) -> str:
    """Return a string literal: https://learn.microsoft.com/azure/azure-resource-manager/bicep/data-types#strings."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
    return f"'{escaped}'"
