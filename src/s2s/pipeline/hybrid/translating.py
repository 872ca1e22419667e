"""Between what a session says and hears, and what one link does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from s2s.audio.resample import Resampler
from s2s.capabilities import Capabilities
from s2s.commands import AppendAudio, Cancel, Command, CreateResponse, SendToolResult, Truncate
from s2s.events import Event, Origin, ResponseStarted, SpeechStarted, SpeechStopped, Transcript
from s2s.pipeline.hybrid.naming import Naming
from s2s.pipeline.hybrid.owed import Asked, Spoken

_TOLERANCE_MS: Final = 500.0


class Translating:
    """Names, places in the audio, its rate, and what a response that was asked for really answers."""

    def __init__(self, naming: Naming, can: Capabilities, session_rate: int, link_rate: int) -> None:
        self.naming = naming
        self._can = can
        self._resampler = Resampler(session_rate, link_rate)
        self._begins_ms = 0.0
        """Where in all audio the audio of this link begins."""
        self._repeated_ms = 0.0
        """How much of it was heard by another link before."""
        self._expected: deque[Origin] = deque()
        self._again: deque[Spoken] = deque()
        """What the user is heard to say once more."""
        self._doubles: set[tuple[str, str]] = set()

    def begin(self, at_ms: float, repeated_ms: float, again: Iterable[Spoken]) -> None:
        """Hear audio from this place on, of which another link knows the first."""
        self._begins_ms, self._repeated_ms = at_ms, repeated_ms
        self._again = deque(again)
        self._doubles = {(kind, each.item_id) for each in self._again for kind in each.told}

    def asked(self, command: Command | Asked) -> Command | None:
        """Return a command as the link is asked it; None where it does not concern it."""
        owns = self.naming.owns
        match command:
            case AppendAudio(audio=audio):
                heard = self._resampler.push(audio)
                return AppendAudio(heard) if heard else None
            case Asked(origin=origin, command=wanted):
                self._expect(wanted, origin)
                return self.naming.asked(wanted)
            case CreateResponse():
                self._expect(command, "application")
            case Cancel(response_id=str(response_id)) if not owns(response_id):
                return None
            case Cancel(mode="reset") if not self._can.resets:
                return self.naming.asked(Cancel(command.response_id))
            case Truncate(item_id=item_id) if not (self._can.truncate and owns(item_id)):
                return None
            case SendToolResult(call_id=call_id) if not owns(call_id):
                return None
            case _:
                pass
        return self.naming.asked(command)

    def told(self, event: Event) -> Event:
        """Return an event of the link as the session knows it."""
        match event:
            case SpeechStarted(position_ms=at_ms) | SpeechStopped(position_ms=at_ms):
                self._go_on(event.item_id, at_ms)
                return self.naming.told(replace(event, position_ms=at_ms + self._begins_ms))
            case Transcript(item_id=item_id):
                self._go_on(item_id, 0.0)
            case ResponseStarted(origin="application") if self._expected:
                return self.naming.told(replace(event, origin=self._expected.popleft()))
            case _:
                pass
        return self.naming.told(event)

    def doubles(self, event: Event) -> bool:
        """Tell whether the session was told this before, of what is heard once more."""
        match event:
            case SpeechStarted(item_id=item_id) | SpeechStopped(item_id=item_id):
                double = (event.type, item_id) in self._doubles
                self._doubles.discard((event.type, item_id))
                return double
            case _:
                return False

    def _expect(self, command: CreateResponse, origin: Origin) -> None:
        if not command.out_of_band:
            self._expected.append(origin)

    def _go_on(self, item_id: str, at_ms: float) -> None:
        """Have what is heard once more go on as the item that it was."""
        if self._again and at_ms > self._repeated_ms + _TOLERANCE_MS:
            self._again.clear()
        if self._again and not self.naming.knows(item_id):
            self.naming.goes_on(item_id, self._again.popleft().item_id)
