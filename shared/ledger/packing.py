"""Long texts in rows: compressed, and cut to what a property holds."""

from __future__ import annotations

import base64
import zlib

from shared.ledger.table import Values

# A property holds 32,768 characters and a row a megabyte in UTF-16:
# https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
_CHUNK, _MOST_CHUNKS = 30_000, 16


def packed(name: str, text: str) -> dict[str, str] | None:
    """Return a text as the properties `name0`, `name1`, …; None when even compressed it is too long for a row."""
    letters = base64.b85encode(zlib.compress(text.encode(), 6)).decode("ascii")
    chunks = [letters[start : start + _CHUNK] for start in range(0, len(letters), _CHUNK)]
    return {f"{name}{number}": chunk for number, chunk in enumerate(chunks)} if len(chunks) <= _MOST_CHUNKS else None


def unpacked(name: str, values: Values) -> str:
    """Return the text that `packed` made these properties of."""
    letters = "".join(values.get(f"{name}{number}", "") for number in range(_MOST_CHUNKS))
    return zlib.decompress(base64.b85decode(letters)).decode()
