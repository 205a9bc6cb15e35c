"""HTTP functions and admin pages over real HTTP: routes, methods, keys, bodies and answers."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import httpx
import pytest

from localdev.functions_host.access_keys import AccessKeys
from shared.secret import Secret
from tests.fakes.waiting import until
from tests.localdev.functions_host.sample import SETTINGS
from tests.localdev.functions_host.serving import served
from tests.localdev.functions_host.signature_apps import HEADER

KEYS = AccessKeys(checked=True, function=Secret("f-key"), system=Secret("s-key"), master=Secret("m-key"))


async def test_function_is_given_the_request() -> None:
    """A function gets method, URL, headers, query, route parameters and body."""
    async with served() as (_, client):
        answer = await client.post("/api/Hello/bob/7?a=1&b=&c=x%20y", content=b"body", headers={"X-One": "1"})

    said = answer.json()
    assert answer.status_code == 201
    assert (said["method"], said["body"], said["headers"]) == ("POST", "body", {"x-one": "1"})
    assert said["query"] == {"a": "1", "c": "x y"}
    assert said["route"] == {"name": "bob", "count": "7"}
    assert said["url"] == f"{client.base_url}/api/Hello/bob/7?a=1&b=&c=x%20y"


async def test_names_given_twice_are_joined() -> None:
    """A query name or header that comes twice has its values joined by commas."""
    async with served() as (_, client):
        headers = [("X-One", "1"), ("x-one", "2")]
        said = (await client.get("/api/hello/bob?a=1&A=2&a=3", headers=headers)).json()

    assert said["query"] == {"a": "1,2,3"}
    assert said["headers"] == {"x-one": "1,2"}


async def test_answer_is_what_the_function_returned() -> None:
    """Status, headers, media type and body are the function's."""
    async with served() as (_, client):
        answer = await client.get("/api/hello/bob")

    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-sample"] == "1"


async def test_optional_parameter_is_left_out() -> None:
    """A parameter that the path does not have is not among the route parameters."""
    async with served() as (_, client):
        said = (await client.get("/api/hello/bob")).json()

    assert said["route"] == {"name": "bob"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/hello/b0b"),
        ("GET", "/api/hello/bob/x"),
        ("DELETE", "/api/hello/bob"),
        ("GET", "/hello/bob"),
        ("GET", "/api/nowhere"),
        ("GET", "/nowhere"),
        ("GET", "/api"),
    ],
)
async def test_no_match_is_not_found(method: str, path: str) -> None:
    """A path or method that no route has is answered with 404, a wrong method too."""
    async with served() as (_, client):
        assert (await client.request(method, path)).status_code == 404


async def test_rest_of_the_path_and_cookies() -> None:
    """A catch-all parameter holds the rest of the path, and cookies are set with their attributes."""
    async with served() as (_, client):
        answer = await client.get("/api/files/a/b%20c")

    assert answer.text == "a/b c"
    assert answer.headers["set-cookie"] == "a=1; HttpOnly; Path=/"


@pytest.mark.parametrize(
    ("what", "status", "media_type", "body"),
    [
        pytest.param("json", 200, "application/json", b'{"a": 1}', id="JSON text"),
        pytest.param("none", 500, None, b"", id="nothing"),
        pytest.param("object", 500, None, b"", id="a dict"),
        pytest.param("number", 500, None, b"", id="a number"),
        pytest.param("bytes", 500, None, b"", id="bytes"),
        pytest.param("error", 500, None, b"", id="an exception"),
        pytest.param("unknown", 500, None, b"", id="a KeyError"),
    ],
)
async def test_other_return_values(what: str, status: int, media_type: str | None, body: bytes) -> None:
    """Text is an answer, JSON if it is JSON; anything else that the function gives is a bare 500."""
    async with served() as (_, client):
        answer = await client.get(f"/api/give/{what}")

    assert (answer.status_code, answer.content) == (status, body)
    assert (answer.headers.get("content-type") or "").split(";")[0] == (media_type or "")


async def test_text_is_plain_and_settings_are_in_the_environment() -> None:
    """Text that is no JSON is text/plain, and the app finds its settings in the environment."""
    async with served() as (_, client):
        answer = await client.get("/api/text?setting=SAMPLE_GREETING")

    assert answer.text == "hello from the settings"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_answer_without_content_has_no_body() -> None:
    """A 204 has no body."""
    async with served() as (_, client):
        answer = await client.get("/api/quiet")

    assert (answer.status_code, answer.content) == (204, b"")


async def test_body_without_length_is_not_passed_on() -> None:
    """A chunked body does not reach the function, since the real host does not pass it on."""

    async def chunks() -> object:
        yield b"chunk"

    async with served() as (_, client):
        answer = await client.post("/api/hello/bob", content=chunks())  # type: ignore[arg-type]  # an async generator

    assert answer.json()["body"] == ""


@pytest.mark.parametrize("length_is_told", [True, False])
async def test_body_that_is_too_long_is_refused(length_is_told: bool) -> None:  # noqa: FBT001 - a parameter
    """A body longer than FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is answered with 413, its length told or not."""

    async def chunks() -> object:
        yield b"x" * 101

    async with served(settings={**SETTINGS, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "100"}) as (_, client):
        content = b"x" * 101 if length_is_told else chunks()
        answer = await client.post("/api/hello/bob", content=content)  # type: ignore[arg-type]  # an async generator
        fits = await client.post("/api/hello/bob", content=b"x" * 100)

    assert (answer.status_code, fits.status_code) == (413, 201)


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/api/text", None, 200),
        ("/api/text", "wrong", 200),
        ("/api/hello/bob", None, 401),
        ("/api/hello/bob", "wrong", 401),
        ("/api/hello/bob", "s-key", 401),
        ("/api/hello/bob", "f-key", 201),
        ("/api/hello/bob", "m-key", 201),
        ("/api/files/x", "f-key", 401),
        ("/api/files/x", "m-key", 200),
        ("/admin/host/status", "f-key", 401),
        ("/admin/host/status", "m-key", 200),
        ("/admin/functions", None, 401),
        ("/admin/host/ping", None, 200),
        ("/runtime/webhooks/EventGrid?functionName=on_text", None, 401),
        ("/runtime/webhooks/EventGrid?functionName=on_text", "f-key", 401),
        ("/runtime/webhooks/EventGrid?functionName=on_text", "s-key", 400),
        ("/runtime/webhooks/EventGrid?functionName=on_text", "m-key", 400),
    ],
)
async def test_keys_open_what_they_are_for(path: str, key: str | None, status: int) -> None:
    """With keys checked, each level opens to its own key and to the master key, in the header or the query alike."""
    async with served(keys=KEYS) as (_, client):
        in_header = await client.get(path, headers={"x-functions-key": key} if key else {})
        in_query = await client.get(httpx.URL(path).copy_merge_params({"code": key} if key else {}))

    assert (in_header.status_code, in_query.status_code) == (status, status)


async def test_header_comes_before_the_query() -> None:
    """A key in the header counts, and one in the query then does not."""
    async with served(keys=KEYS) as (_, client):
        answer = await client.get("/api/hello/bob?code=f-key", headers={"x-functions-key": "wrong"})

    assert answer.status_code == 401


async def test_keys_that_were_not_given_open_nothing() -> None:
    """With keys checked and none given, no key is right, not even an empty one."""
    async with served(keys=AccessKeys(checked=True)) as (_, client):
        assert (await client.get("/api/hello/bob?code=")).status_code == 401


async def test_without_checking_everything_is_open() -> None:
    """Keys are not checked unless the host is told to."""
    async with served() as (_, client):
        assert (await client.get("/api/files/x")).status_code == 200


async def test_disabled_function_is_not_found_but_for_the_master() -> None:
    """A disabled function is answered with 404, save to the master key."""
    async with served(settings={**SETTINGS, "AzureWebJobs.hello.Disabled": "1"}, keys=KEYS) as (_, client):
        function = await client.get("/api/hello/bob?code=f-key")
        master = await client.get("/api/hello/bob?code=m-key")

    assert (function.status_code, master.status_code) == (404, 201)


async def test_status_says_what_is_wrong() -> None:
    """The host's status is Running, with the functions that cannot run."""
    settings = {name: value for name, value in SETTINGS.items() if name != "SAMPLE_SCHEDULE"}
    async with served(settings=settings) as (_, client):
        status = (await client.get("/admin/host/status")).json()
        function = (await client.get("/admin/functions/on_timer/status")).json()

    assert status["state"] == "Running"
    assert "SAMPLE_SCHEDULE" in status["errors"][0]
    assert "SAMPLE_SCHEDULE" in function["errors"][0]


async def test_listing_names_functions_and_their_addresses() -> None:
    """The listing holds each function with its bindings, and where an HTTP function is reached."""
    async with served() as (_, client):
        listing = {each["name"]: each for each in (await client.get("/admin/functions")).json()}
        one = (await client.get("/admin/functions/HELLO")).json()
        missing = await client.get("/admin/functions/nowhere")

    assert listing["hello"]["invoke_url_template"] == f"{client.base_url}/api/hello/{{name:alpha}}/{{count:int?}}"
    assert listing["on_text"]["invoke_url_template"] is None
    assert listing["on_timer"]["config"]["bindings"][0]["schedule"] == SETTINGS["SAMPLE_SCHEDULE"]
    assert one == listing["hello"]
    assert missing.status_code == 404


async def until_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until the host has logged this."""
    await until(lambda: text in caplog.text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ON_TIMER", ""),
        ("on_text", '{"subject": "by hand"}'),
        ("on_message_text", "by hand"),
        ("quiet", "by hand"),
    ],
)
async def test_functions_are_started_by_hand(name: str, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """A POST to a function's admin page is answered with 202 and starts it, whatever triggers it otherwise."""
    caplog.set_level(logging.INFO, "landfall_host")
    async with served() as (_, client):
        answer = await client.post(f"/admin/functions/{name}", json={"input": text})
        await until_logged(caplog, f"function.succeeded function={name.lower()}")

    assert answer.status_code == 202


async def test_input_that_is_no_event_is_accepted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An input that is not JSON is answered with 202 all the same, and logged as a failure."""
    async with served() as (_, client):
        answer = await client.post("/admin/functions/on_text", json={"input": "{"})

    assert answer.status_code == 202
    assert "function.failed function=on_text" in caplog.text


@pytest.mark.parametrize(
    ("name", "body", "media_type", "status"),
    [
        ("nowhere", b"{}", "application/json", 404),
        ("on_text", b"{", "application/json", 400),
        ("on_text", b"[]", "application/json", 400),
        ("on_text", b"", "application/json", 400),
        ("on_text", b"{}", "text/plain", 415),
    ],
)
async def test_unusable_start_by_hand_is_refused(name: str, body: bytes, media_type: str, status: int) -> None:
    """An unknown function, a body that is no JSON object and another media type are refused."""
    async with served() as (_, client):
        answer = await client.post(f"/admin/functions/{name}", content=body, headers={"content-type": media_type})

    assert answer.status_code == status


async def test_generic_trigger_is_routed_by_its_name(tmp_path: Path) -> None:
    """An HTTP function declared without a route is reached under its name, by any method."""
    source = (
        '@app.generic_trigger(arg_name="req", type="httpTrigger")\n'
        '@app.generic_output_binding(arg_name="$return", type="http")\n'
        "def show(req: func.HttpRequest) -> str: return req.method"
    )
    (tmp_path / "function_app.py").write_text(HEADER + source, "utf-8")

    async with served(tmp_path) as (_, client):
        answer = await client.put("/api/show")

    assert answer.text == "PUT"


async def test_client_that_hangs_up_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """A client that goes away in the middle of a body is not logged as a failure, and the host goes on."""
    async with served() as (_, client):
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"POST /api/hello/bob HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        answer = await client.get("/api/hello/bob")

    assert answer.status_code == 201
    assert "Exception in ASGI application" not in caplog.text


async def test_home_says_that_it_runs() -> None:
    """The root answers."""
    async with served() as (_, client):
        assert (await client.get("/")).status_code == 200


async def test_requests_run_beside_each_other() -> None:
    """Many requests on many connections are all answered."""
    async with served() as (_, client):
        answers: list[httpx.Response] = await asyncio.gather(
            *(client.get(f"/api/hello/bob/{number}") for number in range(50))
        )

    assert [json.loads(answer.content)["route"]["count"] for answer in answers] == [str(number) for number in range(50)]
