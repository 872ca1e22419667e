"""What the user said, item by item: the words come late, in pieces, out of order, or not at all."""

from __future__ import annotations

from s2s.errors import ProviderError
from s2s.events import Error, Event, Transcript, UsageUpdate
from s2s.wire.openai import messages as m
from s2s.wire.openai.counts import usage_of

AnyTranscription = (
    m.TranscriptionDelta
    | m.TranscriptionUpdated
    | m.TranscriptionCompleted
    | m.TranscriptionSegment
    | m.TranscriptionFailed
)


UNNAMED = "speech"
"""What an item of the user is called where the service does not name it."""


class Transcripts:
    """The words of the items whose transcript is not complete."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def hear(self, read: AnyTranscription) -> list[Event]:
        """Take a piece of a transcript, all of it, or that there is none."""
        item_id = read.item_id or UNNAMED
        before = self._texts.get(item_id, "")
        match read:
            case m.TranscriptionDelta(delta=delta):
                return self._grown(item_id, before, before + (delta or ""))
            case m.TranscriptionUpdated(transcript=text):
                return self._grown(item_id, before, text)
            case m.TranscriptionSegment(text=text):
                whole = text if not before else f"{before.rstrip()} {text.lstrip()}"
                return [] if text.strip() in before else self._grown(item_id, before, whole)
            case m.TranscriptionCompleted(transcript=text, languages=languages, usage=usage):
                self._texts.pop(item_id, None)
                language = _language(languages[0]) if isinstance(languages, list) and languages else None
                told: list[Event] = [Transcript(text, item_id, _new(before, text), True, language)]
                spent = usage_of(usage)
                return told if spent is None else [*told, UsageUpdate(spent)]
            case m.TranscriptionFailed(error=problem):
                self._texts.pop(item_id, None)
                what = problem.message or problem.code or "no reason given"
                why = f"the user's words could not be transcribed ({what}): the model heard them all the same"
                failed = ProviderError(why, code=problem.code or "transcription_failed")
                return [Transcript(before, item_id, "", True), Error(failed)]

    def _grown(self, item_id: str, before: str, text: str) -> list[Event]:
        if text == before:
            return []
        self._texts[item_id] = text
        return [Transcript(text, item_id, _new(before, text))]


def _new(before: str, text: str) -> str:
    return text[len(before) :] if text.startswith(before) else text


def _language(found: m.Language | str) -> str:
    return found if isinstance(found, str) else found.code
