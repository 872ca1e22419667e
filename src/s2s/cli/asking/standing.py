"""Whose turn it is, as far as the events tell."""

from __future__ import annotations

from enum import Enum

from s2s.events import (
    Event,
    Reconnected,
    Reconnecting,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    TurnEnd,
)


class Standing(Enum):
    """Who is expected to do something."""

    IDLE = "nobody: no speech is open and no answer is owed"
    USER = "the user: the engine has heard speech begin and not end"
    AGENT = "the engine: it has taken the turn and its answer is not complete"
    AWAY = "nobody: there is no connection, and whether something is owed shows over the next one"


class Floor:
    """Follows the events of one session, also of engines that do not tell where speech begins."""

    def __init__(self) -> None:
        self.standing = Standing.IDLE
        self._heard: set[str] = set()

    def after(self, event: Event) -> Standing:
        """Return how things stand after this event."""
        match event, self.standing:
            case SpeechStarted(item_id=item_id), _:
                self._heard.add(item_id)
                return Standing.USER
            case SpeechStopped(), _:
                return Standing.AGENT
            case Transcript(final=True, text=""), Standing.AGENT:
                return Standing.IDLE
            case Transcript(item_id=item_id, text=str(text)), Standing.IDLE if (
                text and item_id not in self._heard
            ):
                self._heard.add(item_id)
                return Standing.AGENT
            case ResponseStarted(), Standing.IDLE:
                return Standing.AGENT
            case TurnEnd(), Standing.AGENT:
                return Standing.IDLE
            case Reconnecting(), Standing.IDLE:
                return Standing.AWAY
            case Reconnected(), Standing.AWAY:
                return Standing.IDLE
            case _, standing:
                return standing
