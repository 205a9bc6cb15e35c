"""Rules such as `landing/**`, which take all there is in a folder: what they take needs no search."""

from __future__ import annotations

from shared.path_template import PathPattern, PathTemplate
from shared.path_template.elements import Segment
from shared.rules import Rule


def is_plainly_within(rule: Rule, other: Rule) -> bool:
    """Tell whether another rule takes every path of a rule; False where that takes a search.

    Either the two have one path, or the other takes a whole folder; and it excludes nothing more.
    """
    if not {*other.exclude} <= {*rule.exclude}:
        return False
    return rule.path == other.path or _lies_below(rule.path, _folder_of(other.path))


def _folder_of(pattern: PathPattern) -> str:
    """Return the folder of which a pattern takes every path, "" for all other patterns."""
    if not isinstance(pattern, PathTemplate):
        return ""
    *folders, last = pattern.segments
    is_whole = folders and _is_rest(last) and all(segment.literal is not None for segment in folders)
    return pattern.static_prefix if is_whole else ""


def _lies_below(pattern: PathPattern, folder: str) -> bool:
    if not folder or not pattern.static_prefix.startswith(folder):
        return False
    # A blob may be called `crm/`: it is not below the folder of that name. No blob's name is empty.
    return len(pattern.static_prefix) > len(folder) or folder.count("/") == 1


def _is_rest(segment: Segment) -> bool:
    return segment.is_any or (len(segment.elements) == 1 and segment.elements[0].crosses)
