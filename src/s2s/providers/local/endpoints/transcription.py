"""Ears behind any OpenAI-compatible /audio/transcriptions endpoint: Speaches, vLLM, LocalAI, a hosted one.

Source: OpenAI API reference, audio, 2026-11.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO

import msgspec

from s2s import errors
from s2s.audio.wav import write_wav
from s2s.formats import AudioFormat
from s2s.items import JSON
from s2s.providers.local.endpoints.endpoint import Endpoint, keyed, merged
from s2s.providers.local.endpoints.stage import (
    HTTPStage,
    Kind,
    Question,
    beginning,
    media_type,
    multipart,
)
from s2s.providers.local.pool import Pool

_WORDS = Kind("transcription", ("application/json", "text/plain", ""))
_SHORTEST_MS = 100.0
_LONGEST_ANSWER = 4 * 1024 * 1024


class TranscriptionSTT(HTTPStage):
    """Fills the STT seat: sends each utterance as a WAV file, and reads the words.

    `language` is an ISO 639-1 code, `prompt` may hold names and words to expect. An answer has `timeout_s` to
    be complete. The fields of `body` are merged into each request, last; None takes one out. Credentials,
    proxies, connections: as `HTTPStage`. Raises ConfigError for options that cannot work.

    Every request may cost money. With `previews` the endpoint is also asked while the user still speaks.
    """

    languages: tuple[str, ...] = ()

    def __init__(
        self,
        pool: Pool,
        *,
        model: str = "",
        base_url: str = "http://127.0.0.1:8000/v1",
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        language: str | None = None,
        prompt: str | None = None,
        timeout_s: float = 30.0,
        sample_rate: int = 16_000,
        previews: bool = False,
        body: Mapping[str, JSON] | None = None,
    ) -> None:
        if not model:
            raise errors.ConfigError("the openai transcriber needs a model: set stt_options={'model': ...}")
        if timeout_s <= 0:
            raise errors.ConfigError("timeout_s must be above 0")
        super().__init__(pool, Endpoint(base_url.rstrip("/"), keyed(api_key, headers)), model)
        self._format = AudioFormat(sample_rate=sample_rate)
        self.sample_rate = sample_rate
        self._previews = previews
        self._timeout_s = timeout_s
        fields: dict[str, JSON] = {
            "model": model,
            "language": language,
            "prompt": prompt,
            "response_format": "json",
        }
        self._form = _form(merged(fields, body or {}))

    async def transcribe(self, pcm: bytes, *, urgent: bool = True) -> str:
        """Return the words of this PCM16 LE mono audio; cancelling the call ends the request.

        Below 0.1 s there are none, nor in a guess, unless `previews` are wanted.
        Raises ConnectError, ConnectionLostError, ProviderError or RemoteProtocolError.
        """
        if self._format.duration_ms(len(pcm)) < _SHORTEST_MS or not (urgent or self._previews):
            return ""
        by = asyncio.get_running_loop().time() + self._timeout_s
        async with self._asked(self._question(pcm), by) as response, asyncio.timeout_at(by):
            body = await beginning(response, _LONGEST_ANSWER)
            kind = media_type(response)
        if len(body) > _LONGEST_ANSWER:
            raise self._endpoint.nonsense(f"sent more than {_LONGEST_ANSWER} bytes of words")
        return self._words(body, kind)

    def _question(self, pcm: bytes) -> Question:
        file = BytesIO()
        write_wav(file, pcm, self.sample_rate)
        content, kind = multipart(self._form, ("speech.wav", file.getvalue(), "audio/wav"))
        return Question("/audio/transcriptions", content, _WORDS, kind)

    def _words(self, body: bytes, kind: str) -> str:
        answer: JSON = None
        with suppress(msgspec.DecodeError, RecursionError):
            answer = msgspec.json.decode(body)
        match answer:
            case {"text": str(text)}:
                return text.strip()
            case _ if kind == "text/plain":
                return body.decode(errors="replace").strip()
            case _:
                raise self._endpoint.refusal(200, body, wanted=_WORDS.name)


def _form(fields: Mapping[str, JSON]) -> dict[str, list[str]]:
    """Return fields as a form spells them: lists as `name[]`, objects as `name[key]`."""
    form: dict[str, list[str]] = {}
    for name, value in fields.items():
        for key, text in _spelt(name, value):
            form.setdefault(key, []).append(text)
    return form


def _spelt(name: str, value: JSON) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, each in value.items():
                yield from _spelt(f"{name}[{key}]", each)
        case list() | tuple():
            for each in value:
                yield from _spelt(f"{name}[]", each)
        case str():
            yield name, value
        case _:
            yield name, msgspec.json.encode(value).decode()
