"""What the service says, as events."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from s2s.errors import ProviderError, RemoteProtocolError
from s2s.events import (
    Cause,
    Error,
    Event,
    GoingAway,
    ResponseStatus,
    Unrecognized,
)
from s2s.items import JSON
from s2s.wire import Send
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.connection import Connection, Phase
from s2s.wire.gemini.counts import usage_of
from s2s.wire.gemini.items import call_of
from s2s.wire.gemini.reading import read
from s2s.wire.gemini.replies import Stage
from s2s.wire.gemini.template import Bundle, Template, decoded
from s2s.wire.gemini.uplink import Window

Told = Sequence[Send | Event]
_PCM = re.compile(r"audio/(?:pcm|l16)(?:;|$)", re.IGNORECASE)
_RATE = re.compile(r";\s*rate=([1-9]\d{3,5})\b", re.IGNORECASE)
_USUAL_HZ = 24_000
_NO_FAILURES = frozenset({"", "TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT"})
_QUIET = (Stage.QUIET, Stage.CLOSING, Stage.SPENT)


class Hearing:
    """Reads messages. One that cannot be read is an Error, and fatal only before the session began."""

    def __init__(self, connection: Connection) -> None:
        self._on = connection
        self._template: Template[int] = Template()
        self._bundle: Bundle[int] = Bundle()
        self._late = ""
        """Words that came when no answer was due: of one that is over, or of one that begins with them."""

    def receive(self, message: bytes) -> Told:
        """Read one message."""
        short_way = self._template.match(message)
        if short_way is not None and not self._late:
            return self._on.replies.speak(short_way[1], short_way[0])
        bundle = self._bundle.match(message)
        if bundle is not None and not self._late:
            rate, audio, words = bundle
            replies = self._on.replies
            return [*(replies.say(words, "spoken") if words else ()), *replies.speak(audio, rate)]
        try:
            said, unknown = read(message, m.ServerMessage)
        except RemoteProtocolError as wrong:
            wrong.provider = self._on.opening.provider
            return (Error(wrong, fatal=self._on.phase is not Phase.READY),)
        if self._on.phase is not Phase.READY and said.setup_complete is None:
            return ()  # nothing counts before the setup is taken
        told = self._hear(said)
        if any(not each.place for each in unknown):
            return [*told, Unrecognized(self._on.opening.provider, msgspec.json.decode(message))]
        self._learn(said, message)
        return told

    def parted(self) -> list[Event]:
        """The connection is over; a turn of which we know goes on over another, where its words come anew."""
        on = self._on
        goes_on = on.settings.manual and on.uplink.manual
        spoken = on.speech.anew() if goes_on else on.speech.stopped(on.uplink.position_ms)
        return [*self._too_late(), *spoken, *on.speech.over()]

    def _hear(self, said: m.ServerMessage) -> list[Send | Event]:
        on, told = self._on, list[Send | Event]()
        if said.setup_complete is not None and on.phase is not Phase.READY:
            told += on.ready(said.setup_complete.session_id)
        if said.voice_activity is not None:
            told += self._activity(said.voice_activity)
        if said.voice_activity_detection_signal is not None:
            signal = said.voice_activity_detection_signal.vad_signal_type
            told += self._spoke(signal or "", on.uplink.position_ms)
        content = said.server_content
        usage = None if said.usage_metadata is None else usage_of(said.usage_metadata)
        if content is not None:
            told += self._content(content)
        if said.tool_call is not None:
            told += self._called(said.tool_call.function_calls or [])
        if said.tool_call_cancellation is not None:
            on.asks.passed()
            told += on.replies.cancelled(
                [on.names.ours(each) for each in said.tool_call_cancellation.ids or ()]
            )
        if content is not None and content.turn_complete:
            told += on.speech.over()
            status, error = _outcome(content.turn_complete_reason or "", on.opening.provider)
            more = content.interaction_status == "IN_PROGRESS"
            told += on.replies.complete(usage, status, error, more=more)
            on.uplink.turn_ended()
        else:
            told += on.replies.spent(usage)
        told += self._administered(said)
        return told

    def _administered(self, said: m.ServerMessage) -> list[Event]:
        update, away = said.session_resumption_update, said.go_away
        resumes = self._on.opening.wishes.resumption
        if resumes and update is not None and update.resumable and update.new_handle:
            self._on.memory.keeps(update.new_handle)
        if away is None:
            return []
        self._on.uplink.lull.wait()
        return [GoingAway(m.seconds(away.time_left))]

    def _content(self, content: m.ServerContent) -> list[Send | Event]:
        on, replies, told = self._on, self._on.replies, list[Send | Event]()
        if content.interrupted:
            told += [*self._too_late(), *on.speech.over()]
            told += replies.interrupted(self._cause())
        if content.interim_input_transcription is not None and on.settings.transcription:
            told += on.speech.guess(content.interim_input_transcription.text or "")
        if content.input_transcription is not None:
            told += self._user_said(content.input_transcription)
        parts = (content.model_turn and content.model_turn.parts) or []
        words = content.output_transcription and content.output_transcription.text
        speaks = any(each.inline_data is not None for each in parts)
        if words:
            told += self._said(words, speaks=speaks)
        elif speaks:
            told += self._on_time()
        for part in parts:
            told += self._part(part)
        if content.generation_complete:
            told += [*on.speech.over(), *replies.generated()]
        if content.turn_complete:
            told += self._too_late()
        for name in ("grounding_metadata", "url_context_metadata"):
            if getattr(content, name):
                told.append(Unrecognized(on.opening.provider, {name: getattr(content, name)}))
        return told

    def _cause(self) -> Cause:
        """Tell who had the service stop; of the user's voice the session knows already."""
        on = self._on
        spoken = bool(on.speech.speaking) or on.uplink.window is not Window.CLOSED
        return "application" if on.asks.ours and not spoken else "user_speech"

    def _part(self, part: m.Part) -> list[Event]:
        if part.thought:
            return []
        if part.text is not None:
            return self._on.replies.say(part.text, "written")
        blob = part.inline_data
        rate = None if blob is None else _rate(blob.mime_type or "")
        if blob is None or rate is None:
            return [Unrecognized(self._on.opening.provider, msgspec.to_builtins(part))]
        try:
            return self._on.replies.speak(decoded(blob.data), rate)
        except ValueError:
            told = "audio of the service is no base64: it is left out"
            return [Error(RemoteProtocolError(told, provider=self._on.opening.provider))]

    def _learn(self, said: m.ServerMessage, message: bytes) -> None:
        """Take the short way to messages such as this one, if it is audio, or that and its words."""
        match said.server_content:
            case m.ServerContent(
                model_turn=m.Content(role=role, parts=[m.Part(inline_data=m.Blob() as blob)]),
                output_transcription=words,
            ):
                rate = _rate(blob.mime_type or "")
            case _:
                return
        turn = m.Content(role=role, parts=[m.Part(inline_data=blob)])
        only = m.ServerContent(model_turn=turn, output_transcription=words)
        if rate is None or said != m.ServerMessage(server_content=only):
            return
        if words is None:
            self._template.learn(message, rate)
        elif words == m.Transcription(text=words.text):
            self._bundle.learn(message, rate, words.text or "")

    def _said(self, words: str, *, speaks: bool) -> list[Event]:
        on = self._on
        if on.replies.stage in _QUIET and not speaks and not on.asks.due:
            self._late += words
            return []
        return [*self._on_time(), *on.replies.say(words, "spoken")]

    def _on_time(self) -> list[Event]:
        """The words that were early begin an answer, unless something was asked since."""
        if self._on.asks.due:
            return self._too_late()
        late, self._late = self._late, ""
        return self._on.replies.say(late, "spoken") if late else []

    def _too_late(self) -> list[Event]:
        """The words that were held belong to an answer that is over."""
        late, self._late = self._late, ""
        if not late:
            return []
        spelled: JSON = {"serverContent": {"outputTranscription": {"text": late}}}
        return [Unrecognized(self._on.opening.provider, spelled)]

    def _user_said(self, said: m.Transcription) -> list[Event]:
        on = self._on
        told = [] if on.asks.expected or not said.text else self._too_late()
        if said.text:
            told += on.replies.noticed()
        if on.settings.transcription:
            told += on.speech.heard(said.text or "", said.language_code, finished=bool(said.finished))
        return told

    def _activity(self, activity: m.VoiceActivity) -> list[Event]:
        kind = activity.type or activity.voice_activity_type or ""
        return self._spoke(kind, m.seconds(activity.audio_offset) * 1000)

    def _spoke(self, kind: str, at_ms: float) -> list[Event]:
        on = self._on
        match kind:
            case _ if on.uplink.manual:
                return []
            case "ACTIVITY_START" | "VAD_SIGNAL_TYPE_SOS":
                return on.speech.began(at_ms)
            case "ACTIVITY_END" | "VAD_SIGNAL_TYPE_EOS":
                return [*on.speech.stopped(at_ms), *on.replies.turned()]
            case _:
                return []

    def _called(self, calls: Sequence[m.FunctionCall]) -> list[Send | Event]:
        on, replies = self._on, self._on.replies
        named = [call_of(each, name) for each in calls if (name := on.names.name(each.id)) is not None]
        if not named:
            return []
        told = [*self._on_time(), *on.speech.over(), *replies.begins()]
        if replies.stage is Stage.MUTED:
            # Whoever calls must be answered, or it will not listen any more.
            return [*told, on.refuse(named)]
        return [*told, *replies.call(named, ends=on.opening.profile.ends_calls != "never")]


def _rate(mime_type: str) -> int | None:
    """Return the sample rate of PCM16; None for what is none."""
    if mime_type and not _PCM.match(mime_type):
        return None
    found = _RATE.search(mime_type)
    return _USUAL_HZ if found is None else int(found.group(1))


def _outcome(reason: str, provider: str) -> tuple[ResponseStatus, ProviderError | None]:
    if reason in _NO_FAILURES:
        return "completed", None
    if reason == "MAX_REGENERATION_REACHED":
        return "incomplete", None
    told = f"the service ended its turn ({reason}): ask in another way"
    return "failed", ProviderError(told, code=reason.lower(), provider=provider)
