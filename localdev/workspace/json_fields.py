"""Reading the fields of a JSON request body, with Databricks' words for what cannot be read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from localdev.workspace.errors import invalid, malformed

Document = dict[str, Any]

LARGEST_ID = 2**63 - 1
_DIGITS = re.compile(r"-?[0-9]{1,19}")


class Fields:
    """The fields of one JSON object; a field that is null counts as absent."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def has(self, name: str) -> bool:
        """Tell whether the field is there and not null."""
        return self._document.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """Return a string."""
        value = self._document.get(name)
        if value is None:
            return default
        return value if isinstance(value, str) else _refuse("string", name, value)

    def required_text(self, name: str, where: str) -> str:
        """Return a string that must be there; `where` names the object in the error."""
        value = self.text(name)
        if not value:
            raise invalid(f"{where}: {name} is missing.")
        return value

    def whole_number(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """Return an integer within bounds; a string of digits will do, as it does for Databricks."""
        value = self._document.get(name)
        if value is None:
            return default
        number = _whole_number(value)
        if number is None:
            _refuse("integer", name, value)
        if number < least or (most is not None and number > most):
            bounds = f"at least {least}" if most is None else f"between {least} and {most}"
            raise invalid(f"{name} is {number}; it must be {bounds}.")
        return number

    def identifier(self, name: str) -> int:
        """Return the id of a job or a run, which must be there."""
        if not self.has(name):
            raise invalid(f"Missing required field: {name}")
        return self.whole_number(name, 0, most=LARGEST_ID)

    def flag(self, name: str) -> bool | None:
        """Return a boolean, None when it is absent."""
        value = self._document.get(name)
        return value if value is None or isinstance(value, bool) else _refuse("boolean", name, value)

    def object(self, name: str) -> Document:
        """Return an object, empty when it is absent."""
        value = self._document.get(name)
        if value is None:
            return {}
        return value if isinstance(value, dict) else _refuse("object", name, value)

    def objects(self, name: str) -> list[Document]:
        """Return an array of objects, empty when it is absent."""
        return [each if isinstance(each, dict) else _refuse("object", name, each) for each in self._array(name)]

    def text_list(self, name: str) -> tuple[str, ...]:
        """Return an array of strings, empty when it is absent."""
        return tuple(each if isinstance(each, str) else _refuse("string", name, each) for each in self._array(name))

    def text_map(self, name: str) -> dict[str, str]:
        """Return an object of strings, empty when it is absent; any other value is refused."""
        document = self.object(name)
        for key, value in document.items():
            if value is None:
                # https://learn.microsoft.com/azure/data-factory/connector-troubleshoot-azure-databricks
                raise malformed(
                    f"Expected 'key' and 'value' to be set for JSON map field {name}, got 'key: \"{key}\"' instead."
                )
            if not isinstance(value, str):
                _refuse("string", f"{name}.{key}", value)
        return document

    def _array(self, name: str) -> list[Any]:
        value = self._document.get(name)
        if value is None:
            return []
        return value if isinstance(value, list) else _refuse("array", name, value)


def finite(text: str) -> float:
    """Return a number of JSON; raises ValueError for NaN and what Python reads as infinite: no answer can hold them."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no number that JSON can hold")
    return number


def _whole_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else None


def _refuse(expected: str, name: str, value: object) -> NoReturn:
    raise malformed(f"Expected {expected} for field '{name}', found {_kind(value)}")


def _kind(value: object) -> str:
    if value is None:
        return "NULL"
    kinds: dict[type, str] = {str: "STRING", bool: "BOOLEAN", int: "NUMBER", float: "NUMBER", list: "ARRAY"}
    return kinds.get(type(value), "OBJECT")
