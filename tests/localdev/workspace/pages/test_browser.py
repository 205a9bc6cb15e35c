"""The pages in a real browser: clicked through, at two widths, light and dark, and with the keyboard alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localdev.workspace.pages.access import page_link
from localdev.workspace.scripted_runner import ScriptedRunner, failure
from shared.secret import Secret
from tests.localdev.workspace.kit import TOKEN, Workspace, open_workspace, started, task, workspace_settings
from tests.localdev.workspace.pages.browser import Scheme, open_browser, open_page, program

if TYPE_CHECKING:
    from playwright.async_api import Page

NAME = "ETL <Pipeline> \u202eDaily"
FAINT_TEXTS = """() => {
    const light = colour => {
        const shares = colour.match(/[0-9.]+/g).slice(0, 3).map(each => each / 255)
            .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
        return 0.2126 * shares[0] + 0.7152 * shares[1] + 0.0722 * shares[2]
    }
    const behind = element => {
        const box = element.closest(".box")
        if (box) return getComputedStyle(box.querySelector("rect")).fill
        for (let each = element; each; each = each.parentElement) {
            const ground = getComputedStyle(each).backgroundColor
            if (!ground.endsWith(", 0)")) return ground
        }
        return "rgb(255, 255, 255)"
    }
    const faint = []
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement
        if (!texts.currentNode.data.trim() || element.tagName === "title") continue
        const style = getComputedStyle(element)
        const ink = element instanceof SVGElement ? style.fill : style.color
        const [dark, bright] = [light(ink), light(behind(element))].sort((one, other) => one - other)
        const contrast = (bright + 0.05) / (dark + 0.05)
        if (contrast < 4.5) faint.push(`${texts.currentNode.data.trim()}: ${contrast}`)
    }
    return faint
}"""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def running_job(tmp_path: Path) -> AsyncIterator[tuple[Workspace, int, int]]:
    """Serve a workspace with a run of which one task failed and one still runs; return it with job and run."""
    program()  # before anything slow
    runner = ScriptedRunner({"check": [failure("ValueError: bad row 17")], "publish": [None]})
    tasks = (task("ingest"), task("check", "ingest"), task("publish", "ingest"), task("report", "check", "publish"))
    async with open_workspace(workspace_settings(tmp_path), runner=runner) as workspace:
        job_id = await workspace.create(*tasks, name=NAME)
        run_id = await workspace.run_now(job_id)
        await started(runner, 3)
        yield workspace, job_id, run_id
        runner.started[-1].finish()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
async def test_reader_finds_the_run_by_clicking(
    running_job: tuple[Workspace, int, int], tmp_path: Path, width: int, scheme: Scheme
) -> None:
    """From the link that `landfall up` prints to the graph of a run and the error of its task."""
    workspace, job_id, run_id = running_job
    async with open_browser() as browser, open_page(browser, width, scheme) as (page, complaints):
        await page.goto(page_link(workspace.url, Secret(TOKEN)))
        assert page.url == f"{workspace.url}/"
        await page.get_by_role("link", name="ETL <Pipeline> \\u202eDaily").click()
        await page.get_by_role("link", name=str(run_id), exact=True).click()
        assert page.url == f"{workspace.url}/jobs/{job_id}/runs/{run_id}"
        picture = await page.screenshot(path=tmp_path / f"run-{width}-{scheme}.png", full_page=True)
        await check_graph(page)
        assert await overflow(page) <= 0
        await page.locator(".box.bad").click()
        assert page.url.endswith("#task-1")
        assert await page.locator("#task-1 pre", has_text="ValueError: bad row 17").first.is_visible()

    assert complaints == []
    assert picture.startswith(PNG)


async def test_keyboard_is_enough(running_job: tuple[Workspace, int, int]) -> None:
    """Every link can be reached, what has the focus is seen, and the first one skips to the content."""
    workspace, job_id, run_id = running_job
    async with open_browser() as browser, open_page(browser, 1280, "light") as (page, _):
        await page.goto(page_link(workspace.url, Secret(TOKEN)))
        await page.goto(f"{workspace.url}/jobs/{job_id}/runs/{run_id}?updates=paused")
        reached = [await tab(page) for _ in range(60)]
        await page.goto(f"{workspace.url}/?updates=paused")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")

        assert await page.evaluate("document.activeElement.id") == "main"
    addresses = [address for address, _ in reached]
    assert {f"/jobs/{job_id}", "/mail", f"/jobs/{job_id}/runs/{run_id}#task-3", "#task-0"} <= set(addresses)
    assert all(outlined for address, outlined in reached if address and address != "#main")


async def test_colours_follow_the_reader(running_job: tuple[Workspace, int, int]) -> None:
    """In both schemes every text that the browser draws has a contrast of 4.5 to what is behind it."""
    workspace, job_id, run_id = running_job
    grounds, faint = set(), []
    async with open_browser() as browser:
        for scheme in ("light", "dark"):
            async with open_page(browser, 1280, scheme) as (page, _):
                await page.goto(page_link(workspace.url, Secret(TOKEN)))
                for path in ("/", f"/jobs/{job_id}", f"/jobs/{job_id}/runs/{run_id}", "/mail"):
                    await page.goto(f"{workspace.url}{path}")
                    faint += await page.evaluate(FAINT_TEXTS)
                await page.goto(f"{workspace.url}/jobs/{job_id}/runs/{run_id}")
                grounds.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
                grounds.add(await page.locator(".box.bad rect").first.evaluate("each => getComputedStyle(each).fill"))

    assert len(grounds) == 4
    assert faint == []


async def test_sign_in_by_form(running_job: tuple[Workspace, int, int]) -> None:
    """For whoever has the token and no link."""
    workspace, job_id, _ = running_job
    async with open_browser() as browser, open_page(browser, 390, "light") as (page, _):
        await page.goto(f"{workspace.url}/jobs/{job_id}")
        await page.get_by_label("Token").fill(TOKEN)
        await page.get_by_role("button", name="Sign in").click()

        assert await page.get_by_role("heading", name="Jobs").is_visible()


async def check_graph(page: Page) -> None:
    """Hold the drawn graph against the job: four tasks with their states, none on another, four lines."""
    boxes = page.locator(".graph .box")
    assert await boxes.locator(".key").all_text_contents() == ["ingest", "check", "publish", "report"]
    details = await boxes.locator(".detail").all_text_contents()
    assert [text.split(" · ")[0] for text in details] == ["✓ succeeded", "✕ failed", "▶ running", "… blocked"]
    places = [await boxes.nth(number).locator("rect").first.bounding_box() for number in range(4)]
    corners = {(round(place["x"]), round(place["y"])) for place in places if place is not None}
    assert len(corners) == 4
    assert await page.locator(".graph .line").count() == 4


async def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


async def tab(page: Page) -> tuple[str, bool]:
    """Press Tab; return where the focused link leads, and whether its focus is seen."""
    await page.keyboard.press("Tab")
    script = """() => {
        const focused = document.activeElement
        return [focused.getAttribute("href") || "", getComputedStyle(focused).outlineStyle !== "none"]
    }"""
    address, outlined = await page.evaluate(script)
    return str(address), bool(outlined)
