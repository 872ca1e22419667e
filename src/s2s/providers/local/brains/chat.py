"""A brain behind any OpenAI-compatible /chat/completions endpoint: Ollama, llama.cpp, vLLM, a hosted one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress

from s2s import errors
from s2s.items import JSON
from s2s.providers.local.brains.completions import DONE, Answer, request
from s2s.providers.local.endpoints.endpoint import Endpoint, keyed
from s2s.providers.local.endpoints.stage import HTTPStage, Kind, Question
from s2s.providers.local.pool import Pool
from s2s.providers.local.stages import Prompt, Thought

try:
    import httpx
    from httpx_sse import EventSource
except ImportError:
    raise errors.ConfigError("the chat brain needs its extra: pip install 'voice-s2s[chat]'") from None

_DRAIN_S = 0.25
_EVENTS = Kind("event stream", ("text/event-stream",))


class ChatBrain(HTTPStage):
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
        start = "start a server there, such as `ollama serve`, or set base_url"
        late = "ask again, or raise first_token_s and timeout_s"
        super().__init__(pool, Endpoint(base_url.rstrip("/"), keyed(api_key, headers), start, late), model)
        self.speculative = speculative
        self._body = dict(body or {})
        self._first_token_s = first_token_s
        self._timeout_s = timeout_s

    async def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
        """Yield the answer as it streams in, its calls once they are complete; closing it stops the endpoint.

        Raises ConnectError, ConnectionLostError, ProviderError or RemoteProtocolError.
        """
        answer = Answer(self._endpoint, f"call_{len(prompt.history)}")
        question = Question("/chat/completions", request(prompt, self._model, self._body), _EVENTS)
        by = asyncio.get_running_loop().time() + self._first_token_s
        async with (
            self._asked(question, by) as response,
            aclosing(_events(response, by, self._timeout_s)) as events,
        ):
            async for data in events:
                for thought in answer.push(data):
                    yield thought
        if not answer.finish:
            raise self._endpoint.nonsense("broke off in the middle of an answer")


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
