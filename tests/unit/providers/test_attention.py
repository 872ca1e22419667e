import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
from tests.support.links import PlainLink
from tests.support.stages import RATE, LoudVAD, silence, speech

from s2s.capabilities import Capabilities
from s2s.commands import (
    AppendAudio,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    UpdateSession,
)
from s2s.config import Config, TurnDetection
from s2s.engine import Engine
from s2s.errors import ConfigError, ConnectionLostError, LocalProtocolError, S2SError, UnknownProviderError
from s2s.events import AudioOutput, Error, Event, SessionEnded, SpeechStarted, SpeechStopped, Transcript
from s2s.formats import AudioFormat
from s2s.items import JSON
from s2s.links import Link
from s2s.providers.attention import LocalTurns, require_vad
from s2s.session import Session
from s2s.testing import clock
from s2s.wire import Send

MS = RATE * 2 // 1000
LOCAL = TurnDetection(mode="local")
LATE = AudioOutput(bytes(960), 24_000, "r", "i")
KEEPS = Error(LocalProtocolError("what was heard is kept"))


class ManualLink(PlainLink):
    """Tells of speech as a remote engine in manual mode does, by the audio that it was sent alone.

    Speech begins with the first audio after a turn, and only one task may send at a time.
    """

    input_rate = RATE

    def __init__(self, *events: Event | Send, wait_s: float = 0) -> None:
        super().__init__(*events)
        self.wait_s = wait_s
        self.sent_at: list[float] = []
        self.keeps = False
        """Refuses to forget audio."""
        self._ids = itertools.count(1)
        self._speaking = ""
        self._sending = asyncio.Lock()

    async def send(self, command: Command | Send) -> Sequence[Event]:
        assert not self._sending.locked(), "two tasks send at once"
        async with self._sending:
            await asyncio.sleep(self.wait_s)
            self.sent_at.append(asyncio.get_running_loop().time())
            await super().send(command)
            return self._caused(command)

    def _caused(self, command: Command | Send) -> Sequence[Event]:
        item_id, position_ms = self._speaking, len(self.audio) / MS
        match command:
            case AppendAudio() if not item_id:
                self._speaking = f"user_{next(self._ids)}"
                return (SpeechStarted(self._speaking, position_ms),)
            case ClearAudio() if self.keeps:
                return (KEEPS,)
            case CommitAudio() | ClearAudio():
                assert item_id, "there is nothing to commit"
                self._speaking = ""
                return (SpeechStopped(item_id, position_ms),)
            case _:
                return ()

    @property
    def audio(self) -> bytes:
        """All that it was sent."""
        return b"".join(each.audio for each in self.sent if isinstance(each, AppendAudio))

    @property
    def turns(self) -> list[bytes]:
        """What it was sent of each turn; the last one is not over."""
        turns = [b""]
        for each in self.sent:
            match each:
                case AppendAudio(audio=audio):
                    turns[-1] += audio
                case CommitAudio():
                    turns.append(b"")
                case _:
                    pass
        return turns


async def before(inner: Link, turns: TurnDetection = LOCAL) -> LocalTurns:
    return await LocalTurns.listening(inner, turns, LoudVAD())


async def hears(link: LocalTurns, *audio: bytes, chunk_ms: int = 20) -> list[Event]:
    """Send audio in chunks and return what it caused at once."""
    pcm, told = b"".join(audio), list[Event]()
    for at in range(0, len(pcm), chunk_ms * MS):
        told += await link.send(AppendAudio(pcm[at : at + chunk_ms * MS]))
    return told


def test_the_engine_hears_speech_alone_and_that_it_is_over() -> None:
    async def main() -> None:
        inner = ManualLink()
        link = await before(inner)
        await hears(link, silence(3_200), speech("one two", 320), silence(3_200), speech("three", 320))
        assert link.input_rate == RATE
        assert inner.turns == [
            silence(400) + speech("one two", 320) + silence(512),
            silence(400) + speech("three", 320),
        ]

    clock.run(main())


@pytest.mark.parametrize("chunk_ms", [1, 20, 50, 10_000])
def test_positions_are_those_in_the_audio_that_the_application_sends(chunk_ms: int) -> None:
    async def main() -> None:
        link = await before(ManualLink())
        word, pause = speech("word", 320), silence(3_200)
        assert await hears(link, pause, word, pause, word, pause, chunk_ms=chunk_ms) == [
            SpeechStarted("user_1", 3_200),
            SpeechStopped("user_1", 3_520),
            SpeechStarted("user_2", 6_720),
            SpeechStopped("user_2", 7_040),
        ]

    clock.run(main())


def test_an_engine_that_tells_of_it_later_is_put_right_too() -> None:
    async def main() -> None:
        inner = PlainLink()
        inner.input_rate = RATE
        link = await before(inner)
        await hears(link, silence(3_200), speech("one", 320), silence(3_200))
        inner.tell(SpeechStarted("a", 0), SpeechStopped("a", 800), Transcript("one", "a"))
        inner.end()
        assert [each async for each in link][1:] == [
            SpeechStarted("a", 3_200),
            SpeechStopped("a", 3_520),
            Transcript("one", "a"),
        ]

    clock.run(main())


def test_a_commit_takes_the_turn_at_once_and_wants_speech() -> None:
    async def main() -> None:
        inner = ManualLink()
        link = await before(inner)
        await hears(link, silence(320), speech("one", 320))
        assert await link.send(CommitAudio()) == [SpeechStopped("user_1", 640)]
        for _ in range(2):
            (refused,) = await link.send(CommitAudio())
            assert isinstance(refused, Error)
            assert isinstance(refused.error, LocalProtocolError)
            await hears(link, silence(960))
        assert inner.turns == [silence(320) + speech("one", 320), b""]

    clock.run(main())


def test_what_is_cleared_in_silence_is_never_sent() -> None:
    async def main() -> None:
        inner = ManualLink()
        link = await before(inner)
        await hears(link, silence(960))
        assert await link.send(ClearAudio()) == []
        await hears(link, speech("one", 320))
        assert (inner.commands, inner.audio) == ([], speech("one", 320))

    clock.run(main())


def test_what_is_cleared_in_speech_the_engine_forgets_too() -> None:
    async def main() -> None:
        inner = ManualLink()
        link = await before(inner)
        await hears(link, silence(960), speech("one", 320))
        assert await link.send(ClearAudio()) == [SpeechStopped("user_1", 1_280)]
        assert await hears(link, silence(960)) == []
        assert inner.commands == [ClearAudio()]
        assert await hears(link, speech("two", 320)) == [SpeechStarted("user_2", 2_240)]

    clock.run(main())


def test_where_the_engine_refuses_to_forget_the_turn_ends_as_usual() -> None:
    async def main() -> None:
        inner = ManualLink()
        inner.keeps = True
        link = await before(inner)
        await hears(link, speech("one", 320))
        assert await link.send(ClearAudio()) == [KEEPS]
        assert await hears(link, silence(960)) == [SpeechStopped("user_1", 320)]

    clock.run(main())


def test_how_turns_are_found_can_change_and_is_no_concern_of_the_engine() -> None:
    async def main() -> None:
        inner = ManualLink()
        link = await before(inner)
        quick = TurnDetection(mode="local", silence_ms=64, prefix_ms=0)
        assert await link.send(UpdateSession(turn_detection=quick)) == []
        await hears(link, silence(320), speech("one", 320), silence(64))
        assert inner.turns == [speech("one", 320) + silence(64), b""]
        assert inner.commands == [CommitAudio()]

    clock.run(main())


@pytest.mark.parametrize(("creates", "interrupts"), [(False, True), (True, False)])
def test_what_the_engine_does_about_a_turn_is_told_to_it_in_manual_mode(
    creates: bool, interrupts: bool
) -> None:
    async def main() -> None:
        inner = ManualLink()
        link = await before(inner)
        turns = TurnDetection("local", create_response=creates, interrupt_response=interrupts)
        manual = TurnDetection("manual", create_response=creates, interrupt_response=interrupts)
        await link.send(UpdateSession("Be brief.", turn_detection=turns))
        await link.send(UpdateSession("Be long.", turn_detection=turns))
        assert inner.sent == [UpdateSession("Be brief.", turn_detection=manual), UpdateSession("Be long.")]

    clock.run(main())


@pytest.mark.parametrize("mode", ["server", "semantic", "manual"])
def test_who_finds_the_turns_cannot_change_but_all_else_can(mode: str) -> None:
    async def main() -> None:
        inner = ManualLink()
        link = await before(inner)
        turns = TurnDetection(mode=mode)  # type: ignore[arg-type]
        (refused,) = await link.send(UpdateSession("Be brief.", turn_detection=turns))
        assert isinstance(refused, Error)
        assert isinstance(refused.error, LocalProtocolError)
        assert "start another session" in str(refused.error)
        assert len(await link.send(UpdateSession(turn_detection=turns))) == 1
        assert inner.sent == [UpdateSession("Be brief.")]
        await hears(link, speech("one"), silence(960))
        assert inner.commands[1:] == [CommitAudio()]

    clock.run(main())


def test_all_else_is_passed_on_and_what_it_causes_is_told() -> None:
    async def main() -> None:
        inner = PlainLink()
        inner.answers = lambda _: (LATE,)
        link = await before(inner)
        asked: list[Command | Send] = [
            CreateResponse(),
            Cancel("r"),
            UpdateSession(voice="tenor"),
            Send(b"pong"),
        ]
        assert [await link.send(each) for each in asked] == [[LATE]] * 4
        assert inner.sent == asked

    clock.run(main())


def test_others_run_while_long_audio_is_judged() -> None:
    async def main() -> None:
        link = await before(ManualLink())
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        await link.send(AppendAudio(silence(9_600)))
        counting.cancel()
        assert turns >= 99

    clock.run(main())


class Attentive(Engine):
    """Opens a link with our ears in front of it."""

    name: ClassVar[str] = "attentive"

    def __init__(self, inner: Callable[[], PlainLink]) -> None:
        heard = AudioFormat(sample_rate=RATE)
        super().__init__(Config(input_format=heard, turn_detection="local"))
        self._inner = inner

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(input_rates=(RATE,), turn_detection=("local",))

    async def open(self, config: Config) -> Link:
        return await LocalTurns.listening(self._inner(), config.turns, LoudVAD())


@asynccontextmanager
async def attended(inner: PlainLink, events: list[Event]) -> AsyncIterator[Session]:
    """Start a session and keep what it tells."""

    async def listen(session: Session) -> None:
        events.extend([event async for event in session])

    async with Attentive(lambda: inner).start() as session:
        listening = asyncio.create_task(listen(session))
        try:
            yield session
        finally:
            await session.close()
            await listening


async def speaks(session: Session, *audio: bytes) -> None:
    """Send audio in real time."""
    pcm = b"".join(audio)
    for at in range(0, len(pcm), 20 * MS):
        await session.send_audio(pcm[at : at + 20 * MS])
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("waits_s", [0.0, 0.7, 1.4, 100.0])
def test_a_microphone_that_is_closed_in_the_middle_of_speech_ends_the_turn(waits_s: float) -> None:
    async def main() -> None:
        inner, events = ManualLink(), list[Event]()
        async with attended(inner, events) as session:
            await asyncio.sleep(waits_s)
            await speaks(session, silence(320), speech("one", 320))
            await asyncio.sleep(5)
        assert inner.commands == [CommitAudio()]
        assert inner.sent_at[-1] == pytest.approx(waits_s + 0.62 + 1.5, abs=0.001)
        assert [each for each in events if isinstance(each, SpeechStopped)] == [SpeechStopped("user_1", 640)]

    clock.run(main())


def test_an_engine_that_talks_meanwhile_changes_nothing_of_that() -> None:
    async def main() -> None:
        inner, events = ManualLink(), list[Event]()
        async with attended(inner, events) as session:
            await speaks(session, speech("one", 320))
            for _ in range(300):
                inner.tell(Transcript("one", "user_1"))
                await asyncio.sleep(0.01)
        assert inner.commands == [CommitAudio()]
        assert inner.sent_at[-1] == pytest.approx(0.3 + 1.5, abs=0.011)

    clock.run(main())


@pytest.mark.parametrize("last", [silence(960), b""])
def test_nothing_ends_while_audio_comes_or_nobody_speaks(last: bytes) -> None:
    async def main() -> None:
        inner, events = ManualLink(), list[Event]()
        async with attended(inner, events) as session:
            await speaks(session, silence(960), speech("word " * 60), last)
            assert inner.commands == ([CommitAudio()] if last else [])
            inner.sent.clear()
            await asyncio.sleep(0 if not last else 60)
            assert inner.sent == []

    clock.run(main())


def test_a_slow_engine_ends_no_turn_while_audio_comes() -> None:
    async def main() -> None:
        inner, events = ManualLink(), list[Event]()
        async with attended(inner, events) as session:
            await speaks(session, speech("one", 320))
            inner.wait_s = 6
            await session.send_audio(speech("one", 20))
            await asyncio.sleep(0.01)
            inner.wait_s = 0
            await speaks(session, speech("word " * 40))
            assert inner.commands == []
            inner.wait_s = 6
            await session.send_audio(speech("one", 20))
            await asyncio.sleep(60)
        assert inner.commands == [CommitAudio()]

    clock.run(main())


def test_the_end_and_the_error_of_an_engine_are_those_of_the_link() -> None:
    async def main() -> None:
        for cause in (None, ConnectionLostError("the cable")):
            inner, events = ManualLink(), list[Event]()
            async with attended(inner, events) as session:
                await speaks(session, speech("one"))
                inner.end(cause)
                await asyncio.sleep(1)
            ended = SessionEnded("ended_by_engine" if cause is None else "failed")
            assert (events[-1], inner.closed) == (ended, 1)
            assert [each.error for each in events if isinstance(each, Error)] == ([cause] if cause else [])

    clock.run(main())


class Attended(LoudVAD):
    """Hears of sessions, and cannot be loaded where it `fails`."""

    def __init__(self, fails: bool = False) -> None:
        self.log: list[str] = []
        self._fails = fails

    async def warm(self) -> None:
        self.log.append("warm")
        if self._fails:
            raise ConfigError("no model")

    async def session_opened(self) -> None:
        self.log.append("opened")

    async def session_closed(self) -> None:
        self.log.append("closed")


def test_the_detector_is_loaded_first_and_let_go_of_once() -> None:
    async def main() -> None:
        vad, inner = Attended(), ManualLink()
        link = await LocalTurns.listening(inner, LOCAL, vad)
        assert (vad.log, inner.closed) == (["opened", "warm"], 0)
        await link.close()
        await link.close()
        assert (vad.log, inner.closed) == (["opened", "warm", "closed"], 1)

    clock.run(main())


@pytest.mark.parametrize(
    ("vad", "rate", "wrong"),
    [
        (Attended(fails=True), RATE, "no model"),
        ("dog", RATE, "no voice activity detector named 'dog'"),
        (LoudVAD(), 1, "sample_rate"),
    ],
)
def test_where_nobody_can_listen_the_link_is_closed(vad: JSON, rate: int, wrong: str) -> None:
    async def main() -> None:
        inner = ManualLink()
        inner.input_rate = rate
        with pytest.raises(S2SError, match=wrong):
            await LocalTurns.listening(inner, LOCAL, vad)
        assert inner.closed == 1
        if isinstance(vad, Attended):
            assert vad.log == ["opened", "warm", "closed"]

    clock.run(main())


def test_a_detector_is_a_name_or_something_that_detects() -> None:
    require_vad(LoudVAD())
    with pytest.raises(UnknownProviderError, match="silero"):
        require_vad("dog")
    with pytest.raises(ConfigError, match=r"int is no voice activity detector.*silero"):
        require_vad(7)


@pytest.mark.parametrize("missing", ["onnxruntime", "s2s.providers.local.silero"])
def test_what_is_missing_for_the_usual_detector_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from s2s.providers.local.seats import SEATS

    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(SEATS["vad"]._factories, "silero", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[local\]'"):
        require_vad()


@pytest.mark.local
@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_people_are_heard_as_one_turn_each(rate: int) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("whisper_normalizer")
    from tests.support.models import TRANSCRIPTS, recording, resampled, room, run, transcribed, word_errors

    async def main() -> None:
        require_vad()
        inner = ManualLink()
        inner.input_rate = rate
        link = await LocalTurns.listening(inner, LOCAL)
        speakers = [name for name in TRANSCRIPTS if name.startswith("cards")]
        audio = resampled(b"".join(room(2_000) + recording(each) for each in speakers), RATE, rate)
        told = await hears(link, audio, resampled(room(2_000), RATE, rate))
        *turns, rest = inner.turns
        assert (len(turns), rest) == (len(speakers), b"")
        began = [each.position_ms for each in told if isinstance(each, SpeechStarted)]
        stopped = [each.position_ms for each in told if isinstance(each, SpeechStopped)]
        at_ms = 0.0
        for name, start_ms, stop_ms in zip(speakers, began, stopped, strict=True):
            at_ms += 2_000
            length_ms = len(recording(name)) / MS
            assert at_ms - 100 < start_ms < stop_ms < at_ms + length_ms + 100
            at_ms += length_ms
        assert len(inner.audio) < 0.7 * len(audio)
        heard = [await asyncio.to_thread(transcribed, each, rate) for each in turns]
        assert word_errors([TRANSCRIPTS[each] for each in speakers], heard) <= 0.1

    run(main())
