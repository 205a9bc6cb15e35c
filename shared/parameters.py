"""Parameter templates: the text a job is given, made of captures and facts about the blob. See docs/rules.md.

Substitution and nothing else: one pass, what a blob's name brings in is never read again, and a placeholder is looked
up in a table and never evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from shared.model import Arrival, Source
from shared.path_template import Captures
from shared.path_template.braces import Hole, TemplateError, scan
from shared.path_template.capture_kinds import CaptureKind
from shared.path_template.date_format import DateFormat
from shared.wording import unknown

__all__ = ["Context", "Locations", "ParameterTemplate", "TemplateError", "looks_dynamic"]

_ODD_SEGMENTS = frozenset({"", ".", ".."})
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Locations:
    """Where the blobs of the landing account can be read."""

    account: str
    blob_endpoint: str  # https://account.blob.core.windows.net, no trailing slash
    dfs_host: str | None  # account.dfs.core.windows.net; None where there is none: Azurite

    @classmethod
    def in_azure(cls, account: str) -> Locations:
        """Return where Azure's public cloud has the blobs of an account of which only the name is known."""
        return cls(
            account=account,
            blob_endpoint=f"https://{account}.blob.core.windows.net",
            dfs_host=f"{account}.dfs.core.windows.net",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """What can be said of a batch of files beside its manifest."""

    by: str
    count: int
    files: str  # the files' URIs as a JSON list


NOT_GATHERED = Gathered(by="", count=0, files="")


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """All that a parameter can say."""

    rule: str
    key: str  # of the entry
    arrival: Arrival
    captures: Captures
    locations: Locations
    volumes: Mapping[str, str] = field(default_factory=dict)  # container -> /Volumes/catalog/schema/volume
    gathered: Gathered = NOT_GATHERED  # of a gathered run; its arrival is the batch's manifest


def looks_dynamic(value: str) -> bool:
    """Tell whether Databricks may take a part of the value for a reference such as `{{job.id}}` and replace it.

    https://learn.microsoft.com/azure/databricks/jobs/dynamic-value-references
    """
    return "{{" in value or "}}" in value


def uri(context: Context) -> str:
    """Return what a job reads the blob by: what Spark does, or else its URL where there is no dfs endpoint."""
    return _abfss(context) or _https(context)


def _https(context: Context) -> str:
    """Return the blob's URL, percent-encoded: of a blob's name nothing is left that means something to a shell."""
    container = quote(context.arrival.container, safe="$")
    return f"{context.locations.blob_endpoint}/{container}/{quote(context.arrival.path)}"


def _abfss(context: Context) -> str:
    """Return what Spark reads the blob by, the path verbatim; "" where the account has no dfs endpoint."""
    host, arrival = context.locations.dfs_host, context.arrival
    return f"abfss://{arrival.container}@{host}/{arrival.path}" if host else ""


def _wasbs(context: Context) -> str:
    """Return what Spark's older driver reads the blob by, the path verbatim; "" where `_abfss` is."""
    host, arrival = urlsplit(context.locations.blob_endpoint).hostname, context.arrival
    return f"wasbs://{arrival.container}@{host}/{arrival.path}" if context.locations.dfs_host else ""


def _volume(context: Context) -> str:
    """Return the blob's place in the volume of its container; "" where there is none.

    A file system drops empty segments and follows `..`, so that a path with these would name another file.
    """
    folder, path = context.volumes.get(context.arrival.container), context.arrival.path
    return f"{folder}/{path}" if folder and _ODD_SEGMENTS.isdisjoint(path.split("/")) else ""


def _name(arrival: Arrival) -> str:
    return arrival.path.rpartition("/")[2]


def _stem_and_extension(arrival: Arrival) -> tuple[str, str]:
    name = _name(arrival)
    stem, _, extension = name.rpartition(".")
    # `.hidden` and `trailing.` have no extension; all of it is the stem.
    return (stem, extension) if stem.strip(".") and extension else (name, "")


def _time(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _event_time(context: Context) -> str:
    return _time(context.arrival.committed_at) if context.arrival.source is Source.EVENT else ""


# A size, an ETag and the like that nobody told us are "": a job is started all the same.
VALUES: dict[str, Callable[[Context], str]] = {
    "blob.uri": uri,
    "blob.abfss": _abfss,
    "blob.wasbs": _wasbs,
    "blob.volume": _volume,
    "blob.https": _https,
    "blob.account": lambda context: context.arrival.account,
    "blob.container": lambda context: context.arrival.container,
    "blob.path": lambda context: context.arrival.path,
    "blob.name": lambda context: _name(context.arrival),
    "blob.stem": lambda context: _stem_and_extension(context.arrival)[0],
    "blob.ext": lambda context: _stem_and_extension(context.arrival)[1],
    "blob.size": lambda context: "" if context.arrival.size is None else str(context.arrival.size),
    "blob.etag": lambda context: context.arrival.version or "",
    "blob.content_type": lambda context: context.arrival.content_type or "",
    "blob.last_modified": lambda context: _time(context.arrival.committed_at),
    "event.id": lambda context: context.arrival.event_id or "",
    "event.time": _event_time,
    "event.type": lambda context: context.arrival.event_type or "",
    "rule.name": lambda context: context.rule,
    "entry.key": lambda context: context.key,
    "triggered_by": lambda context: str(context.arrival.source),
    "gather.manifest": uri,
    "gather.count": lambda context: str(context.gathered.count),
    "gather.by": lambda context: context.gathered.by,
    "gather.files": lambda context: context.gathered.files,
}
# What is known of a batch as of a file; of what else is known, the names that begin with `gather.` are a batch's only,
# and all others are those of one file.
OF_BOTH = frozenset({"rule.name", "entry.key", "triggered_by"})
OF_BATCHES = frozenset(name for name in VALUES if name.startswith("gather."))
OF_FILES = VALUES.keys() - OF_BOTH - OF_BATCHES


@dataclass(frozen=True, slots=True)
class _Placeholder:
    name: str
    date_format: DateFormat | None
    column: int

    def render(self, context: Context) -> str:
        if known := VALUES.get(self.name):
            return known(context)
        return self.fill(context.captures)

    def fill(self, captures: Captures) -> str:
        capture = captures[self.name]
        if self.date_format and isinstance(capture.value, datetime):
            return self.date_format.write(capture.value)
        return capture.text


@dataclass(frozen=True, slots=True)
class ParameterTemplate:
    """A parsed parameter. `check` it against the captures of its rule before rendering it."""

    text: str
    pieces: tuple[str | _Placeholder, ...]

    @classmethod
    def parse(cls, text: str) -> ParameterTemplate:
        """Return the template; raises TemplateError with the column within `text`."""
        pieces: list[str | _Placeholder] = []
        for piece in scan(text):
            if isinstance(piece, Hole):
                pieces.append(_placeholder(piece))
            elif pieces and isinstance(pieces[-1], str):
                pieces[-1] += piece.text
                _refuse_reference(pieces[-1], piece.column)
            else:
                pieces.append(piece.text)
        return cls(text, tuple(pieces))

    @property
    def names(self) -> frozenset[str]:
        """Return the names that the template uses."""
        return frozenset(piece.name for piece in self.pieces if isinstance(piece, _Placeholder))

    def placeholders(self) -> Iterator[tuple[str, DateFormat | None, int]]:
        """Yield each placeholder: its name, the format it asks for, and the column where it stands."""
        yield from (
            (piece.name, piece.date_format, piece.column) for piece in self.pieces if isinstance(piece, _Placeholder)
        )

    def fill(self, captures: Captures) -> str:
        """Return the text of a template that holds nothing but captures."""
        return "".join(piece if isinstance(piece, str) else piece.fill(captures) for piece in self.pieces)

    def filled(self, captures: Captures) -> tuple[str, ...]:
        """Return what stands in each placeholder of a template that holds nothing but captures."""
        return tuple(piece.fill(captures) for piece in self.pieces if isinstance(piece, _Placeholder))

    def literal_text(self) -> str:
        """Return the text outside placeholders, the least that is rendered."""
        return "".join(piece for piece in self.pieces if isinstance(piece, str))

    def check(self, kinds: Mapping[str, CaptureKind], refused: Mapping[str, str] = _NOTHING) -> None:
        """Raise TemplateError for the first placeholder that a rule with these captures cannot fill.

        `refused` holds, by name, what is wrong with names that are known and cannot be used here.
        """
        for piece in self.pieces:
            if isinstance(piece, _Placeholder):
                _check(piece, kinds, refused)
                if piece.name in refused:
                    raise TemplateError(refused[piece.name], piece.column)

    def render(self, context: Context) -> str:
        """Return the parameter's text. Nothing in it is expanded twice; see `looks_dynamic` before sending it."""
        return "".join(piece if isinstance(piece, str) else piece.render(context) for piece in self.pieces)


def _placeholder(hole: Hole) -> _Placeholder:
    name, colon, text = hole.content.partition(":")
    if not name or name != name.strip():
        raise TemplateError("Braces hold a name, without spaces, such as `{blob.uri}`.", hole.column)
    if not colon:
        return _Placeholder(name, None, hole.column)
    try:
        return _Placeholder(name, DateFormat.parse(text), hole.column)
    except TemplateError as error:
        raise error.shifted(hole.column + len(name) + 1) from None


def _refuse_reference(text: str, column: int) -> None:
    if looks_dynamic(text):
        raise TemplateError(
            "Two braces in a row are a reference to Databricks, which a run's parameters cannot hold. "
            "Put the reference into the job itself, or a space between the braces.",
            column,
        )


def _check(placeholder: _Placeholder, kinds: Mapping[str, CaptureKind], refused: Mapping[str, str]) -> None:
    name, wanted = placeholder.name, placeholder.date_format
    if name not in VALUES and name not in kinds:
        known = [*kinds, *(value for value in VALUES if value not in OF_BATCHES or value not in refused)]
        raise TemplateError(unknown(name, known, "is no capture and nothing else here"), placeholder.column)
    if wanted is None:
        return
    captured = kinds[name].date_format if name in kinds else None
    if captured is None:
        raise TemplateError(f"`{name}` is not a captured date, and only those take a format.", placeholder.column)
    missing = [letter for letter, _, _ in wanted.fields if letter not in captured.known]
    if missing:
        message = f"`%{missing[0]}` is not known of `{name}`, which is captured as `{captured.text}`."
        raise TemplateError(message, placeholder.column)
