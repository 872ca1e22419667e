"""What comes of the responses that are open: their items, words and audio, each told in order and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from s2s.errors import RemoteProtocolError
from s2s.events import AudioOutput, Event, Origin, TextOutput, ToolCall
from s2s.items import Call

_REMEMBERED = 256


class Track(Struct):
    """One message of a response: how much of it came, in words and in audio."""

    item_id: str
    """Its name here, which no other message has; the service may name two alike."""
    named: str
    response_id: str
    in_conversation: bool
    content_index: int = 0
    received_ms: float = 0.0
    text: str = ""
    odd: bytes = b""
    words: Literal["none", "open", "final"] = "none"
    form: Literal["spoken", "written"] = "spoken"


class Outputs:
    """The open responses and their items; audio comes as bytes of a format and goes as PCM16.

    Items are remembered beyond their response, for what was heard of them is told later.
    """

    def __init__(self, rate: int, decode: Callable[[bytes], bytes] | None) -> None:
        self.open: dict[str, Origin] = {}
        self.tracks: dict[str, Track] = {}
        self.spoken_ms = 0.0
        """All audio so far."""
        self._rate = rate
        self._decode = decode
        self._over: dict[str, None] = {}
        self._muted: set[str] = set()
        self._called: dict[str, str] = {}

    def began(self, response_id: str, origin: Origin) -> None:
        """A response is open."""
        self.open[response_id] = origin

    def mute(self, response_id: str) -> None:
        """Leave out what an open response says: nobody wants it any more."""
        self._muted.add(response_id)

    def knows(self, response_id: str) -> bool:
        """Tell whether the response is open, or is over already."""
        return response_id in self.open or response_id in self._over

    def track(self, response_id: str, item_id: str, content_index: int = 0) -> Track | None:
        """Return the message that a part belongs to; None where its response is over.

        A service that leaves ids out means the response that is open.
        """
        response_id = response_id or next(reversed(self.open), "")
        origin = self.open.get(response_id)
        if origin is None or response_id in self._muted:
            return None
        key = item_id or f"{response_id}_item"
        track = self.tracks.get(key)
        if track is not None and track.response_id != response_id:
            key = f"{key}_of_{response_id}"
            track = self.tracks.get(key)
        if track is None:
            track = self.tracks[key] = Track(key, item_id, response_id, origin != "out_of_band")
        track.content_index = content_index
        return track

    def audio(self, track: Track, data: bytes) -> list[Event]:
        """Take audio of a message; half a sample waits for its other half."""
        if self._decode is not None:
            data = self._decode(data)
        elif track.odd or len(data) & 1:
            data = track.odd + data
            track.odd = data[len(data) & ~1 :]
            data = data[: len(data) & ~1]
        if not data:
            return []
        position_ms = track.received_ms
        ms = len(data) * 500 / self._rate
        track.received_ms += ms
        self.spoken_ms += ms
        return [AudioOutput(data, self._rate, track.response_id, track.item_id, position_ms)]

    def text(self, track: Track, delta: str, form: Literal["spoken", "written"]) -> list[Event]:
        """Take words of a message."""
        if not delta or track.words == "final":
            return []
        track.words, track.form = "open", form
        track.text += delta
        return [TextOutput(delta, track.response_id, track.item_id, form=form)]

    def final(self, track: Track, whole: str, form: Literal["spoken", "written"]) -> list[Event]:
        """Take the end of the words, with those that did not come before."""
        rest = whole[len(track.text) :] if whole.startswith(track.text) else ""
        events = self.text(track, rest, form)
        if track.words != "open":
            return events
        track.words = "final"
        return [*events, TextOutput("", track.response_id, track.item_id, final=True, form=form)]

    def call(self, response_id: str, call: Call) -> list[ToolCall]:
        """Take a call, once. Raises RemoteProtocolError where another response made one of this id."""
        response_id = response_id or next(reversed(self.open), "")
        if response_id not in self.open or response_id in self._muted:
            return []
        made_by = self._called.get(call.id)
        if made_by is not None and made_by != response_id:
            told = f"call {call.id} of {call.name} was made before: it is left out, for one id has one answer"
            raise RemoteProtocolError(told)
        if made_by is not None:
            return []
        self._called = {**dict([*self._called.items()][1 - _REMEMBERED :]), call.id: response_id}
        return [ToolCall(call, response_id)]

    def close(self, response_id: str) -> list[Event]:
        """End a response: the words that were left open end with it."""
        self.open.pop(response_id, None)
        self._muted.discard(response_id)
        _remember(self._over, response_id)
        mine = [each for each in self.tracks.values() if each.response_id == response_id]
        for item_id in list(self.tracks)[:-_REMEMBERED]:
            del self.tracks[item_id]
        return [event for each in mine for event in self.final(each, "", each.form)]


def _remember(names: dict[str, None], *new: str) -> None:
    names.update(dict.fromkeys(new))
    for old in list(names)[: max(0, len(names) - _REMEMBERED)]:
        del names[old]
