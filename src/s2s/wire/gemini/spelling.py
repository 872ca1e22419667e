"""What a server says, as bytes: compact or spaced as the service does, and audio without a detour."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from pybase64 import b64encode

from s2s.wire import Send
from s2s.wire.gemini import messages as m

RATE = 24_000
"""Sample rate of all audio that the service says."""
_PIECE_BYTES = RATE * 2 * 240 // 1000
_MOST_CHARACTERS = 100_000
_HERE = b"@"


def dump(message: m.ServerMessage, *, pretty: bool = False) -> bytes:
    """Return a message as JSON; the service itself writes in the `pretty` way."""
    plain = m.encode(message)
    return msgspec.json.format(plain, indent=2) + b"\n" if pretty else plain


class Spelling:
    """Spells in the manner of one surface; no message becomes too large for the stock SDK."""

    def __init__(self, *, vertex: bool, pretty: bool) -> None:
        self._role = "model" if vertex else None
        self._mime_type = "audio/pcm" if vertex else f"audio/pcm;rate={RATE}"
        self._pretty = pretty
        self._around = self._around_audio(None)

    def say(self, message: m.ServerMessage) -> Send:
        """Spell a message."""
        return Send(dump(message, pretty=self._pretty))

    def content(self, content: m.ServerContent) -> Send:
        """Spell a message of nothing but this."""
        return self.say(m.ServerMessage(server_content=content))

    def part(self, part: m.Part) -> Send:
        """Spell something that the model gives."""
        return self.content(m.ServerContent(model_turn=m.Content(role=self._role, parts=[part])))

    def audio(self, pcm: bytes, words: str = "") -> list[Send]:
        """Spell PCM16 at `RATE`, with words that belong to it in the first of the messages."""
        if len(pcm) <= _PIECE_BYTES and len(words) <= _MOST_CHARACTERS:
            before, after = self._around_audio(words) if words else self._around
            return [Send(before + b64encode(pcm) + after)]
        *most, last = pieces(words)
        told = [self.content(m.ServerContent(output_transcription=m.Transcription(text=e))) for e in most]
        for start in range(0, len(pcm), _PIECE_BYTES):
            told += self.audio(pcm[start : start + _PIECE_BYTES], "" if start else last)
        return told

    def _around_audio(self, words: str | None) -> tuple[bytes, bytes]:
        """Return what stands before the base64 of audio, and what after it."""
        blob = m.Blob(mime_type=self._mime_type, data=_HERE.decode())
        content = m.ServerContent(model_turn=m.Content(role=self._role, parts=[m.Part(inline_data=blob)]))
        if words:
            content.output_transcription = m.Transcription(text=words)
        before, _, after = self.content(content).data.partition(_HERE)
        return before, after


def pieces(text: str) -> Iterator[str]:
    """Yield text in parts that are not too long for one message; at least one."""
    for start in range(0, max(1, len(text)), _MOST_CHARACTERS):
        yield text[start : start + _MOST_CHARACTERS]
