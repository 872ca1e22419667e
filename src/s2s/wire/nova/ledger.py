"""What a server remembers of one stream, so that what it says of it is true."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from msgspec import Struct

from s2s.capabilities import Capabilities
from s2s.formats import AudioFormat
from s2s.state.calls import Calls
from s2s.voice import Voice
from s2s.wire.nova.sentences import Pending, Sentence
from s2s.wire.nova.setups import Setup
from s2s.wire.nova.spelling import Speech, Spelling
from s2s.wire.nova.tally import Tally

_MOST_WITHDRAWN = 256


class Stage(Enum):
    """How far a reply is."""

    SILENT = "nothing of it was told"
    SPEAKING = "it is being told"
    GENERATED = "all of it was told, and the client may still be playing it"
    STOPPING = "it is to stop: nothing more of it is told but how it was cut off"
    CUT = "it was interrupted, and the client knows"


class Completion(Enum):
    """How far the answers to the prompt are."""

    NONE = "there was none"
    OPEN = "they may come"
    OVER = "none comes any more"


class Reply(Struct):
    """A response that is being given."""

    id: str
    stage: Stage = Stage.SILENT
    item_id: str = ""
    """What is being told of it."""
    told_ms: dict[str, float] = {}
    """How much audio of each item was told."""
    speech: Speech | None = None
    """The block of audio that is open."""
    sentences: list[Sentence] = []
    """What of its words was told, and not yet as what was said."""
    calls: int = 0


class Ledger:
    """The reply under way, the calls without an answer, and what was spent."""

    def __init__(self, setup: Setup, session_id: str, new_id: Callable[[], str], most_ms: float) -> None:
        rate_hz = setup.output_rate_hz
        self.contents = setup.contents
        self.spelling = Spelling(session_id, setup.prompt_name, rate_hz, new_id)
        self.voice = Voice(AudioFormat(sample_rate=rate_hz))
        self.pending = Pending(rate_hz, most_ms)
        self.tally = Tally()
        self.capabilities: Capabilities | None = None
        """None until the engine has started."""
        self.completion = Completion.NONE
        self.reply: Reply | None = None
        self.last_id = ""
        """The last reply that came to its end."""
        self.overheard: list[str] = []
        """What the user said, understood only while a reply was being told."""
        self.calls = Calls()
        self._withdrawn: dict[str, None] = {}

    def withdraw(self, call_ids: tuple[str, ...]) -> None:
        """Note calls that the engine does without: the client answers them all the same."""
        for each in self.calls.drop(call_ids):
            self._withdrawn[each] = None
            if len(self._withdrawn) > _MOST_WITHDRAWN:
                del self._withdrawn[next(iter(self._withdrawn))]

    def forgive(self, call_id: str) -> bool:
        """Take the one answer to a call that was withdrawn; tell whether this is one."""
        known = call_id in self._withdrawn
        self._withdrawn.pop(call_id, None)
        return known
