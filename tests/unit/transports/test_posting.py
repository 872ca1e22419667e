"""One request, to a server on the loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from s2s.errors import AuthError, ConnectError
from s2s.transports.posting import post

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/calls", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/calls"
    finally:
        await runner.cleanup()


def posted(answer: Answer, body: object = b"offer", **options: object) -> str:
    async def main() -> str:
        async with serving(answer) as url:
            headers = {"Authorization": "Bearer sk-canary"}
            return await post(url, headers, body, **options)  # type: ignore[arg-type]

    return asyncio.run(main())


def test_a_body_arrives_with_its_type_and_the_answer_comes_back() -> None:
    async def echo(request: web.Request) -> web.Response:
        told = f"{request.content_type} {request.headers['Authorization']} {await request.text()}"
        return web.Response(status=201, text=told)

    assert posted(echo, b"offer", content_type="application/sdp") == (
        "application/sdp Bearer sk-canary offer"
    )


def test_parts_arrive_as_fields_and_not_as_files() -> None:
    async def parts(request: web.Request) -> web.Response:
        reader = await request.multipart()
        told = []
        async for part in reader:
            assert part.filename is None  # type: ignore[union-attr]
            told.append(f"{part.name} {part.headers['Content-Type']}")  # type: ignore[union-attr]
        return web.Response(status=201, text="; ".join(told))

    body = {"sdp": ("application/sdp", b"v=0"), "session": ("application/json", b"{}")}
    assert posted(parts, body) == "sdp application/sdp; session application/json"


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(401, AuthError, False), (403, AuthError, False), (400, ConnectError, False), (503, ConnectError, True)],
)
def test_a_refusal_says_why_and_never_the_key(status: int, kind: type[Exception], retryable: bool) -> None:
    async def refuse(request: web.Request) -> web.Response:
        message = f"no entry for {request.headers['Authorization']}"
        return web.json_response({"error": {"message": message}}, status=status)

    with pytest.raises(ConnectError) as refused:
        posted(refuse)
    assert type(refused.value) is kind
    assert refused.value.retryable is retryable
    assert f"HTTP {status} (no entry for" in str(refused.value)
    assert "sk-canary" not in str(refused.value)


def test_an_answer_in_pieces_comes_back_whole() -> None:
    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=201, headers={"Content-Length": "6"})
        await response.prepare(request)
        for each in (b"v=0", b"a=x"):
            await response.write(each)
            await asyncio.sleep(0.05)
        return response

    assert posted(pieces) == "v=0a=x"


def test_an_answer_without_end_is_given_up() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=201)
        await response.prepare(request)
        while True:
            await response.write(bytes(16 * 1024))

    with pytest.raises(ConnectError, match="answered with more than 256 KiB: check the URL"):
        posted(endless)


def test_a_refusal_without_end_is_a_refusal_all_the_same() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=401)
        await response.prepare(request)
        while True:
            await response.write(bytes(16 * 1024))

    with pytest.raises(AuthError, match="HTTP 401"):
        posted(endless)


def test_redirects_are_not_followed() -> None:
    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/elsewhere")

    with pytest.raises(ConnectError, match="give the final URL"):
        posted(redirect)


def test_no_answer_in_time_is_worth_another_try() -> None:
    async def silent(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    with pytest.raises(ConnectError, match=r"did not answer within 0\.2 s") as late:
        posted(silent, within_s=0.2)
    assert late.value.retryable


def test_nobody_there_is_said() -> None:
    async def main() -> None:
        await post("http://127.0.0.1:1/calls", {}, b"")

    with pytest.raises(ConnectError, match="cannot be reached"):
        asyncio.run(main())
