"""What the stages behind HTTP have in common: questions, over connections that their sessions share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import cast

from msgspec import Struct

from s2s import errors
from s2s.providers.local.endpoints.endpoint import Endpoint
from s2s.providers.local.endpoints.sharing import Shared
from s2s.providers.local.pool import Pool, Priority

try:
    import httpx
except ImportError:
    raise errors.ConfigError("stages behind HTTP need their extra: pip install 'voice-s2s[chat]'") from None

_CONNECT_S = 5.0
_KEEP_ALIVE_S = 120.0
_LONGEST_REFUSAL = 65_536
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


class Kind(Struct, frozen=True):
    """What an answer shall be: its name in messages, and its media types, the one to ask for first.

    An empty type among them takes an answer that does not say what it is.
    """

    name: str
    media_types: tuple[str, ...]


class Question(Struct, frozen=True):
    """One POST to an endpoint."""

    path: str
    content: bytes
    wanted: Kind
    media_type: str = "application/json"
    """That of `content`."""


class HTTPStage:
    """Asks one endpoint; connections are kept while a session is open, else for one question.

    No credential comes from the environment: without `api_key` or `headers` none is sent. Proxy variables
    count, but not for this machine itself. Redirects are not followed: they could carry the key away.
    """

    def __init__(self, pool: Pool, endpoint: Endpoint, model: str) -> None:
        self._endpoint = endpoint
        self._model = model
        self._client = Shared(lambda: pool.run(Priority.LOADING, lambda stop: _new_client(endpoint)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self._model!r}, base_url={self._endpoint.url!r})"

    async def session_opened(self) -> None:
        """Keep connections from now on."""
        self._client.enter()

    async def session_closed(self) -> None:
        """Close the connections if no other session keeps them."""
        await self._client.leave()

    async def warm(self) -> None:
        """Open a connection, so that the first question is not slower. Raises ConnectError."""
        try:
            async with self._client.using() as client:
                await client.head(f"{self._endpoint.url}/models", timeout=_CONNECT_S)
        except (httpx.ConnectError, httpx.InvalidURL) as wrong:
            raise _translated(wrong, self._endpoint) from wrong
        except httpx.HTTPError:
            return

    @asynccontextmanager
    async def _asked(self, question: Question, by: float) -> AsyncIterator[httpx.Response]:
        """Yield the answer, which begins by this time, its body unread; leaving ends it, however far it came.

        Raises our names for what goes wrong, while the body is read too.
        """
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout_at(by):
                    client = await stack.enter_async_context(self._client.using())
                    opened = await _opened(client, self._endpoint, question)
                    response = await stack.enter_async_context(aclosing(opened))
                    await _check(response, self._endpoint, question.wanted)
                yield response
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as wrong:
            raise _translated(wrong, self._endpoint) from wrong


def multipart(fields: Mapping[str, list[str]], file: tuple[str, bytes, str]) -> tuple[bytes, str]:
    """Return a form with a `file` (name, content, media type) as one body, and the media type of all."""
    form = httpx.Request("POST", "http://localhost", data=fields, files={"file": file})
    return form.read(), form.headers["content-type"]


def media_type(response: httpx.Response) -> str:
    """Return the type of the body, without its parameters."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


async def beginning(response: httpx.Response, most_bytes: int) -> bytes:
    """Return the body, or a little more than so much of a longer one."""
    body = bytearray()
    async with aclosing(_body(response)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > most_bytes:
                break
    return bytes(body)


async def pieces(response: httpx.Response, by: float, timeout_s: float) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes, the first piece by this time and each later one within `timeout_s`."""
    loop = asyncio.get_running_loop()
    async with aclosing(_body(response)) as body:
        while True:
            async with asyncio.timeout_at(by):
                piece = await anext(body, None)
            if piece is None:
                return
            yield piece
            by = loop.time() + timeout_s


def _body(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    return cast("AsyncGenerator[bytes, None]", response.aiter_bytes())


def _new_client(endpoint: Endpoint) -> httpx.AsyncClient:
    # How long an answer may take is watched where it is read.
    patience = httpx.Timeout(None, connect=_CONNECT_S)
    limits = httpx.Limits(keepalive_expiry=_KEEP_ALIVE_S)
    is_remote = httpx.URL(endpoint.url).host not in _THIS_MACHINE
    return httpx.AsyncClient(timeout=patience, limits=limits, trust_env=is_remote)


async def _opened(client: httpx.AsyncClient, endpoint: Endpoint, question: Question) -> httpx.Response:
    kinds = {"Content-Type": question.media_type, "Accept": question.wanted.media_types[0]}
    url, headers = f"{endpoint.url}{question.path}", {**kinds, **endpoint.headers}
    request = client.build_request("POST", url, content=question.content, headers=headers)
    try:
        return await client.send(request, stream=True)
    except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
        # The other side may just have closed a connection that was kept.
        return await client.send(request, stream=True)


async def _check(response: httpx.Response, endpoint: Endpoint, wanted: Kind) -> None:
    """Raise what the status says, unless the answer is what was wanted."""
    kind = media_type(response)
    if response.status_code == 200 and kind in wanted.media_types:
        return
    body = kind.encode() if kind.startswith("audio/") else await beginning(response, _LONGEST_REFUSAL)
    rest = response.headers.get("retry-after", "")
    raise endpoint.refusal(response.status_code, body, rest, wanted=wanted.name)


def _translated(wrong: Exception, endpoint: Endpoint) -> errors.S2SError:
    """Return our name for what httpx raised."""
    said = endpoint.shown(str(wrong)) or type(wrong).__name__
    match wrong:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError() | httpx.InvalidURL():
            message = f"cannot connect to {endpoint.url} ({said}): {endpoint.start}"
            return errors.ConnectError(message, retryable=True)
        case TimeoutError() | httpx.TimeoutException():
            message = f"{endpoint.url} sent nothing in time: {endpoint.late}"
            return errors.ProviderError(message, code="timeout", retryable=True)
        case httpx.NetworkError():
            return errors.ConnectionLostError(f"{endpoint.url} was lost ({said}): ask again")
        case _:
            return endpoint.nonsense(f"broke the rules of HTTP ({said})")
