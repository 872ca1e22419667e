"""A brain behind any OpenAI-compatible /chat/completions endpoint: Ollama, llama.cpp, vLLM, a hosted one.

Source: OpenAI API reference, chat completions and their streaming, 2026-11.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from itertools import groupby

import msgspec

from s2s import errors
from s2s.items import JSON, Call, Message, ToolResult
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
_LONGEST_REASON = 300
_SHORTEST_SECRET = 4
_WEB = re.compile(r"https?://(?:[\w.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?(?:/[^\s?#@]*)?")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\x20-\x7e]*")
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_ASKING = {"Content-Type": "application/json", "Accept": "text/event-stream"}
_DONE = "[DONE]"


class ChatBrain:
    """Streams answers and tool calls from a chat-completions endpoint.

    No credential comes from the environment: without `api_key` or `headers` none is sent. Proxy variables
    count, but not for this machine itself. `first_token_s` bounds the wait for the first of an answer,
    `timeout_s` every later one. The fields of `body` are merged into each request, last; None takes one out.
    With `speculative` the endpoint is also asked about turns that the user then goes on with.
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
        key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        sent, more = {**key, **(headers or {})}, dict(body or {})
        self.speculative = speculative
        self._endpoint = _Endpoint(base_url.rstrip("/"), model, sent, timeout_s, first_token_s, more)
        self._pool = pool
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}

    def __repr__(self) -> str:
        return f"ChatBrain(model={self._endpoint.model!r}, base_url={self._endpoint.url!r})"

    async def warm(self) -> None:
        """Open a connection, so that the first question is not slower. Raises ConnectError."""
        client = await self._client()
        try:
            await client.head(f"{self._endpoint.url}/models", timeout=_CONNECT_S)
        except httpx.ConnectError as wrong:
            raise _translated(wrong, self._endpoint) from wrong
        except httpx.HTTPError:
            return

    async def close(self) -> None:
        """Close this loop's connections; the next question opens new ones."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
        """Yield the answer as it streams in, its calls once they are complete; closing it stops the endpoint.

        Raises ConnectError, ConnectionLostError, ProviderError or RemoteProtocolError.
        """
        try:
            client = await self._client()
            async with aclosing(self._answer(client, prompt)) as thoughts:
                async for thought in thoughts:
                    yield thought
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as wrong:
            raise _translated(wrong, self._endpoint) from wrong

    async def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        self._clients = {each: client for each, client in self._clients.items() if not each.is_closed()}
        if loop not in self._clients:
            client = await self._pool.run(Priority.LOADING, lambda stop: _new_client(self._endpoint))
            self._clients.setdefault(loop, client)
        return self._clients[loop]

    async def _answer(self, client: httpx.AsyncClient, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        answer = _Answer(self._endpoint, f"call_{len(prompt.history)}")
        by = asyncio.get_running_loop().time() + self._endpoint.first_token_s
        async with AsyncExitStack() as stack:
            async with asyncio.timeout_at(by):
                response = await _opened(client, self._endpoint, prompt)
                stack.push_async_callback(response.aclose)
                await _check(response, self._endpoint)
            events = aclosing(_events(response, by, self._endpoint.timeout_s))
            async for data in await stack.enter_async_context(events):
                for thought in answer.push(data):
                    yield thought
        if not answer.finish:
            raise self._endpoint.nonsense("broke off in the middle of an answer")


class _Endpoint(msgspec.Struct, frozen=True):
    """Where to ask and how."""

    url: str
    model: str
    headers: dict[str, str]
    timeout_s: float
    first_token_s: float
    body: dict[str, JSON]

    def __post_init__(self) -> None:
        _require(self.model, "the chat brain needs a model: set brain_options={'model': ...}")
        _require(_WEB.fullmatch(self.url), "base_url must be like http://127.0.0.1:11434/v1, without a query")
        for name, value in self.headers.items():
            _require(_HEADER.fullmatch(f"{name}: {value}"), f"the header {name!r} cannot be sent: check it")
        _require(min(self.timeout_s, self.first_token_s) > 0, "timeout_s and first_token_s must be above 0")

    def __repr__(self) -> str:
        return f"_Endpoint({self.url!r})"

    def shown(self, text: str) -> str:
        """Return what the endpoint said in one short line, without the secrets that it may repeat."""
        words = {word for value in self.headers.values() for word in value.split()}
        for word in sorted(words, key=len, reverse=True):
            text = text.replace(word, "***") if len(word) >= _SHORTEST_SECRET else text
        return " ".join(text.split())[:_LONGEST_REASON]

    def nonsense(self, what: str, received: str = "") -> errors.RemoteProtocolError:
        """Return the error for an answer that is none."""
        said = self.shown(received).encode()
        return errors.RemoteProtocolError(f"{self.url} {what}: ask again, or check base_url", received=said)

    def request(self, prompt: Prompt) -> bytes:
        """Encode the question."""
        fields: dict[str, JSON] = {
            "model": self.model,
            "messages": messages(prompt),
            "stream": True,
            "tools": [{"type": "function", "function": tool} for tool in prompt.tools] or None,
            "temperature": prompt.temperature,
            "max_tokens": prompt.max_output_tokens,
            **self.body,
        }
        return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


def messages(prompt: Prompt) -> list[dict[str, JSON]]:
    """Return the history in the endpoint's words: what was heard, and each call's result right behind it."""
    told: list[dict[str, JSON]] = []
    results = {item.call_id: item for item in prompt.history if isinstance(item, ToolResult)}
    asked = {item.id for item in prompt.history if isinstance(item, Call)}
    _tell(told, "system", prompt.instructions)
    for _, group in groupby(prompt.history, key=type):
        items = list(group)
        if calls := [item for item in items if isinstance(item, Call)]:
            _tell_calls(told, calls, results)
        for item in items:
            match item:
                case Message(role=role, text=text, heard_text=heard):
                    _tell(told, role, text if heard is None else heard)
                case ToolResult(call_id=call_id, output=output) if call_id not in asked:
                    _tell(told, "system", f"The result of a tool: {output}")
    return told


def _tell(told: list[dict[str, JSON]], role: str, text: str) -> None:
    # Some chat templates refuse empty messages, and two of one role in a row.
    if text.strip() and told and told[-1]["role"] == role:
        told[-1]["content"] += f"\n{text}"
    elif text.strip():
        told.append({"role": role, "content": text})


def _tell_calls(told: list[dict[str, JSON]], calls: list[Call], results: Mapping[str, ToolResult]) -> None:
    if not told or told[-1]["role"] != "assistant":
        told.append({"role": "assistant", "content": None})
    functions = [(call.id, {"name": call.name, "arguments": call.raw}) for call in calls]
    told[-1]["tool_calls"] = [{"id": id_, "type": "function", "function": each} for id_, each in functions]
    for call in calls:
        result = results.get(call.id, ToolResult(call.id, "the tool has not answered", is_error=True))
        content = f"Error: {result.output}" if result.is_error else result.output
        told.append({"role": "tool", "tool_call_id": call.id, "content": content})


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _CallDelta(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_CallDelta] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    error: JSON = None


_CHUNK = msgspec.json.Decoder(_Chunk)


class _Asked(msgspec.Struct):
    index: int | None
    id: str = ""
    name: str = ""
    raw: str = ""


class _Answer:
    """What has arrived of one answer; `finish` is why it ended, empty until then."""

    def __init__(self, endpoint: _Endpoint, call_prefix: str) -> None:
        self.finish = ""
        self._endpoint = endpoint
        self._prefix = call_prefix
        self._calls: list[_Asked] = []

    def push(self, data: str) -> Iterator[Thought]:
        """Yield what this event adds. Raises ProviderError or RemoteProtocolError."""
        for choice in self._choices(data):
            delta = choice.delta or _Delta()
            if delta.content:
                yield delta.content
            for part in delta.tool_calls or ():
                self._add(part)
            self.finish = self.finish or choice.finish_reason or ""
        if self.finish == "content_filter":
            raise errors.ProviderError(f"{self._endpoint.url} filtered it: rephrase", code=self.finish)
        if self.finish:
            yield from self._called()

    def _choices(self, data: str) -> list[_Choice]:
        try:
            chunk = _Chunk([_Choice(finish_reason="stop")]) if data == _DONE else _CHUNK.decode(data)
        except (msgspec.DecodeError, RecursionError):
            raise self._endpoint.nonsense("sent what is no chunk of a chat completion", data) from None
        if chunk.error is not None:
            said = self._endpoint.shown(_reason(data.encode()))
            raise errors.ProviderError(f"{self._endpoint.url} failed: {said}; ask again", code="stream_error")
        return chunk.choices[:1]

    def _add(self, part: _CallDelta) -> None:
        call = next((call for call in reversed(self._calls) if part.index in (None, call.index)), None)
        # Some servers give every call the index 0, or none.
        if call is None or (part.id and call.id not in ("", part.id)):
            call = _Asked(part.index)
            self._calls.append(call)
        function = part.function or _Function()
        call.id = call.id or part.id or ""
        call.name = call.name or function.name or ""
        call.raw += function.arguments or ""

    def _called(self) -> Iterator[Call]:
        for number, call in enumerate(self._calls):
            if not call.name:
                raise self._endpoint.nonsense("called a tool without a name")
            yield Call(call.id or f"{self._prefix}_{number}", call.name, _object(call.raw), call.raw or "{}")
        self._calls.clear()


def _object(raw: str) -> dict[str, JSON]:
    try:
        return msgspec.json.decode(raw, type=dict[str, JSON])
    except (msgspec.DecodeError, RecursionError):
        return {}


def _new_client(endpoint: _Endpoint) -> httpx.AsyncClient:
    # How long an answer may take is watched where it is read.
    patience = httpx.Timeout(None, connect=_CONNECT_S)
    limits = httpx.Limits(keepalive_expiry=_KEEP_ALIVE_S)
    is_remote = httpx.URL(endpoint.url).host not in _THIS_MACHINE
    return httpx.AsyncClient(timeout=patience, limits=limits, trust_env=is_remote)


async def _opened(client: httpx.AsyncClient, endpoint: _Endpoint, prompt: Prompt) -> httpx.Response:
    url, headers = f"{endpoint.url}/chat/completions", {**_ASKING, **endpoint.headers}
    request = client.build_request("POST", url, content=endpoint.request(prompt), headers=headers)
    try:
        return await client.send(request, stream=True)
    except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
        # The other side may just have closed a connection that was kept.
        return await client.send(request, stream=True)


async def _events(response: httpx.Response, by: float, timeout_s: float) -> AsyncGenerator[str, None]:
    """Yield the data of each event; after the last one read on, so that the connection can be kept."""
    data, loop = "", asyncio.get_running_loop()
    async with aclosing(EventSource(response).aiter_sse()) as events:
        while data != _DONE:
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


async def _check(response: httpx.Response, endpoint: _Endpoint) -> None:
    """Raise what the status says, unless the answer is an event stream."""
    status, where = response.status_code, endpoint.url
    if status == 200 and "text/event-stream" in response.headers.get("content-type", ""):
        return
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _LONGEST_REFUSAL:
            break
    said = f"({status}): {endpoint.shown(_reason(body))}"
    match status:
        case 200:
            raise endpoint.nonsense(f"sent no event stream but {said}")
        case 401 | 403:
            raise errors.AuthError(f"{where} refused the credential {said}; set api_key")
        case 429:
            pause = re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]+)?", response.headers.get("retry-after", ""))
            rest_s = float(pause[0]) if pause else None
            raise errors.RateLimitError(f"{where} asks for a pause {said}; wait", retry_after_s=rest_s)
        case _:
            advice = "check base_url and model" if status < 500 else "ask again later"
            again = status >= 500 or status == 408
            raise errors.ProviderError(f"{where} refused {said}; {advice}", code=str(status), retryable=again)


def _reason(body: bytes) -> str:
    """Find the message in the ways that servers spell an error; else return all of it."""
    refusal: JSON = None
    with suppress(msgspec.DecodeError, RecursionError):
        refusal = msgspec.json.decode(body)
    match refusal:
        case {"error": {"message": str(text)}} | [{"error": {"message": str(text)}}, *_]:
            return text
        case {"error": str(text)} | {"message": str(text)} | {"detail": str(text)}:
            return text
        case _:
            return body.decode(errors="replace")


def _translated(wrong: Exception, endpoint: _Endpoint) -> errors.S2SError:
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


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise errors.ConfigError(otherwise)
