"""What an engine tells of the user, as messages of a server: speech, and its words."""

from __future__ import annotations

from s2s.events import SpeechStarted, SpeechStopped, Transcript
from s2s.wire import Send
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.ledger import Ledger, remember
from s2s.wire.gemini.spelling import pieces


class Heard:
    """Spells events of the user's side."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._texts: dict[str, str] = {}
        """The words of items that are not complete, as far as they were told."""
        self._waiting: Transcript | None = None
        """Words that are not complete and were not told."""

    def began(self, event: SpeechStarted) -> list[Send]:
        """The user begins to speak."""
        return self._activity("ACTIVITY_START", event.position_ms)

    def stopped(self, event: SpeechStopped) -> list[Send]:
        """The user has stopped."""
        return self._activity("ACTIVITY_END", event.position_ms)

    def words(self, event: Transcript) -> list[Send]:
        """Words of the user came."""
        agreed = self._ledger.agreed
        if not agreed.tells_user_words:
            return []
        waits = agreed.profile.transcription == "chunk" and not event.final
        self._waiting = event if waits else None
        return [] if waits else self._tell(event)

    def answered(self) -> list[Send]:
        """An answer begins: the words before it have waited long enough."""
        event, self._waiting = self._waiting, None
        return [] if event is None else self._tell(event)

    def _tell(self, event: Transcript) -> list[Send]:
        agreed = self._ledger.agreed
        told: list[Send] = []
        new = self._new(event)
        marked = agreed.profile.transcription == "marked"
        if new and marked and event.item_id not in self._texts:
            told.append(self._said(m.Transcription()))
        if new:
            if agreed.profile.transcription == "deltas" and event.item_id not in self._texts:
                new = f" {new.lstrip()}"  # so does the service
            language = event.language or None
            told += [self._said(m.Transcription(text=e, language_code=language)) for e in pieces(new)]
            remember(self._texts, event.item_id, event.text)
        if event.final and self._texts.pop(event.item_id, None) is not None and marked:
            told.append(self._said(m.Transcription(finished=True)))
        return told

    def _new(self, event: Transcript) -> str:
        """Return what follows on the words that were told, none of which can be taken back."""
        before, text = self._texts.get(event.item_id, ""), event.text
        if text.startswith(before):
            return text[len(before) :]
        return _correction(before, text) if event.final else ""

    def _said(self, words: m.Transcription) -> Send:
        return self._ledger.spelling.content(m.ServerContent(input_transcription=words))

    def _activity(self, kind: str, position_ms: float) -> list[Send]:
        agreed = self._ledger.agreed
        if agreed.manual or not agreed.profile.voice_activity:
            return []
        activity = m.VoiceActivity(type=kind, audio_offset=m.spelled_seconds(position_ms / 1000))
        return [self._ledger.spelling.say(m.ServerMessage(voice_activity=activity))]


def _correction(told: str, text: str) -> str:
    """Return the words of a text from the first on that differs from what was told."""
    said, meant = told.split(), text.split()
    alike = 0
    while alike < min(len(said), len(meant)) and said[alike] == meant[alike]:
        alike += 1
    return "".join(f" {word}" for word in meant[alike:])
