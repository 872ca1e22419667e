"""Frames over a WebSocket, for a page, a device or another pipeline.

One connection carries one stream of frames each way. Binary messages are audio, PCM16 LE; text messages are
JSON. The fields are those of the frames in `s2s.pipeline`: what has a default may be left out, what is
unknown is passed over, and bytes are in base64.

| message | means |
|---|---|
| binary | more of the audio that the last "audio" message began |
| `{"type": "audio", "audio": "", "sample_rate": 24000, "item_id": "a"}` | what the audio after it is |
| `{"type": "text", "text": "Hello."}` | the user writes; or, by its `role`, what was said on either side |
| `{"type": "image", "image": "/9j/4AA=", "mime_type": "image/jpeg"}` | the user shows a picture |
| `{"type": "control", "signal": "interrupt"}` | be silent: a client forgets what it has not played |
| `{"type": "control", "signal": "played", "item_id": "a", "position_ms": 640}` | the client has played it |
| `{"type": "control", "signal": "stop"}` | nothing more comes: a server finishes, says the same and closes |
| `{"type": "tool_call", "call": {"id": "c", "name": "look_up"}}` | the model asks for a tool |
| `{"type": "tool_result", "result": {"call_id": "c", "output": "42"}}` | its answer |
| `{"type": "event", "event": {"type": "turn_end", "agent_text": "Hi.", ...}}` | what an engine tells |
| `{"type": "event", "event": {"type": "error", "error": {...}, "fatal": true}}` | what went wrong |
| `{"type": "command", "command": {"type": "update_session", ...}}` | only among those who trust each other |

An error has a `kind`, such as "ProviderError", a `message` and often a `code`; a fatal one comes last. Before
any "audio" message binary is mono at 24 kHz, or at the `rate` of the URL: with `?rate=16000` that is the rate
of all audio for the client too.

A client that is not trusted may send audio, pictures, texts and signals of the user, and results of the tools
that it was asked for. It can say nothing for the agent or the system and give no command, so it cannot change
instructions or tools; nor is it told of commands.

| code | why the connection was closed |
|---|---|
| 1000 | all was said |
| 1001 | the server ends |
| 1003 | a frame that there is not, or that may not be sent |
| 1007 | a message that is no JSON, no frame or no whole samples |
| 1009 | a message that is too large |
| 1011 | the pipeline failed |

A peer that takes nothing for ten seconds is dropped without a word, which it would not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import parse_qsl, urlencode, urlsplit

from s2s.errors import ConfigError, ConnectionLostError, S2SError
from s2s.events import Error
from s2s.formats import AudioFormat
from s2s.pipeline.frames import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    ImageFrame,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
)
from s2s.pipeline.outlet import Outlet
from s2s.pipeline.running import STOP, stops
from s2s.pipeline.transports.binary import Hearing, Saying
from s2s.pipeline.transports.notation import CODES, RefusedError, spelled
from s2s.transports import Transport
from s2s.transports.ending import GOING_AWAY, INTERNAL, NORMAL
from s2s.transports.websocket import connect
from s2s.transports.ws.opening import Headers

Trust: TypeAlias = Literal["user", "all"]
"""Whether the peer speaks for the user only, or may send and get every frame."""

_TOO_SLOW = 1008
_READ_AHEAD: Final = 16
MOST_BYTES: Final = 4 * 1024 * 1024
_MAY: Final = "send audio, images, text and signals of the user, and results of tools that you were asked for"


class WebSocketTransport:
    """Frames with whoever is at the other end of a connection that is open."""

    def __init__(
        self,
        connection: Transport,
        *,
        rate: int | None = None,
        trust: Trust = "user",
        send_s: float = 10.0,
        max_message_bytes: int = MOST_BYTES,
    ) -> None:
        """Talk at an agreed rate. Raises ConfigError where there is no such rate, or no such trust."""
        _require(rate, trust)
        self._connection = connection
        self._hearing = Hearing(rate)
        self._saying = Saying(rate)
        self._trust = trust
        self._send_s = send_s
        self._most_bytes = max_message_bytes
        self._open_calls: set[str] = set()
        self._code = GOING_AWAY
        self._given = Outlet(_READ_AHEAD)
        self._failure: Exception | None = None
        self._reading: asyncio.Task[None] | None = None

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Yield what the peer sends; a peer that closes in order has said all.

        Raises RefusedError, after it was told, for what it may not send, and ConnectionLostError.
        """
        self._listen()
        async for frame in self._given:
            yield frame
            if stops(frame):
                return
        if isinstance(self._failure, RefusedError):
            await self.refuse(self._failure, CODES[self._failure.code])
        if self._failure is not None:
            raise self._failure

    async def send(self, frame: Frame, /) -> None:
        """Send a frame; nobody holds back what a peer that reads can take.

        Raises ConnectionLostError where the connection has ended or takes nothing for `send_s`; not for a
        stop or a fatal error, which are said to whoever still listens.
        """
        self._listen()
        try:
            for message in self._messages_of(frame):
                await self._write(message)
        except ConnectionLostError:
            if not stops(frame) and not _is_fatal(frame):
                raise

    async def close(self) -> None:
        """Close the connection, with a code that says why."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
            self._given.end()  # it may not have begun to read
        await self._connection.close(self._code)

    async def refuse(self, error: S2SError, code: int) -> None:
        """Tell the peer what was wrong, and close."""
        with suppress(ConnectionLostError):
            await self._write(spelled(EventFrame(Error(error, fatal=True))))
        await self._connection.close(code, type(error).__name__)

    def _listen(self) -> None:
        """Read from now on, whatever the pipeline does: that is how one hears of a peer that leaves."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="s2s-frames")

    async def _read(self) -> None:
        messages = aiter(self._connection)
        try:
            async for message in messages:
                frame = await self._taken(message)
                if frame is not None:
                    await self._given.put(frame)
                    if stops(frame):
                        break
            else:
                self._given.put_now(STOP)
            self._given.end()
            async for _ in messages:  # what comes after a stop is for nobody
                pass
        except Exception as failed:  # noqa: BLE001  it is for who takes the frames
            self._failure = failed
        finally:
            self._given.end()

    async def _taken(self, message: bytes) -> Frame | None:
        if len(message) > self._most_bytes:
            raise RefusedError("too_large", f"a message may have {self._most_bytes} bytes: send less")
        frame = self._hearing.frame(message)
        if frame is None or self._trust == "all":
            return frame
        return await self._allowed(frame)

    async def _allowed(self, frame: Frame) -> Frame | None:
        match frame:
            case AudioFrame() | ImageFrame() | TextFrame(role="user") | ControlFrame(role="user"):
                return frame
            case ToolResultFrame(result=result):
                if result.call_id in self._open_calls:
                    self._open_calls.remove(result.call_id)
                    return frame
                unknown = f"no tool waits for a result of the call {result.call_id[:40]!r}: answer each once"
                await self._write(spelled(EventFrame(Error(RefusedError("invalid_data", unknown)))))
                return None
            case _:
                kind = frame.__struct_config__.tag
                raise RefusedError("unsupported_data", f"a client sends no such {kind} frame: {_MAY}")

    def _messages_of(self, frame: Frame) -> Iterator[bytes]:
        match frame:
            case AudioFrame():
                yield from self._saying.audio(frame)
                return
            case CommandFrame() if self._trust == "user":
                return
            case ToolCallFrame(call=call, runs_here=False):
                self._open_calls.add(call.id)
            case ControlFrame(signal="interrupt"):
                self._saying.forget()
            case ControlFrame(signal="end_of_utterance", role="assistant"):
                yield from self._saying.rest()
            case ControlFrame(signal="stop"):
                yield from self._saying.rest()
                self._code = NORMAL
            case _ if _is_fatal(frame):
                self._code = INTERNAL
            case _:
                pass
        yield spelled(frame)

    async def _write(self, message: bytes) -> None:
        try:
            async with asyncio.timeout(self._send_s) as limit:
                await self._connection.send(message)
        except TimeoutError:
            if not limit.expired():
                raise
            slow = f"the peer took nothing for {self._send_s:g} s"
            drop = getattr(self._connection, "abort", None)
            if drop is not None:
                drop()
            else:
                await self._connection.close(_TOO_SLOW, slow)
            raise ConnectionLostError(f"{slow}: have it read", code=_TOO_SLOW, reason=slow) from None


async def connect_frames(
    url: str,
    *,
    rate: int | None = None,
    trust: Trust = "all",
    headers: Headers = (),
    ca: str | Path | None = None,
    send_s: float = 10.0,
) -> WebSocketTransport:
    """Connect to a pipeline that is served; what it says is the source. Raises ConnectError, ConfigError."""
    _require(rate, trust)
    if rate is not None:
        parts = urlsplit(url)
        url = parts._replace(query=urlencode([*parse_qsl(parts.query), ("rate", rate)])).geturl()
    connection = await connect(url, headers=headers, ca=ca)
    return WebSocketTransport(connection, rate=rate, trust=trust, send_s=send_s)


def _require(rate: int | None, trust: str) -> None:
    if rate is not None:
        AudioFormat(sample_rate=rate)
    if trust not in get_args(Trust):
        raise ConfigError(f"a peer is not trusted {trust!r}: use {' or '.join(get_args(Trust))}")


def _is_fatal(frame: Frame) -> bool:
    return isinstance(frame, EventFrame) and isinstance(frame.event, Error) and frame.event.fatal
