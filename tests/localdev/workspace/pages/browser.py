"""A real browser, Debian's `chromium-headless-shell` or any other Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
Scheme = Literal["light", "dark"]


def program() -> str:
    """Return the path of a browser; without one a laptop skips the test, and CI fails it."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        words = f"None of {', '.join(PROGRAMS)} is installed: apt-get install chromium-headless-shell"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return found


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Start a browser for as long as the block lasts."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - only where there is a browser for it

    # Containers have no user namespaces for the sandbox, and little /dev/shm; the pages are our own.
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program(), args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_page(browser: Browser, width: int, scheme: Scheme) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page of that width; yields it with the list of everything that its console complains about."""
    context = await browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    try:
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page, complaints
    finally:
        await context.close()
