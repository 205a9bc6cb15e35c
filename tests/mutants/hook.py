"""Applies a mutant to the real code of this process, while it is imported. Nothing is written to disk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from tests.mutants.mutant import Change


class MutatingLoader(SourceFileLoader):
    """Loads a module from its changed text, past the cache of compiled code."""

    def __init__(self, fullname: str, path: str, changes: Sequence[Change]) -> None:
        super().__init__(fullname, path)
        self._changes = changes

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the changed text."""
        path = self.get_filename(fullname)
        text = self.get_data(path).decode()
        for change in self._changes:
            text = change.applied(text)
        code: CodeType = self.source_to_code(text.encode(), path)
        return code


class MutatingFinder(MetaPathFinder):
    """Finds the modules that a mutant changes, before anybody else does."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a changed module, None for all others."""
        changes = [change for change in self._changes if change.module == fullname]
        if not changes:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            raise ImportError(f"there is no module {fullname} to change")
        spec.loader = MutatingLoader(fullname, spec.origin, changes)
        return spec


def install(changes: Sequence[Change]) -> None:
    """Change modules that are imported from now on; raises RuntimeError where one has been imported already."""
    early = [change.module for change in changes if change.module in sys.modules]
    if early:
        raise RuntimeError(f"too late to change {early}: they have been imported")
    sys.meta_path.insert(0, MutatingFinder(changes))
