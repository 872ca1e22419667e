"""A service that takes calls over WebRTC: HTTP, aiortc, our server wire, and any engine behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import pybase64
from aiohttp import web
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from s2s.audio.convert import InputConverter, OutputConverter
from s2s.config import Config, override
from s2s.engine import Engine
from s2s.errors import S2SError
from s2s.formats import AudioFormat
from s2s.hosting import host
from s2s.transports.webrtc.stack import Ice
from s2s.wire.openai.server import OpenAIServer
from tests.support.webrtc import FRAME, LOOPBACK, RATE_HZ, SETTINGS

STEREO = AudioFormat(sample_rate=RATE_HZ, channels=2)
PLAIN = AudioFormat()
FRAME_BYTES = FRAME * 4


class Voice(MediaStreamTrack):
    """Plays what is put into it, 20 ms at a time, and silence; tells when it begins and runs dry."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.waiting = bytearray()
        self.response_id = ""
        self.dry = asyncio.Event()
        self._frames = 0
        self._began_at = asyncio.get_running_loop().time()
        self._convert = OutputConverter(PLAIN.sample_rate, STEREO)

    def put(self, pcm: bytes) -> None:
        self.waiting += self._convert.push(pcm)

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._began_at + self._frames * 0.02 - loop.time()))
        data, self.waiting = bytes(self.waiting[:FRAME_BYTES]), self.waiting[FRAME_BYTES:]
        if not self.waiting:
            self.dry.set()
        frame = AudioFrame(format="s16", layout="stereo", samples=FRAME)
        frame.planes[0].update(data.ljust(FRAME_BYTES, b"\0"))
        frame.sample_rate, frame.pts = RATE_HZ, self._frames * FRAME
        frame.time_base = Fraction(1, RATE_HZ)
        self._frames += 1
        return frame


class Call:
    """One call: the data channel is the transport, and sound takes the other way."""

    def __init__(self, engine: Engine, session: dict[str, Any]) -> None:
        self.connection = RTCPeerConnection(SETTINGS)
        self.session = session
        self.said: list[dict[str, Any]] = []
        """What the client sent over the channel."""
        self._engine = engine
        self._voice = Voice()
        self._incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._channel: RTCDataChannel | None = None
        self._opened = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ice: Ice | None = None
        self._events = 0

    async def answer(self, offer: str) -> str:
        self.connection.on("datachannel", self._greet)
        self.connection.on("track", lambda track: self._run(self._listen(track)))
        added = self.connection.addTransceiver(self._voice)
        self._ice = Ice(added.receiver.transport.transport.iceGatherer._connection)
        self._ice.gather_only([LOOPBACK])
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self._ice.gathered(self.connection.setLocalDescription(await self.connection.createAnswer()))
        self._run(self._serve())
        return self.connection.localDescription.sdp

    async def send(self, message: bytes) -> None:
        """Say a message over the channel, and sound by the voice."""
        assert self._channel is not None
        read = json.loads(message)
        match read["type"]:
            case "response.output_audio.delta":
                if not self._voice.response_id:
                    self._voice.response_id = read["response_id"]
                    self._say("output_audio_buffer.started")
                    self._run(self._play_out())
                self._voice.put(pybase64.b64decode(read["delta"]))
                return
            case "input_audio_buffer.speech_started":
                self._channel.send(message.decode())
                self._clear()
                return
            case _:
                self._channel.send(message.decode())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._incoming.get()) is not None:
            yield message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._channel is not None:
            self._channel.close()

    async def hang_up(self) -> None:
        self._incoming.put_nowait(None)
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._ice is not None:
            await self._ice.stop()
        await self.connection.close()

    def _run(self, work: Any) -> None:  # noqa: ANN401
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _greet(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        channel.on("message", self._hear)
        channel.on("close", lambda: self._incoming.put_nowait(None))
        self._opened.set()

    def _hear(self, message: str) -> None:
        read = json.loads(message)
        self.said.append(read)
        if read["type"] == "output_audio_buffer.clear":
            self._clear()
        else:
            self._incoming.put_nowait(message.encode())

    def _clear(self) -> None:
        if self._voice.response_id:
            self._voice.waiting.clear()
            self._say("output_audio_buffer.cleared")
            self._voice.response_id = ""

    def _say(self, kind: str) -> None:
        assert self._channel is not None
        self._events += 1
        message = {"type": kind, "event_id": f"buffer_{self._events}", "response_id": self._voice.response_id}
        self._channel.send(json.dumps(message))

    async def _play_out(self) -> None:
        mine = self._voice.response_id
        while self._voice.response_id == mine:
            self._voice.dry.clear()
            await self._voice.dry.wait()
            await asyncio.sleep(0.15)
            if self._voice.response_id == mine and not self._voice.waiting:
                self._say("output_audio_buffer.stopped")
                self._voice.response_id = ""

    async def _serve(self) -> None:
        await self._opened.wait()
        config = override(self._engine.config, {"transcription": False})
        link = await self._engine.open(config)
        with contextlib.suppress(S2SError):
            await host(OpenAIServer(input_rate=link.input_rate), self, link)

    async def _listen(self, track: MediaStreamTrack) -> None:
        convert = InputConverter(STEREO, PLAIN.sample_rate)
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                pcm = convert.push(bytes(frame.planes[0])[: 4 * frame.samples])
                append = {"type": "input_audio_buffer.append", "audio": pybase64.b64encode(pcm).decode()}
                self._incoming.put_nowait(json.dumps(append).encode())
        except MediaStreamError:
            pass


class CallService:
    """Answers POST /v1/realtime/calls as the service does."""

    def __init__(self, engine: Engine) -> None:
        self.calls: list[Call] = []
        self.requests: list[tuple[str, str]] = []
        """Content type and authorization of each."""
        self.refuse: web.Response | None = None
        self._engine = engine

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append((request.content_type, request.headers.get("Authorization", "")))
        if self.refuse is not None:
            return self.refuse
        if request.content_type == "application/sdp":
            offer, session = await request.text(), {}
        else:
            form = await request.post()
            offer, session = _text(form["sdp"]), json.loads(_text(form["session"]))
        call = Call(self._engine, session)
        self.calls.append(call)
        headers = {"Location": f"/v1/realtime/calls/rtc_{len(self.calls)}"}
        answer = await call.answer(offer)
        return web.Response(status=201, text=answer, content_type="application/sdp", headers=headers)


def _text(field: object) -> str:
    assert isinstance(field, bytes | bytearray)
    return field.decode()


@asynccontextmanager
async def call_service(engine: Engine) -> AsyncIterator[tuple[str, CallService]]:
    """Serve calls; yields the base URL."""
    service = CallService(engine)
    app = web.Application()
    app.router.add_post("/v1/realtime/calls", service.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    try:
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}/v1", service
    finally:
        for each in service.calls:
            await each.hang_up()
        await runner.cleanup()


def extra_for(base_url: str, **more: object) -> dict[str, object]:
    """Return what makes our engine call this service."""
    return {"base_url": base_url, "transport": "webrtc", "addresses": [LOOPBACK], **more}


__all__ = ["Call", "CallService", "Config", "call_service", "extra_for"]
