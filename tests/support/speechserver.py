"""Speech endpoints on the loopback: one with ears, a voice and a brain, and scripts for bad ones."""

from __future__ import annotations

import asyncio
import socket
import struct
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from s2s.items import JSON
from s2s.providers.local.stages import STT, TTS
from tests.support.chatserver import DONE, Script, chunked, event, finished
from tests.support.stages import LevelSTT, ToneTTS


class Upload(msgspec.Struct):
    """What a client wants to be transcribed, as an HTTP server reads its form."""

    headers: dict[str, str]
    fields: list[tuple[str, str]]
    filename: str
    media_type: str
    pcm: bytes
    sample_rate: int


class SpeechServer:
    """Hears with any `stt`, speaks with any `tts`, and `reply` makes an answer of the last message."""

    def __init__(self, stt: STT, tts: TTS, reply: Callable[[str], str]) -> None:
        self.url = ""
        self.uploads: list[Upload] = []
        self.texts: list[dict[str, JSON]] = []
        self.questions: list[str] = []
        self._stt, self._tts, self._reply = stt, tts, reply

    @property
    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/v1/audio/transcriptions", self._transcribe)
        application.router.add_post("/v1/audio/speech", self._speak)
        application.router.add_post("/v1/chat/completions", self._answer)
        return application

    async def _transcribe(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        with wave.open(file.file, "rb") as sound:
            assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
            pcm, rate = sound.readframes(sound.getnframes()), sound.getframerate()
        fields = [(name, value) for name, value in form.items() if isinstance(value, str)]
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.uploads.append(Upload(headers, fields, file.filename, file.content_type, pcm, rate))
        return web.json_response({"text": await self._stt.transcribe(pcm), "usage": {"type": "duration"}})

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.texts.append(asked)
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        async for piece in self._tts.speak(asked["input"]):
            await response.write(piece)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        question = (await request.json())["messages"][-1]["content"]
        self.questions.append(question)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in (event(content=self._reply(question)), finished("stop"), DONE):
            await response.write(piece.encode())
        return response


@asynccontextmanager
async def speech_server(
    stt: STT | None = None, tts: TTS | None = None, reply: Callable[[str], str] = str
) -> AsyncIterator[SpeechServer]:
    """Serve; without stages of their own the ears and the voice are arithmetic."""
    server = SpeechServer(stt or LevelSTT(0), tts or ToneTTS(delay_s=0), reply)
    runner = web.AppRunner(server.application, access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield server
    finally:
        await runner.cleanup()


def sounds(*pieces: bytes, kind: str = "audio/pcm", end: bytes = b"0\r\n\r\n") -> Script:
    """Send these pieces, one after the other, and then whatever ends the answer; nothing hangs up."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head(kind))
        for piece in pieces:
            writer.write(chunked(piece))
            await asyncio.sleep(0.001)
        writer.write(end)
        if not end:
            writer.close()

    return script


def head(kind: str = "audio/pcm") -> bytes:
    """Return what comes before the pieces of an answer of this type."""
    said = f"Content-Type: {kind}\r\n" if kind else ""
    return f"HTTP/1.1 200 OK\r\n{said}Transfer-Encoding: chunked\r\n\r\n".encode()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing at all."""
    await reader.read()


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close instead of an answer, as if the connection had been kept for too long."""
    writer.close()


def resets(begun: bytes) -> Script:
    """Begin an answer and reset the connection."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        await writer.drain()
        await asyncio.sleep(0.01)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return script
