"""A brain behind any OpenAI-compatible /chat/completions endpoint: Ollama, llama.cpp, vLLM, a hosted one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, suppress

from s2s import errors
from s2s.items import JSON
from s2s.providers.local.brains.completions import DONE, Answer, request
from s2s.providers.local.brains.endpoint import Endpoint
from s2s.providers.local.brains.sharing import Shared
from s2s.providers.local.pool import Pool, Priority
from s2s.providers.local.stages import Prompt, Thought

try:
    import httpx
    from httpx_sse import EventSource, SSEError
except ImportError:
    raise errors.ConfigError("the chat brain needs its extra: pip install 'voice-s2s[chat]'") from None

_CONNECT_S = 5.0
_KEEP_ALIVE_S = 120.0
_DRAIN_S = 0.25
_LONGEST_REFUSAL = 65_536
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_ASKING = {"Content-Type": "application/json", "Accept": "text/event-stream"}


class ChatBrain:
    """Streams answers and tool calls from a chat-completions endpoint.

    No credential comes from the environment: without `api_key` or `headers` none is sent. Proxy variables
    count, but not for this machine itself. `first_token_s` bounds the wait for the first of an answer,
    `timeout_s` every later one. The fields of `body` are merged into each request, last; None takes one out.
    With `speculative` the endpoint is also asked about turns that the user then goes on with.
    Connections are kept while a session is open, else for one question.
    Raises ConfigError for options that cannot work.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        model: str = "",
        base_url: str = "http://127.0.0.1:11434/v1",
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        first_token_s: float = 60.0,
        body: Mapping[str, JSON] | None = None,
        speculative: bool = True,
    ) -> None:
        if not model:
            raise errors.ConfigError("the chat brain needs a model: set brain_options={'model': ...}")
        if min(timeout_s, first_token_s) <= 0:
            raise errors.ConfigError("timeout_s and first_token_s must be above 0")
        key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.speculative = speculative
        self._endpoint = Endpoint(base_url.rstrip("/"), {**key, **(headers or {})})
        self._model = model
        self._body = dict(body or {})
        self._first_token_s = first_token_s
        self._timeout_s = timeout_s
        self._client = Shared(lambda: pool.run(Priority.LOADING, lambda stop: _new_client(self._endpoint)))

    def __repr__(self) -> str:
        return f"ChatBrain(model={self._model!r}, base_url={self._endpoint.url!r})"

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

    async def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
        """Yield the answer as it streams in, its calls once they are complete; closing it stops the endpoint.

        Raises ConnectError, ConnectionLostError, ProviderError or RemoteProtocolError.
        """
        try:
            async with self._client.using() as client, aclosing(self._answer(client, prompt)) as thoughts:
                async for thought in thoughts:
                    yield thought
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as wrong:
            raise _translated(wrong, self._endpoint) from wrong

    async def _answer(self, client: httpx.AsyncClient, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        answer = Answer(self._endpoint, f"call_{len(prompt.history)}")
        by = asyncio.get_running_loop().time() + self._first_token_s
        async with AsyncExitStack() as stack:
            async with asyncio.timeout_at(by):
                opened = _opened(client, self._endpoint, request(prompt, self._model, self._body))
                response = await stack.enter_async_context(aclosing(await opened))
                await _check(response, self._endpoint)
            events = aclosing(_events(response, by, self._timeout_s))
            async for data in await stack.enter_async_context(events):
                for thought in answer.push(data):
                    yield thought
        if not answer.finish:
            raise self._endpoint.nonsense("broke off in the middle of an answer")


def _new_client(endpoint: Endpoint) -> httpx.AsyncClient:
    # How long an answer may take is watched where it is read.
    patience = httpx.Timeout(None, connect=_CONNECT_S)
    limits = httpx.Limits(keepalive_expiry=_KEEP_ALIVE_S)
    is_remote = httpx.URL(endpoint.url).host not in _THIS_MACHINE
    return httpx.AsyncClient(timeout=patience, limits=limits, trust_env=is_remote)


async def _opened(client: httpx.AsyncClient, endpoint: Endpoint, content: bytes) -> httpx.Response:
    url, headers = f"{endpoint.url}/chat/completions", {**_ASKING, **endpoint.headers}
    question = client.build_request("POST", url, content=content, headers=headers)
    try:
        return await client.send(question, stream=True)
    except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
        # The other side may just have closed a connection that was kept.
        return await client.send(question, stream=True)


async def _check(response: httpx.Response, endpoint: Endpoint) -> None:
    """Raise what the status says, unless the answer is an event stream."""
    if response.status_code == 200 and "text/event-stream" in response.headers.get("content-type", ""):
        return
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _LONGEST_REFUSAL:
            break
    raise endpoint.refusal(response.status_code, body, response.headers.get("retry-after", ""))


async def _events(response: httpx.Response, by: float, timeout_s: float) -> AsyncGenerator[str, None]:
    """Yield the data of each event; after the last one read on, so that the connection can be kept."""
    data, loop = "", asyncio.get_running_loop()
    async with aclosing(EventSource(response).aiter_sse()) as events:
        while data != DONE:
            async with asyncio.timeout_at(by):
                event = await anext(events, None)
            if event is None:
                return
            data = event.data.strip()
            if data:
                yield data
            by = loop.time() + timeout_s
        with suppress(TimeoutError, httpx.HTTPError):
            async with asyncio.timeout(_DRAIN_S):
                await anext(events, None)


def _translated(wrong: Exception, endpoint: Endpoint) -> errors.S2SError:
    """Return our name for what httpx raised."""
    said = endpoint.shown(str(wrong)) or type(wrong).__name__
    match wrong:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError() | httpx.InvalidURL():
            advice = "start a server there, such as `ollama serve`, or set base_url"
            return errors.ConnectError(f"cannot connect to {endpoint.url} ({said}): {advice}", retryable=True)
        case TimeoutError() | httpx.TimeoutException():
            message = f"{endpoint.url} sent nothing in time: ask again, or raise first_token_s and timeout_s"
            return errors.ProviderError(message, code="timeout", retryable=True)
        case httpx.RemoteProtocolError() | httpx.DecodingError() | SSEError():
            return endpoint.nonsense(f"broke the rules of HTTP ({said})")
        case _:
            return errors.ConnectionLostError(f"{endpoint.url} was lost ({said}): ask again")
