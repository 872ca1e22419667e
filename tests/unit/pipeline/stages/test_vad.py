from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from s2s.commands import ClearAudio, UpdateSession
from s2s.config import TurnDetection
from s2s.errors import AudioFormatError, ConfigError, LocalProtocolError, UnknownProviderError
from s2s.events import Error
from s2s.pipeline import AudioFrame, CommandFrame, ControlFrame, EventFrame, Frame, TextFrame
from s2s.pipeline.stages import VADProcessor
from s2s.testing.clock import run
from tests.support.frames import Source, collected, others, through
from tests.support.stages import LoudVAD, click, silence, speech
from tests.support.streaming import CUT, STOP, Line, running, sliced

QUESTION = speech("what is the time now?")
END = ControlFrame("end_of_utterance")


class Attentive(LoudVAD):
    """Counts the streams that it serves, and may refuse to be loaded."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.told: list[str] = []

    async def session_opened(self) -> None:
        self.told.append("opened")

    async def session_closed(self) -> None:
        self.told.append("closed")

    async def warm(self) -> None:
        self.told.append("warmed")
        if self.refuses:
            raise ConfigError(self.refuses)


def vad(**turns: object) -> VADProcessor:
    return VADProcessor(LoudVAD(), turn_detection=TurnDetection(**turns))  # type: ignore[arg-type]


def heard(processor: VADProcessor, frames: Sequence[Frame]) -> list[Frame]:
    return run(through(processor, frames))


def signals(frames: Sequence[Frame]) -> list[ControlFrame]:
    return [each for each in frames if isinstance(each, ControlFrame)]


def test_audio_goes_through_as_it_is_and_the_signals_stand_where_they_belong() -> None:
    audio = [*sliced(silence(320) + QUESTION + silence(600))]
    out = heard(vad(), audio)
    assert [each for each in out if isinstance(each, AudioFrame)] == audio
    start, cut, end = signals(out)
    assert (start.signal, start.role, start.position_ms) == ("start_of_utterance", "user", 320.0)
    assert cut == CUT
    assert (end.signal, end.role, end.position_ms) == ("end_of_utterance", "user", 1312.0)
    assert start.item_id == end.item_id != ""
    assert out.index(cut) == out.index(start) + 1
    position_ms = sum(each.duration_ms for each in out[: out.index(end)] if isinstance(each, AudioFrame))
    assert 1312 + 500 <= position_ms < 1312 + 560
    assert end.metadata == {"stages": {"endpointing": 512.0}, "voiced_ms": 992.0}


def test_each_turn_has_an_id_of_its_own_in_every_stream() -> None:
    audio = [*sliced((QUESTION + silence(700)) * 2)]
    processor = vad()
    out = heard(processor, audio) + heard(processor, audio)
    starts = [each for each in signals(out) if each.signal == "start_of_utterance"]
    assert len({each.item_id for each in starts}) == 4


def test_a_turn_that_may_not_interrupt_does_not() -> None:
    out = heard(vad(interrupt_response=False), [*sliced(QUESTION + silence(700))])
    assert [each.signal for each in signals(out)] == ["start_of_utterance", "end_of_utterance"]


@pytest.mark.parametrize(
    ("turns", "silence_ms"),
    [
        ({}, 512),
        ({"eagerness": "low"}, 1280),
        ({"silence_ms": 96}, 96),
        ({"silence_ms": 0}, 32),
        ({"mode": "semantic"}, 512),
    ],
)
def test_how_much_silence_ends_a_turn_is_a_setting(turns: dict[str, object], silence_ms: float) -> None:
    out = heard(vad(**turns), [*sliced(QUESTION + silence(2000))])
    end = signals(out)[-1]
    assert end.metadata["stages"] == {"endpointing": silence_ms}


def test_a_click_is_no_turn() -> None:
    assert signals(heard(vad(), [*sliced(silence(320) + click() + silence(1000))])) == []


def test_the_turn_detection_can_change_and_the_command_is_handed_on() -> None:
    patient = CommandFrame(UpdateSession(turn_detection=TurnDetection(silence_ms=1000)))
    out = heard(vad(), [patient, *sliced(QUESTION + silence(2000))])
    assert out[0] == patient
    assert signals(out)[-1].metadata["stages"] == {"endpointing": 1024.0}
    other = CommandFrame(UpdateSession(voice="alto"))
    assert heard(vad(), [other]) == [other]


def test_the_threshold_can_change() -> None:
    class Unsure(LoudVAD):
        def push(self, pcm: bytes) -> Sequence[float]:
            return [0.6 * each for each in super().push(pcm)]

    strict = CommandFrame(UpdateSession(turn_detection=TurnDetection(threshold=0.7)))
    audio = [*sliced(QUESTION + silence(700))]
    out = heard(VADProcessor(Unsure()), [*audio, strict, *audio])
    assert [each.signal for each in signals(out)] == ["start_of_utterance", "interrupt", "end_of_utterance"]


def test_settings_of_its_own_are_told_to_those_downstream() -> None:
    quiet = TurnDetection(create_response=False)
    out = heard(vad(create_response=False), [STOP])
    assert out == [CommandFrame(UpdateSession(turn_detection=quiet)), STOP]


@pytest.mark.parametrize("last", [[], [STOP]])
def test_the_end_of_the_input_ends_an_open_turn_and_a_stop_comes_last(last: list[Frame]) -> None:
    out = heard(vad(), [*sliced(QUESTION), *last])
    assert [each.signal for each in signals(out)][:3] == [
        "start_of_utterance",
        "interrupt",
        "end_of_utterance",
    ]
    assert out[-len(last) - 1] == signals(out)[2]
    assert out[len(out) - len(last) :] == last


def test_a_turn_can_be_ended_before_the_silence_is_long_enough() -> None:
    asked = ControlFrame("end_of_utterance", metadata={"mine": 1})
    out = heard(vad(), [*sliced(QUESTION + silence(64)), asked])
    assert len(signals(out)) == 3
    assert signals(out)[2].metadata == {"mine": 1, "stages": {"endpointing": 64.0}, "voiced_ms": 992.0}


@pytest.mark.parametrize("audio", [b"", silence(500)])
def test_there_must_be_something_to_end(audio: bytes) -> None:
    out = heard(vad(), [*sliced(audio), END])
    assert signals(out) == []
    (told,) = (each.event for each in out if isinstance(each, EventFrame))
    assert isinstance(told, Error)
    assert isinstance(told.error, LocalProtocolError)


def test_the_end_of_a_turn_that_others_noticed_is_theirs() -> None:
    theirs = [ControlFrame("start_of_utterance", item_id="x"), ControlFrame("end_of_utterance", item_id="x")]
    assert heard(vad(), theirs) == theirs
    agent = [ControlFrame("end_of_utterance", "assistant")]
    assert heard(vad(), agent) == agent


def test_in_manual_mode_a_turn_is_all_that_was_heard_since_the_last() -> None:
    audio = [*sliced(silence(320) + QUESTION + silence(3000))]
    out = heard(vad(mode="manual"), [*audio, END, *sliced(silence(640)), END])
    kept = [each for each in out if not isinstance(each, AudioFrame | CommandFrame)]
    assert [each.signal for each in signals(kept)] == ["start_of_utterance", "end_of_utterance"] * 2
    start, end, second, second_end = signals(kept)
    assert out.index(start) == len(audio) + 1
    assert (start.position_ms, end.position_ms) == (320.0, 1312.0)
    assert start.item_id == end.item_id != second.item_id == second_end.item_id
    assert second.position_ms == pytest.approx(4312, abs=32)
    assert second_end.metadata["voiced_ms"] == 0


def test_in_manual_mode_nothing_comes_by_itself() -> None:
    assert signals(heard(vad(mode="manual"), [*sliced(QUESTION + silence(3000)), STOP])) == [STOP]
    told = [each for each in heard(vad(mode="manual"), [END]) if isinstance(each, EventFrame)]
    assert len(told) == 1


def test_a_turn_that_was_told_goes_on_into_manual_mode_and_out_of_it() -> None:
    manual = CommandFrame(UpdateSession(turn_detection=TurnDetection("manual")))
    auto = CommandFrame(UpdateSession(turn_detection=TurnDetection()))
    out = heard(vad(), [*sliced(QUESTION), manual, *sliced(silence(2000)), END])
    assert [each.signal for each in signals(out)] == ["start_of_utterance", "interrupt", "end_of_utterance"]
    out = heard(vad(mode="manual"), [*sliced(QUESTION), auto, *sliced(QUESTION + silence(600))])
    assert [each.signal for each in signals(out)] == ["start_of_utterance", "interrupt", "end_of_utterance"]


def test_audio_that_is_cleared_makes_no_turn_and_ends_the_one_that_was_told() -> None:
    clear = CommandFrame(ClearAudio())
    out = heard(vad(), [*sliced(QUESTION), clear, *sliced(silence(2000))])
    start, _, end = signals(out)
    assert out.index(end) == out.index(clear) + 1
    assert (end.signal, end.item_id) == ("end_of_utterance", start.item_id)
    quiet: list[Frame] = [*sliced(silence(1000)), clear]
    assert heard(vad(), quiet) == quiet
    assert signals(heard(vad(mode="manual"), [*sliced(QUESTION), clear])) == []
    assert signals(heard(vad(mode="manual"), [*sliced(QUESTION), clear, END])) == []


def test_a_microphone_that_stops_in_the_middle_of_speech_ends_the_turn() -> None:
    async def main() -> Line:
        async with running(vad()) as line:
            await line.says("what is the")
            said_at = asyncio.get_running_loop().time()
            await asyncio.sleep(0.9)
            line.send(TextFrame("typed", "system"), ControlFrame("played"))
            await asyncio.sleep(0.2)
            assert line.signals == ["start_of_utterance", "interrupt", "played"]
            await asyncio.sleep(2)
            assert line.signals[-1] == "end_of_utterance"
            assert line.at(line.out[-1]) == pytest.approx(said_at + 1.2, abs=0.03)
            await line.says("time now?")
            await line.waits(600)
        return line

    line = run(main())
    assert line.signals.count("start_of_utterance") == line.signals.count("end_of_utterance") == 2
    audio = b"".join(each.audio for each in line.all(AudioFrame))
    assert audio == speech("what is the time now?") + silence(600)


def test_a_microphone_that_stops_in_silence_is_none_of_its_business() -> None:
    async def main() -> Line:
        async with running(vad()) as line:
            await line.waits(100)
            await asyncio.sleep(60)
        return line

    assert run(main()).signals == []


def test_a_frame_in_silence_costs_no_task() -> None:
    async def main() -> None:
        readers: list[object] = []

        async def microphone() -> AsyncGenerator[Frame, None]:
            for frame in sliced(silence(200) + QUESTION):
                readers.append(asyncio.current_task())
                yield frame

        await collected(vad().process(microphone()))
        assert {*readers[:10]} == {asyncio.current_task()}
        assert len({*readers[20:]}) > 20

    run(main())


def test_a_slow_reader_is_no_silent_user() -> None:
    async def main() -> Line:
        async with running(vad(), every_s=5.0) as line:
            line.send(*sliced(QUESTION + silence(600), chunk_ms=100))
        return line

    line = run(main())
    assert line.signals == ["start_of_utterance", "interrupt", "end_of_utterance"]
    assert line.all(ControlFrame)[-1].position_ms == 992.0


def test_much_audio_at_once_leaves_the_loop_to_others() -> None:
    async def main() -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        await through(vad(), [AudioFrame(silence(9600), 16_000)])
        counting.cancel()
        assert turns > 90

    run(main())


def test_much_audio_at_once_may_hold_many_turns() -> None:
    audio = AudioFrame((QUESTION + silence(700)) * 3, 16_000)
    out = heard(vad(), [audio])
    assert out[0] is audio
    positions = [each.position_ms for each in signals(out) if each.signal != "interrupt"]
    assert positions == pytest.approx([0, 1000, 1700, 2700, 3400, 4400], abs=32)


def test_a_turn_without_an_end_is_cut() -> None:
    out = heard(vad(), [AudioFrame(speech("word " * 610), 16_000)])
    ends = [each.position_ms for each in signals(out) if each.signal == "end_of_utterance"]
    assert ends[0] == 120_000.0
    assert len(ends) == 2


def test_stereo_at_another_rate_is_heard_as_well() -> None:
    mono = silence(480) + QUESTION + silence(700)
    stereo = b"".join(mono[at : at + 2] * 6 for at in range(0, len(mono), 2))
    frames: list[Frame] = [
        AudioFrame(stereo[at : at + 3840], 48_000, 2) for at in range(0, len(stereo), 3840)
    ]
    start, _, end = signals(heard(vad(), frames))
    assert start.position_ms == pytest.approx(480, abs=40)
    assert end.position_ms == pytest.approx(1480, abs=40)


def test_what_is_no_audio_ends_the_stream() -> None:
    with pytest.raises(AudioFormatError):
        heard(vad(), [AudioFrame(b"\0\0", 7)])


def test_a_stage_hears_of_each_stream_and_is_loaded_before_it() -> None:
    stage = Attentive()
    assert heard(VADProcessor(stage), [STOP]) == [STOP]
    assert stage.told == ["opened", "warmed", "closed"]


def test_a_stage_that_cannot_be_loaded_ends_the_stream_as_it_says() -> None:
    async def main() -> None:
        source, stage = Source([STOP]), Attentive("install it")
        with pytest.raises(ConfigError, match="install it"):
            await collected(VADProcessor(stage).process(source.frames()))
        assert stage.told == ["opened", "warmed", "closed"]
        assert source.asked == 0

    run(main())


def test_a_stage_is_named_or_given() -> None:
    with pytest.raises(UnknownProviderError, match="voice activity detector"):
        VADProcessor("nobody")
    with pytest.raises(ConfigError, match="vad_options"):
        VADProcessor(LoudVAD(), options={"above_db": 3})
    assert VADProcessor("energy", options={"above_db": 12}).vad.sample_rate == 16_000


@pytest.mark.parametrize("spoken", [speech("what is"), silence(100)])
def test_closing_leaves_nothing_behind(spoken: bytes) -> None:
    stage, closed = Attentive(), list[str]()

    async def microphone() -> AsyncGenerator[Frame, None]:
        try:
            for frame in sliced(spoken):
                yield frame
            await asyncio.Event().wait()
        finally:
            closed.append("microphone")

    async def main() -> None:
        source = microphone()
        stream = VADProcessor(stage).process(source)
        reading = asyncio.create_task(collected(stream))
        await asyncio.sleep(1)
        reading.cancel()
        await asyncio.wait([reading])
        assert others() == set()
        await source.aclose()

    run(main())
    assert closed == ["microphone"]
    assert stage.told == ["opened", "warmed", "closed"]
