"""Words and audio of an answer as they are told: sentence by sentence, the words of each before its audio."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

_ENDS, _CLOSERS = "[.!?\u2026]", "[\"'\u201d\u2019\u00bb)\\]]*"
_WIDE_ENDS, _WIDE_CLOSERS = "[\u3002\uff01\uff1f\u0964]", "[\u201d\u2019\u300d\u300f\uff09]*"
_END = re.compile(
    rf"(?<!{_ENDS}){_ENDS}+{_CLOSERS}(?=\s)"
    # At the end of what came so far a dot may be one within a number or an abbreviation.
    rf"|(?:(?<!{_ENDS})[!?\u2026]|(?<=[^\W\d_]{{3}})\.){_ENDS}*{_CLOSERS}$"
    rf"|{_WIDE_ENDS}{_WIDE_CLOSERS}"
)
_MOST_CHARACTERS = 400
_TOLERANCE_MS = 50.0


class Sentence(Struct):
    """What was told of an answer, and where its audio ends within its item."""

    text: str
    item_id: str
    end_ms: float


class Pending:
    """What waits for the end of its sentence, but not for long; audio without words waits for nothing."""

    def __init__(self, rate_hz: int, most_ms: float) -> None:
        """Let so much audio wait for the rest of its words, then tell those that there are."""
        self._most_bytes = most_ms * rate_hz * 2 / 1000
        self._text = ""
        self._audio: list[bytes] = []
        self._audio_bytes = 0

    def add_text(self, text: str) -> Iterator[str | bytes]:
        """Yield the sentences that are complete with this, and the audio that waited for them."""
        text = self._text + text
        end = max((each.end() for each in _END.finditer(text)), default=0)
        if len(text) - end > _MOST_CHARACTERS:
            end = _cut(text, len(text), len(text) - _MOST_CHARACTERS)
        self._text = text[end:]
        sentences = list(_sentences(text[:end]))
        yield from sentences
        yield from self._released() if sentences else ()

    def add_audio(self, pcm: bytes) -> Iterator[str | bytes]:
        """Yield audio that may be told now, and words where they have waited for too long."""
        self._audio.append(pcm)
        self._audio_bytes += len(pcm)
        if not self._text.strip():
            yield from self._released()
        elif self._audio_bytes > self._most_bytes:
            cut = self._text.rstrip().rfind(" ") + 1 if not self._text[-1].isspace() else 0
            words, self._text = self._text[: cut or None], self._text[cut:] if cut else ""
            yield from _sentences(words)
            yield from self._released()

    def flush(self) -> Iterator[str | bytes]:
        """Yield all that waits: no more words come, or not for now."""
        text, self._text = self._text, ""
        yield from _sentences(text)
        yield from self._released()

    def forget(self) -> None:
        """Drop all that waits."""
        self._text, self._audio, self._audio_bytes = "", [], 0

    def _released(self) -> list[bytes]:
        audio, self._audio, self._audio_bytes = self._audio, [], 0
        return audio


def heard(sentences: Sequence[Sentence], item_id: str, heard_ms: float) -> list[Sentence]:
    """Return those that were heard to their end, where the user heard so much of this item, none after it."""
    items = list(dict.fromkeys(each.item_id for each in sentences))
    before = items[: items.index(item_id)] if item_id in items else items if item_id else []
    return [
        each
        for each in sentences
        if each.item_id in before
        or (each.item_id == item_id and heard_ms > 0 and each.end_ms <= heard_ms + _TOLERANCE_MS)
    ]


def _sentences(text: str) -> Iterator[str]:
    """Yield the sentences in a text without the blanks around them, one that is too long in pieces."""
    start = 0
    for end in (*(each.end() for each in _END.finditer(text)), len(text)):
        while end - start > _MOST_CHARACTERS:
            cut = _cut(text, start + _MOST_CHARACTERS, start)
            yield from filter(None, (text[start:cut].strip(),))
            start = cut
        yield from filter(None, (text[start:end].strip(),))
        start = end


def _cut(text: str, before: int, after: int) -> int:
    """Return where to cut a text: at its last blank between these places, else at the later one."""
    blank = text.rfind(" ", after + 1, before)
    return before if blank < 0 else blank
