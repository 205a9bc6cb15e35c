"""Who may read the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from localdev.workspace.pages import access
from shared.secret import Secret
from tests.localdev.workspace.kit import TOKEN, Workspace, sign_in
from tests.localdev.workspace.pages.page_kit import Page, parsed

PAGES = ("/", "/jobs/1", "/jobs/1/runs/1", "/mail", "/mail/x.eml")


@pytest.fixture
async def stranger(served: Workspace) -> AsyncIterator[httpx.AsyncClient]:
    """Return a browser that is not signed in, and keeps cookies."""
    async with httpx.AsyncClient(base_url=served.url) as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
async def test_strangers_see_the_sign_in_only(stranger: httpx.AsyncClient, path: str) -> None:
    """Whether something is there or not."""
    answer = await stranger.get(path)

    assert answer.status_code == 401
    assert parsed(answer).all("h1")[0].text == "Sign in"
    assert "set-cookie" not in answer.headers


async def test_link_opens_the_pages(stranger: httpx.AsyncClient, served: Workspace) -> None:
    """It leaves a cookie that scripts cannot read and other sites cannot send, and no key in the address."""
    answer = await stranger.get(access.page_link(served.url, Secret(TOKEN)))
    cookie = answer.headers["set-cookie"]
    opened = await stranger.get("/")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert opened.status_code == 200


async def test_link_leads_to_any_page(stranger: httpx.AsyncClient, served: Workspace) -> None:
    """A key can stand behind the address of a run."""
    job_id = await served.create()
    answer = await stranger.get(f"/jobs/{job_id}?key={access.page_key(Secret(TOKEN))}")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{job_id}")


async def test_token_is_in_no_link_and_no_cookie(stranger: httpx.AsyncClient, served: Workspace) -> None:
    """What stays in a terminal, or goes to other ports of 127.0.0.1, opens the pages and not the API."""
    key = access.page_key(Secret(TOKEN))
    await stranger.get("/", params={"key": key})
    value = next(iter(stranger.cookies.values()))
    answers = [
        await stranger.get("/api/2.2/jobs/list"),
        *[await stranger.get("/api/2.2/jobs/list", headers=sign_in(each)) for each in (key, value)],
    ]

    assert TOKEN not in access.page_link(served.url, Secret(TOKEN)) + value
    assert key != value
    assert [answer.status_code for answer in answers] == [401, 403, 403]


@pytest.mark.parametrize("key", ["", "x", TOKEN, "é", access.page_key(Secret("other"))])
async def test_wrong_key_opens_nothing(stranger: httpx.AsyncClient, key: str) -> None:
    """Not even to a browser that is signed in: its owner learns that the link is wrong."""
    answer = await stranger.get("/", params={"key": key})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "does not open this workspace" in parsed(answer).text


@pytest.mark.parametrize(
    "value", ["", "x", TOKEN, access.page_key(Secret(TOKEN)), access.cookie_value(Secret("other"))]
)
async def test_wrong_cookie_opens_nothing(stranger: httpx.AsyncClient, served: Workspace, value: str) -> None:
    """Nor the right one under another port's name."""
    name = access.cookie_name(httpx.URL(served.url).port)
    other = f"{access.cookie_name(1)}={access.cookie_value(Secret(TOKEN))}"

    answer = await stranger.get("/", headers={"Cookie": f"{name}={value}; {other}"})

    assert answer.status_code == 401


async def test_token_opens_the_pages(stranger: httpx.AsyncClient) -> None:
    """For who started the workspace by hand and has no link."""
    wrong = await stranger.post("/sign-in", data={"token": "dapi-other"})
    right = await stranger.post("/sign-in", data={"token": f" {TOKEN}\n"})
    opened = await stranger.get("/")

    assert wrong.status_code == 403
    assert "not the token" in parsed(wrong).text
    assert (right.status_code, opened.status_code) == (303, 200)


async def test_sign_in_takes_no_more_than_a_token(stranger: httpx.AsyncClient) -> None:
    """Nobody fills the memory of a server that they may not use."""
    answer = await stranger.post("/sign-in", content=b"token=" + b"x" * 1_000_000)

    assert answer.status_code == 413


async def test_client_of_the_api_may_read_too(served: Workspace) -> None:
    """With its header, for a look with curl."""
    assert (await served.client.get("/")).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil", "[::ffff:0:0]"]
)
@pytest.mark.parametrize("path", ["/", "/jobs/1", "/static/style.css"])
async def test_other_names_of_this_machine_are_refused(served: Workspace, host: str, path: str) -> None:
    """A site that lets its name lead to 127.0.0.1 gets nothing: https://owasp.org/www-community/attacks/DNS_Rebinding."""
    answer = await served.client.get(path, headers={"Host": host})

    assert answer.status_code == 421
    assert answer.headers["content-type"].startswith("text/plain")


async def test_other_names_cannot_sign_in(served: Workspace) -> None:
    """Nor guess tokens."""
    answer = await served.client.post("/sign-in", data={"token": TOKEN}, headers={"Host": "evil.example"})

    assert (answer.status_code, "set-cookie" in answer.headers) == (421, False)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "box.lan"])
def test_names_of_loopback_are_own(host: str) -> None:
    """And the one that --host says."""
    assert access.is_own_host(host, ("box.lan",))


@pytest.mark.parametrize("host", [None, "", "192.0.2.1", "box.lan.", "example.com", "1270.0.0.1", "127.1"])
def test_other_names_are_not(host: str | None) -> None:
    """What is not surely this machine is not."""
    assert not access.is_own_host(host, ())


@pytest.mark.parametrize("path", ["/", "/jobs/1", "/static/style.css", "/nowhere"])
async def test_every_answer_is_locked_down(served: Workspace, path: str) -> None:
    """No scripts, nothing from elsewhere, in no frame, and kept nowhere."""
    answer = await served.client.get(path, headers={"Accept": "text/html"})
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))

    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["style-src"] == "'self'"
    assert "script-src" not in policy
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_pages_change_nothing(served: Workspace, method: str, path: str) -> None:
    """They can only be read."""
    assert (await served.client.request(method, path)).status_code == 405


async def test_only_browsers_get_a_page_for_nothing(served: Workspace) -> None:
    """A client of some API gets the short answer that it always got."""
    browser = await served.client.get("/nowhere", headers={"Accept": "text/html,*/*"})
    client = await served.client.get("/nowhere")

    assert browser.status_code == client.status_code == 404
    assert "There is no such page." in parsed(browser).text
    assert client.text == "Not Found"


@pytest.mark.parametrize("name", ["style.css", "icon.svg"])
async def test_style_needs_no_sign_in(stranger: httpx.AsyncClient, name: str) -> None:
    """The page that asks for the token has one as well."""
    assert (await stranger.get(f"/static/{name}")).status_code == 200


@pytest.mark.parametrize("name", ["%2e%2e%2fdoor.py", "..%2fdoor.py", "door.py", "%00", "style.css%00"])
async def test_nothing_else_is_served(stranger: httpx.AsyncClient, name: str) -> None:
    """Only what lies in the folder of static files."""
    assert (await stranger.get(f"/static/{name}")).status_code == 404


def test_rules_of_pages_are_checked() -> None:
    """The checks that every test of a page relies on find what they look for."""
    page = Page()
    page.feed("<p onclick='x'><script></script><a href='https://x'></a><input><table><th></th></table><i></b>")

    assert len(page.faults) == 1
    assert [element.tag for element in page.open] == ["p", "i"]
