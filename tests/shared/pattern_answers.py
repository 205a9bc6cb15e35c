"""What tests ask of a kind of pattern: what it captures, why it misses, why a text is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.path_template import Captures, Mismatch, PathPattern, TemplateError


class PatternAnswers:
    """The answers of patterns that are all read in one way."""

    def __init__(self, parse: Callable[[str], PathPattern]) -> None:
        self._parse = parse

    def captured(self, text: str, path: str) -> dict[str, str]:
        """Return the texts that a pattern captures from a path that it must match."""
        found = self._parse(text).match(path)
        assert isinstance(found, Captures)
        return {name: capture.text for name, capture in found.items()}

    def reason(self, text: str, path: str) -> str:
        """Return why a pattern does not match a path that it must miss."""
        found = self._parse(text).match(path)
        assert isinstance(found, Mismatch)
        return found.reason

    def refusal(self, text: str) -> str:
        """Return `column: sentence` with which a pattern must be refused."""
        with pytest.raises(TemplateError) as refused:
            self._parse(text)
        return f"{refused.value.column}: {refused.value.message}"
