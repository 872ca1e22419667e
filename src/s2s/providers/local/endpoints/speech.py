"""A voice behind any OpenAI-compatible /audio/speech endpoint: Kokoro, Speaches, LocalAI, a hosted one.

Source: OpenAI API reference, audio, 2026-11.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing

import msgspec

from s2s import errors
from s2s.formats import AudioFormat
from s2s.items import JSON
from s2s.providers.local.endpoints.endpoint import Endpoint, keyed, merged
from s2s.providers.local.endpoints.sound import Sound
from s2s.providers.local.endpoints.stage import HTTPStage, Kind, Question, pieces
from s2s.providers.local.pool import Pool

_SPEECH = Kind(
    "PCM",
    (
        "application/octet-stream",
        "binary/octet-stream",
        "audio/pcm",
        "audio/x-pcm",
        "audio/raw",
        "audio/l16",
        "audio/wav",
        "audio/x-wav",
        "audio/wave",
        "audio/vnd.wave",
        "",
    ),
)


class SpeechTTS(HTTPStage):
    """Fills the TTS seat: has each text spoken by the endpoint, and gives the sound as it comes.

    It asks for `pcm`, which is 24 kHz with OpenAI; `sample_rate` is for servers with another rate. A WAV file
    is an answer too, at any rate. `voice` is that of sessions which name none; what is no voice there, the
    endpoint knows. Both the first sound of a text and each later piece have `timeout_s`. The fields of `body`
    are merged into each request, last; None takes one out. Credentials, proxies, connections: as `HTTPStage`.
    Raises ConfigError for options that cannot work.
    """

    voices: tuple[str, ...] = ()

    def __init__(
        self,
        pool: Pool,
        *,
        model: str = "",
        voice: str = "alloy",
        base_url: str = "http://127.0.0.1:8000/v1",
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        instructions: str | None = None,
        speed: float | None = None,
        sample_rate: int = 24_000,
        timeout_s: float = 30.0,
        body: Mapping[str, JSON] | None = None,
    ) -> None:
        if not model:
            raise errors.ConfigError("the openai voice needs a model: set tts_options={'model': ...}")
        if timeout_s <= 0:
            raise errors.ConfigError("timeout_s must be above 0")
        super().__init__(pool, Endpoint(base_url.rstrip("/"), keyed(api_key, headers)), model)
        self.sample_rate = AudioFormat(sample_rate=sample_rate).sample_rate
        self._voice = voice
        self._manner: dict[str, JSON] = {"instructions": instructions, "speed": speed}
        self._timeout_s = timeout_s
        self._body = dict(body or {})

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncGenerator[bytes, None]:
        """Yield PCM16 LE mono as it streams in; closing it stops the endpoint. No words, no request.

        Raises ConnectError, ConnectionLostError, ProviderError or RemoteProtocolError.
        """
        if not any(map(str.isalnum, text)):
            return
        by = asyncio.get_running_loop().time() + self._timeout_s
        async with self._asked(self._question(text, voice or self._voice), by) as response:
            body = pieces(response, by, self._timeout_s)
            spoken, heard = self._read(body, response.headers.get("content-type", "")), False
            async with aclosing(body), aclosing(spoken):
                async for pcm in spoken:
                    heard = True
                    yield pcm
            if not heard:
                raise self._endpoint.nonsense("sent no sound")

    def _question(self, text: str, voice: str) -> Question:
        fields: dict[str, JSON] = {
            "model": self._model,
            "input": text,
            "voice": voice,
            "response_format": "pcm",
            **self._manner,
        }
        return Question("/audio/speech", msgspec.json.encode(merged(fields, self._body)), _SPEECH)

    async def _read(self, body: AsyncIterable[bytes], content_type: str) -> AsyncGenerator[bytes, None]:
        try:
            sound = Sound(self.sample_rate, content_type)
            async for piece in body:
                if pcm := sound.push(piece):
                    yield pcm
        except errors.AudioFormatError as wrong:
            raise errors.RemoteProtocolError(f"{self._endpoint.url}: {wrong}") from wrong
        if pcm := sound.flush():
            yield pcm
