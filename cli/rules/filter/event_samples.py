"""Events that a rule wants, chosen so that a filter which drops any such event for what it tells drops one of these.

The fields of an event are asked for one by one, by rules and by filters, so that each is varied alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from cli.rules.filter.subscription_filter import AdvancedFilter, Event, subject_of
from cli.rules.filter.tightest_filter import FLAT_APIS, HIERARCHICAL_APIS
from shared.events import CREATED, RENAMED, arrival_from
from shared.model import Arrival
from shared.rules import Conditions, Rule

# What the filters on these can drop is found out by trying; of any other key nobody knows what events hold.
JUDGED_KEYS = frozenset({"data.api", "data.contenttype", "data.contentlength", "data.blobtype", "eventtype", "type"})
_RENAMING_APIS = ("RenameFile", "SftpRename")
_BLOB_TYPES = ("BlockBlob", "PageBlob", "AppendBlob")
_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def sample_events(rule: Rule, advanced: Sequence[AdvancedFilter], event_types: Sequence[str]) -> Iterator[Event]:
    """Yield events that the rule wants, if it matches their path, which stands for any."""
    for event_type in event_types:
        told = _told(event_type, rule.conditions, is_hierarchical=RENAMED in event_types)
        wanted = {
            field: [
                value
                for value in (*values, *(_asked_for(field, advanced) if event_type == CREATED else ()))
                if _is_wanted(rule, _event(event_type, {field: value}))
            ]
            for field, values in told.items()
        }
        if not all(wanted.values()):
            continue  # the rule wants no event of this type
        usual = {field: values[0] for field, values in wanted.items()}
        for field, values in wanted.items():
            for value in values:
                yield _event(event_type, {**usual, field: value})


def _told(event_type: str, conditions: Conditions, *, is_hierarchical: bool) -> Mapping[str, Sequence[object]]:
    """Return what events of a type tell, and the values that matter to rules. A rename tells next to nothing.

    https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
    """
    if event_type != CREATED:
        return {"api": _RENAMING_APIS}
    apis = [api for api in HIERARCHICAL_APIS if api not in _RENAMING_APIS] if is_hierarchical else FLAT_APIS
    types = [content_type.replace("/*", "/x") for content_type in conditions.content_type]
    bounds = [bound for bound in (conditions.min_size, conditions.max_size) if bound is not None]
    return {
        "api": [*apis, *conditions.api],
        "contentType": ["text/csv", "application/octet-stream", *types],
        "contentLength": [1, 0, *bounds, 2**40],
        "blobType": _BLOB_TYPES,
    }


def _asked_for(field: str, advanced: Iterable[AdvancedFilter]) -> Iterator[object]:
    """Yield the values of the filters on a field, and the numbers beside them."""
    values = chain.from_iterable(each.values for each in advanced if each.key.lower() == f"data.{field.lower()}")
    for value in values:
        for bound in value if isinstance(value, list) else [value]:
            yield from (int(bound) + step for step in (-1, 0, 1)) if isinstance(bound, int | float) else (bound,)


def _event(event_type: str, data: Mapping[str, Any]) -> Event:
    return {"eventType": event_type, "type": event_type, "subject": subject_of("container/path"), "data": data}


def _is_wanted(rule: Rule, event: Event) -> bool:
    if event["eventType"] == CREATED and event["data"].get("api") in _RENAMING_APIS:
        return False  # no file is created so
    arrival = arrival_from(event, _SOME_TIME)
    return isinstance(arrival, Arrival) and not rule.conditions.judge(arrival).unmet
