"""Audio on its way to the service, and what of it the service may not have understood."""

from __future__ import annotations

from collections.abc import Iterator

from pybase64 import b64encode

from s2s.audio.levels import is_silent
from s2s.wire import Send
from s2s.wire.nova import blocks

LULL_S = 2.0
_KEPT_S, _SLACK_S = 10, 5
_LEAD_S = 0.3
"""How much silence is heard again before what is heard again."""
_BELOW_DBFS = -45.0
_WINDOWS_PER_S = 10
_PAUSE_WINDOWS, _BACK_S = 4, 3
"""How long the user is silent between two turns at the least, and how late a turn may be understood."""
_PIECES_PER_S = 2


class Uplink:
    """Spells audio, and keeps the newest: nothing is judged before somebody asks."""

    def __init__(self, rate: int) -> None:
        self.most_bytes = 2 * rate // _PIECES_PER_S
        """How much goes into one message."""
        self._before, self._after = blocks.around_audio()
        self._second = 2 * rate
        self._window = self._second // _WINDOWS_PER_S & ~1
        self._slack_bytes = (_KEPT_S + _SLACK_S) * self._second
        self._kept = bytearray()
        self._gone = 0
        """Bytes that are not kept any more; positions count from the first of them."""
        self._understood = 0
        """Up to where the service has words for what was said."""
        self._judged = 0
        self._loud = -(10**9)
        """Up to where the user was last heard."""

    def append(self, pcm: bytes) -> bytes:
        """Return the message for a chunk, and keep it."""
        kept = self._kept
        kept += pcm
        if len(kept) > self._slack_bytes:
            self._forget()
        return self._before + b64encode(pcm) + self._after

    def keep(self, pcm: bytes) -> None:
        """Keep a chunk for later."""
        self._kept += pcm
        if len(self._kept) > self._slack_bytes:
            self._forget()

    def split(self, pcm: bytes) -> list[Send]:
        """Return the messages for audio of any length."""
        step = self.most_bytes
        return [Send(self.append(pcm[at : at + step])) for at in range(0, len(pcm), step)]

    def understood(self) -> None:
        """The service has words for what was said so far, but for what has begun after a pause just now."""
        self._understood = self._passed - self._begun_anew()

    def again(self) -> list[Send]:
        """Return what another stream has to hear: what was not understood, from the first sound on."""
        pcm = self._since(self._understood, _KEPT_S * self._second)
        sound = next((at for at, each in self._windows(pcm) if not is_silent(each, _BELOW_DBFS)), len(pcm))
        if sound >= len(pcm):
            return []
        pcm, step = pcm[max(0, sound - int(_LEAD_S * self._second) & ~1) :], self.most_bytes
        return [self._spelled(pcm[at : at + step]) for at in range(0, len(pcm), step)]

    def cut_short(self) -> bool:
        """Tell whether the user was speaking already where what is heard again begins."""
        kept = _KEPT_S * self._second
        first = self._since(self._understood, kept)[: self._window]
        return self._passed - self._understood > kept and not is_silent(first, _BELOW_DBFS)

    @property
    def quiet(self) -> bool:
        """Whether the user has been silent for a while, as far as that can be heard."""
        lull = int(LULL_S * self._second)
        pcm, passed = self._since(self._judged, lull), self._passed
        for at, each in self._windows(pcm):
            if not is_silent(each, _BELOW_DBFS):
                self._loud = passed - len(pcm) + at + len(each)
        self._judged = passed
        return passed - self._loud >= lull

    @property
    def _passed(self) -> int:
        return self._gone + len(self._kept)

    def _begun_anew(self) -> int:
        """Return how much has passed since the last pause, and nothing where none can be heard."""
        pcm, quiet = self._since(self._understood, _BACK_S * self._second), 0
        for at in range(len(pcm) // self._window * self._window, 0, -self._window):
            quiet = quiet + 1 if is_silent(pcm[at - self._window : at], _BELOW_DBFS) else 0
            if quiet == _PAUSE_WINDOWS:
                return len(pcm) - at - (quiet - 1) * self._window
        return 0

    def _forget(self) -> None:
        gone = len(self._kept) - _KEPT_S * self._second
        self._gone += gone
        del self._kept[:gone]

    def _since(self, at: int, most_bytes: int) -> bytes:
        """Return what has passed since then, the newest of it."""
        size = min(self._passed - at, most_bytes, len(self._kept))
        return bytes(self._kept[len(self._kept) - size :])

    def _windows(self, pcm: bytes) -> Iterator[tuple[int, bytes]]:
        for at in range(0, len(pcm) & ~1, self._window):
            yield at, pcm[at : min(at + self._window, len(pcm) & ~1)]

    def _spelled(self, pcm: bytes) -> Send:
        return Send(self._before + b64encode(pcm) + self._after)
