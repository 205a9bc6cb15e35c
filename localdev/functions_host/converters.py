"""The two ends of a binding: how what the host holds becomes a Python object, and back.

The converters are azure-functions' own. A binding that it has none for, and a trigger annotated `str` or `bytes`, goes
through the worker's generic one, which is not part of that package and hence here.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import azure.functions as func
from azure.functions.meta import Datum

GENERIC = "generic"


class Converter(Protocol):
    """What a binding type can do; which half it has depends on its directions."""

    def check_input_type_annotation(self, annotation: Any) -> bool:
        """Tell whether an input parameter may be annotated so."""

    def check_output_type_annotation(self, annotation: Any) -> bool:
        """Tell whether an output may be annotated so."""

    def decode(self, data: Datum, *, trigger_metadata: Any) -> Any:
        """Return the object that the function gets."""

    def encode(self, obj: Any, *, expected_type: Any) -> Datum | None:
        """Return what the host gets for the object that the function gave."""

    def has_implicit_output(self) -> bool:
        """Tell whether the function's return value goes to this binding without being called `$return`."""

    def has_trigger_support(self) -> bool:
        """Tell whether the trigger's metadata is passed to `decode`."""


class _GenericConverter:
    """Text and bytes as they are."""

    def check_input_type_annotation(self, annotation: Any) -> bool:
        return issubclass(annotation, str | bytes)

    def check_output_type_annotation(self, annotation: Any) -> bool:
        return issubclass(annotation, str | bytes | bytearray)

    def decode(self, data: Datum | None, *, trigger_metadata: Any) -> Any:
        del trigger_metadata
        if data is None or data.type is None:
            return None
        if data.type not in {"string", "bytes", "json"}:
            # The worker raises just this, with two arguments, and the host shows its repr.
            raise ValueError('unexpected type of data received for the "generic" binding ', repr(data.type))
        return data.value

    def encode(self, obj: Any, *, expected_type: Any) -> Datum:
        del expected_type
        if isinstance(obj, bytes | bytearray):
            return Datum(type="bytes", value=bytes(obj))
        # A bool is an int, here as there.
        for python_type, datum_type in (
            (str, "string"),
            (dict, "dict"),
            (list, "list"),
            (int, "int"),
            (float, "double"),
        ):
            if isinstance(obj, python_type):
                return Datum(type=datum_type, value=obj)
        if obj is None:
            return Datum(type=None, value=None)
        raise NotImplementedError

    def has_implicit_output(self) -> bool:
        return True

    def has_trigger_support(self) -> bool:
        return False


_generic = _GenericConverter()


def converter(binding_type: str) -> Converter:
    """Return the converter of a binding type, the generic one for a type that azure-functions does not know."""
    found = func.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]  # the package's own gap
    return cast("Converter", found) if found is not None else _generic


def has_implicit_output(binding_type: str) -> bool:
    """Tell whether a return value goes to a binding of this type without being called `$return`."""
    found = converter(binding_type)
    if found is _generic:
        return binding_type != "durableClient"
    # Output-only converters do not have the method.
    return bool(getattr(found, "has_implicit_output", bool)())


def encoded(binding_type: str, value: Any, annotation: Any) -> Datum | None:
    """Return what the host gets for a value; raises TypeError when the binding cannot take such a value."""
    try:
        return converter(binding_type).encode(value, expected_type=annotation)
    except NotImplementedError:
        # The worker's own words: people search for them.
        raise TypeError(
            f'unable to encode outgoing TypedData: unsupported type "{binding_type}" '
            f'for Python type "{type(value).__name__}"'
        ) from None
