"""Turns of the model: from the end of the user's say to the end of the last response."""

from __future__ import annotations

from msgspec import Struct

from s2s.events import ResponseDone, ResponseStatus, Timings, Usage
from s2s.items import Call


class Turn(Struct):
    """What has come together of the current turn."""

    user_items: list[str] = []
    responses: int = 0
    agent_items: list[str] = []
    calls: list[Call] = []
    asked_at: float | None = None
    first_audio_ms: float | None = None
    first_text_ms: float | None = None
    status: ResponseStatus = "completed"
    usage: Usage | None = None
    stages: dict[str, float] = {}

    def timings(self, now: float) -> Timings:
        """Return what was measured, `now` being the end."""
        return Timings(self.first_audio_ms, self.first_text_ms, self.since_asked(now), self.stages)

    def since_asked(self, now: float) -> float | None:
        """Return the milliseconds since the user's say was over."""
        return None if self.asked_at is None else round((now - self.asked_at) * 1000, 3)


class Turns:
    """The open responses, the turn that they belong to, and what the user said since it began."""

    def __init__(self) -> None:
        self.turn = Turn()
        self.coming = Turn()
        self.open: dict[str, None] = {}
        self.owed = False
        """A response is to follow, for a tool was answered."""
        self.spoken = 0
        """Pieces of audio so far, of all turns."""

    def asked(self, now: float) -> None:
        """The user's say is over, by voice or by text."""
        self.coming.asked_at = now

    def user_spoke(self, item_id: str) -> None:
        """The user begins this item, or goes on with it; it belongs to the turn that answers it."""
        if item_id not in self.coming.user_items:
            self.coming.user_items.append(item_id)

    def started(self, response_id: str, *, answers: bool = True) -> None:
        """A response began; a tool that was answered is still owed one by what `answers` nothing."""
        if self.turn.responses == 0:
            self.turn, self.coming = self.coming, Turn()
        self.turn.responses += 1
        self.open[response_id] = None
        self.owed = self.owed and not answers

    def audio(self, item_id: str, now: float) -> None:
        """Audio of the answer came."""
        self.spoken += 1
        self._agent_spoke(item_id)
        if self.turn.first_audio_ms is None:
            self.turn.first_audio_ms = self.turn.since_asked(now)

    def text(self, item_id: str, now: float) -> None:
        """Text of the answer came."""
        self._agent_spoke(item_id)
        if self.turn.first_text_ms is None:
            self.turn.first_text_ms = self.turn.since_asked(now)

    def done(self, event: ResponseDone) -> None:
        """A response ended."""
        self.open.pop(event.response_id, None)
        turn = self.turn
        turn.status = event.status
        turn.stages = {**turn.stages, **event.stages}
        if event.usage is not None:
            turn.usage = event.usage if turn.usage is None else turn.usage + event.usage

    def close(self) -> Turn:
        """Begin the next turn and return the one that ended."""
        ended, self.turn, self.owed = self.turn, Turn(), False
        return ended

    def _agent_spoke(self, item_id: str) -> None:
        items = self.turn.agent_items
        if not items or items[-1] != item_id:
            items.append(item_id)
