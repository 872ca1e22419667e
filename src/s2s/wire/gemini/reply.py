"""A response that is open: its items, one after the other, and what was said in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from s2s.events import AudioOutput, Event, TextOutput, Usage

Form = Literal["spoken", "written"]


class Reply(Struct):
    """What has come of a response; `new_id` names its items."""

    response_id: str
    new_id: Callable[[], str]
    silent: bool
    """Its words stand for its audio."""
    item_id: str = ""
    """The open item; empty where the next thing said begins another one."""
    item_ms: float = 0.0
    spoken_ms: float = 0.0
    """How long all of it is."""
    words: str = ""
    """Of the open item."""
    text: str = ""
    """Of all items."""
    form: Form = "spoken"
    """How the open item is told."""
    odd: bytes = b""
    usage: Usage | None = None

    def audio(self, pcm: bytes, rate: int) -> list[Event]:
        """Take audio; half a sample waits for its other half."""
        if self.odd or len(pcm) & 1:
            pcm = self.odd + pcm
            whole = len(pcm) & ~1
            pcm, self.odd = pcm[:whole], pcm[whole:]
        ms = len(pcm) * 500 / rate
        self.spoken_ms += ms
        if not pcm or self.silent:
            return []
        self._open()
        position_ms = self.item_ms
        self.item_ms += ms
        return [AudioOutput(pcm, rate, self.response_id, self.item_id, position_ms)]

    def say(self, text: str, form: Form) -> list[Event]:
        """Take words; the space before the first of them is none of theirs."""
        text = text if self.words else text.lstrip()
        if not text:
            return []
        self._open()
        self.form = "written" if self.silent else form
        self.words += text
        self.text += text
        return [TextOutput(text, self.response_id, self.item_id, form=self.form)]

    def close_item(self) -> list[Event]:
        """End the open item."""
        item_id, words = self.item_id, self.words
        self.item_id, self.words, self.odd = "", "", b""
        if not words:
            return []
        return [TextOutput("", self.response_id, item_id, final=True, form=self.form)]

    def _open(self) -> None:
        if not self.item_id:
            self.item_id, self.item_ms = self.new_id(), 0.0
