"""What the tests of the pages share: HTML as it is parsed, and rules that every page keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import httpx

from localdev.workspace.scripted_runner import ScriptedRunner
from tests.localdev.workspace.kit import StandingClock, Workspace, open_without_wire, workspace_settings

HOST = "workspace.test"
VOID = frozenset({"meta", "link", "input", "br"})
APART = frozenset({"td", "th", "dt", "dd", "p", "li", "h1", "h2", "h3", "h4", "h5"})  # what they say never touches
FORBIDDEN_ELEMENTS = frozenset({"script", "iframe", "object", "embed", "style", "base"})


@dataclass
class Element:
    """A start tag and the text inside."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A parsed page."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start empty."""
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element; a void one is closed already."""
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element of SVG that has nothing inside."""
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which must be of this name."""
        if not self.open or self.open[-1].tag != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1].tag if self.open else 'nothing'}")
            return
        self.open.pop()
        if tag in APART:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        """Add text to everything that is open."""
        for element in self.open:
            element.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of a name with these attributes; `class_` is one of the classes."""
        wanted_class = attributes.pop("class_", None)
        return [
            element
            for element in self.elements
            if element.tag == tag
            and all(element.attributes.get(name) == value for name, value in attributes.items())
            and (wanted_class is None or wanted_class in element.attributes.get("class", "").split())
        ]

    def links(self) -> list[str]:
        """Return where the page leads to."""
        return [element.attributes["href"] for element in self.all("a")]

    @property
    def text(self) -> str:
        """Return the text of the body, spaces made one."""
        return " ".join(self.all("body")[0].text.split())


def parsed(answer: httpx.Response) -> Page:
    """Return a page that keeps the rules of all pages."""
    page = Page()
    page.feed(answer.text)
    page.close()
    assert broken_rules(page) == []
    return page


def broken_rules(page: Page) -> list[str]:
    """Return what is wrong with a page, whatever it shows."""
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    labels = {element.attributes.get("for") for element in page.all("label")}
    return [
        *page.faults,
        *(f"<{element.tag}> is never closed" for element in page.open),
        *(f"<{each.tag}> is forbidden" for each in page.elements if each.tag in FORBIDDEN_ELEMENTS),
        *(f"{name} on <{each.tag}>" for each in page.elements for name in each.attributes if name.startswith("on")),
        *(f"style on <{each.tag}>" for each in page.elements if "style" in each.attributes),
        *(f"id {each} is there twice" for each in sorted({each for each in ids if ids.count(each) > 1})),
        *(
            f"{each} leads elsewhere"
            for each in page.links()
            if not each.startswith(("/", "#")) or each.startswith("//")
        ),
        *(f"{each} leads nowhere" for each in page.links() if each.startswith("#") and each[1:] not in ids),
        *("<th> without scope" for each in page.all("th") if "scope" not in each.attributes),
        *("a table without caption" for _ in range(len(page.all("table")) - len(page.all("caption")))),
        *("<input> without label" for each in page.all("input") if each.attributes.get("id") not in labels),
        *(
            "a link without a name"
            for each in page.all("a")
            if not each.text.strip() and "aria-label" not in each.attributes
        ),
        *([] if [each.tag for each in page.elements].count("h1") == 1 else ["not one <h1>"]),
        *([] if page.all("html", lang="en") and page.all("title") and page.all("main") else ["no frame"]),
    ]


@asynccontextmanager
async def open_pages(folder: Path, runner: ScriptedRunner, clock: StandingClock) -> AsyncIterator[Workspace]:
    """Open a workspace whose pages answer to the name that the client uses."""
    async with open_without_wire(workspace_settings(folder, host=HOST), clock=clock, runner=runner) as workspace:
        yield workspace


async def page_of(workspace: Workspace, path: str) -> Page:
    """Return a page that is there."""
    answer = await workspace.client.get(path)
    assert answer.status_code == 200, (answer.status_code, answer.text[-2000:])
    return parsed(answer)
