"""The stock Python SDK of Google on the line: all that comes must be what its own types say."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import cached_property
from typing import Literal, overload

import pytest
from google import genai
from google.genai import errors, types
from google.genai.live import AsyncSession
from google.oauth2.credentials import Credentials
from websockets.asyncio.client import ClientConnection
from websockets.typing import Data

from s2s.certificates import Throwaway
from s2s.items import JSON
from s2s.providers.script import tone

SECRET = Throwaway()
TRUST = ssl.create_default_context(cadata=SECRET.ca_pem.decode())
MOST_BYTES = 1024 * 1024
"""The longest message that the SDK takes."""
_CHUNK = 3200
_USUAL: dict[str, JSON] = {
    "response_modalities": ["AUDIO"],
    "input_audio_transcription": {},
    "output_audio_transcription": {},
}
_RENAMED = {
    "type": "voiceActivityType",
    "candidatesTokenCount": "responseTokenCount",
    "candidatesTokensDetails": "responseTokensDetails",
}
"""What the types of the SDK call by another name than the wire; the last two on Vertex AI."""
_STANDARD = str.maketrans("-_", "+/")


class Noting(ClientConnection):
    """A connection that notes what comes over it."""

    @cached_property
    def noted(self) -> list[bytes]:
        """All messages so far."""
        return []

    @overload
    async def recv(self, decode: Literal[True]) -> str: ...
    @overload
    async def recv(self, decode: Literal[False]) -> bytes: ...
    @overload
    async def recv(self, decode: bool | None = None) -> Data: ...
    async def recv(self, decode: bool | None = None) -> Data:
        """Return the next message."""
        message = await super().recv(decode)
        assert isinstance(message, bytes)
        assert len(message) <= MOST_BYTES
        self.noted.append(message)
        return message


def told(raw: bytes) -> JSON:
    """Return what a message says, under the names that the SDK has for it."""
    message = json.loads(raw, object_hook=_standard)
    for name in message.keys() & {"voiceActivity", "usageMetadata"}:
        message[name] = {_RENAMED.get(key, key): value for key, value in message[name].items()}
    return message


def understood(message: types.LiveServerMessage) -> JSON:
    """Return what the SDK has made of a message."""
    return json.loads(message.model_dump_json(by_alias=True, exclude_unset=True), object_hook=_standard)


def _standard(given: dict[str, JSON]) -> dict[str, JSON]:
    """Spell base64 in the alphabet of the service."""
    return {**given, "data": given["data"].translate(_STANDARD)} if "mimeType" in given else given


def members(message: types.LiveServerMessage) -> list[str]:
    """Return the names of what is in a message: of members of its content, if that is not empty."""
    outer, content = _given(message), message.server_content
    inner = [] if content is None else _given(content)
    return [*inner, *(each for each in outer if each != "server_content" or not inner)]


def _given(value: types.LiveServerMessage | types.LiveServerContent) -> list[str]:
    return [name for name in type(value).model_fields if name in value.model_fields_set]


class Turn:
    """What came in one turn, which is what one call of `receive` yields."""

    def __init__(self) -> None:
        self.messages: list[types.LiveServerMessage] = []

    @property
    def members(self) -> list[str]:
        """The names of all that came, in order."""
        return [name for each in self.messages for name in members(each)]

    @property
    def contents(self) -> list[types.LiveServerContent]:
        """What was said, piece by piece."""
        return [each.server_content for each in self.messages if each.server_content is not None]

    @property
    def parts(self) -> list[types.Part]:
        """What the model gave."""
        return [part for each in self.contents if each.model_turn for part in each.model_turn.parts or ()]

    @property
    def audio(self) -> bytes:
        """All audio: PCM16 at 24000 Hz."""
        return b"".join(each.inline_data.data or b"" for each in self.parts if each.inline_data)

    @property
    def written(self) -> str:
        """Words of the model that are not those of its audio."""
        return "".join(each.text or "" for each in self.parts if not each.thought)

    @property
    def thoughts(self) -> str:
        """What the model thought aloud."""
        return "".join(each.text or "" for each in self.parts if each.thought)

    @property
    def words(self) -> str:
        """What the audio says."""
        return _text(each.output_transcription for each in self.contents)

    @property
    def heard(self) -> str:
        """What the user said."""
        return _text(each.input_transcription for each in self.contents)

    @property
    def calls(self) -> list[types.FunctionCall]:
        """What the model asks for."""
        asked = [each.tool_call.function_calls or [] for each in self.messages if each.tool_call]
        return [call for calls in asked for call in calls]

    @property
    def cancelled(self) -> list[str]:
        """The calls that it does without."""
        told_ = [each.tool_call_cancellation for each in self.messages]
        return [call_id for each in told_ if each is not None for call_id in each.ids or ()]

    @property
    def usage(self) -> types.UsageMetadata:
        """What it cost, which is told once."""
        (spent,) = [each.usage_metadata for each in self.messages if each.usage_metadata]
        return spent


def _text(given: Iterable[types.Transcription | None]) -> str:
    return "".join(each.text or "" for each in given if each is not None)


class Line:
    """A session of the stock SDK, read turn by turn, and each message compared with what came for it."""

    def __init__(self, session: AsyncSession, within_s: float) -> None:
        self.on = session
        self.turns = [Turn()]
        self._within_s = within_s
        self._receiving = self.receive()

    async def receive(self) -> AsyncGenerator[types.LiveServerMessage]:
        """Yield what the SDK yields until it takes the turn for over."""
        connection, messages = self.on._ws, self.on.receive()
        assert isinstance(connection, Noting)
        assert isinstance(messages, AsyncGenerator)
        async with aclosing(messages):
            async for message in messages:
                came = told(connection.noted[-1])
                assert understood(message) == came, came
                self.turns[-1].messages.append(message)
                yield message
        self.turns.append(Turn())

    async def until(
        self, member: str, where: Callable[[types.LiveServerMessage], object] = lambda _: True
    ) -> types.LiveServerMessage:
        """Read on, and return the next message that has this member."""
        async with self._bounded(member):
            while True:
                message = await anext(self._receiving, None)
                if message is None:
                    self._receiving = self.receive()
                elif member in members(message) and where(message):
                    return message

    async def calls(self) -> list[types.FunctionCall]:
        """Read on, and return the next calls that are made at once."""
        message = await self.until("tool_call")
        assert message.tool_call is not None
        return message.tool_call.function_calls or []

    async def turn(self) -> Turn:
        """Read to the end of the turn under way, and return all of it."""
        turn = self.turns[-1]
        async with self._bounded("end of a turn"):
            async for _ in self._receiving:
                pass
        self._receiving = self.receive()
        return turn

    async def close(self) -> None:
        """Read no further."""
        await self._receiving.aclose()

    async def speak(self, pcm: bytes, silence_ms: int = 1000) -> None:
        """Send speech, PCM16 at 16000 Hz, and silence after it, as fast as it goes."""
        spoken = pcm + bytes(32 * silence_ms)
        for start in range(0, len(spoken), _CHUNK):
            chunk = types.Blob(data=spoken[start : start + _CHUNK], mime_type="audio/pcm;rate=16000")
            await self.on.send_realtime_input(audio=chunk)

    async def write(self, text: str) -> None:
        """Take a turn in writing."""
        await self.on.send_client_content(turns=said(text))

    async def answer(self, call: types.FunctionCall, output: str, **fields: JSON) -> None:
        """Answer a call."""
        response = types.FunctionResponse(id=call.id, name=call.name, response={"output": output}, **fields)
        await self.on.send_tool_response(function_responses=response)

    @asynccontextmanager
    async def _bounded(self, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._within_s):
                yield
        except TimeoutError:
            raise AssertionError(f"no {what} after {[each.members for each in self.turns]}") from None


def said(text: str, role: str = "user") -> types.Content:
    """Return a turn in writing."""
    return types.Content(role=role, parts=[types.Part(text=text)])


def speech(words: str) -> bytes:
    """Return something loud for every word."""
    return b"".join(map(tone, words.split()))


@asynccontextmanager
async def connected(
    base_url: str,
    model: str = "gemini-3.8-live",
    *,
    vertex: bool = False,
    key: str = "any",
    version: str | None = None,
    within_s: float = 10.0,
    **config: JSON,
) -> AsyncIterator[Line]:
    """Connect as its documentation says, with both sides transcribed."""
    options = types.HttpOptions(
        base_url=base_url,
        api_version=version,
        client_args={"verify": TRUST},  # else it reads all that the system trusts, for requests never made
        async_client_args={"ssl": TRUST, "create_connection": Noting},
    )
    ours = Credentials("ya29.token") if vertex else None
    place = {"project": "p", "location": "global", "credentials": ours} if vertex else {"api_key": key}
    client = genai.Client(vertexai=vertex, http_options=options, **place)
    asked = types.LiveConnectConfig(**{**_USUAL, **config})
    try:
        async with client.aio.live.connect(model=model, config=asked) as session:
            line = Line(session, within_s)
            try:
                yield line
            finally:
                await line.close()
    finally:
        await client.aio.aclose()
        client.close()


@contextmanager
def refused(code: int, reason: str) -> Iterator[None]:
    """Expect that the connection ends for this reason."""
    with pytest.raises(errors.APIError) as caught:
        yield
    assert (caught.value.code, caught.value.details) == (code, reason)
