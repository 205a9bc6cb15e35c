"""What a container may be called, and which containers Azure keeps for itself."""

from __future__ import annotations

import re

from shared.wording import shown

# https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")
_SPECIAL = ("$root", "$web")
# Logs of Storage, its change feed, what the Functions host writes and what Landfall itself moves about: a job started
# by these would feed itself.
_SYSTEM = ("$logs", "$blobchangefeed")
_AZURE_PREFIX, OUR_PREFIX = "azure-webjobs-", "landfall-"
# Where the files of each gathered run are listed; no event and no listing of it ever starts anything.
MANIFESTS = "landfall-manifests"


def is_system_container(name: str) -> bool:
    """Tell whether Azure or Landfall writes to this container by itself; no rule ever matches in one."""
    return name in _SYSTEM or name.startswith((_AZURE_PREFIX, OUR_PREFIX))


def keeper_of(name: str) -> str:
    """Return who keeps a system container for itself."""
    return "Landfall" if name.startswith(OUR_PREFIX) else "Azure"


def is_possible(name: str) -> bool:
    """Tell whether any container can have this name, one that Azure makes by itself included."""
    return name in (*_SPECIAL, *_SYSTEM) or is_well_formed(name)


def is_well_formed(name: str) -> bool:
    """Tell whether a storage account takes it as the name of a container that people create."""
    return len(name) <= 63 and bool(_NAME.fullmatch(name))


def container_fault(name: str) -> str:
    """Return what is wrong with a container's name in a rule, "" when nothing is."""
    if is_system_container(name):
        return f"{keeper_of(name)} keeps the container {shown(name)} for itself; no rule may watch it."
    if is_possible(name):
        return ""
    return (
        f"{shown(name)} cannot be a container: the first segment names one, "
        "3 to 63 lower-case letters, digits and single hyphens."
    )
