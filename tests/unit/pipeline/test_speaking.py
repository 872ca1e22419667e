from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from s2s.capabilities import Capabilities
from s2s.commands import AddItem, AppendAudio, AppendImage, Cancel, CreateResponse
from s2s.config import Config, Limits
from s2s.errors import (
    BacklogError,
    ConfigError,
    ConnectError,
    HookError,
    LocalProtocolError,
    SessionClosedError,
    UnknownProviderError,
    UnsupportedError,
)
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    IdleTimeout,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionEnded,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TurnEnd,
)
from s2s.formats import AudioFormat
from s2s.hooks import Hooks
from s2s.items import JSON, Message, ToolResult
from s2s.links import Link
from s2s.pipeline import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    Frames,
    ImageFrame,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
    chain,
)
from s2s.pipeline.speaking import S2SProcessor, as_frame_processor
from s2s.pipeline.telling import frames_of
from s2s.providers.script import Reply, tone
from s2s.testing.clock import run
from s2s.testing.conformance import Ask, Subject
from s2s.tools import tool
from tests.conformance.subjects import GEMINI, NOVA, NOVA_V1, SIMULATED
from tests.support.frames import Source, collected, others, through
from tests.support.links import KeptScript, PlainEngine, PlainLink, SilentLink, said
from tests.support.sessions import CALL, LOST, loud, script

F = TypeVar("F", bound=Frame)
E = TypeVar("E", bound=Event)
START, STOP, CUT = ControlFrame("start"), ControlFrame("stop"), ControlFrame("interrupt")
DAY = Reply(says="Good day", hears="Hello there")
STORY = Reply(says="word " * 60)
HEARD: list[Frame] = [AudioFrame(loud(20)) for _ in range(20)]


def of(kind: type[F], frames: Iterable[Frame]) -> list[F]:
    return [each for each in frames if isinstance(each, kind)]


def events(kind: type[E], frames: Iterable[Frame]) -> list[E]:
    return [each.event for each in of(EventFrame, frames) if isinstance(each.event, kind)]


def signals(frames: Iterable[Frame]) -> list[str]:
    return [f"{each.role} {each.signal}" for each in of(ControlFrame, frames)]


def answer(frames: Iterable[Frame]) -> str:
    return "".join(each.text for each in of(TextFrame, frames) if each.role == "assistant")


def stream(processor: S2SProcessor, frames: Iterable[Frame]) -> AsyncGenerator[Frame, None]:
    return processor.process(Source(frames).frames())


def made(processor: S2SProcessor, *frames: Frame) -> list[Frame]:
    """Return what becomes of these frames."""
    return run(collected(stream(processor, frames)))


class Line:
    """A source that says what a test gives it, as it is given."""

    def __init__(self) -> None:
        self._given: asyncio.Queue[Frame] = asyncio.Queue()

    def say(self, *frames: Frame) -> None:
        for frame in frames:
            self._given.put_nowait(frame)

    async def frames(self) -> AsyncGenerator[Frame, None]:
        while True:
            yield await self._given.get()


class Sink:
    """Takes frames, and as much time for audio as it sounds, times `slow`."""

    def __init__(self, frames: Frames, slow: float = 1.0) -> None:
        self.taken: list[Frame] = []
        self.times: list[float] = []
        self._frames = frames
        self._slow = slow

    async def run(self) -> None:
        async for frame in self._frames:
            self.taken.append(frame)
            self.times.append(asyncio.get_running_loop().time())
            if isinstance(frame, AudioFrame):
                await asyncio.sleep(self._slow * frame.duration_ms / 1000)

    def since(self, at_s: float) -> list[Frame]:
        """Return what was taken from this time on."""
        return [each for each, at in zip(self.taken, self.times, strict=True) if at >= at_s]


class Watched(KeptScript):
    """The script engine, and how its sessions were started."""

    started: list[Config] = []

    async def open(self, config: Config) -> Link:
        self.started = [*self.started, config]
        return await super().open(config)


def watched(*replies: Reply, pace: float = 0) -> Watched:
    return Watched(Config(extra={"script": list(replies), "pace": pace}))


def test_a_spoken_question_is_answered() -> None:
    frames = made(as_frame_processor(script(DAY)), START, *HEARD, STOP)
    assert frames[0] == START
    assert frames[-1] == STOP
    assert signals(frames[1:-1]) == [
        "user start_of_utterance",
        "user end_of_utterance",
        "assistant end_of_utterance",
    ]
    assert [each.text for each in of(TextFrame, frames) if each.role == "user"] == ["Hello there"]
    assert answer(frames) == "Good day"
    assert b"".join(each.audio for each in of(AudioFrame, frames)) == tone("Good") + tone("day")
    assert [each.position_ms for each in of(AudioFrame, frames)] == [0, 200]
    assert len(events(TurnEnd, frames)) == 1
    assert frames[-2] == EventFrame(SessionEnded("closed"))


def test_a_written_question_is_answered() -> None:
    frames = made(as_frame_processor(script(DAY)), TextFrame("Hello"))
    assert answer(frames) == "Good day"
    assert frames[-1] == EventFrame(SessionEnded("closed"))


def test_every_event_is_told_in_order_as_its_frames_and_to_the_callback() -> None:
    told: list[Event] = []
    frames = made(as_frame_processor(script(DAY), on_event=told.append), *HEARD, TextFrame("More"))
    assert frames == [frame for event in told for frame in frames_of(event)]


def test_nothing_is_opened_before_it_is_needed() -> None:
    async def main() -> None:
        engine = watched(DAY)
        source = Source([TextFrame("Hel", final=False), TextFrame("Hello")])
        async with aclosing(as_frame_processor(engine).process(source.frames())) as frames:
            await asyncio.sleep(1)
            assert source.asked == 0
            assert engine.started == []
            await anext(frames)
            assert len(engine.started) == 1

    run(main())


@pytest.mark.parametrize("frames", [[], [STOP]])
def test_who_says_nothing_needs_no_session(frames: list[Frame]) -> None:
    engine = watched(DAY)
    assert made(as_frame_processor(engine), *frames) == frames
    assert engine.started == []


def test_the_session_hears_at_the_rate_of_the_first_frame() -> None:
    engine = watched()
    made(as_frame_processor(engine), AudioFrame(bytes(320), 8_000), AudioFrame(bytes(1280), 16_000, 2))
    made(as_frame_processor(engine), START, AudioFrame(bytes(320), 8_000))
    made(as_frame_processor(engine, sample_rate=16_000), AudioFrame(bytes(320), 8_000))
    wished = AudioFormat(sample_rate=48_000)
    made(as_frame_processor(engine, input_format=wished), AudioFrame(bytes(320), 8_000))
    assert [each.heard.sample_rate for each in engine.started] == [8_000, 24_000, 16_000, 48_000]


def test_a_first_frame_that_is_no_audio_is_told_and_the_engine_hears_the_next() -> None:
    frames = made(as_frame_processor(script(DAY)), AudioFrame(b"\1\0", 7), *HEARD)
    assert [type(each.error).__name__ for each in events(Error, frames)] == ["AudioFormatError"]
    assert answer(frames) == "Good day"


def speaking_at(rate: int) -> PlainEngine:
    """Return an engine that says 100 ms at its own rate, whatever it is asked."""
    link = PlainLink()
    events = (ResponseStarted("r"), AudioOutput(bytes(rate // 5), rate, "r", "i"), ResponseDone("r"))
    link.answers = lambda told: events if isinstance(told, CreateResponse) else ()
    return PlainEngine(lambda: link, Capabilities(output_rates=(rate, 24_000)))


def test_audio_comes_at_the_true_rate_of_the_engine() -> None:
    (frame,) = of(AudioFrame, made(as_frame_processor(speaking_at(16_000)), TextFrame("Hello")))
    assert (frame.sample_rate, frame.channels, frame.audio) == (16_000, 1, bytes(3_200))


@pytest.mark.parametrize(
    "wishes", [{"sample_rate": 48_000}, {"output_format": AudioFormat(sample_rate=48_000)}]
)
def test_audio_comes_at_another_rate_where_that_is_asked_for(wishes: dict[str, JSON]) -> None:
    frames = of(AudioFrame, made(as_frame_processor(speaking_at(16_000), **wishes), TextFrame("Hello")))
    assert {each.sample_rate for each in frames} == {48_000}
    assert sum(each.duration_ms for each in frames) == pytest.approx(100, abs=1)


def test_an_engine_can_be_named() -> None:
    processor = as_frame_processor("script", extra={"script": [DAY]}, voice="alto")
    assert processor.engine.name == "script"
    assert processor.capabilities == processor.engine.capabilities
    assert answer(made(processor, TextFrame("Hello"))) == "Good day"


@pytest.mark.parametrize(
    ("engine", "overrides", "why"),
    [
        ("scirpt", {}, "there is no engine named 'scirpt'"),
        (object(), {}, "is no engine: give one that s2s.new"),
        (PlainEngine, {}, "PlainEngine'> is no engine: give one that s2s.new"),
        ("script", {"voise": "alto"}, "Config has no field voise"),
        ("script", {"output_format": AudioFormat(channels=2)}, "engines speak mono"),
        ("script", {"input_format": AudioFormat("g711_ulaw", 8_000)}, "frames hold PCM16"),
    ],
)
def test_what_cannot_be_started_is_refused_at_once(engine: str, overrides: dict[str, JSON], why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        as_frame_processor(engine, **overrides)
    assert isinstance(refused.value, UnknownProviderError) == (engine == "scirpt")


def interrupted_by(cut: Frame | None, pace: float, slow: float) -> tuple[list[Frame], list[Frame]]:
    """Return what a sink takes from the moment on at which a story is interrupted, and all that it takes."""

    async def main() -> tuple[list[Frame], list[Frame]]:
        line = Line()
        processor = as_frame_processor(watched(STORY, DAY, pace=pace))
        async with aclosing(processor.process(line.frames())) as frames:
            sink = Sink(frames, slow)
            taking = asyncio.create_task(sink.run())
            line.say(TextFrame("Tell me a story."))
            await asyncio.sleep(1.05)
            at_s = asyncio.get_running_loop().time()
            line.say(*([cut] if cut else [AudioFrame(loud(20)), *[AudioFrame(bytes(960))] * 20]))
            if cut:
                line.say(TextFrame("Hello."))
            await asyncio.sleep(4)
            taking.cancel()
            await asyncio.wait([taking])
        return sink.since(at_s), sink.taken

    return run(main())


@pytest.mark.parametrize("cut", [CUT, CommandFrame(Cancel()), None], ids=["signal", "command", "by voice"])
@pytest.mark.parametrize(
    ("pace", "slow"), [(0.0, 1.0), (0.0, 3.0), (1.0, 0.0), (1.0, 1.0), (1.0, 3.0), (5.0, 0.0), (5.0, 1.0)]
)
def test_an_interruption_stops_the_output_within_one_frame(
    cut: Frame | None, pace: float, slow: float
) -> None:
    frames, taken = interrupted_by(cut, pace, slow)
    at = next(n for n, each in enumerate(frames) if isinstance(each, ControlFrame) and says_cut(each))
    assert len(of(AudioFrame, frames[:at])) <= 1
    assert signals(taken).count("assistant interrupt") == 1
    assert [each.audio for each in of(AudioFrame, frames[at:])] == [tone("Good"), tone("day")]
    assert of(AudioFrame, taken)[0].audio == tone("word")


def says_cut(frame: Frame) -> bool:
    return isinstance(frame, ControlFrame) and frame.signal == "interrupt"


def test_an_interruption_says_what_was_heard() -> None:
    _, taken = interrupted_by(CUT, 1.0, 1.0)
    (frame,) = filter(says_cut, taken)
    first = of(AudioFrame, taken)[0]
    assert isinstance(frame, ControlFrame)
    assert frame.response_id == first.response_id
    assert frame.item_id == first.item_id
    assert 800 <= frame.position_ms <= 1_200
    assert frame.metadata == {"cause": "application", "confirmation": "server_confirmed"}


def test_where_nothing_was_under_way_sinks_are_told_to_be_silent_all_the_same() -> None:
    mine = ControlFrame("interrupt", metadata={"mine": 1})
    frames = made(as_frame_processor(script(DAY)), mine, TextFrame("Hello"))
    assert list(filter(says_cut, frames)) == [mine]
    assert answer(frames) == "Good day"


def failing(cause: Exception | None, *told: Event) -> tuple[S2SProcessor, PlainLink]:
    link = PlainLink(*told)
    link.end(cause)
    return as_frame_processor(PlainEngine(lambda: link)), link


async def silent() -> AsyncGenerator[Frame, None]:
    """Nobody says anything any more."""
    yield START
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "say", [lambda: silent(), lambda: Source(HEARD * 10).frames()], ids=["silent", "speaks"]
)
def test_a_failure_of_the_engine_ends_the_stream_with_its_error(say: Callable[[], Frames]) -> None:
    async def main() -> None:
        processor, link = failing(LOST, *said("r", "Good"))
        sink = Sink(processor.process(say()))
        with pytest.raises(type(LOST)) as ended:
            await sink.run()
        taken = sink.taken
        assert ended.value is LOST
        assert answer(taken) == "Good"
        assert [each.status for each in events(ResponseDone, taken)] == ["failed"]
        assert taken[-1] == EventFrame(SessionEnded("failed"))
        assert events(Error, taken) == []
        assert link.closed == 1
        assert processor.sessions == ()
        assert others() == set()

    run(main())


def test_an_engine_that_cannot_be_reached_ends_the_stream_with_its_error() -> None:
    engine = PlainEngine(SilentLink, config=Config(limits=Limits(connect_s=2)))
    with pytest.raises(ConnectError, match="the engine was not ready within 2 s"):
        made(as_frame_processor(engine), START)


def test_a_session_that_is_refused_ends_the_stream_with_the_reason() -> None:
    engine = PlainEngine(capabilities=Capabilities(turn_detection=("server",)))
    with pytest.raises(UnsupportedError, match="has no turn detection 'manual'"):
        made(as_frame_processor(engine, turn_detection="manual"), START)


def test_an_engine_that_ends_the_session_ends_the_stream() -> None:
    async def main() -> list[Frame]:
        return await collected(failing(None)[0].process(silent()))

    assert run(main())[-1] == EventFrame(SessionEnded("ended_by_engine"))


def test_an_error_that_a_hook_has_swallowed_stays_so() -> None:
    async def main() -> list[Frame]:
        link = PlainLink()
        link.end(LOST)
        processor = as_frame_processor(PlainEngine(lambda: link), hooks=Hooks(on_error=lambda _: None))
        return await collected(processor.process(silent()))

    assert run(main())[-1] == EventFrame(SessionEnded("failed"))


def test_an_error_of_the_source_ends_the_stream_as_it_is_once_the_session_is_closed() -> None:
    async def main() -> None:
        engine = watched(STORY, pace=1)
        processor = as_frame_processor(engine)
        gone = LookupError("the microphone")
        with pytest.raises(LookupError) as ended:
            await collected(processor.process(Source([TextFrame("Hello")], then=gone).frames()))
        assert ended.value is gone
        assert processor.sessions == ()
        assert others() == set()

    run(main())


def test_a_closed_session_upstream_is_an_error_of_the_source() -> None:
    source = Source(HEARD, then=SessionClosedError("upstream"))
    with pytest.raises(SessionClosedError, match="upstream"):
        run(collected(as_frame_processor(script()).process(source.frames())))


class Town:
    """Shows a city when it is asked for one."""

    def look_up(self, city: str) -> str:
        """Tell about a city."""
        return f"{city} is a town."


ALL_SORTS: list[Frame] = [START, *HEARD, TextFrame("Hello"), CUT, EventFrame(SessionEnded("closed")), STOP]


@given(st.integers(1, 40), st.sampled_from([0.0, 1.0]), st.booleans())
def test_closing_after_any_frame_leaves_no_task_and_no_session(most: int, pace: float, chained: bool) -> None:
    async def main() -> int:
        wanted = replace(DAY, calls=(CALL,))
        processor = as_frame_processor(script(wanted, DAY, pace=pace), tools=[Town().look_up])
        frames = (chain(processor) if chained else processor).process(Source(ALL_SORTS).frames())
        n = 0
        async with aclosing(frames):
            async for n, _ in enumerated(frames):
                if n == most:
                    assert len(processor.sessions) <= 1
                    break
        assert processor.sessions == ()
        assert others() == set()
        return n

    assert 1 <= run(main()) <= most


async def enumerated(frames: Frames) -> AsyncGenerator[tuple[int, Frame], None]:
    n = 0
    async for frame in frames:
        n += 1
        yield n, frame


@given(st.floats(0, 3))
def test_cancelling_the_reader_at_any_time_leaves_no_task_and_no_session(after_s: float) -> None:
    async def main() -> None:
        processor = as_frame_processor(script(STORY, pace=1))
        line = Line()
        line.say(TextFrame("Tell me a story."))
        reading = asyncio.create_task(collected(processor.process(line.frames())))
        await asyncio.sleep(after_s)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        assert processor.sessions == ()
        assert others() == set()

    run(main())


def test_closing_while_the_session_opens_leaves_nothing() -> None:
    async def main() -> None:
        processor = as_frame_processor(PlainEngine(SilentLink))
        frames = stream(processor, [START])
        reading = asyncio.create_task(anext(frames))
        await asyncio.sleep(1)
        reading.cancel()
        await asyncio.wait([reading])
        await frames.aclose()
        assert others() == set()

    run(main())


CALLS = (Reply(says="Wait.", calls=(CALL,)), Reply(says="It is a city."))


def test_a_tool_call_is_answered_by_whoever_reads_the_frames() -> None:
    async def main() -> None:
        line = Line()
        line.say(TextFrame("Look up Bonn."))
        taken: list[Frame] = []
        async with aclosing(as_frame_processor(script(*CALLS)).process(line.frames())) as frames:
            async for frame in frames:
                taken.append(frame)
                if isinstance(frame, ToolCallFrame):
                    assert not frame.runs_here
                    line.say(ToolResultFrame(ToolResult(frame.call.id, "A city.")), STOP)
        assert answer(taken) == "Wait.It is a city."
        assert taken[-1] == STOP

    run(main())


def test_a_tool_that_runs_here_is_waited_for_at_the_end_of_the_input() -> None:
    async def look_up(city: str) -> str:
        await asyncio.sleep(80)
        return f"{city} is a city."

    slow = tool(look_up, timeout_s=100)
    frames = made(as_frame_processor(script(*CALLS), tools=[slow]), TextFrame("Look up Bonn."), STOP)
    assert [each.runs_here for each in of(ToolCallFrame, frames)] == [True]
    assert answer(frames) == "Wait.It is a city."


def test_a_call_that_nobody_is_left_to_answer_ends_the_stream_with_the_input() -> None:
    async def main() -> float:
        frames = await collected(
            stream(as_frame_processor(script(*CALLS)), [TextFrame("Look up Bonn."), STOP])
        )
        assert answer(frames) == "Wait."
        assert len(of(ToolCallFrame, frames)) == 1
        return asyncio.get_running_loop().time()

    assert run(main()) == 0


def test_an_image_gets_to_an_engine_that_sees_and_not_to_another() -> None:
    blind = made(as_frame_processor(script(DAY)), ImageFrame(b"jpeg"), TextFrame("What is this?"))
    assert [type(each.error) for each in events(Error, blind)] == [UnsupportedError]
    assert answer(blind) == "Good day"
    link = PlainLink()
    sees = PlainEngine(lambda: link, Capabilities(images=True))
    assert events(Error, made(as_frame_processor(sees), ImageFrame(b"jpeg", "image/jpeg"))) == []
    assert link.commands == [AppendImage(b"jpeg", "image/jpeg")]


@pytest.mark.parametrize("last", [[], [STOP]])
def test_a_recording_that_ends_with_the_last_word_is_answered(last: list[Frame]) -> None:
    frames = made(as_frame_processor(script(DAY, pace=1)), *HEARD, *last)
    assert answer(frames) == "Good day"
    assert [*frames[-1:]] == (last or [EventFrame(SessionEnded("closed"))])


def test_two_questions_are_both_answered_before_the_end() -> None:
    frames = made(as_frame_processor(script(DAY, DAY, pace=1)), TextFrame("Hello"), TextFrame("Again"), STOP)
    assert answer(frames) == "Good day" * 2


def test_without_turn_detection_what_was_not_committed_is_committed_at_the_end() -> None:
    frames = made(as_frame_processor(script(DAY), turn_detection="manual"), *HEARD, STOP)
    assert signals(frames)[0] == "user end_of_utterance"
    assert answer(frames) == "Good day"


def test_without_turn_detection_a_mark_commits_and_comes_out_once() -> None:
    end = ControlFrame("end_of_utterance")
    frames = made(as_frame_processor(script(DAY, STORY), turn_detection="manual"), *HEARD, end, STOP)
    assert signals(frames) == ["user end_of_utterance", "assistant end_of_utterance", "user stop"]
    assert answer(frames) == "Good day"


def test_marks_from_upstream_do_not_come_out_twice() -> None:
    start, end = ControlFrame("start_of_utterance"), ControlFrame("end_of_utterance")
    frames = made(as_frame_processor(script(DAY)), HEARD[0], start, *HEARD, end)
    assert signals(frames) == [
        "user start_of_utterance",
        "user end_of_utterance",
        "assistant end_of_utterance",
    ]


def lasting(
    link: Callable[[], PlainLink], frames: list[Frame], *, linger_s: float = 5.0
) -> tuple[str, float]:
    """Return what is answered, and how long it takes until the stream ends."""

    async def main() -> tuple[str, float]:
        opened = link()
        processor = as_frame_processor(PlainEngine(lambda: opened), linger_s=linger_s)
        taken = await collected(stream(processor, [*frames, STOP]))
        assert taken[-1] == STOP
        return answer(taken), asyncio.get_running_loop().time()

    return run(main())


def late(link: PlainLink, after_s: float, answer_s: float | None = None) -> PlainLink:
    """Have a link notice speech only so long after it was sent, and take as long to answer, or longer."""
    told: list[bool] = []

    def notice(command: object) -> Sequence[Event]:
        if isinstance(command, AppendAudio) and not told:
            told.append(True)
            loop = asyncio.get_running_loop()
            loop.call_later(after_s, link.tell, SpeechStarted("u", 0), SpeechStopped("u", 20))
            loop.call_later(
                answer_s or 2 * after_s, partial(link.tell, *said("r", "Good"), ResponseDone("r"))
            )
        return ()

    link.answers = notice
    return link


def refusing(link: PlainLink) -> PlainLink:
    wrong = Error(LocalProtocolError("not now"))
    link.answers = lambda told: (wrong,) if isinstance(told, CreateResponse) else ()
    return link


def test_an_engine_that_is_slow_to_notice_speech_is_waited_for() -> None:
    assert lasting(lambda: late(PlainLink(), 4), HEARD) == ("Good", 8.0)
    assert lasting(lambda: late(PlainLink(), 4), HEARD, linger_s=1) == ("", 1.0)


def test_an_engine_that_is_slow_to_answer_is_waited_for() -> None:
    assert lasting(lambda: late(PlainLink(SpeechStarted("u", 0)), 30), HEARD) == ("Good", 60.0)


def test_nothing_is_waited_for_for_ever() -> None:
    assert lasting(PlainLink, HEARD) == ("", 5.0)
    assert lasting(PlainLink, HEARD, linger_s=0) == ("", 0.0)
    assert lasting(PlainLink, [TextFrame("Hello")]) == ("", 60.0)
    assert lasting(PlainLink, [TextFrame("Hello")], linger_s=90) == ("", 90.0)
    assert lasting(lambda: refusing(PlainLink()), [TextFrame("Hello")]) == ("", 5.0)
    assert lasting(PlainLink, [TextFrame("Hello"), CUT]) == ("", 0.0)


def test_time_in_which_nobody_takes_frames_does_not_count() -> None:
    async def main() -> None:
        link = late(PlainLink(), 1, 100)
        taken: list[Frame] = []
        async for frame in stream(as_frame_processor(PlainEngine(lambda: link)), [*HEARD, STOP]):
            taken.append(frame)
            await asyncio.sleep(200)
        assert answer(taken) == "Good"
        assert taken[-1] == STOP

    run(main(), at_most_s=36_000)


def test_an_answer_that_nobody_asked_for_is_finished_too() -> None:
    async def main() -> None:
        link = PlainLink(*said("r", "Good"))
        asyncio.get_running_loop().call_later(10, link.tell, ResponseDone("r"))
        frames = await collected(stream(as_frame_processor(PlainEngine(lambda: link)), [START, STOP]))
        assert [each.status for each in events(ResponseDone, frames)] == ["completed"]

    run(main())


def test_a_response_that_ends_when_it_was_played_is_waited_for() -> None:
    async def main() -> None:
        spoken = AudioOutput(bytes(48_000 * 90), 24_000, "r", "i")
        link = PlainLink(ResponseStarted("r"), spoken, ResponseGenerated("r"))
        asyncio.get_running_loop().call_later(91, link.tell, ResponseDone("r"))
        frames = await collected(stream(as_frame_processor(PlainEngine(lambda: link)), [START, STOP]))
        assert [each.status for each in events(ResponseDone, frames)] == ["completed"]

    run(main())


def test_what_nobody_has_taken_is_taken_back_when_an_interruption_comes() -> None:
    async def main() -> None:
        line = Line()
        line.say(START)
        link = PlainLink(*said("r", "Good"), ResponseDone("r"))
        taken: list[Frame] = []
        async with aclosing(as_frame_processor(PlainEngine(lambda: link)).process(line.frames())) as frames:
            async for frame in frames:
                taken.append(frame)
                if isinstance(frame, TextFrame):
                    await asyncio.sleep(5)
                    line.say(CUT, STOP)
                    await asyncio.sleep(5)
        assert of(AudioFrame, taken) == []
        assert taken.count(CUT) == 1

    run(main())


def test_a_source_is_not_asked_on_once_the_engine_is_gone() -> None:
    async def main() -> None:
        processor, link = failing(LOST)
        source = Source(HEARD * 50)
        frames = processor.process(source.frames())
        await anext(frames)
        await asyncio.sleep(60)
        assert link.closed == 1
        assert source.asked < len(HEARD)
        with pytest.raises(type(LOST)):
            await collected(frames)

    run(main())


def watching(on_event: Callable[[Event], object], **overrides: JSON) -> list[Frame]:
    return made(as_frame_processor(script(DAY), on_event=on_event, **overrides), TextFrame("Hello"))


def test_the_callback_may_be_a_coroutine_function_and_is_called_in_order() -> None:
    told: list[Event] = []

    async def note(event: Event) -> None:
        await asyncio.sleep(1)
        told.append(event)

    assert watching(note) == [frame for event in told for frame in frames_of(event)]
    assert isinstance(told[0], SessionStarted)
    assert isinstance(told[-1], SessionEnded)


def test_a_callback_that_fails_is_told_and_the_stream_goes_on() -> None:
    def fail(event: Event) -> None:
        if isinstance(event, TurnEnd):
            raise ZeroDivisionError("by me")

    frames = watching(fail)
    (told,) = events(Error, frames)
    assert isinstance(told.error, HookError)
    assert "on_event raised ZeroDivisionError: by me; the conversation goes on without it" in str(told.error)
    assert answer(frames) == "Good day"


def test_a_callback_that_takes_too_long_is_told_and_the_stream_goes_on() -> None:
    async def stay(event: Event) -> None:
        if isinstance(event, TurnEnd):
            await asyncio.Event().wait()

    frames = watching(stay, limits=Limits(hook_s=2))
    (told,) = events(Error, frames)
    assert "on_event took longer than 2 s" in str(told.error)
    assert frames[-1] == EventFrame(SessionEnded("closed"))


def test_the_callback_hears_of_a_fatal_error_too() -> None:
    told: list[Event] = []
    link = PlainLink()
    link.end(LOST)
    with pytest.raises(type(LOST)):
        made(as_frame_processor(PlainEngine(lambda: link), on_event=told.append), START)
    assert told[-2:] == [Error(LOST, fatal=True), SessionEnded("failed")]


def test_a_slow_reader_gets_everything() -> None:
    async def main() -> None:
        told: list[Event] = []
        processor = as_frame_processor(script(DAY, pace=2), on_event=told.append)
        taken: list[Frame] = []
        async for frame in stream(processor, HEARD):
            taken.append(frame)
            await asyncio.sleep(7)
        assert taken == [frame for event in told for frame in frames_of(event)]
        assert answer(taken) == "Good day"

    run(main())


def test_while_nobody_takes_frames_the_engine_goes_on_hearing() -> None:
    async def main() -> None:
        source = Source([TextFrame("Hello"), *HEARD * 50])
        processor = as_frame_processor(script(STORY))
        async with aclosing(processor.process(source.frames())) as frames:
            await anext(frames)
            await asyncio.sleep(60)
            assert source.asked == 1 + 50 * len(HEARD)
            assert len(processor.sessions) == 1
        assert others() == set()

    run(main())


def test_who_takes_no_frames_at_all_does_not_fill_the_memory() -> None:
    async def main() -> None:
        partial = TextFrame("Hel", final=False)
        processor = as_frame_processor(script(), limits=Limits(waiting_events=100))
        frames = stream(processor, [partial] * 1000)
        await anext(frames)
        await asyncio.sleep(60)
        assert processor.sessions == ()
        with pytest.raises(BacklogError, match="100 frames wait that nobody takes"):
            await collected(frames)

    run(main())


def test_frames_that_ask_nothing_are_handed_on_in_order() -> None:
    asks_nothing: list[Frame] = [
        START,
        TextFrame("Hel", final=False),
        EventFrame(IdleTimeout(1)),
        TextFrame(""),
    ]
    frames = made(as_frame_processor(script(DAY)), *asks_nothing, TextFrame("Hello"), ToolCallFrame(CALL))
    assert [each for each in frames if each in asks_nothing] == asks_nothing
    assert ToolCallFrame(CALL) in frames


def test_what_is_no_frame_ends_the_stream() -> None:
    async def careless(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for _ in frames:
            yield None  # type: ignore[misc]

    with pytest.raises(ConfigError, match="None came to an engine"):
        run(through(chain(careless, as_frame_processor(script())), [TextFrame("Hello")]))


def test_one_processor_serves_many_streams() -> None:
    async def main() -> None:
        processor = as_frame_processor(script(DAY, pace=1))
        lines = [Line(), Line()]
        for line in lines:
            line.say(TextFrame("Hello"), STOP)
        first, second = [processor.process(line.frames()) for line in lines]
        await anext(first)
        await anext(second)
        assert len(processor.sessions) == 2
        assert answer(await collected(first)) == answer(await collected(second)) == "Good day"
        assert not processor.sessions

    run(main())


def test_a_sink_can_report_what_it_has_played() -> None:
    async def main() -> None:
        line = Line()
        line.say(TextFrame("Tell me a story."))
        async with aclosing(as_frame_processor(script(STORY)).process(line.frames())) as frames:
            async for frame in frames:
                if isinstance(frame, AudioFrame) and frame.position_ms == 1000:
                    line.say(ControlFrame("played", item_id=frame.item_id, position_ms=300), CUT)
                if isinstance(frame, ControlFrame) and frame.signal == "interrupt":
                    assert frame.position_ms == 300
                    break

    run(main())


def test_an_engine_can_be_asked_by_commands() -> None:
    greet = CommandFrame(CreateResponse(instructions="Greet.", metadata={"mine": "1"}))
    frames = made(as_frame_processor(script(DAY)), CommandFrame(AddItem(Message("user", "Hi"))), greet, STOP)
    assert [each.metadata for each in events(ResponseStarted, frames)] == [{"mine": "1"}]
    assert answer(frames) == "Good day"


def test_an_engine_after_an_engine_hears_what_that_one_says() -> None:
    first = as_frame_processor(script(DAY, pace=1))
    second = as_frame_processor(script(replace(DAY, says="You too"), pace=1), turn_detection="manual")
    frames = run(through(chain(first, second), [TextFrame("Hello"), STOP]))
    assert answer(frames) == "You too"
    assert frames[-1] == STOP


@pytest.mark.parametrize("subject", [SIMULATED, *GEMINI, NOVA, NOVA_V1], ids=lambda each: each.name)
def test_a_recording_is_answered_by_the_engine_of_every_provider(subject: Subject) -> None:
    async def main() -> None:
        engine = subject.engine(Config(extra=subject.prepare([Ask.SHORT])))
        processor = as_frame_processor(engine)
        pieces = [AudioFrame(subject.speech[at : at + 960]) for at in range(0, len(subject.speech), 960)]
        frames = await collected(stream(processor, [START, *pieces, STOP]))
        assert answer(frames).split() == ["Good", "day", "to", "you."]
        rates = {each.sample_rate for each in of(AudioFrame, frames)}
        assert rates == {processor.capabilities.output_rates[0]}
        assert len(events(TurnEnd, frames)) == 1
        assert frames[0] == START
        assert frames[-1] == STOP
        assert others() == set()

    run(main())
