"""Audio on its way to the service, and the window in which we say that the user speaks."""

from __future__ import annotations

from enum import Enum

from pybase64 import b64encode

from s2s.wire import Send
from s2s.wire.gemini.lull import Lull

_TAIL = b'"}}}'
_START = Send(b'{"realtimeInput":{"activityStart":{}}}')
_END = Send(b'{"realtimeInput":{"activityEnd":{}}}')
_STREAM_END = Send(b'{"realtimeInput":{"audioStreamEnd":true}}')


class Window(Enum):
    """What the service takes the user to do, where it is we who say so."""

    CLOSED = "the user is silent"
    ASKED = "the user is about to speak: the service has stopped for that"
    OPEN = "the user speaks"
    TAKEN = "the user's turn is over: the service hears of that when it shall answer"
    UNHEARD = "the user's turn is over, and went with its connection"


_AUDIBLE = (Window.OPEN, Window.TAKEN)
_SILENT = (Window.CLOSED, Window.ASKED)
_MOST_S = 30
"""So much of a turn is kept for another connection, the newest."""


class Uplink:
    """Spells audio; `manual` where the service must be told of each turn of the user."""

    def __init__(self, rate: int, *, manual: bool) -> None:
        self.rate = rate
        self.manual = manual
        self.window = Window.CLOSED
        self.lull = Lull()
        self._turn = bytearray()
        """What the user has said in the last turn, where it is we who know of turns."""
        self._head = b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=%d","data":"' % rate

    @property
    def position_ms(self) -> float:
        """How much audio has gone out."""
        return self.lull.passed_ms

    @property
    def quiet(self) -> bool:
        """Whether the user is silent, as far as anybody knows."""
        return self.window in _SILENT if self.manual else self.lull.here

    @property
    def passes(self) -> bool:
        """Whether audio needs nothing to be said before it."""
        return not self.manual or self.window in _AUDIBLE

    def append(self, pcm: bytes) -> bytes:
        """Return the message for a chunk."""
        self.lull.hear(pcm, len(pcm) * 500 / self.rate)
        if self.manual:
            self._turn += pcm
            del self._turn[: -2 * self.rate * _MOST_S]
        return self._spelled(pcm)

    def begin(self) -> list[Send]:
        """Say that the user begins to speak, where that was not said."""
        if self.window in _AUDIBLE:
            return []
        self._turn.clear()
        before, self.window = self.window, Window.OPEN
        return [_START] if before is Window.CLOSED else []

    def stop(self) -> list[Send]:
        """Have the service stop, as if the user began to speak."""
        if self.window is not Window.CLOSED:
            return []
        self.window = Window.ASKED
        return [_START]

    def end(self) -> Send:
        """Say that the user's turn is over."""
        if not self.manual:
            return _STREAM_END
        self.window = Window.CLOSED
        return _END

    def turn_ended(self) -> None:
        """The service has ended a turn: nobody was found speaking, and what was said before is answered."""
        self.lull.begin()
        if self.window is Window.CLOSED:
            self._turn.clear()

    def parted(self, *, understood: bool) -> None:
        """The connection is gone, and with it the turn; what was `understood` need not be heard again."""
        match self.window:
            case Window.TAKEN if understood:
                self.window = Window.CLOSED
            case Window.ASKED:
                self.window = Window.CLOSED
            case _:
                pass

    def keeps(self) -> bool:
        """Keep the turn that was not answered for another connection; False where nothing is left of it."""
        if self.manual and self.window is Window.CLOSED and self._turn:
            self.window = Window.UNHEARD
        return self.window is Window.UNHEARD

    def reopen(self, *, manual: bool) -> None:
        """Another connection begins."""
        if not (manual and self.manual):
            self.window = Window.CLOSED
            self._turn.clear()
        self.manual = manual
        self.lull.end()

    def again(self) -> list[Send]:
        """Say what the user said of a turn that went with the last connection."""
        if self.window in _SILENT:
            return []
        second, turn = 2 * self.rate, self._turn
        told = [Send(self._spelled(bytes(turn[at : at + second]))) for at in range(0, len(turn), second)]
        return [_START, *told, *([self.end()] if self.window is Window.UNHEARD else [])]

    def _spelled(self, pcm: bytes) -> bytes:
        return self._head + b64encode(pcm) + _TAIL
