"""Processors and engines of ours in a pipeline of the installed Pipecat, with its own worker and runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

pytest.importorskip("pipecat.workers.runner")

from pipecat.frames import frames as pc

from s2s.errors import ConfigError, ProviderError
from s2s.pipeline import AudioFrame, ControlFrame, Frame, Frames, TextFrame
from s2s.pipeline.pipecat import as_pipecat
from s2s.testing.clock import run
from tests.support.pipecat import UP, Piped, piped, silent

silent()

SPEECH = pc.InputAudioRawFrame(b"\1\0" * 320, 16_000, 1)


@dataclass
class Note(pc.DataFrame):
    """Something that only the application knows."""


@dataclass
class Alarm(pc.SystemFrame):
    """The same, and urgent."""


async def shouts(frames: Frames) -> AsyncIterator[Frame]:
    async for frame in frames:
        if isinstance(frame, TextFrame):
            frame = TextFrame(frame.text.upper(), frame.role, frame.final, metadata=frame.metadata)
        yield frame


async def says_goodbye(frames: Frames) -> AsyncIterator[Frame]:
    async for frame in frames:
        yield frame
    await asyncio.sleep(5)
    yield TextFrame("Goodbye.", "assistant")


async def never_listens(frames: Frames) -> AsyncIterator[Frame]:
    await asyncio.Event().wait()
    yield TextFrame("never")


async def fails(frames: Frames) -> AsyncIterator[Frame]:
    async for frame in frames:
        if isinstance(frame, TextFrame):
            raise ProviderError("no more")
        yield frame


def test_frames_go_through_a_function_of_ours_in_order_and_keep_what_only_pipecat_knows() -> None:
    async def main() -> Piped:
        async with piped(as_pipecat(shouts)) as pipeline:
            await pipeline.send(
                SPEECH,
                pc.InterimTranscriptionFrame("hel", "ann", "noon"),
                pc.TranscriptionFrame("hello", "ann", "noon"),
                pc.LLMTextFrame("and "),
                pc.LLMTextFrame("you"),
            )
        return pipeline

    pipeline = run(main())
    assert [type(each) for each in pipeline.down] == [
        pc.StartFrame,
        pc.InputAudioRawFrame,
        pc.InterimTranscriptionFrame,
        pc.TranscriptionFrame,
        pc.LLMFullResponseStartFrame,
        pc.LLMTextFrame,
        pc.LLMTextFrame,
        pc.LLMFullResponseEndFrame,
        pc.EndFrame,
    ]
    (sound,) = pipeline.all(pc.InputAudioRawFrame)
    (transcript,) = pipeline.all(pc.TranscriptionFrame)
    assert (sound.audio, sound.sample_rate, sound.num_channels) == (SPEECH.audio, 16_000, 1)
    assert (transcript.text, transcript.user_id, transcript.timestamp) == ("HELLO", "ann", "noon")
    assert [each.text for each in pipeline.all(pc.LLMTextFrame)] == ["AND ", "YOU"]


def test_frames_that_nobody_of_us_knows_pass_in_both_directions() -> None:
    async def main() -> tuple[Piped, list[pc.Frame]]:
        sent = [Note(), Alarm()]
        async with piped(as_pipecat(shouts)) as pipeline:
            await pipeline.send(*sent)
            await pipeline.comes(Note)
            for kind in (Note, Alarm):
                await pipeline.worker.queue_frame(kind(), UP)
            await pipeline.comes_back(Note)
        return pipeline, sent

    pipeline, sent = run(main())
    assert pipeline.all(Note) + pipeline.all(Alarm) == sent
    assert {type(each) for each in pipeline.up} >= {Note, Alarm}


def test_a_signal_is_heard_by_the_processor_and_goes_on_once() -> None:
    heard: list[str] = []

    async def listens(frames: Frames) -> AsyncIterator[Frame]:
        async for frame in frames:
            if isinstance(frame, ControlFrame):
                heard.append(frame.signal)
            yield frame

    async def main() -> Piped:
        async with piped(as_pipecat(listens)) as pipeline:
            await pipeline.send(
                pc.UserStartedSpeakingFrame(), pc.InterruptionFrame(), pc.UserStoppedSpeakingFrame()
            )
        return pipeline

    pipeline = run(main())
    assert heard == ["start", "start_of_utterance", "interrupt", "end_of_utterance"]
    assert [type(each) for each in pipeline.down if isinstance(each, pc.SystemFrame)] == [
        pc.StartFrame,
        pc.UserStartedSpeakingFrame,
        pc.InterruptionFrame,
        pc.UserStoppedSpeakingFrame,
    ]
    assert pipeline.up == []


def test_the_pipeline_ends_when_everything_was_said() -> None:
    async def main() -> Piped:
        async with piped(as_pipecat(says_goodbye)) as pipeline:
            await pipeline.send(pc.TranscriptionFrame("bye", "", ""))
        return pipeline

    assert [type(each) for each in run(main()).down][-4:] == [
        pc.LLMFullResponseStartFrame,
        pc.LLMTextFrame,
        pc.LLMFullResponseEndFrame,
        pc.EndFrame,
    ]


def test_a_cancelled_pipeline_says_nothing_more_and_waits_for_nothing() -> None:
    closed: list[str] = []

    async def closes(frames: Frames) -> AsyncIterator[Frame]:
        try:
            async for frame in says_goodbye(frames):
                yield frame
        finally:
            closed.append("closed")

    async def main() -> tuple[Piped, float]:
        async with piped(as_pipecat(closes)) as pipeline:
            await pipeline.send(pc.TranscriptionFrame("bye", "", ""))
            await pipeline.comes(pc.TranscriptionFrame)
            await pipeline.send(pc.CancelFrame())
            await pipeline.comes(pc.CancelFrame)
            assert closed == ["closed"]
        return pipeline, asyncio.get_running_loop().time()

    pipeline, ended_s = run(main())
    assert isinstance(pipeline.down[-1], pc.CancelFrame)
    assert pipeline.all(pc.LLMTextFrame) == []
    assert ended_s < 1


def test_a_cancellation_does_not_wait_behind_audio_that_nobody_takes() -> None:
    async def main() -> float:
        async with piped(as_pipecat(never_listens)) as pipeline:
            await pipeline.send(*[SPEECH] * 200)
            await asyncio.sleep(1)
            await pipeline.worker.cancel()
            await pipeline.comes(pc.CancelFrame)
        return asyncio.get_running_loop().time()

    assert run(main()) < 2


def test_a_burst_of_audio_waits_and_is_not_lost() -> None:
    async def main() -> Piped:
        async with piped(as_pipecat(shouts)) as pipeline:
            await pipeline.send(*[SPEECH] * 500)
        return pipeline

    assert len(run(main()).all(pc.InputAudioRawFrame)) == 500


def test_what_fails_tells_the_pipeline_which_can_go_on_without_it() -> None:
    async def main() -> Piped:
        async with piped(as_pipecat(fails)) as pipeline:
            await pipeline.send(pc.TranscriptionFrame("hello", "", ""))
            await pipeline.comes_back(pc.ErrorFrame)
            await pipeline.send(Note(), *[SPEECH] * 200)
        return pipeline

    pipeline = run(main())
    (failed,) = [each for each in pipeline.up if isinstance(each, pc.ErrorFrame)]
    assert isinstance(failed.exception, ProviderError)
    assert failed.error == "no more"
    assert failed.processor is not None
    assert not failed.processor.is_usable
    assert [type(each) for each in pipeline.down[-2:]] == [Note, pc.EndFrame]


def test_one_serves_a_second_pipeline_after_the_first() -> None:
    async def main() -> list[str]:
        processor, texts = as_pipecat(shouts), []
        for text in ("one", "two"):
            async with piped(processor) as pipeline:
                await pipeline.send(pc.TranscriptionFrame(text, "", ""))
            texts += [each.text for each in pipeline.all(pc.TranscriptionFrame)]
        return texts

    assert run(main()) == ["ONE", "TWO"]


def test_the_audio_of_the_agent_can_be_played() -> None:
    async def speaks(frames: Frames) -> AsyncIterator[Frame]:
        async for frame in frames:
            if isinstance(frame, TextFrame):
                yield AudioFrame(b"\1\0" * 480, 48_000, 1, item_id="i", response_id="r")

    async def main() -> Piped:
        async with piped(as_pipecat(speaks)) as pipeline:
            await pipeline.send(pc.TranscriptionFrame("speak", "", ""))
        return pipeline

    pipeline = run(main())
    assert [type(each) for each in pipeline.down][1:] == [
        pc.LLMFullResponseStartFrame,
        pc.TTSStartedFrame,
        pc.TTSAudioRawFrame,
        pc.TTSStoppedFrame,
        pc.LLMFullResponseEndFrame,
        pc.EndFrame,
    ]
    (sound,) = pipeline.all(pc.TTSAudioRawFrame)
    assert (sound.sample_rate, sound.num_channels, sound.num_frames) == (48_000, 1, 480)


def test_only_an_engine_takes_settings_and_only_what_processes_is_taken() -> None:
    with pytest.raises(ConfigError, match="voice"):
        as_pipecat(shouts, voice="marin")
    with pytest.raises(ConfigError, match="frame processor"):
        as_pipecat(object())  # type: ignore[arg-type]
