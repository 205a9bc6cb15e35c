"""Looking which files are where a file_arrival trigger watches."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from localdev.workspace.triggers.place import ContainerFolder, Folder, Place
from shared.errors import LandfallError
from shared.storage_connection import StorageConnection

if TYPE_CHECKING:
    from shared.blobs import Blobs

# Without file events, which only a real workspace has:
# https://docs.databricks.com/aws/en/jobs/file-arrival-triggers
MOST_FILES = 10_000


class PlaceUnavailable(LandfallError):
    """The files of a place cannot be listed; nothing is known of them, and the next look may do better."""


class Places:
    """Lists the files of folders and containers."""

    def __init__(self, dbfs: Path, connection: StorageConnection | None) -> None:
        self._dbfs = dbfs
        self._connection = connection
        self._blobs: Blobs | None = None

    async def names(self, place: Place) -> frozenset[str]:
        """Return the names of all files below a place, of a folder that is not there none; raises LandfallError."""
        if isinstance(place, Folder):
            folder = self._dbfs / place.path if place.in_dbfs else Path(place.path)
            return await asyncio.to_thread(_files_below, folder)
        return await self._blobs_below(place)

    async def close(self) -> None:
        """Close the connections. Safe to repeat."""
        if self._blobs is not None:
            await self._blobs.close()
            self._blobs = None

    async def _blobs_below(self, place: ContainerFolder) -> frozenset[str]:
        blobs = self._opened(place)
        names: set[str] = set()
        async for page in blobs.pages(place.container, place.prefix):
            names.update(arrival.path for arrival in page.arrivals)
            if len(names) > MOST_FILES:
                raise _too_many(f"{place.container}/{place.prefix}")
        return frozenset(names)

    def _opened(self, place: ContainerFolder) -> Blobs:
        if self._connection is None:
            raise PlaceUnavailable(
                f"There is no connection to the storage account {place.account}.",
                hint="Start the workspace with --storage NAME, the variable that holds its connection string.",
            )
        if self._connection.account != place.account:
            raise PlaceUnavailable(
                f"The workspace is connected to the storage account {self._connection.account}, not {place.account}."
            )
        if self._blobs is None:
            from shared.blobs import open_blobs  # noqa: PLC0415 - the SDK takes half a second, and few need it

            self._blobs = open_blobs(self._connection, None)
        return self._blobs


def _files_below(folder: Path) -> frozenset[str]:
    names: set[str] = set()
    for parent, _, files in os.walk(folder, onerror=_raise):
        names.update(os.path.relpath(os.path.join(parent, file), folder) for file in files)  # noqa: PTH118 - of str
        if len(names) > MOST_FILES:
            raise _too_many(str(folder))
    return frozenset(names)


def _raise(error: OSError) -> None:
    """Refuse what cannot be read: a part of the files taken for all would make the rest new the next time."""
    if not isinstance(error, FileNotFoundError):
        raise PlaceUnavailable(f"{error.filename} cannot be read: {error.strerror}.") from error


def _too_many(place: str) -> PlaceUnavailable:
    return PlaceUnavailable(
        f"{place} holds more than {MOST_FILES} files.", hint="A workspace without file events watches no more."
    )
