"""What a server says, as bytes: a block is told whole, but for audio, which is told as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from pybase64 import b64encode

from s2s.items import Call, whole
from s2s.wire import Send
from s2s.wire.nova import messages as m

Role: TypeAlias = Literal["USER", "ASSISTANT"]
Generation: TypeAlias = Literal["SPECULATIVE", "FINAL"]
Stop: TypeAlias = Literal["PARTIAL_TURN", "END_TURN", "INTERRUPTED", "TOOL_USE"]
E = TypeVar("E", bound=Struct)
_PIECE_MS = 240
_HERE = b'"content":"@"'
_PLAIN = m.MediaConfiguration(media_type=m.TEXT_PLAIN)


class Speech(Struct, frozen=True):
    """A block of audio that is open: its name, and what stands around every piece of it."""

    content_id: str
    before: bytes
    after: bytes


class Spelling:
    """Spells for one prompt; `new_id` names everything that needs a name."""

    def __init__(self, session_id: str, prompt_name: str, rate_hz: int, new_id: Callable[[], str]) -> None:
        self._session_id = session_id
        self._prompt_name = prompt_name
        self._completion_id = new_id()
        self._new_id = new_id
        self._piece_bytes = rate_hz * 2 * _PIECE_MS // 1000
        self._audio = m.AudioConfiguration(
            media_type=m.LPCM,
            sample_rate_hertz=rate_hz,
            sample_size_bits=16,
            channel_count=1,
            encoding="base64",
        )

    def begin(self) -> Send:
        """Tell that answers begin."""
        return _say(m.Told(completion_start=self._named(m.CompletionStart())))

    def finish(self) -> Send:
        """Tell that no answer comes any more."""
        return _say(m.Told(completion_end=self._named(m.CompletionEnd(stop_reason="END_TURN"))))

    def usage(self, spent: m.UsageEvent) -> Send:
        """Tell what was spent."""
        return _say(m.Told(usage_event=self._named(spent)))

    def text(self, text: str, role: Role, generation: Generation, stop: Stop = "PARTIAL_TURN") -> list[Send]:
        """Tell a block of text."""
        content_id = self._new_id()
        fields = msgspec.json.encode({"generationStage": generation}).decode()
        start = m.OutputStart(
            content_id=content_id,
            type="TEXT",
            role=role,
            additional_model_fields=fields,
            text_output_configuration=_PLAIN,
        )
        said = m.TextOutput(content_id=content_id, content=whole(text), role=role)
        return [
            _say(m.Told(content_start=self._named(start))),
            _say(m.Told(text_output=self._named(said))),
            self._end(content_id, "TEXT", stop),
        ]

    def call(self, call: Call) -> list[Send]:
        """Tell that a tool is to be called."""
        content_id = self._new_id()
        unwritten = call.raw in ("", "{}") and bool(call.arguments)
        raw = msgspec.json.encode(call.arguments).decode() if unwritten else call.raw or "{}"
        start = m.OutputStart(
            content_id=content_id,
            type="TOOL",
            role="TOOL",
            tool_use_output_configuration=m.MediaConfiguration(media_type=m.JSON_MEDIA),
        )
        asked = m.ToolUse(
            content_id=content_id,
            tool_name=whole(call.name),
            tool_use_id=whole(call.id),
            content=whole(raw),
            role="TOOL",
        )
        return [
            _say(m.Told(content_start=self._named(start))),
            _say(m.Told(tool_use=self._named(asked))),
            self._end(content_id, "TOOL", "TOOL_USE"),
        ]

    def begin_speech(self) -> tuple[Speech, Send]:
        """Open a block of audio."""
        content_id = self._new_id()
        start = m.OutputStart(
            content_id=content_id, type="AUDIO", role="ASSISTANT", audio_output_configuration=self._audio
        )
        piece = m.AudioOutput(content_id=content_id, content="@", role="ASSISTANT")
        around = _say(m.Told(audio_output=self._named(piece))).data
        here = around.index(_HERE) + _HERE.index(b"@")
        speech = Speech(content_id, around[:here], around[here + 1 :])
        return speech, _say(m.Told(content_start=self._named(start)))

    def audio(self, speech: Speech, pcm: bytes) -> Iterator[Send]:
        """Tell audio, in pieces that are not too long."""
        for start in range(0, len(pcm), self._piece_bytes):
            piece = b64encode(pcm[start : start + self._piece_bytes])
            yield Send(speech.before + piece + speech.after)

    def end_speech(self, speech: Speech, stop: Stop) -> Send:
        """Close a block of audio."""
        return self._end(speech.content_id, "AUDIO", stop)

    def _end(self, content_id: str, kind: str, stop: Stop) -> Send:
        end = m.OutputEnd(content_id=content_id, type=kind, stop_reason=stop)
        return _say(m.Told(content_end=self._named(end)))

    def _named(self, event: E) -> E:
        return replace(
            event,
            session_id=self._session_id,
            prompt_name=self._prompt_name,
            completion_id=self._completion_id,
        )


def _say(told: m.Told) -> Send:
    return Send(m.encode(m.ServerMessage(event=told)))
