import asyncio
from collections.abc import Callable

from tests.support.stages import silence, speech

from s2s.cli.asking.tooluse import ToolUse
from s2s.cli.talk import talk
from s2s.config import Config
from s2s.events import Event, Interrupted, Transcript, TurnEnd
from s2s.providers.script import Reply, ScriptEngine
from s2s.testing.clock import run

RATE = 24_000
BLOCK = RATE // 50 * 2


class Notes:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def asked(self, name: str, at_ms: float) -> None: ...

    def told(self, event: Event, at_ms: float) -> None:
        self.events.append(event)

    def settled(self, use: ToolUse) -> None: ...


class Ticking:
    """A stream that calls back every 20 ms."""

    def __init__(self, turn: Callable[[Callable[..., None]], None], callback: Callable[..., None]) -> None:
        self._turn = turn
        self._callback = callback
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(0.02, self._tick)

    def stop(self) -> None:
        assert self._timer is not None
        self._timer.cancel()

    def close(self) -> None:
        assert self._timer is not None
        assert self._timer.cancelled()

    def _tick(self) -> None:
        self._turn(self._callback)
        self.start()


class Room:
    """A microphone that hears a script and a loudspeaker that counts, both on the clock of the loop."""

    def __init__(self, heard: bytes) -> None:
        self.heard = heard
        self.played = bytearray()

    def microphone(self, callback: Callable[..., None], **_: object) -> Ticking:
        return Ticking(self._hear, callback)

    def speaker(self, callback: Callable[..., None], **_: object) -> Ticking:
        return Ticking(self._play, callback)

    def _hear(self, callback: Callable[..., None]) -> None:
        block, self.heard = self.heard[:BLOCK].ljust(BLOCK, b"\0"), self.heard[BLOCK:]
        callback(bytearray(block), BLOCK // 2, None, None)

    def _play(self, callback: Callable[..., None]) -> None:
        buffer = bytearray(BLOCK)
        callback(buffer, BLOCK // 2, None, None)
        self.played += buffer


def conversation(room: Room, *replies: Reply, seconds: float = 4, pace: float = 1) -> list[Event]:
    notes = Notes()
    engine = ScriptEngine(Config(extra={"script": replies, "pace": pace}))
    run(talk(engine, notes, room.microphone, room.speaker, seconds), at_most_s=60)
    return notes.events


def said(word: str) -> bytes:
    return speech(word, word_ms=300)


def test_sound_goes_both_ways() -> None:
    room = Room(said("hello"))
    events = conversation(room, Reply(hears="hello", says="good day"))
    assert [each.text for each in events if isinstance(each, Transcript)] == ["hello"]
    assert [each.agent_text for each in events if isinstance(each, TurnEnd)] == ["good day"]
    assert sum(map(bool, room.played)) > RATE * 0.3


def test_an_interruption_silences_the_speaker_and_counts_what_was_played() -> None:
    room = Room(said("hello") + silence(1200) + said("stop"))
    story, short = Reply(hears="hello", says="word " * 20), Reply(hears="stop", says="yes")
    events = conversation(room, story, short, pace=20)
    (cut,) = [each for each in events if isinstance(each, Interrupted)]
    assert 300 < cut.heard_ms < 1500
    before_ms = len(bytes(room.played).strip(b"\0")) * 500 / RATE
    assert before_ms < 4000
