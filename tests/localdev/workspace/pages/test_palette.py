"""The colours of the pages, held to a contrast of 4.5 in both schemes: https://www.w3.org/TR/WCAG22/#contrast-minimum."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from localdev.workspace.pages import door
from localdev.workspace.pages.looks import Tone

STYLE = (Path(door.__file__).parent / "static" / "style.css").read_text()
LIGHT, DARK = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
PLAIN = [(ink, ground) for ink in ("ink", "quiet", "link") for ground in ("ground", "panel")]
TONES = [(f"{tone}-ink", f"{tone}-ground") for tone in Tone]


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), [*PLAIN, *TONES, *((f"{tone}-ink", "panel") for tone in Tone)])
def test_text_can_be_read(scheme: str, ink: str, ground: str) -> None:
    """Every ink on every ground it is used on; the key of a task in the graph too."""
    colours = colours_of(scheme)

    assert contrast(colours[ink], colours[ground]) >= 4.5
    if ground in dict(TONES).values():
        assert contrast(colours["ink"], colours[ground]) >= 4.5


def test_both_schemes_have_the_same_colours() -> None:
    """A colour that only one of them has would be guessed by the browser in the other."""
    assert colours_of(LIGHT).keys() == colours_of(DARK).keys()


def test_every_tone_has_a_class() -> None:
    """A state without a class would have no colour."""
    for tone in Tone:
        assert f".{tone} {{ --tone-ink: var(--{tone}-ink); --tone-ground: var(--{tone}-ground); }}" in STYLE


def test_style_loads_nothing() -> None:
    """Fonts and pictures from elsewhere would tell others who reads."""
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def colours_of(scheme: str) -> dict[str, str]:
    """Return the colours that a scheme defines."""
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", scheme))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return a colour's relative luminance."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
