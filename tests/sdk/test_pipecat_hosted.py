"""Processors of the installed Pipecat, and some like an application's, as a step in a chain of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

pytest.importorskip("pipecat.services.tts_service")

from pipecat.frames import frames as pc
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.aggregators.llm_context import LLMContext, standard_message_text
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.aggregators.sentence import SentenceAggregator
from pipecat.processors.filters.frame_filter import FrameFilter
from pipecat.processors.filters.function_filter import FunctionFilter
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.filters.null_filter import NullFilter
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.processors.text_transformer import StatelessTextTransformer
from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies

from s2s.errors import ConfigError, ConnectionLostError, ProviderError
from s2s.events import Error, Event, ResponseDone, ResponseStarted, Unrecognized, Usage, UsageUpdate
from s2s.pipeline import (
    AudioFrame,
    ControlFrame,
    EventFrame,
    Frame,
    Processor,
    TextFrame,
    chain,
)
from s2s.pipeline.pipecat import from_pipecat
from s2s.testing.clock import run
from tests.support.pipecat import silent

silent()

START, STOP, CUT = ControlFrame("start"), ControlFrame("stop"), ControlFrame("interrupt")
CHUNK = AudioFrame(bytes(640), 16_000)


class Hears(FrameProcessor):
    """Says how long the user spoke, as a transcriber would say what."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0.0
        self.rates: set[tuple[int, int]] = set()

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case pc.InputAudioRawFrame(audio=audio, sample_rate=rate, num_channels=channels):
                self.heard += len(audio) / 2 / rate / channels
                self.rates.add((rate, channels))
            case pc.UserStoppedSpeakingFrame():
                await self.push_frame(frame, direction)
                await self.push_frame(pc.TranscriptionFrame(f"{self.heard:.2f} s", "", ""))
            case _:
                await self.push_frame(frame, direction)


class Complains(FrameProcessor):
    """Reports whatever it is told as an error."""

    def __init__(self, cause: Exception | None = None, last: bool = False) -> None:
        super().__init__()
        self._cause = cause
        self._last = last

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, pc.TranscriptionFrame):
            await self.push_error(frame.text, self._cause, force_treat_as_permanent=self._last)
        await self.push_frame(frame, direction)


async def source(*frames: Frame) -> AsyncIterator[Frame]:
    for frame in frames:
        yield frame


async def made(processor: Processor, *frames: Frame) -> list[Frame]:
    async with aclosing(chain(processor).process(source(*frames))) as stream:
        return [frame async for frame in stream]


def words(frames: list[Frame]) -> list[str]:
    return [frame.text for frame in frames if isinstance(frame, TextFrame)]


def test_every_frame_comes_through_a_stock_filter_as_it_was_and_the_last_stays_the_last() -> None:
    said: list[Frame] = [
        START,
        CHUNK,
        TextFrame("question", item_id="i", language="en", metadata={"mine": 1}),
        EventFrame(ResponseStarted("r")),
        TextFrame("answer", "assistant", False, "i", "r", form="spoken"),
        AudioFrame(bytes(960), 24_000, item_id="i", response_id="r", position_ms=20),
        EventFrame(ResponseDone("r")),
        ControlFrame("end_of_utterance", "assistant"),
        EventFrame(UsageUpdate(Usage())),
        STOP,
    ]
    told = run(made(from_pipecat(IdentityFilter), *said))
    # The user's audio is urgent in Pipecat, and overtakes what waits.
    assert [each for each in told if each != CHUNK] == [each for each in said if each != CHUNK]
    assert told.count(CHUNK) == 1


def test_stock_filters_drop_what_they_are_told_to() -> None:
    async def loud(frame: pc.Frame) -> bool:
        return not isinstance(frame, pc.LLMTextFrame)

    said = (TextFrame("a", "user"), TextFrame("b", "assistant"))
    assert words(run(made(from_pipecat(FunctionFilter(loud)), *said))) == ["a"]
    assert words(run(made(from_pipecat(FrameFilter((pc.LLMTextFrame,))), *said))) == ["b"]
    assert words(run(made(from_pipecat(NullFilter), *said))) == []


def test_stock_processors_in_a_row_make_sentences_for_who_speaks_them() -> None:
    deltas = [TextFrame(each, "assistant", False, "i", "r") for each in ("Go", " on. ", "And", " on")]
    step = from_pipecat(SentenceAggregator, StatelessTextTransformer(str.upper))
    told = run(made(step, EventFrame(ResponseStarted("r")), *deltas, STOP))
    assert words(told) == ["GO ON. ", "AND ON"]
    assert {each.response_id for each in told if isinstance(each, TextFrame)} == {"r"}
    assert told[-1] == STOP


def test_a_pipeline_of_pipecats_is_a_step_too() -> None:
    step = from_pipecat(Pipeline([Hears(), StatelessTextTransformer(str.upper)]))
    assert words(run(made(step, TextFrame("loud", "assistant")))) == ["LOUD"]


def test_a_processor_hears_the_user_at_the_rate_of_its_pipeline_and_says_it_in_our_turn() -> None:
    hears = Hears()
    began = ControlFrame("start_of_utterance", item_id="turn")
    stereo = AudioFrame(bytes(19_200), 48_000, channels=2)
    ended = ControlFrame("end_of_utterance", item_id="turn")
    step = from_pipecat(hears, params=PipelineParams(audio_in_sample_rate=8_000))
    told = run(made(step, began, *[stereo] * 10, ended, STOP))
    assert hears.rates == {(8_000, 1)}
    assert told == [began, ended, TextFrame("1.00 s", item_id="turn"), STOP]


def test_each_stream_gets_processors_of_its_own_from_a_function() -> None:
    step = from_pipecat(lambda: StatelessTextTransformer(str.upper))

    async def main() -> list[str]:
        told = await asyncio.gather(*(made(step, TextFrame(each, "assistant")) for each in "ab"))
        return [text for each in told for text in words(each)]

    assert run(main()) == ["A", "B"]


def test_a_processor_serves_one_stream() -> None:
    step = from_pipecat(Hears())
    run(made(step, TextFrame("once")))
    with pytest.raises(ConfigError, match=r"Hears#.* give from_pipecat a function"):
        run(made(step, TextFrame("twice")))


def test_what_is_no_processor_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="no processor of Pipecat's"):
        from_pipecat("deepgram")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="5 is no processor of Pipecat's"):
        run(made(from_pipecat(lambda: 5), TextFrame("Hello")))  # type: ignore[arg-type,return-value]


def test_an_error_that_somebody_survives_is_an_event() -> None:
    told = run(made(from_pipecat(Complains()), TextFrame("ouch"), STOP))
    (error,) = [each.event for each in told if isinstance(each, EventFrame)]
    assert isinstance(error, Error)
    assert not error.fatal
    assert isinstance(error.error, ProviderError)
    assert "ouch" in str(error.error)
    assert words(told) == ["ouch"]


def test_an_error_after_which_somebody_cannot_go_on_ends_the_stream() -> None:
    cause = ValueError("sideways")
    with pytest.raises(ProviderError, match="ouch") as caught:
        run(made(from_pipecat(Complains(cause, last=True)), TextFrame("ouch"), STOP))
    assert caught.value.__cause__ is cause
    lost = ConnectionLostError("gone")
    with pytest.raises(ConnectionLostError) as again:
        run(made(from_pipecat(Complains(lost, last=True)), TextFrame("ouch"), STOP))
    assert again.value is lost


def test_an_error_of_the_source_goes_through() -> None:
    async def breaks() -> AsyncIterator[Frame]:
        yield TextFrame("fine")
        raise ConnectionLostError("gone")

    async def main() -> None:
        async with aclosing(chain(from_pipecat(IdentityFilter)).process(breaks())) as stream:
            async for _ in stream:
                pass

    with pytest.raises(ConnectionLostError):
        run(main())


def test_a_pipeline_that_does_not_start_is_an_error() -> None:
    class Refuses(FrameProcessor):
        async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)

    with pytest.raises(ProviderError, match="did not start"):
        run(made(from_pipecat(Refuses()), TextFrame("hello")))


def test_a_processor_may_end_the_pipeline_and_so_the_stream() -> None:
    class Leaves(FrameProcessor):
        async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            await self.push_frame(frame, direction)
            if isinstance(frame, pc.TranscriptionFrame):
                await self.push_frame(pc.EndWorkerFrame())

    async def endless() -> AsyncIterator[Frame]:
        yield TextFrame("bye")
        await asyncio.Event().wait()

    async def main() -> list[Frame]:
        async with aclosing(chain(from_pipecat(Leaves())).process(endless())) as stream:
            return [frame async for frame in stream]

    assert words(run(main())) == ["bye"]


def test_closing_the_stream_at_any_point_cleans_up_and_leaves_no_task() -> None:
    cleaned: list[str] = []

    class Cleans(IdentityFilter):
        async def cleanup(self) -> None:
            await super().cleanup()  # type: ignore[no-untyped-call]
            cleaned.append("cleaned")

    async def main(count: int) -> None:
        async with aclosing(chain(from_pipecat(Cleans)).process(source(*[CHUNK] * 10))) as stream:
            for _ in range(count):
                await anext(stream)

    for count in range(6):
        run(main(count))
    # Nothing was begun of a stream that nobody read.
    assert len(cleaned) == 5


def test_the_source_is_not_emptied_for_a_reader_that_does_not_read() -> None:
    taken = 0

    async def much() -> AsyncIterator[Frame]:
        nonlocal taken
        for _ in range(2_000):
            taken += 1
            yield CHUNK

    async def main() -> int:
        async with aclosing(chain(from_pipecat(IdentityFilter)).process(much())) as stream:
            await anext(stream)
            await asyncio.sleep(60)
            before = taken
            assert [frame async for frame in stream] == [CHUNK] * 1_999
            return before

    assert run(main()) < 150


class Slow(FrameProcessor):
    """Takes a second for each of these frames."""

    def __init__(self, kind: type[pc.Frame] = pc.InputAudioRawFrame) -> None:
        super().__init__()
        self._kind = kind

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, self._kind):
            await asyncio.sleep(1)
        else:
            await self.push_frame(frame, direction)


def test_a_slow_processor_slows_its_source_down() -> None:
    taken = 0

    async def much() -> AsyncIterator[Frame]:
        nonlocal taken
        for _ in range(300):
            taken += 1
            yield CHUNK

    async def main() -> int:
        async with aclosing(chain(from_pipecat(Slow())).process(much())) as stream:
            reading = asyncio.ensure_future(anext(stream, None))
            await asyncio.sleep(10)
            before = taken
            await reading
            return before

    assert run(main()) < 75


@pytest.mark.parametrize(
    ("kind", "frame", "within_s"), [(pc.InputAudioRawFrame, CHUNK, 10), (pc.TextFrame, TextFrame("wait"), 1)]
)
def test_a_slow_processor_does_not_keep_a_stream_open_that_is_closed(
    kind: type[pc.Frame], frame: Frame, within_s: float
) -> None:
    async def main() -> float:
        async with aclosing(chain(from_pipecat(Slow(kind))).process(source(*[frame] * 40))) as stream:
            reading = asyncio.ensure_future(anext(stream, None))
            await asyncio.sleep(10)
            reading.cancel()
            await asyncio.wait([reading])
        return asyncio.get_running_loop().time() - 10

    assert run(main()) < within_s


def test_an_interruption_takes_back_what_nobody_has_taken() -> None:
    sound = AudioFrame(bytes(960), 24_000, item_id="i", response_id="r")
    cut = ControlFrame("interrupt", "assistant", "i", "r", 40.0, {"cause": "user_speech"})

    begun = asyncio.Event()

    async def interrupted() -> AsyncIterator[Frame]:
        for _ in range(40):
            yield sound
        await begun.wait()
        yield cut
        yield STOP

    async def main() -> list[Frame]:
        async with aclosing(chain(from_pipecat(IdentityFilter)).process(interrupted())) as stream:
            first = await anext(stream)
            begun.set()
            await asyncio.sleep(1)
            return [first, *[frame async for frame in stream]]

    told = run(main())
    assert told[0] == sound
    assert told[-2:] == [cut, STOP]
    assert len(told) < 10


def test_an_interruption_takes_back_nothing_that_the_user_said() -> None:
    class Notices(FrameProcessor):
        async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            await self.push_frame(frame, direction)
            if isinstance(frame, pc.InputAudioRawFrame) and frame.audio == CHUNK.audio:
                await self.broadcast_interruption()  # type: ignore[no-untyped-call]

    numbered = [AudioFrame(bytes([number, 0]) * 320, 16_000) for number in range(1, 11)]

    async def main() -> list[Frame]:
        frames = source(*numbered[:5], CHUNK, *numbered[5:])
        async with aclosing(chain(from_pipecat(Notices())).process(frames)) as stream:
            told = []
            async for frame in stream:
                told.append(frame)
                await asyncio.sleep(1)
            return told

    told = run(main())
    assert [each for each in told if isinstance(each, AudioFrame)] == [*numbered[:5], CHUNK, *numbered[5:]]
    assert told.count(CUT) == 1


def test_what_pipecat_says_that_we_have_no_frame_for_is_an_event() -> None:
    class Plays(FrameProcessor):
        async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            await self.push_frame(frame, direction)
            if isinstance(frame, pc.TranscriptionFrame):
                await self.broadcast_frame(pc.BotStartedSpeakingFrame)

    told = run(made(from_pipecat(Plays()), TextFrame("play")))
    (event,) = [each.event for each in told if isinstance(each, EventFrame)]
    assert isinstance(event, Unrecognized)
    assert (event.provider, event.message["frame"]) == ("pipecat", "BotStartedSpeakingFrame")


class Transcribes(SegmentedSTTService):
    """A transcriber on Pipecat's own base, which collects what is said between two signals."""

    def __init__(self) -> None:
        super().__init__(settings=STTSettings(model="m", language=None), ttfs_p99_latency=0.1)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[pc.Frame | None, None]:
        yield pc.TranscriptionFrame(f"{len(audio) > 1000}", "", "noon")


class Speaks(TTSService):
    """A voice on Pipecat's own base: as many samples as there are letters."""

    def __init__(self) -> None:
        super().__init__(
            settings=TTSSettings(model="m", voice="v", language=None),
            push_start_frame=True,
            push_stop_frames=True,
        )

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[pc.Frame | None, None]:
        yield pc.TTSAudioRawFrame(b"\1\0" * len(text), 24_000, 1, context_id=context_id)


def test_a_transcriber_on_pipecats_base_hears_a_turn_that_a_detector_of_ours_found() -> None:
    began = ControlFrame("start_of_utterance", item_id="turn")
    ended = ControlFrame("end_of_utterance", item_id="turn")
    told = run(made(from_pipecat(Transcribes()), began, *[CHUNK] * 20, ended, STOP))
    (said,) = [each for each in told if isinstance(each, TextFrame)]
    assert (said.text, said.role, said.final, said.item_id) == ("True", "user", True, "turn")
    assert [each.signal for each in told if isinstance(each, ControlFrame)] == [
        "start_of_utterance",
        "end_of_utterance",
        "stop",
    ]


def test_a_voice_on_pipecats_base_speaks_what_a_brain_of_ours_says() -> None:
    answer: list[Frame] = [
        EventFrame(ResponseStarted("r")),
        TextFrame("Hello", "assistant", False, "i", "r"),
        TextFrame(" there.", "assistant", False, "i", "r"),
        TextFrame("", "assistant", True, "i", "r"),
        EventFrame(ResponseDone("r")),
    ]
    told = run(made(from_pipecat(Speaks()), *answer, STOP))
    audio = b"".join(each.audio for each in told if isinstance(each, AudioFrame))
    assert len(audio) == 2 * len("Hello there.")
    assert told[-1] == STOP


class Thinks(FrameProcessor):
    """Answers a context, as a service with a language model does."""

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, pc.LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        said = standard_message_text(frame.context.get_messages()[-1])
        await self.push_frame(pc.LLMFullResponseStartFrame())
        for delta in ("You said: ", said):
            await self.push_frame(pc.LLMTextFrame(delta))
        await self.push_frame(pc.LLMFullResponseEndFrame())


def test_aggregator_model_and_voice_of_pipecats_answer_a_turn_that_ears_of_ours_wrote_down() -> None:
    context = LLMContext()
    external = LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies())
    pair = LLMContextAggregatorPair(context, user_params=external)
    heard: list[Frame] = [
        ControlFrame("start_of_utterance", item_id="turn"),
        TextFrame("Hello.", item_id="turn"),
        ControlFrame("end_of_utterance", item_id="turn"),
    ]

    async def user() -> AsyncIterator[Frame]:
        for frame in heard:
            yield frame
            await asyncio.sleep(2)
        yield STOP

    async def main() -> list[Frame]:
        step = chain(from_pipecat(pair.user(), Thinks(), Speaks(), pair.assistant()))
        async with aclosing(step.process(user())) as stream:
            return [frame async for frame in stream]

    told = run(main())
    sound = [each for each in told if isinstance(each, AudioFrame)]
    assert sum(len(each.audio) for each in sound) == 2 * len("You said: Hello.")
    (name,) = {each.response_id for each in sound}
    events: list[Event] = [each.event for each in told if isinstance(each, EventFrame)]
    assert [each.response_id for each in events if isinstance(each, ResponseStarted)] == [name]
    assert [each for each in events if isinstance(each, ResponseDone)] == [ResponseDone(name)]
    assert [(each["role"], each["content"]) for each in context.get_messages()] == [  # type: ignore[index]
        ("user", "Hello."),
        ("assistant", "You said: Hello."),
    ]
    assert told[-1] == STOP
