"""What was said on both sides and when: the facts behind the transcript, the figures and the picture.

The axis is the position in the input audio, in ms. While audio is sent in real time, and whenever the
user is silent, that is the passing of time itself. Latencies are differences of the loop's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from s2s.cli.asking.envelope import Envelope
from s2s.cli.asking.playback import Playback, Span
from s2s.cli.asking.questions import Sound
from s2s.cli.asking.tooluse import ToolUse, ToolUses
from s2s.events import (
    AudioOutput,
    Event,
    Interrupted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    Timings,
    ToolCall,
    Transcript,
    TurnEnd,
)
from s2s.items import Item, Message

Voice = Literal["user", "agent"]


class Caption(msgspec.Struct):
    """Words, and where they are spoken."""

    voice: Voice
    text: str
    span: Span


class Latency(msgspec.Struct):
    """The way from the user's last voiced chunk to the first audio of the answer."""

    voiced_ms: float
    """Position of the end of the user's voice."""
    voiced_at: float
    """When that was sent, by the loop's clock, in s."""
    taken_ms: float
    """Position at which the engine said that the turn was over."""
    answered_ms: float | None = None
    voice_to_voice_ms: float | None = None


class TurnRecord(msgspec.Struct):
    """One turn of the conversation, complete."""

    user: str
    agent: str
    heard: str
    status: ResponseStatus
    items: frozenset[str]
    """Ids of what the agent said."""
    tools: tuple[ToolUse, ...]
    timings: Timings
    latency: Latency | None


class Recording:
    """Takes what is sent and every event, in order."""

    def __init__(self) -> None:
        self.voices: dict[Voice, Envelope] = {"user": Envelope(), "agent": Envelope()}
        self.questions: list[tuple[float, str]] = []
        """Where each question begins, and its name."""
        self.speech: dict[str, Span] = {}
        self.captions: list[Caption] = []
        self.tools = ToolUses()
        self.latencies: list[Latency] = []
        self.interruptions: list[float] = []
        self.turns: list[TurnRecord] = []
        self.playback = Playback(
            lambda piece: self.voices["agent"].add(piece.pcm, piece.rate, piece.start_ms)
        )
        self._voiced = (0.0, 0.0)
        self._asked: Latency | None = None
        self._items: set[str] = set()

    def sent(self, sound: Sound, rate: int, until_ms: float, at: float) -> None:
        """Note a chunk that was sent at a time of the loop's clock; it ends at a position."""
        self.voices["user"].add(sound.pcm, rate, until_ms - sound.ms)
        self.playback.advance(until_ms)
        if sound.voiced:
            self._voiced = (until_ms, at)

    def typed(self, text: str, at_ms: float) -> None:
        """Note a question that was typed."""
        self.captions.append(Caption("user", text, Span(at_ms)))

    def told(self, event: Event, at_ms: float, at: float) -> None:
        """Note an event that came at a position and a time of the loop's clock."""
        match event:
            case SpeechStarted(item_id=item_id, position_ms=position_ms):
                self.speech[item_id] = Span(position_ms)
            case SpeechStopped(item_id=item_id, position_ms=position_ms):
                self.speech.setdefault(item_id, Span(position_ms)).end_ms = position_ms
                self._taken(at_ms)
            case Transcript(item_id=item_id, text=text, final=True) if text:
                if not (item_id in self.speech or self._asked or self._items):
                    self._taken(at_ms)  # no other sign comes of an engine that tells no speech
                self.captions.append(Caption("user", text, self.speech.get(item_id, Span(at_ms))))
            case TextOutput(text=text, item_id=item_id) if text:
                self._items.add(item_id)
                self._agent_said(text, at_ms)
            case AudioOutput():
                self._answered(self.playback.play(event, at_ms), at)
            case ToolCall(call=call):
                self.tools.called(call, at_ms)
            case Interrupted():
                self.interruptions.append(at_ms)
                self.playback.stop(at_ms)
            case TurnEnd():
                self._turn(event)
            case _:
                pass

    def cut(self, history: Sequence[Item]) -> None:
        """Take over what was heard of the last answer; its turn may have ended before it was interrupted."""
        for turn in self.turns[-1:]:
            said = [each for each in history if isinstance(each, Message) and each.item_id in turn.items]
            turn.heard = "".join(e.text if e.heard_text is None else e.heard_text for e in said).strip()

    @property
    def end_ms(self) -> float:
        """Where the later of the two voices ends."""
        return max(self.voices["user"].end_ms, self.voices["agent"].end_ms, self.playback.until_ms)

    def _taken(self, at_ms: float) -> None:
        self._asked = Latency(*self._voiced, taken_ms=at_ms)
        self.latencies.append(self._asked)

    def _agent_said(self, text: str, at_ms: float) -> None:
        last = self.captions[-1] if self.captions else None
        if last is not None and last.voice == "agent" and last.span.end_ms is None:
            last.text += text
        else:
            self.captions.append(Caption("agent", text, self.playback.words(at_ms)))

    def _answered(self, plays_at_ms: float, at: float) -> None:
        asked = self._asked
        if asked is not None and asked.answered_ms is None:
            asked.answered_ms = plays_at_ms
            asked.voice_to_voice_ms = round((at - asked.voiced_at) * 1000, 1)

    def _turn(self, event: TurnEnd) -> None:
        uses = tuple(self.tools.by_id[each.id] for each in event.tool_calls if each.id in self.tools.by_id)
        self.turns.append(
            TurnRecord(
                event.user_text,
                event.agent_text,
                event.heard_text,
                event.status,
                frozenset(self._items),
                uses,
                event.timings,
                self._asked,
            )
        )
        self._asked = None
        self._items = set()
