"""Whether a Python function fits its bindings, by the rules of the Python worker, and what its parameters are.

Read in azure-functions-runtime 1.3.0 (functions.py, bindings/meta.py, utils/typing_inspect.py), and compared with it by
a test wherever that package can be installed.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from localdev.functions_host.converters import GENERIC, converter, has_implicit_output

RETURN = "$return"
_CONTEXT = "context"


class Direction(IntEnum):
    """A binding's direction, numbered as azure-functions does."""

    IN = 0
    OUT = 1
    INOUT = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Binding:
    """What a decorator declares about one parameter, or about `$return`."""

    name: str
    type: str
    direction: Direction


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A parameter or the return value: the type of converter it goes through, and its annotation."""

    binding_type: str
    annotation: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What the function takes and gives. `returned` None: it must return nothing."""

    inputs: Mapping[str, Parameter]
    outputs: Mapping[str, Parameter]
    returned: Parameter | None
    wants_context: bool


class SignatureRefused(ValueError):
    """The worker would not load this function."""


def signature_of(function: Callable[..., Any], bindings: Sequence[Binding]) -> Signature:
    """Return the signature of a function that fits its bindings; raises SignatureRefused with the reason."""
    _check_directions(bindings)
    bound = {binding.name: binding for binding in bindings if binding.name != RETURN}
    annotations = _annotations(function)
    names = list(inspect.signature(function).parameters)
    wants_context = _CONTEXT in names and _CONTEXT not in bound
    if wants_context:
        names.remove(_CONTEXT)
        _check_context(annotations)
    _check_names(names, bound)
    parameters = {name: _parameter(bound[name], name in annotations, annotations.get(name)) for name in names}
    outgoing = {name for name in names if bound[name].direction is Direction.OUT}
    return Signature(
        inputs={name: parameter for name, parameter in parameters.items() if name not in outgoing},
        outputs={name: parameter for name, parameter in parameters.items() if name in outgoing},
        returned=_returned(bindings, annotations),
        wants_context=wants_context,
    )


def _check_directions(bindings: Sequence[Binding]) -> None:
    for binding in bindings:
        if binding.direction is Direction.INOUT:
            raise SignatureRefused(f"the binding {binding.name} has the direction inout, which Python does not support")
        if binding.name == RETURN and binding.direction is not Direction.OUT:
            raise SignatureRefused(f"the binding {RETURN} must have the direction out")


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception as error:  # annotations are code, they may raise anything
        raise SignatureRefused(f"its annotations cannot be read: {type(error).__name__}: {error}") from error


def _check_context(annotations: Mapping[str, Any]) -> None:
    annotation = annotations.get(_CONTEXT)
    if _CONTEXT in annotations and not (isinstance(annotation, type) and annotation.__name__ == "Context"):
        raise SignatureRefused(f"its parameter context must be a func.Context, not {_shown(annotation)}")


def _check_names(names: Sequence[str], bound: Mapping[str, Binding]) -> None:
    if unbound := sorted(set(names) - set(bound)):
        raise SignatureRefused(f"no decorator binds its parameter {', '.join(unbound)}")
    if missing := sorted(set(bound) - set(names)):
        raise SignatureRefused(f"a decorator binds {', '.join(missing)}, which is none of its parameters")


def _parameter(binding: Binding, annotated: bool, annotation: Any) -> Parameter:  # noqa: FBT001 - None annotates too
    if not annotated:
        return Parameter(binding_type=binding.type, annotation=None)
    is_out = _is_out(annotation)
    if is_out != (binding.direction is Direction.OUT):
        direction, wanted = ("in", "no func.Out") if is_out else ("out", "a func.Out")
        raise SignatureRefused(f"its parameter {binding.name} is bound as {direction}put, so it must be {wanted}")
    python_type = _inside_out(binding.name, annotation) if is_out else annotation
    generic = python_type in (str, bytes) and not has_implicit_output(binding.type)
    binding_type = GENERIC if generic else binding.type
    if not _accepts(binding_type, python_type, outgoing=is_out):
        raise SignatureRefused(
            f"its parameter {binding.name} is annotated {_shown(annotation)}, which {binding.type} does not take"
        )
    return Parameter(binding_type=binding_type, annotation=python_type)


def _is_out(annotation: Any) -> bool:
    outer = annotation if isinstance(annotation, type) else _origin(annotation)
    return isinstance(outer, type) and outer.__name__ == "Out"


def _inside_out(name: str, annotation: Any) -> Any:
    inside = typing.get_args(annotation)
    if len(inside) != 1:
        raise SignatureRefused(f"its parameter {name} must say what it is an Out of, such as func.Out[str]")
    return inside[0]


def _returned(bindings: Sequence[Binding], annotations: Mapping[str, Any]) -> Parameter | None:
    explicit = [binding.type for binding in bindings if binding.name == RETURN]
    implicit = [binding.type for binding in bindings if binding.name != RETURN and has_implicit_output(binding.type)]
    annotation = annotations.get("return")
    if explicit:
        if "return" in annotations and not (
            isinstance(annotation, type) and _accepts(explicit[0], annotation, outgoing=True)
        ):
            raise SignatureRefused(
                f"its return value is annotated {_shown(annotation)}, which {explicit[0]} does not take"
            )
        return Parameter(binding_type=explicit[0], annotation=annotation)
    return Parameter(binding_type=implicit[-1], annotation=annotation) if implicit else None


def _accepts(binding_type: str, python_type: Any, *, outgoing: bool) -> bool:
    found = converter(binding_type)
    check = "check_output_type_annotation" if outgoing else "check_input_type_annotation"
    try:
        return bool(getattr(found, check)(python_type))
    except (TypeError, AttributeError):  # issubclass() of what is no class; a converter of the other direction
        return False


def _shown(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)


def _origin(annotation: Any) -> Any:
    """Return what a typing alias is an alias of; None for `list[str]`, which the worker does not look into."""
    return None if isinstance(annotation, types.GenericAlias | types.UnionType) else typing.get_origin(annotation)
