"""Route templates of HTTP functions, as ASP.NET Core matches them.

`orders/{id:int}/{part?}`, `files/{*rest}`: literal parts match whatever their case, a parameter is one segment, one
with `?` may be missing at the end, one with `*` is everything that is left.
https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

_SEGMENT = re.compile(
    r"\{(?P<rest>\*{0,2})(?P<name>\w+)(?P<constraints>(?::[A-Za-z]+(?:\([^)]*\))?)*)(?P<optional>\??)\}"
)
_CONSTRAINT = re.compile(r":([A-Za-z]+)(?:\(([^)]*)\))?")
_INTEGER = re.compile(r"[+-]?\d{1,30}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Literal:
    text: str


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    optional: bool
    rest: bool
    constraints: tuple[Callable[[str], bool], ...]

    def accepts(self, text: str) -> bool:
        return all(constraint(text) for constraint in self.constraints)


@dataclass(frozen=True, slots=True)
class RouteTemplate:
    """A parsed template."""

    segments: tuple[_Literal | _Parameter, ...]

    @classmethod
    def parse(cls, template: str) -> RouteTemplate:
        """Return the template; raises ValueError that says which part is not understood."""
        texts = [text for text in template.strip("/").split("/") if text]
        segments = tuple(_segment(text) for text in texts)
        names = [segment.name.lower() for segment in segments if isinstance(segment, _Parameter)]
        if len(set(names)) < len(names):
            raise ValueError(f"the route {template!r} names a parameter twice")
        if any(isinstance(each, _Parameter) and (each.optional or each.rest) for each in segments[:-1]):
            raise ValueError(f"the route {template!r} has an optional or catch-all parameter before its end")
        return cls(segments)

    def match(self, path: str) -> Mapping[str, str] | None:
        """Return the parameters of an undecoded path, without those left out, or None when it does not match."""
        parts = path.strip("/").split("/") if path.strip("/") else []
        parameters: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            if isinstance(segment, _Parameter) and segment.rest:
                rest = unquote("/".join(parts[index:]))
                return (parameters | {segment.name: rest} if rest else parameters) if segment.accepts(rest) else None
            part = unquote(parts[index]) if index < len(parts) else ""
            if not _matches(segment, part):
                return None
            if isinstance(segment, _Parameter) and part:
                parameters[segment.name] = part
        return parameters if len(parts) <= len(self.segments) else None


def _matches(segment: _Literal | _Parameter, part: str) -> bool:
    if isinstance(segment, _Literal):
        return segment.text.lower() == part.lower()
    return segment.accepts(part) if part else segment.optional


def _segment(text: str) -> _Literal | _Parameter:
    if "{" not in text and "}" not in text:
        return _Literal(text)
    found = _SEGMENT.fullmatch(text)
    if not found:
        raise ValueError(f"the embedded host does not understand {text!r} in a route; a parameter is a whole segment")
    constraints = tuple(_constraint(name, argument) for name, argument in _CONSTRAINT.findall(found["constraints"]))
    return _Parameter(found["name"], bool(found["optional"]), bool(found["rest"]), constraints)


def _constraint(name: str, argument: str) -> Callable[[str], bool]:
    plain = _PLAIN.get(name.lower())
    if plain and not argument:
        return plain
    sized = _SIZED.get(name.lower())
    numbers = [int(text) for text in argument.split(",")] if re.fullmatch(r"-?\d+(\s*,\s*-?\d+)?", argument) else []
    if not sized or not 1 <= len(numbers) <= sized[1]:
        raise ValueError(f"the embedded host does not know the route constraint {name}({argument})")
    return lambda text: sized[0](text, numbers)


def _integer(bits: int) -> Callable[[str], bool]:
    return lambda text: bool(_INTEGER.fullmatch(text)) and -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1)


def _number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _guid(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False


def _between(text: str, bounds: list[int]) -> bool:
    return _integer(64)(text) and bounds[0] <= int(text) <= bounds[-1]


_PLAIN: dict[str, Callable[[str], bool]] = {
    "alpha": lambda text: text.isascii() and text.isalpha(),
    "bool": lambda text: text.lower() in {"true", "false"},
    "decimal": _number,
    "double": _number,
    "float": _number,
    "guid": _guid,
    "int": _integer(32),
    "long": _integer(64),
}
# A constraint's test, and how many numbers it takes at most.
_SIZED: dict[str, tuple[Callable[[str, list[int]], bool], int]] = {
    "length": (lambda text, bounds: bounds[0] <= len(text) <= bounds[-1], 2),
    "maxlength": (lambda text, bounds: len(text) <= bounds[0], 1),
    "minlength": (lambda text, bounds: len(text) >= bounds[0], 1),
    "max": (lambda text, bounds: _integer(64)(text) and int(text) <= bounds[0], 1),
    "min": (lambda text, bounds: _integer(64)(text) and int(text) >= bounds[0], 1),
    "range": (_between, 2),
}
