"""What an engine tells of the user, as messages of a server: speech, its words, and the item they become."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from s2s.events import IdleTimeout, Interrupted, SpeechStarted, SpeechStopped, Transcript
from s2s.wire import Send
from s2s.wire.openai import messages as m
from s2s.wire.openai.ledger import Ledger, message, remember

E = TypeVar("E", SpeechStarted, SpeechStopped, Transcript)
_WINDOW_MS = 40.0
"""An engine may place speech so much too early: it listens in windows."""


class Unheard(m.Content, omit_defaults=True):
    """Speech without words yet: their null is spelled, for @openai/agents reads no item without it."""

    type: str = msgspec.field(default_factory=lambda: "input_audio")
    transcript: str | None = msgspec.field(default_factory=lambda: None)


class UserTurns:
    """Spells events of the user's side, for an engine that does not tell of speech too: of what follows it.

    Such a one stops, which is how a client learns that the user speaks; and it tells words, or answers.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._texts: dict[str, str] = {}
        self._began_ms: dict[str, float] = {}
        self._known: dict[str, str] = {}
        """Items of the user, and what they are called to the client."""
        self._noticed = ""
        """The item of speech that the engine did not tell of."""

    def send(self, event: SpeechStarted | SpeechStopped | Transcript | IdleTimeout) -> list[Send]:
        """Spell an event."""
        match event:
            case SpeechStarted():
                return [] if self._meet(event) == "noticed" else self._began(self._named(event))
            case SpeechStopped():
                self._meet(event)
                return self._stopped(self._named(event))
            case Transcript():
                return self._transcript(event)
            case IdleTimeout():
                return self._idle(event)

    def interrupted(self, event: Interrupted) -> list[Send]:
        """The engine has stopped: the user speaks."""
        ledger = self._ledger
        if event.cause != "user_speech" or ledger.input.speech or not ledger.detects:
            return []
        self._noticed = ledger.new_id("item")
        return self._began(SpeechStarted(self._noticed, ledger.input.all_ms))

    def answered(self) -> list[Send]:
        """The engine answers: the user has spoken."""
        item_id, self._noticed = self._noticed, ""
        if not item_id or item_id != self._ledger.input.speech:
            return []
        return self._stopped(SpeechStopped(item_id, self._ledger.input.all_ms))

    def _meet(self, event: E) -> Literal["new", "noticed", "known"]:
        """Tell whether the client knows the item, perhaps by another name; from now on it does."""
        if event.item_id in self._known:
            return "known"
        noticed = self._noticed if self._noticed == self._ledger.input.speech else ""
        remember(self._known, event.item_id, noticed or event.item_id)
        return "noticed" if noticed else "new"

    def _named(self, event: E) -> E:
        return replace(event, item_id=self._known.get(event.item_id, event.item_id))

    def _idle(self, event: IdleTimeout) -> list[Send]:
        item_id, idle_ms = self._ledger.new_id("item"), int(event.idle_s * 1000)
        told = self._ledger.say(m.TimeoutTriggered(item_id=item_id, audio_end_ms=idle_ms))
        return [told, *self._committed(item_id)]

    def _began(self, event: SpeechStarted) -> list[Send]:
        ledger, item_id = self._ledger, event.item_id
        ledger.input.speech = item_id
        remember(self._began_ms, item_id, event.position_ms)
        if not ledger.detects:
            if event.position_ms < ledger.input.cleared_ms - _WINDOW_MS:
                ledger.input.forget(item_id)  # the engine heard it before it heard of the clear
            return []
        return [ledger.say(m.SpeechBegan(item_id=item_id, audio_start_ms=int(event.position_ms)))]

    def _stopped(self, event: SpeechStopped) -> list[Send]:
        ledger, item_id = self._ledger, event.item_id
        ledger.input.speech = ""
        told: list[Send] = []
        if ledger.detects:
            ledger.input.waiting_ms = 0.0
            told.append(ledger.say(m.SpeechEnded(item_id=item_id, audio_end_ms=int(event.position_ms))))
        if item_id in ledger.entries or item_id in ledger.input.forgotten:
            return told
        spoken_ms = event.position_ms - self._began_ms.pop(item_id, event.position_ms)
        remember(self._began_ms, item_id, spoken_ms)
        return told + self._committed(item_id)

    def _committed(self, item_id: str) -> list[Send]:
        ledger = self._ledger
        item = message(item_id, "user", "completed", [Unheard()])
        previous = ledger.entries.add(item)
        told = ledger.say(m.Committed(item_id=item_id, previous_item_id=previous))
        return [told, *ledger.announce(item, previous)]

    def _transcript(self, event: Transcript) -> list[Send]:
        ledger, text = self._ledger, event.text
        if ledger.session["audio"]["input"]["transcription"] is None:
            return []
        told = self._committed(event.item_id) if text and self._meet(event) == "new" else []
        item_id = self._named(event).item_id
        if item_id in ledger.input.forgotten:
            return []
        if event.final and item_id == self._noticed:
            told += self.answered()
        before = self._texts.get(item_id, "")
        if text.startswith(before) and len(text) > len(before):
            told.append(ledger.say(m.TranscriptionDelta(item_id=item_id, delta=text[len(before) :])))
            remember(self._texts, item_id, text)
        if event.final:
            self._texts.pop(item_id, None)
            seconds = max(0.0, self._began_ms.pop(item_id, 0.0)) / 1000
            usage = {"type": "duration", "seconds": round(seconds, 3)}
            whole = m.TranscriptionCompleted(item_id=item_id, transcript=text, usage=usage)
            whole.languages = [m.Language(event.language)] if event.language else UNSET
            told.append(ledger.say(whole))
            if item_id in ledger.entries:
                ledger.entries[item_id].item.content = [m.Content(type="input_audio", transcript=text)]
        return told
