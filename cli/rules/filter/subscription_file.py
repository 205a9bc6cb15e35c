"""Reads what `az eventgrid ... event-subscription show --output json` prints, a template's resource, or a filter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.rules.filter.subscription_filter import OPERATORS, SINGLE, AdvancedFilter, SubscriptionFilter
from shared.errors import ConfigurationError, Fault
from shared.wording import shown, unknown

_FILTER_KEYS = frozenset(
    {"subjectBeginsWith", "subjectEndsWith", "includedEventTypes", "advancedFilters", "isSubjectCaseSensitive"}
)
_UNARY = frozenset({"IsNotNull", "IsNullOrUndefined"})
_HINT = "Export one with `az eventgrid system-topic event-subscription show --output json`."


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """An exported event subscription, as far as it decides which events are delivered."""

    name: str
    filter: SubscriptionFilter
    expires: str = ""  # when Event Grid deletes it; "" when it does not


def read_subscription(text: str, source: str) -> Subscription:
    """Return the subscription that a file holds; raises ConfigurationError with what to give instead."""
    try:
        exported = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise _refused(source, f"it is not JSON: {error}") from error
    if isinstance(exported, list):
        if len(exported) != 1:
            raise _refused(source, f"it holds {len(exported)} subscriptions; give one")
        exported = exported[0]
    if not isinstance(exported, dict):
        raise _refused(source, "it holds no event subscription")
    properties = _mapping(exported, "properties", source) or exported
    found = _mapping(properties, "filter", source)
    if found is None and _FILTER_KEYS.isdisjoint(properties):
        raise _refused(source, "it holds no `filter`")
    return Subscription(
        name=str(exported.get("name") or ""),
        filter=_filter(properties if found is None else found, source),
        expires=str(properties.get("expirationTimeUtc") or ""),
    )


def _filter(found: Mapping[str, Any], source: str) -> SubscriptionFilter:
    return SubscriptionFilter(
        event_types=tuple(map(str, _items(found, "includedEventTypes", source))),
        begins_with=str(found.get("subjectBeginsWith") or ""),
        ends_with=str(found.get("subjectEndsWith") or ""),
        is_case_sensitive=found.get("isSubjectCaseSensitive") is True,
        advanced=tuple(_advanced(item, source) for item in _items(found, "advancedFilters", source)),
    )


def _advanced(item: object, source: str) -> AdvancedFilter:
    if not isinstance(item, dict):
        raise _refused(source, "one of its `advancedFilters` is no object")
    named = {operator.lower(): operator for operator in OPERATORS}
    written = str(item.get("operatorType") or "")
    operator = named.get(written.lower())
    if operator is None:
        raise _refused(source, unknown(written, OPERATORS, "is no operator that is known here").rstrip("."))
    values = (item.get("value"),) if operator in SINGLE else tuple(_items(item, "values", source))
    if operator not in _UNARY and not (values and all(_fits(operator, value) for value in values)):
        raise _refused(source, f"the filter {operator} of {shown(str(item.get('key')))} has no values that it can use")
    return AdvancedFilter(str(item.get("key") or ""), operator, values)


def _fits(operator: str, value: object) -> bool:
    """Tell whether an operator can compare with a value."""
    if operator.startswith("String"):
        return isinstance(value, str)
    if operator == "BoolEquals":
        return isinstance(value, bool)
    if operator.endswith("InRange"):
        return isinstance(value, list) and len(value) == 2 and all(_is_number(bound) for bound in value)
    return _is_number(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _mapping(found: Mapping[str, Any], key: str, source: str) -> Mapping[str, Any] | None:
    value = found.get(key)
    if value is not None and not isinstance(value, dict):
        raise _refused(source, f"its `{key}` is no object")
    return value


def _items(found: Mapping[str, Any], key: str, source: str) -> list[Any]:
    value = found.get(key)
    if value is not None and not isinstance(value, list):
        raise _refused(source, f"its `{key}` is no list")
    return value or []


def _refused(source: str, reason: str) -> ConfigurationError:
    return ConfigurationError(source, [Fault(f"{reason}.")], hint=_HINT)
