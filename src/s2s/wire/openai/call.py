"""Our side of the protocol where sound is not in the messages: a call over WebRTC.

The service generates faster than it sends the sound, and keeps what waits. So a response is over, for whoever
listens, when its sound is: `output_audio_buffer.stopped` or `.cleared` ends it, and not `response.done`.

Source: openai-python 3.57.0 `realtime_server_event.py` (output_audio_buffer.*); the order of their arrival is
not documented, and nothing here depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from s2s.audio.levels import is_silent
from s2s.commands import AppendAudio, Cancel, Command, Truncate
from s2s.events import Event, ResponseDone
from s2s.wire import Send
from s2s.wire.openai import messages as m
from s2s.wire.openai.asking import Asking
from s2s.wire.openai.connection import Connection, Opening
from s2s.wire.openai.hearing import Hearing
from s2s.wire.openai.outputs import Track

Told = Sequence[Send | Event]
TAIL_MS = 100.0
"""How long sound may still be under way after the service said that it was the last."""
SILENT_MS = 30_000.0
"""How long a response that was generated may be without sound before nobody waits for it any more."""
_LEAD_MS = 200.0
_REMEMBERED = 16
_BYTES_PER_MS = 48
_PLAYBACK = {
    str(each.__struct_config__.tag): m.SERVER[str(each.__struct_config__.tag)]
    for each in (m.PlaybackStarted, m.PlaybackStopped, m.PlaybackCleared)
}


class CallClient:
    """Commands become messages, messages and sound become events.

    What waits for sound is released by it, or by `settle` where nothing arrived for `patience_s`.
    """

    def __init__(self, opening: Opening) -> None:
        self._on = Connection(opening)
        self._asking = Asking(self._on)
        self._hearing = Hearing(self._on)
        self._sounding = ""
        """The response that is heard now."""
        self._held: dict[str, ResponseDone] = {}
        self._left_ms: dict[str, float] = {}
        """How long each response that will end may still sound, or be silent."""
        self._cleared: dict[str, None] = {}
        self._lead: list[bytes] | None = []
        """Sound that nothing has announced; None while it is the rest of what was cleared."""

    def send(self, command: Command) -> Told:
        """Spell a command. What was heard the service knows itself, and audio does not go this way."""
        match command:
            case AppendAudio(audio=audio):
                self._on.uplink.append(audio)
                return ()
            case Truncate():
                return ()
            case Cancel(response_id=wanted):
                told = list(self._asking.send(command))
                clears = self._may_sound(wanted or self._sounding)
                return [*told, self._on.say(m.OutputAudioBufferClear(), "clear")] if clears else told
            case _:
                return self._asking.send(command)

    def receive(self, message: bytes) -> Told:
        """Read one message."""
        if b'"output_audio_buffer.' in message:
            try:
                decoder = _PLAYBACK.get(m.kind_of(message).type)
                if decoder is not None:
                    return self._playback(decoder.decode(message))
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as wrong:
                return (self._hearing.unreadable(message, wrong),)
        told: list[Send | Event] = []
        for each in self._hearing.receive(message):
            if isinstance(each, ResponseDone) and self._is_awaited(each):
                self._held[each.response_id] = each
                if each.response_id != self._sounding:
                    self._left_ms.setdefault(each.response_id, SILENT_MS)
            else:
                told.append(each)
        return told

    def hear(self, pcm: bytes) -> Sequence[Event]:
        """Take sound, PCM16 mono at 24,000 Hz: audio of the response that sounds, or silence between two."""
        told: list[Event] = []
        track = self._track(self._sounding) if self._sounding else None
        if track is None:
            self._keep(pcm)
        else:
            lead, self._lead = b"".join(self._lead or ()), []
            told += self._on.outputs.audio(track, lead + pcm)
        return [*told, *self._passed(len(pcm) / _BYTES_PER_MS)] if self._left_ms else told

    @property
    def patience_s(self) -> float | None:
        """After how long of nothing to call `settle`; None: there is nothing to settle."""
        return min(self._left_ms.values()) / 1000 if self._left_ms else None

    def settle(self) -> Sequence[Event]:
        """End the responses whose sound is over, or never came: so much time has passed."""
        return self._passed((self.patience_s or 0.0) * 1000)

    def lost(self) -> Sequence[Event]:
        """End whatever was open."""
        held = [event for name in list(self._held) for event in self._end(name)]
        return [*held, *self._hearing.lost()]

    def _playback(self, read: m.ServerMessage) -> Sequence[Event]:
        match read:
            case m.PlaybackStarted(response_id=response_id):
                ended = self._end(self._sounding) if self._sounding in self._left_ms else []
                self._sounding = response_id or next(reversed(self._on.outputs.open), "")
                self._left_ms.pop(self._sounding, None)
                return ended
            case m.PlaybackStopped(response_id=response_id):
                self._left_ms[response_id or self._sounding] = TAIL_MS
                return ()
            case m.PlaybackCleared(response_id=response_id):
                name = response_id or self._sounding
                self._cleared = {**dict.fromkeys([*self._cleared][-_REMEMBERED:]), name: None}
                ended = self._end(name)
                self._lead = None
                return ended
            case _:
                return ()

    def _passed(self, ms: float) -> list[Event]:
        self._left_ms = {name: left_ms - ms for name, left_ms in self._left_ms.items()}
        over = [name for name, left_ms in self._left_ms.items() if left_ms <= 0]
        return [event for name in over for event in self._end(name)]

    def _end(self, response_id: str) -> list[Event]:
        self._left_ms.pop(response_id, None)
        if self._sounding == response_id:
            self._sounding, self._lead = "", []
        done = self._held.pop(response_id, None)
        return [] if done is None else [done]

    def _may_sound(self, response_id: str) -> bool:
        if not response_id or response_id in self._cleared:
            return False
        return response_id in (self._sounding, *self._held) or bool(self._tracks(response_id))

    def _is_awaited(self, done: ResponseDone) -> bool:
        if done.response_id in self._cleared:
            return False
        if done.response_id == self._sounding:
            return True
        spoken = any(e.form == "spoken" and e.text for e in self._tracks(done.response_id))
        return spoken and done.status == "completed" and not self._was_heard(done.response_id)

    def _was_heard(self, response_id: str) -> bool:
        return any(each.received_ms for each in self._tracks(response_id))

    def _track(self, response_id: str) -> Track | None:
        known = self._tracks(response_id)
        return known[0] if known else self._on.outputs.track(response_id, "")

    def _tracks(self, response_id: str) -> list[Track]:
        return [each for each in self._on.outputs.tracks.values() if each.response_id == response_id]

    def _keep(self, pcm: bytes) -> None:
        # The first sound may overtake the message that announces it.
        if is_silent(pcm):
            self._lead = []
        if self._lead is None or is_silent(pcm):
            return
        self._lead.append(pcm)
        while sum(map(len, self._lead)) > _LEAD_MS * _BYTES_PER_MS:
            del self._lead[0]
