"""What of the agent's audio was heard by when. Every `now` is one monotonic clock, in seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from s2s.pipeline.frames import ControlFrame
from s2s.pipeline.transports.voice import Piece

_EVERY_S: Final = 0.1


class Playing(Protocol):
    """Takes pieces in and gives what was heard of them."""

    def play(self, piece: Piece, now: float) -> None:
        """Take a piece, which sounds after all before it."""
        ...

    def heard(self, now: float) -> bytes:
        """Return what has sounded since the last call."""
        ...

    def stop(self, now: float) -> None:
        """Forget what has not sounded."""
        ...

    def left_ms(self, now: float) -> float:
        """Return how much is still to sound."""
        ...


class AtOnce:
    """Audio that is heard as soon as it has come, as when a file is written."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def play(self, piece: Piece, now: float) -> None:
        """Take a piece."""
        self._waiting += piece.pcm

    def heard(self, now: float) -> bytes:
        """Return all since the last call."""
        pcm, self._waiting = bytes(self._waiting), bytearray()
        return pcm

    def stop(self, now: float) -> None:
        """Forget nothing, for all was heard."""

    def left_ms(self, now: float) -> float:
        """Return that nothing is left."""
        return 0.0


class Timeline:
    """Audio as a loudspeaker plays it that was switched on at `began`: with silence in the gaps.

    `played` hears how many ms of an item have sounded in all.
    """

    def __init__(self, sample_rate: int, began: float, played: Callable[[str, float], None]) -> None:
        self._rate = sample_rate
        self._began = began
        self._played = played
        self._waiting: deque[tuple[int, Piece]] = deque()
        self._at = 0
        """The sample up to which it was told what has sounded."""
        self._until = 0
        self._ms: dict[str, float] = {}

    def play(self, piece: Piece, now: float) -> None:
        """Take a piece, which sounds at once or after all before it."""
        start = max(self._sample(now), self._until, self._at)
        self._waiting.append((start, piece))
        self._until = start + len(piece.pcm) // 2

    def heard(self, now: float) -> bytes:
        """Return sound and silence since the last call."""
        until, began = self._sample(now), self._at
        sound = bytearray(2 * max(0, until - began))
        while self._waiting and self._waiting[0][0] < until:
            start, piece = self._waiting.popleft()
            pcm = piece.pcm[: 2 * (until - start)]
            sound[2 * (start - began) : 2 * (start - began) + len(pcm)] = pcm
            if rest := piece.pcm[len(pcm) :]:
                self._waiting.appendleft((until, Piece(piece.item_id, rest)))
            self._tell(piece.item_id, pcm)
        self._at = max(until, began)
        return bytes(sound)

    def stop(self, now: float) -> None:
        """Forget what has not sounded; `heard` is to be called before it."""
        self._waiting.clear()
        self._until = self._at

    def left_ms(self, now: float) -> float:
        """Return how much is still to sound, gaps not counted."""
        return max(0.0, self._until / self._rate - (now - self._began)) * 1000

    def _sample(self, now: float) -> int:
        return round((now - self._began) * self._rate)

    def _tell(self, item_id: str, pcm: bytes) -> None:
        self._ms = {item_id: self._ms.get(item_id, 0.0) + len(pcm) * 500 / self._rate}
        self._played(item_id, self._ms[item_id])


class Reports:
    """What a sink has played, as frames for the source that belongs to it: not often, and always the last.

    Items without an id are not told of, for nobody would know them.
    """

    def __init__(self) -> None:
        self._untold: dict[str, float] = {}
        self._told_at = -_EVERY_S

    def played(self, item_id: str, ms: float) -> None:
        """Note how many ms of an item have been played in all."""
        if item_id:
            self._untold[item_id] = ms

    def hurry(self) -> None:
        """Tell next what there is to tell: the agent was interrupted."""
        self._told_at = -_EVERY_S

    def due(self, now: float) -> list[ControlFrame]:
        """Return what is to be told now."""
        if not self._untold or now - self._told_at < _EVERY_S:
            return []
        self._told_at = now
        return self.rest()

    def rest(self) -> list[ControlFrame]:
        """Return all that was not told."""
        untold, self._untold = self._untold, {}
        return [ControlFrame("played", item_id=item_id, position_ms=ms) for item_id, ms in untold.items()]
