"""Conditions: what a rule asks of a blob beside its path, judged in three values: true, false and undecided.

A listing does not say which operation wrote a file, and a rename event not how large it is. What nobody told is
undecided and never false: the service looks the blob up and asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from shared.model import Arrival
from shared.wording import shown


@dataclass(frozen=True, slots=True)
class Judgement:
    """What conditions make of an arrival; they hold where both are empty, and do not where `unmet` is not."""

    unmet: tuple[str, ...] = ()  # says of each condition that is false why
    undecided: tuple[str, ...] = ()  # the fields of the arrival that are not known and decide


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """All conditions of a rule; one that is not set asks for nothing. Bounds are inclusive."""

    min_size: int | None = None  # bytes
    max_size: int | None = None
    content_type: tuple[str, ...] = ()  # one of these, in lower case and without parameters: `text/csv`, `text/*`
    blob_type: str | None = None
    api: tuple[str, ...] = ()  # one of these
    account: tuple[str, ...] = ()  # one of these, in lower case
    min_age: timedelta = timedelta(0)  # not asked of an arrival: the service holds it until the file is that old
    fields: tuple[str, ...] = field(init=False, compare=False, repr=False)  # of an arrival that are looked at

    def __post_init__(self) -> None:
        asked = {
            "size": self.min_size is not None or self.max_size is not None,
            "content_type": self.content_type,
            "blob_type": self.blob_type,
            "api": self.api,
            "account": self.account,
        }
        object.__setattr__(self, "fields", tuple(name for name, is_asked in asked.items() if is_asked))

    def judge(self, arrival: Arrival) -> Judgement:
        """Return which conditions are false of an arrival and which fields would decide the others."""
        if not self.fields:  # most rules; this is asked of every arrival that fits a path
            return HOLDS
        found = [(name, _JUDGES[name](self, arrival)) for name in self.fields]
        return Judgement(
            unmet=tuple(says for _, says in found if says),
            undecided=tuple(name for name, says in found if says is None),
        )


HOLDS = Judgement()
NO_CONDITIONS = Conditions()


def media_type(content_type: str) -> str:
    """Return a content type without its parameters, in lower case: `text/csv` for `Text/CSV; charset=utf-8`.

    Type and subtype have no case: https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
    """
    return content_type.partition(";")[0].strip().lower()


def named_fields(fields: Iterable[str]) -> str:
    """Return fields of an arrival as a sentence has them: `its size and content type`."""
    return "its " + " and ".join(name.replace("_", " ") for name in fields)


# Each of these returns "" where a condition holds, None where it is undecided, and otherwise why it is false.


def _size(conditions: Conditions, arrival: Arrival) -> str | None:
    size, least, most = arrival.size, conditions.min_size, conditions.max_size
    if size is None:
        return None
    if least is not None and size < least:
        return f"it has {_bytes(size)}, fewer than the {least:,} of `min_size`"
    if most is not None and size > most:
        return f"it has {_bytes(size)}, more than the {most:,} of `max_size`"
    return ""


def _content_type(conditions: Conditions, arrival: Arrival) -> str | None:
    if arrival.content_type is None:
        return None
    found = media_type(arrival.content_type)
    family, slash, _ = found.partition("/")
    if found in conditions.content_type or f"{family}{slash}*" in conditions.content_type:
        return ""
    return f"its content type is {shown(arrival.content_type)}, not {_one_of(conditions.content_type)}"


def _blob_type(conditions: Conditions, arrival: Arrival) -> str | None:
    if arrival.blob_type is None:
        return None
    if arrival.blob_type == conditions.blob_type:
        return ""
    return f"it is a {shown(arrival.blob_type)} and not a `{conditions.blob_type}`"


def _api(conditions: Conditions, arrival: Arrival) -> str | None:
    if arrival.api is None:
        return None
    if arrival.api in conditions.api:
        return ""
    return f"it was written by {shown(arrival.api)}, not by {_one_of(conditions.api)}"


def _account(conditions: Conditions, arrival: Arrival) -> str | None:
    if not arrival.account:
        return None
    if arrival.account.lower() in conditions.account:
        return ""
    return f"it lies in the account {shown(arrival.account)}, not in {_one_of(conditions.account)}"


_JUDGES: dict[str, Callable[[Conditions, Arrival], str | None]] = {
    "size": _size,
    "content_type": _content_type,
    "blob_type": _blob_type,
    "api": _api,
    "account": _account,
}


def _bytes(size: int) -> str:
    return f"{size:,} byte{'' if size == 1 else 's'}"


def _one_of(words: Iterable[str]) -> str:
    return " or ".join(shown(word) for word in words)
