"""An engine of ours in a pipeline of the installed Pipecat, where a service of its own would stand."""

from __future__ import annotations

import asyncio
from array import array
from contextlib import aclosing

import pytest

pytest.importorskip("pipecat.processors.aggregators.llm_response_universal")

from pipecat.frames import frames as pc
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

from s2s.commands import CreateResponse
from s2s.config import Config
from s2s.errors import ConnectError, ProviderError
from s2s.events import ResponseDone, ResponseStarted, SessionStarted, TurnEnd
from s2s.items import JSON, Call
from s2s.links import Link
from s2s.pipeline import AudioFrame, CommandFrame, ControlFrame, EventFrame, Frame, Frames, TextFrame, chain
from s2s.pipeline.pipecat import as_pipecat, from_pipecat
from s2s.pipeline.pipecat.carried import S2SFrame
from s2s.pipeline.speaking import as_frame_processor
from s2s.providers.script import RATE, WORD_MS, Reply, ScriptEngine
from s2s.testing.clock import run
from s2s.tools import Tool
from tests.support.pipecat import DOWN, Piped, piped, silent

silent()

HEARD_HZ = 16_000
TONE = array("h", [9000] * 20 + [-9000] * 20).tobytes() * 8
LOUD = [pc.InputAudioRawFrame(TONE, HEARD_HZ, 1) for _ in range(20)]
QUIET = [pc.InputAudioRawFrame(bytes(640), HEARD_HZ, 1) for _ in range(20)]
COUNTING = "one two three four five six seven eight nine ten"


def engine(*replies: Reply, pace: float = 1.0, **extra: JSON) -> ScriptEngine:
    """Return an engine that says this in real time."""
    return ScriptEngine(Config(extra={"script": list(replies), "pace": pace, **extra}))


def sounds_ms(frames: list[pc.Frame]) -> float:
    return sum(
        each.num_frames / each.sample_rate * 1000 for each in frames if isinstance(each, pc.TTSAudioRawFrame)
    )


def events(pipeline: Piped) -> list[object]:
    carried = [each.frame for each in pipeline.all(S2SFrame)]
    return [each.event for each in carried if isinstance(each, EventFrame)]


def kinds(frames: list[pc.Frame], *wanted: type[pc.Frame]) -> list[type[pc.Frame]]:
    return [type(each) for each in frames if isinstance(each, wanted)]


def test_a_spoken_turn_is_heard_written_down_and_answered_aloud() -> None:
    async def main() -> Piped:
        async with piped(as_pipecat(engine(Reply(says="one two three", hears="count please")))) as pipeline:
            await pipeline.send(*LOUD, *QUIET)
            await pipeline.comes(pc.LLMFullResponseEndFrame)
        return pipeline

    pipeline = run(main())
    audio = pipeline.all(pc.TTSAudioRawFrame)
    assert {(each.sample_rate, each.num_channels) for each in audio} == {(RATE, 1)}
    assert sounds_ms(pipeline.down) == 3 * WORD_MS
    assert "".join(each.text for each in pipeline.all(pc.TTSTextFrame)) == "one two three"
    answer = (
        pc.LLMFullResponseStartFrame,
        pc.TTSStartedFrame,
        pc.TTSStoppedFrame,
        pc.LLMFullResponseEndFrame,
    )
    assert kinds(pipeline.down, *answer) == list(answer)
    assert pipeline.all(pc.InputAudioRawFrame) == []
    (said,) = [each for each in pipeline.up if isinstance(each, pc.TranscriptionFrame)]
    assert (said.text, said.finalized) == ("count please", True)
    turns = (pc.UserStartedSpeakingFrame, pc.UserStoppedSpeakingFrame)
    assert kinds(pipeline.up, *turns) == kinds(pipeline.down, *turns) == list(turns)
    told = [type(each) for each in events(pipeline)]
    assert [each for each in told if each in (SessionStarted, ResponseStarted, ResponseDone, TurnEnd)] == [
        SessionStarted,
        ResponseStarted,
        ResponseDone,
        TurnEnd,
    ]


def test_an_interruption_frame_silences_the_engine_at_once_and_the_next_question_is_answered() -> None:
    async def main() -> tuple[Piped, int]:
        async with piped(as_pipecat(engine(Reply(says=COUNTING), Reply(says="hello")))) as pipeline:
            await pipeline.send(pc.InputTextRawFrame("Count."))
            await pipeline.comes(pc.TTSAudioRawFrame, 3)
            await pipeline.send(pc.InterruptionFrame())
            await pipeline.comes(pc.InterruptionFrame)
            cut_at = len(pipeline.down)
            await asyncio.sleep(5)
            heard = sounds_ms(pipeline.down[cut_at:])
            await pipeline.send(pc.InputTextRawFrame("Hello."))
            await pipeline.comes(pc.LLMFullResponseEndFrame, 2)
            assert heard == 0
        return pipeline, cut_at

    pipeline, cut_at = run(main())
    assert sounds_ms(pipeline.down[:cut_at]) <= 4 * WORD_MS
    assert sounds_ms(pipeline.down[cut_at:]) == WORD_MS
    assert kinds(pipeline.down + pipeline.up, pc.InterruptionFrame) == [pc.InterruptionFrame]
    assert [each.status for each in events(pipeline) if isinstance(each, ResponseDone)] == [
        "interrupted",
        "completed",
    ]


def test_an_interruption_comes_through_an_answer_that_was_made_all_at_once() -> None:
    async def main() -> tuple[Piped, int]:
        async with piped(as_pipecat(engine(Reply(says=" ".join(["word"] * 500)), pace=0))) as pipeline:
            await pipeline.send(pc.InputTextRawFrame("Talk."))
            await pipeline.comes(pc.TTSAudioRawFrame, 1)
            await pipeline.send(pc.InterruptionFrame())
            await pipeline.comes(pc.InterruptionFrame)
            cut_at = len(pipeline.down)
            await asyncio.sleep(5)
        return pipeline, cut_at

    pipeline, cut_at = run(main())
    assert sounds_ms(pipeline.down[cut_at:]) <= WORD_MS


def test_the_user_who_speaks_meanwhile_interrupts_the_pipeline_in_both_directions() -> None:
    async def main() -> tuple[Piped, float]:
        async with piped(
            as_pipecat(engine(Reply(says=COUNTING), Reply(says="yes", hears="stop")))
        ) as pipeline:
            await pipeline.send(pc.InputTextRawFrame("Count."))
            await pipeline.comes(pc.TTSAudioRawFrame, 3)
            await pipeline.send(*LOUD)
            await pipeline.comes(pc.InterruptionFrame)
            before = sounds_ms(pipeline.down)
            await asyncio.sleep(5)
            assert sounds_ms(pipeline.down) == before
            await pipeline.send(*QUIET)
            await pipeline.comes(pc.LLMFullResponseEndFrame, 2)
        return pipeline, before

    pipeline, before = run(main())
    (down,), (up,) = (
        [each for each in way if isinstance(each, pc.InterruptionFrame)]
        for way in (pipeline.down, pipeline.up)
    )
    assert down.broadcast_sibling_id == up.id
    assert sounds_ms(pipeline.down) == before + WORD_MS


class Loudspeaker(BaseOutputTransport):
    """A transport on Pipecat's own base, which takes as long as its audio sounds."""

    def __init__(self) -> None:
        params = TransportParams(
            audio_out_enabled=True, audio_out_sample_rate=RATE, audio_out_end_silence_secs=0
        )
        super().__init__(params)
        self.played_ms = 0.0

    async def start(self, frame: pc.StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: pc.OutputAudioRawFrame) -> bool:
        ms = frame.num_frames / RATE * 1000
        await asyncio.sleep(ms / 1000)
        self.played_ms += ms
        return True


def test_a_transport_falls_silent_when_the_user_speaks_though_it_has_the_whole_answer_already() -> None:
    speaker = Loudspeaker()

    async def main() -> float:
        talking = engine(Reply(says=COUNTING), Reply(says="yes", hears="stop"), pace=0)
        async with piped(as_pipecat(talking), speaker) as pipeline:
            await pipeline.send(pc.InputTextRawFrame("Count."))
            await asyncio.sleep(0.5)
            assert kinds(pipeline.up, pc.BotStartedSpeakingFrame) == [pc.BotStartedSpeakingFrame]
            await pipeline.send(*LOUD)
            await asyncio.sleep(5)
            heard_ms = speaker.played_ms
            await pipeline.send(*QUIET)
            await pipeline.comes_back(pc.BotStoppedSpeakingFrame, 2)
        return heard_ms

    heard_ms = run(main())
    assert 460 <= heard_ms <= 540
    assert speaker.played_ms == pytest.approx(heard_ms + WORD_MS)


def test_the_pipeline_ends_after_what_the_engine_has_to_say() -> None:
    async def main() -> Piped:
        async with piped(as_pipecat(engine(Reply(says=COUNTING)))) as pipeline:
            await pipeline.send(pc.InputTextRawFrame("Count."))
        return pipeline

    pipeline = run(main())
    assert sounds_ms(pipeline.down) == 10 * WORD_MS
    assert isinstance(pipeline.down[-1], pc.EndFrame)


def test_a_cancelled_pipeline_closes_the_session_and_says_nothing_more() -> None:
    closed: list[float] = []

    class Watched(ScriptEngine):
        async def open(self, config: Config) -> Link:
            link = await super().open(config)
            close = link.close

            async def noted() -> None:
                closed.append(asyncio.get_running_loop().time())
                await close()

            link.close = noted  # type: ignore[method-assign]
            return link

    async def main() -> Piped:
        counting = Watched(Config(extra={"script": [Reply(says=COUNTING)], "pace": 1}))
        async with piped(as_pipecat(counting)) as pipeline:
            await pipeline.send(pc.InputTextRawFrame("Count."))
            await pipeline.comes(pc.TTSAudioRawFrame, 2)
            await pipeline.worker.cancel()
        return pipeline

    pipeline = run(main())
    assert isinstance(pipeline.down[-1], pc.CancelFrame)
    assert sounds_ms(pipeline.down) <= 3 * WORD_MS
    assert closed
    assert closed[0] < 1


def test_tools_given_as_settings_run_in_the_session_and_the_pipeline_sees_them() -> None:
    async def weather(city: str) -> str:
        """Tell the weather."""
        return f"sunny in {city}"

    call = Call("call_1", "weather", {"city": "Bern"}, '{"city": "Bern"}')
    asking = engine(Reply(calls=(call,)))

    async def main() -> Piped:
        async with piped(as_pipecat(asking, tools=[weather])) as pipeline:
            await pipeline.send(pc.InputTextRawFrame("Weather?"))
            await pipeline.comes(pc.TTSAudioRawFrame)
        return pipeline

    pipeline = run(main())
    (called,) = pipeline.all(pc.ExternalFunctionCallInProgressFrame)
    assert (called.function_name, called.tool_call_id, called.arguments) == (
        "weather",
        "call_1",
        {"city": "Bern"},
    )
    assert "".join(each.text for each in pipeline.all(pc.TTSTextFrame)) == "You said: sunny in Bern"


def test_a_tool_without_a_function_is_answered_by_the_pipeline() -> None:
    class Answers(FrameProcessor):
        async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            await self.push_frame(frame, direction)
            if isinstance(frame, pc.FunctionCallInProgressFrame) and direction is DOWN:
                await self.broadcast_frame(
                    pc.FunctionCallResultFrame,
                    function_name=frame.function_name,
                    tool_call_id=frame.tool_call_id,
                    arguments=frame.arguments,
                    result={"degrees": 22},
                )

    asking = engine(Reply(calls=(Call("call_1", "weather"),)))
    tool = Tool(name="weather", description="Tell the weather.")

    async def main() -> Piped:
        async with piped(as_pipecat(asking, tools=[tool]), Answers()) as pipeline:
            await pipeline.send(pc.InputTextRawFrame("Weather?"))
            await pipeline.comes(pc.TTSAudioRawFrame)
        return pipeline

    pipeline = run(main())
    assert "".join(each.text for each in pipeline.all(pc.TTSTextFrame)) == 'You said: {"degrees":22}'
    # Others in the pipeline, such as an aggregator, learn the result too.
    assert kinds(pipeline.up, pc.FunctionCallResultFrame) == [pc.FunctionCallResultFrame]


def test_an_error_that_the_engine_survives_is_told_and_it_stays_usable() -> None:
    async def main() -> Piped:
        failing = engine(Reply(error=ProviderError("busy")), Reply(says="fine"))
        async with piped(as_pipecat(failing)) as pipeline:
            await pipeline.send(pc.InputTextRawFrame("Hello?"))
            await pipeline.comes_back(pc.ErrorFrame)
            await pipeline.send(pc.InputTextRawFrame("Hello!"))
            await pipeline.comes(pc.TTSAudioRawFrame)
        return pipeline

    pipeline = run(main())
    (told,) = [each for each in pipeline.up if isinstance(each, pc.ErrorFrame)]
    assert told.error == "busy"
    assert told.processor is not None
    assert told.processor.is_usable


def test_an_engine_that_does_not_open_is_not_usable_and_the_pipeline_hears_why() -> None:
    class Closed(ScriptEngine):
        async def open(self, config: Config) -> Link:
            raise ConnectError("nobody is there")

    async def main() -> Piped:
        async with piped(as_pipecat(Closed())) as pipeline:
            await pipeline.comes_back(pc.ErrorFrame)
        return pipeline

    pipeline = run(main())
    (told,) = [each for each in pipeline.up if isinstance(each, pc.ErrorFrame)]
    assert isinstance(told.exception, ConnectError)
    assert told.processor is not None
    assert not told.processor.is_usable
    assert isinstance(pipeline.down[-1], pc.EndFrame)


def test_an_engine_that_does_not_see_is_shown_nothing() -> None:
    async def main() -> Piped:
        async with piped(as_pipecat(engine())) as pipeline:
            await pipeline.send(pc.InputImageRawFrame(bytes(48), (4, 4), "RGB"))
            await pipeline.comes(pc.InputImageRawFrame)
            await asyncio.sleep(1)
        return pipeline

    assert kinds(run(main()).up, pc.ErrorFrame) == []


def test_where_the_pipeline_decides_about_turns_the_engine_is_told_of_them() -> None:
    async def main() -> Piped:
        manual = as_frame_processor(engine(Reply(says="yes", hears="now")), turn_detection="manual")
        async with piped(as_pipecat(manual)) as pipeline:
            await pipeline.send(pc.UserStartedSpeakingFrame(), *LOUD, pc.UserStoppedSpeakingFrame())
            await pipeline.comes(pc.TTSAudioRawFrame)
        return pipeline

    pipeline = run(main())
    assert [each.text for each in pipeline.up if isinstance(each, pc.TranscriptionFrame)] == ["now"]
    assert sounds_ms(pipeline.down) == WORD_MS


def test_an_engine_is_known_by_its_name_and_takes_settings() -> None:
    script = {"script": [Reply(says="yes", hears="now")], "pace": 1}

    async def main() -> Piped:
        manual = as_pipecat("script", extra=script, turn_detection="manual", linger_s=1)
        async with piped(manual) as pipeline:
            await pipeline.send(pc.UserStartedSpeakingFrame(), *LOUD, pc.UserStoppedSpeakingFrame())
            await pipeline.comes(pc.TTSAudioRawFrame)
        return pipeline

    assert sounds_ms(run(main()).down) == WORD_MS


def test_where_the_engine_decides_signals_of_others_only_pass_by() -> None:
    async def main() -> Piped:
        async with piped(as_pipecat(engine(Reply(says="yes", hears="now")))) as pipeline:
            await pipeline.send(pc.UserStartedSpeakingFrame(), pc.UserStoppedSpeakingFrame())
            await pipeline.comes(pc.UserStoppedSpeakingFrame)
            await asyncio.sleep(5)
        return pipeline

    pipeline = run(main())
    assert sounds_ms(pipeline.down) == 0
    assert kinds(pipeline.up, pc.ErrorFrame) == []


def test_an_engine_can_be_asked_for_anything_by_a_frame_that_carries_it() -> None:
    async def main() -> Piped:
        async with piped(as_pipecat(engine())) as pipeline:
            await pipeline.send(S2SFrame(CommandFrame(CreateResponse("Greet."))))
            await pipeline.comes(pc.TTSAudioRawFrame)
        return pipeline

    assert "".join(each.text for each in run(main()).all(pc.TTSTextFrame)) == "You said: Greet."


def test_the_aggregators_of_pipecat_keep_the_conversation_and_begin_it() -> None:
    context = LLMContext([{"role": "user", "content": "Say hello."}])

    async def main() -> Piped:
        pair = LLMContextAggregatorPair(context)
        replies = Reply(says="hello"), Reply(says="one two", hears="count please")
        async with piped(pair.user(), as_pipecat(engine(*replies)), pair.assistant()) as pipeline:
            await pipeline.send(pc.LLMRunFrame())
            await pipeline.comes(pc.TTSStoppedFrame)
            await pipeline.send(*LOUD, *QUIET)
            await pipeline.comes(pc.TTSStoppedFrame, 2)
            await asyncio.sleep(5)
        return pipeline

    pipeline = run(main())
    assert [(each["role"], each["content"]) for each in context.get_messages()] == [  # type: ignore[index]
        ("user", "Say hello."),
        ("assistant", "hello"),
        ("user", "count please"),
        ("assistant", "one two"),
    ]
    assert sounds_ms(pipeline.down) == 3 * WORD_MS


def test_an_engine_in_a_pipeline_of_pipecats_in_a_chain_of_ours_is_an_engine_of_ours() -> None:
    loud = [AudioFrame(each.audio, HEARD_HZ) for each in (*LOUD, *QUIET)]

    async def talk(*steps: FrameProcessor) -> list[Frame]:
        async def user() -> Frames:
            yield ControlFrame("start")
            for frame in loud:
                yield frame
            yield ControlFrame("stop")

        script = engine(Reply(says="one two three", hears="count please"))
        nested = from_pipecat(
            as_pipecat(script), *steps, params=PipelineParams(audio_in_sample_rate=HEARD_HZ)
        )
        async with aclosing(chain(nested).process(user())) as frames:
            return [frame async for frame in frames]

    told = run(talk())
    assert told[-1] == ControlFrame("stop")
    sound = [each for each in told if isinstance(each, AudioFrame)]
    assert [each.position_ms for each in sound] == [0, WORD_MS, 2 * WORD_MS]
    assert {(each.sample_rate, bool(each.item_id)) for each in sound} == {(RATE, True)}
    assert len({each.response_id for each in sound}) == 1
    assert [
        (each.text, each.final) for each in told if isinstance(each, TextFrame) and each.role == "user"
    ] == [("count please", True)]
    signals = [(each.signal, each.role) for each in told if isinstance(each, ControlFrame)]
    assert [each for each in signals if each[0].endswith("of_utterance")] == [
        ("start_of_utterance", "user"),
        ("end_of_utterance", "user"),
        ("end_of_utterance", "assistant"),
    ]
    heard = [type(each.event) for each in told if isinstance(each, EventFrame)]
    assert heard.index(ResponseStarted) < heard.index(ResponseDone) < heard.index(TurnEnd)
