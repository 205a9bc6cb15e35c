"""Templates that begin with dates, choices and text as hypothesis makes them, and the paths of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from shared.listing_plan import EVERYWHERE, UTC_ONLY, Window
from shared.path_template import PathPattern, PathTemplate, TemplateError
from shared.path_template.date_format import DateFormat
from shared.rules import Rule
from shared.rules_file import parse_rules

_RULE = next(iter(parse_rules("version: 1\nrules:\n  - {name: r, path: 'landing/*', job: {id: 1}}\n", "rules.yaml")))

FORMATS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d%H", "%Y/%j", "%d-%m-%Y", "%y%m", "%Y%m%dT%H%M%S", "%m%d", "year=%Y", "%H"),
    *("%Y", "%m", "%d", "day=%d/%H", "%d.%m", "%M", "%Y-%d"),
)
_PIECES = st.one_of(
    st.sampled_from(["/", "/", "-", "a", "x=", "{#:a|b}", "{#:a|ab|é}"]),
    st.sampled_from(FORMATS).map(lambda text: f"{{#:{text}}}"),
)
_TAILS = ("*.csv", "/{#}.csv", "?", "/**", "", "/{#:**}", "_{#:int}", "/**/x")
_CONTAINERS = ("landing", "{#:landing|raw}", "*", "raw-?", "l{#}", "**/a", "{#:**}/b", "{#:%Y/%m}")


def _named(text: str) -> str:
    first, *others = text.split("{#")
    return first + "".join(f"{{c{number}{other}" for number, other in enumerate(others))


def _is_template(text: str) -> bool:
    try:
        PathTemplate.parse(text)
    except TemplateError:
        return False
    return True


DATED = (
    st.tuples(st.sampled_from(_CONTAINERS), st.lists(_PIECES, max_size=6), st.sampled_from(_TAILS))
    .map(lambda parts: _named(f"{parts[0]}/{''.join(parts[1])}{parts[2]}"))
    .filter(_is_template)
    .map(PathTemplate.parse)
)

_MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2060, 12, 31), timezones=st.just(UTC)) | st.sampled_from(  # noqa: DTZ001 - hypothesis adds the zone
    [datetime(2027, 1, 1, 3, tzinfo=UTC), datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)]
)
_LENGTHS = st.sampled_from(
    [timedelta(0), timedelta(hours=5), timedelta(days=2), timedelta(days=40), timedelta(days=500)]
)
WINDOWS = st.builds(
    lambda end, length, zones: Window(end - length, end, zones),
    _MOMENTS,
    _LENGTHS,
    st.sampled_from([EVERYWHERE, UTC_ONLY]),
)


@st.composite
def local_times(draw: st.DrawFn, window: Window) -> datetime:
    """Draw what some clock shows at a moment of the window, written as if it were UTC."""
    moment = window.start + draw(st.floats(0, 1)) * (window.end - window.start)
    zones = window.zones
    return moment - zones.behind + draw(st.floats(0, 1)) * (zones.behind + zones.ahead)


@st.composite
def paths_at(draw: st.DrawFn, template: PathTemplate, moments: Mapping[str, datetime]) -> str:
    """Draw a path of the template whose dates are those moments, by the capture's name."""
    anything = st.text("ab-é", max_size=2)
    folders = []
    for segment in template.segments:
        if segment.is_any:
            folders += draw(st.lists(anything, min_size=1, max_size=2))
            continue
        text = ""
        for element in segment.elements:
            name, _, kind = element.written[1:-1].partition(":")
            if element.written == "*":
                text += draw(anything)
            elif element.written == "?":
                text += draw(st.sampled_from("ab"))
            elif not element.written.startswith("{") or element.written.startswith("{{"):
                text += element.written
            elif "%" in kind:
                text += DateFormat.parse(kind).write(moments[name])
            elif "|" in kind:
                text += draw(st.sampled_from(kind.split("|")))
            else:
                text += str(draw(st.integers(0, 99))) if kind == "int" else "a" + draw(anything)
        folders.append(text)
    return "/".join(folders)


def rule_of(path: PathPattern | str, name: str = "r", *, enabled: bool = True) -> Rule:
    """Return a rule with this path."""
    return replace(_RULE, name=name, enabled=enabled, path=PathTemplate.parse(path) if isinstance(path, str) else path)
