"""A response: what it is going to say, what it has said, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Literal

from msgspec import Struct, field

from s2s.events import AudioOutput, Event, ResponseStatus, TextOutput, Usage
from s2s.items import Message


class End(Enum):
    """How a response ends."""

    OPEN = "not yet"
    COMPLETED = "it was said to its end"
    CUT = "the user has cut it off, or the application"
    LOST = "its connection ended"
    FAILED = "the service does not go on with it"


STATUSES: dict[End, ResponseStatus] = {
    End.COMPLETED: "completed",
    End.CUT: "interrupted",
    End.LOST: "interrupted",
    End.FAILED: "failed",
}


class Sentence(Struct, frozen=True):
    """What is going to be said, where the audio is then that came before it."""

    text: str
    at_ms: float


class Reply(Struct, eq=False):
    """What has come of one response, all of which is one item."""

    number: int
    written: bool = False
    """Its words stand for its audio, which nobody wants."""
    end: End = End.OPEN
    spoken_ms: float = 0.0
    sentences: list[Sentence] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What the service has said, by its own account."""
    told: str = ""
    """The words that the application has."""
    finals: int = 0
    """How many blocks of what was said have come."""
    heard_ms: float | None = None
    """How much the user has heard, where that is known to be less than all."""
    odd: bytes = b""
    usage: Usage | None = None

    @property
    def response_id(self) -> str:
        """What it is called."""
        return f"resp_{self.number}"

    @property
    def item_id(self) -> str:
        """What its item is called."""
        return f"item_{self.number}"

    @property
    def began(self) -> bool:
        """Whether the application has something of its item."""
        return bool(self.told or (self.spoken_ms and not self.written))

    @property
    def complete(self) -> bool:
        """Whether everything that it was going to say was said."""
        return 0 < len(self.sentences) <= self.finals

    @property
    def misses(self) -> bool:
        """Whether something that it was going to say was not said yet."""
        return self.finals < len(self.sentences)

    @property
    def message(self) -> Message:
        """What the user has heard of it, as far as anybody knows."""
        if self.heard_ms is not None:
            return Message("assistant", self._until(self.heard_ms), self.item_id)
        said = _joined(self.said)
        if self.end is End.CUT or self.complete or not self.sentences:
            return Message("assistant", said, self.item_id)
        voiced = [e.text for e in self.sentences if e.at_ms < self.spoken_ms or self.end is End.COMPLETED]
        return Message("assistant", _joined(voiced) or said, self.item_id)

    def audio(self, pcm: bytes, rate: int) -> list[Event]:
        """Take audio; half a sample waits for its other half."""
        if self.odd or len(pcm) & 1:
            pcm = self.odd + pcm
            cut = len(pcm) & ~1
            pcm, self.odd = pcm[:cut], pcm[cut:]
        position_ms = self.spoken_ms
        self.spoken_ms += len(pcm) * 500 / rate
        if not pcm or self.written:
            return []
        return [AudioOutput(pcm, rate, self.response_id, self.item_id, position_ms)]

    def say(self, text: str) -> list[Event]:
        """Tell words."""
        if not text:
            return []
        self.told += text
        return [TextOutput(text, self.response_id, self.item_id, form=self._form)]

    def close_item(self) -> list[Event]:
        """End the item, if there is one."""
        if not self.began:
            return []
        return [TextOutput("", self.response_id, self.item_id, final=True, form=self._form)]

    def plan(self, text: str, *, goes_on: bool) -> str:
        """Note what is going to be said, a sentence or more of one, and return what of it is to be told."""
        if goes_on and self.sentences:
            last = self.sentences.pop()
            self.sentences.append(Sentence(last.text + text, last.at_ms))
            return text
        self.sentences.append(Sentence(text, self.spoken_ms))
        return self.apart(text)

    def apart(self, text: str) -> str:
        """Return words as they follow on those before them."""
        return spaced(self.told, text)

    @property
    def _form(self) -> Literal["spoken", "written"]:
        return "written" if self.written else "spoken"

    def _until(self, heard_ms: float) -> str:
        """Return the words up to there: by proportion within a sentence, and at the end of a word."""
        sentences = self.sentences or [Sentence(_joined(self.said), 0.0)]
        heard = []
        ends = [*(each.at_ms for each in sentences[1:]), self.spoken_ms]
        for sentence, end_ms in zip(sentences, ends, strict=True):
            if heard_ms <= sentence.at_ms:
                break
            if heard_ms >= end_ms:
                heard.append(sentence.text)
            else:
                share = (heard_ms - sentence.at_ms) / (end_ms - sentence.at_ms)
                heard.append(sentence.text[: int(len(sentence.text) * share)].rpartition(" ")[0])
        return _joined(heard)


def spaced(before: str, text: str) -> str:
    """Return text with a blank before it where it would run into what comes before."""
    apart = not before or not text or before[-1].isspace() or text[0].isspace()
    return text if apart else f" {text}"


def _joined(texts: Sequence[str]) -> str:
    return " ".join(stripped for each in texts if (stripped := each.strip()))
