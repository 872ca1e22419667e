from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncGenerator
from io import BytesIO
from math import inf, nan
from pathlib import Path

import pytest

from s2s.audio.wav import read_wav, write_wav
from s2s.config import Config
from s2s.errors import AudioFormatError, ConfigError, SessionClosedError
from s2s.events import TurnEnd
from s2s.pipeline import AudioFrame, ControlFrame, EventFrame, Frame, Frames, TextFrame, frame_loop
from s2s.pipeline.running import STOP, run
from s2s.pipeline.speaking import as_frame_processor
from s2s.pipeline.transports import WavFile
from s2s.providers.script import Reply, ScriptEngine
from s2s.testing import clock
from tests.support.frames import collected, others
from tests.support.stages import silence, speech

RATE = 8_000
CUT = ControlFrame("interrupt")
SAID_ALL = ControlFrame("end_of_utterance", "assistant")


def tone(level: int, ms: float, rate: int = RATE) -> bytes:
    return struct.pack("<h", level) * int(ms * rate / 1000)


def wav(pcm: bytes, rate: int = RATE, channels: int = 1, bits: int = 16) -> bytes:
    sound = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + sound + b"data" + struct.pack("<I", len(pcm)) + pcm
    return b"RIFF" + struct.pack("<I", len(body)) + body


def runs(pcm: bytes, rate: int = RATE) -> list[tuple[int, float]]:
    """Return the levels of a sound, each with how many ms it lasts."""
    out: list[tuple[int, int]] = []
    for level in memoryview(pcm).cast("h"):
        if out and out[-1][0] == level:
            out[-1] = (level, out[-1][1] + 1)
        else:
            out.append((level, 1))
    return [(level, n * 1000 / rate) for level, n in out]


async def nothing(frames: Frames) -> AsyncGenerator[Frame, None]:
    async for frame in frames:
        if not isinstance(frame, AudioFrame):
            yield frame


def heard(transport: WavFile) -> list[Frame]:
    async def main() -> list[Frame]:
        frames = await collected(transport.frames())
        await transport.close()
        return frames

    return clock.run(main())


def audio_of(frames: list[Frame]) -> list[AudioFrame]:
    return [each for each in frames if isinstance(each, AudioFrame)]


@pytest.mark.parametrize(("channels", "bits"), [(1, 16), (2, 16), (2, 24), (1, 8), (8, 16)])
def test_a_file_of_any_kind_comes_as_it_is_in_frames_of_its_own_rate(channels: int, bits: int) -> None:
    frame = bytes(range(channels * bits // 8))
    *chunks, last = heard(WavFile(wav(frame * 441, 22_050, channels, bits), chunk_ms=8, tail_ms=0))
    assert last == STOP
    audio = audio_of(chunks)
    assert len(audio) == len(chunks) == 3
    assert {(each.sample_rate, each.channels) for each in audio} == {(22_050, channels)}
    assert sum(len(each.audio) for each in audio) == 441 * 2 * channels
    assert [each.position_ms for each in audio] == pytest.approx([0, 176 / 22.05, 352 / 22.05])


def test_channels_beyond_what_a_frame_can_hold_are_mixed() -> None:
    (frame, _) = heard(WavFile(wav(tone(100, 20) * 9, channels=9), tail_ms=0))
    assert frame == AudioFrame(tone(100, 20), RATE)


def test_silence_follows_so_that_the_end_is_noticed() -> None:
    frames = audio_of(heard(WavFile(wav(tone(5, 30)), tail_ms=50)))
    assert runs(b"".join(each.audio for each in frames)) == [(5, 30), (0, 50)]
    assert [(each.position_ms, each.duration_ms) for each in frames] == [
        (0, 20),
        (20, 10),
        (30, 20),
        (50, 20),
        (70, 10),
    ]


def test_the_answers_are_written_one_after_the_other_at_the_rate_of_the_first(tmp_path: Path) -> None:
    async def answer(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, AudioFrame) and frame.position_ms == 0:
                yield AudioFrame(tone(7, 100), RATE, item_id="a")
                yield CUT
                yield AudioFrame(tone(7, 100, 16_000), 16_000, item_id="b")
                yield SAID_ALL
            elif not isinstance(frame, AudioFrame):
                yield frame

    clock.run(run(WavFile(wav(tone(1, 500)), tmp_path / "out.wav"), answer), at_most_s=0.001)
    found = read_wav(tmp_path / "out.wav")
    assert found.format.sample_rate == RATE
    assert len(found.pcm) == 200 * 16


def test_a_file_is_copied_sample_by_sample() -> None:
    source, sink = BytesIO(wav(bytes(range(240)) * 7)), BytesIO()
    clock.run(run(WavFile(source, sink, tail_ms=0)))
    assert sink.getvalue() == wav(bytes(range(240)) * 7)
    assert not source.closed
    assert not sink.closed


@pytest.mark.parametrize(("realtime", "ms"), [(False, 0), (True, 70)])
def test_an_agent_that_says_nothing_leaves_a_file_without_speech(
    tmp_path: Path, realtime: bool, ms: float
) -> None:
    clock.run(run(WavFile(wav(tone(1, 20)), tmp_path / "out.wav", tail_ms=50, realtime=realtime), nothing))
    assert runs(read_wav(tmp_path / "out.wav").pcm, 24_000) == ([(0, ms)] if ms else [])


# As it would have sounded.


class Agent:
    """Says what is written for a time, when the user's audio has come so far."""

    def __init__(self, says: dict[float, list[Frame]]) -> None:
        self.says = says
        self.heard: list[tuple[float, Frame]] = []

    async def process(self, frames: Frames, /) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            self.heard.append((round(asyncio.get_running_loop().time() * 1000), frame))
            if isinstance(frame, AudioFrame):
                for each in self.says.get(frame.position_ms, []):
                    yield each
            else:
                yield frame


def said(level: int, ms: float, item_id: str = "a") -> AudioFrame:
    return AudioFrame(tone(level, ms), RATE, item_id=item_id)


def played(says: dict[float, list[Frame]], source_ms: float = 400) -> tuple[list[tuple[int, float]], Agent]:
    agent, sink = Agent(says), BytesIO()
    clock.run(run(WavFile(wav(tone(1, source_ms)), sink, realtime=True, tail_ms=0), agent))
    return runs(read_wav(sink.getvalue()).pcm), agent


def test_a_source_in_real_time_is_as_slow_as_a_microphone() -> None:
    _, agent = played({})
    assert [at for at, frame in agent.heard if isinstance(frame, AudioFrame)] == list(range(20, 401, 20))


def test_answers_are_at_their_time_with_silence_in_the_gaps() -> None:
    sound, _ = played({80: [said(5, 60)], 280: [said(6, 20, "b"), said(7, 20, "b")]})
    assert sound == [(0, 100), (5, 60), (0, 140), (6, 20), (7, 20), (0, 60)]


def test_a_run_ends_when_the_last_answer_has_sounded() -> None:
    sound, _ = played({380: [said(5, 900)]})
    assert sound == [(0, 400), (5, 900)]


def test_an_interrupt_drops_what_had_not_sounded() -> None:
    sound, agent = played({80: [said(5, 190)], 140: [CUT], 280: [said(6, 40, "b")]})
    assert sound == [(0, 100), (5, 60), (0, 140), (6, 40), (0, 60)]
    told = [frame for _, frame in agent.heard if isinstance(frame, ControlFrame) and frame.signal == "played"]
    assert ("a", 60) in {(each.item_id, each.position_ms) for each in told}
    assert (told[-1].item_id, told[-1].position_ms) == ("b", 40)


def test_an_agent_that_is_far_ahead_waits_for_the_sound() -> None:
    async def main() -> None:
        loop, transport = asyncio.get_running_loop(), WavFile(wav(b""), realtime=True)
        began, took = loop.time(), list[float]()
        for ms in (20, 20, 1000, 20, 50):
            before = loop.time()
            await transport.send(said(5, ms))
            took.append(round(loop.time() - before, 4))
        assert took == [0, 0, 0.84, 0.02, 0.05]
        await transport.send(CUT)
        await transport.send(STOP)
        assert loop.time() - began == pytest.approx(0.91)
        await transport.close()

    clock.run(main())


# What goes wrong.


class Full(BytesIO):
    """A disk with room for so many bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, raw: object) -> int:
        assert isinstance(raw, bytes)
        if self.tell() + len(raw) > self.room:
            raise OSError("no space left")
        return super().write(raw)


def test_a_full_disk_ends_the_run_and_what_was_written_can_be_read() -> None:
    sink = Full(44 + 900)
    with pytest.raises(OSError, match="no space left"):
        clock.run(run(WavFile(wav(tone(3, 500)), sink)))
    assert runs(read_wav(sink.getvalue()).pcm) == [(3, 40)]


@pytest.mark.parametrize("realtime", [False, True])
def test_what_breaks_the_pipeline_leaves_a_file_that_can_be_read(tmp_path: Path, realtime: bool) -> None:
    async def breaks(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, AudioFrame):
                yield said(9, 10)
                if frame.position_ms == 100:
                    raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        clock.run(run(WavFile(wav(tone(3, 500)), tmp_path / "out.wav", realtime=realtime), breaks))
    assert sum(ms for level, ms in runs(read_wav(tmp_path / "out.wav").pcm) if level) == (
        50 if realtime else 60
    )


def test_a_run_that_is_cancelled_leaves_what_had_sounded(tmp_path: Path) -> None:
    async def main() -> None:
        agent = Agent({80: [said(5, 900)]})
        transport = WavFile(wav(tone(3, 5000)), tmp_path / "out.wav", realtime=True)
        running = asyncio.create_task(run(transport, agent))
        await asyncio.sleep(0.25)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert others() == set()
        with pytest.raises(SessionClosedError):
            await transport.send(TextFrame("more"))

    clock.run(main())
    assert runs(read_wav(tmp_path / "out.wav").pcm) == [(0, 100), (5, 150)]


def test_what_is_no_wav_file_makes_none(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(b"fLaC")
    with pytest.raises(AudioFormatError, match="a FLAC file"):
        clock.run(run(WavFile(tmp_path / "in.wav", tmp_path / "out.wav")))
    with pytest.raises(FileNotFoundError):
        clock.run(run(WavFile(tmp_path / "none.wav", tmp_path / "out.wav")))
    assert not (tmp_path / "out.wav").exists()


def test_what_is_read_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="write into another file"):
        WavFile(tmp_path / "a.wav", str(tmp_path / "b" / ".." / "a.wav"))
    (tmp_path / "a.wav").touch()
    (tmp_path / "linked.wav").hardlink_to(tmp_path / "a.wav")
    with pytest.raises(ConfigError, match="write into another file"):
        WavFile(tmp_path / "a.wav", tmp_path / "linked.wav")


@pytest.mark.parametrize("wrong", [{"chunk_ms": 0}, {"tail_ms": -1}, {"chunk_ms": nan}, {"tail_ms": inf}])
def test_lengths_that_there_are_not_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        WavFile(b"", **wrong)  # type: ignore[arg-type]


def test_closing_twice_and_before_anything_is_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        transport = WavFile(wav(b""), tmp_path / "out.wav")
        await transport.close()
        await transport.close()

    clock.run(main())
    assert not (tmp_path / "out.wav").exists()


def test_a_processor_between_two_files() -> None:
    louder = frame_loop(lambda frame: said(8, 20) if isinstance(frame, AudioFrame) else frame)
    sink = BytesIO()
    source = BytesIO()
    write_wav(source, tone(2, 60), RATE)
    clock.run(run(WavFile(source.getvalue(), sink, tail_ms=0), louder))
    assert runs(read_wav(sink.getvalue()).pcm) == [(8, 60)]


def test_a_conversation_that_is_interrupted_sounds_as_it_was_heard() -> None:
    """What the engine takes for heard is what is in the file."""
    cuts: list[ControlFrame] = []
    answers: list[TurnEnd] = []

    def note(frame: Frame) -> Frame:
        match frame:
            case ControlFrame(signal="interrupt"):
                cuts.append(frame)
            case EventFrame(event=TurnEnd() as turn):
                answers.append(turn)
            case _:
                pass
        return frame

    sound = speech("hello", word_ms=300) + silence(1500) + speech("stop", word_ms=300) + silence(600)
    script = [Reply(hears="hello", says="word " * 20), Reply(hears="stop", says="yes")]
    engine = ScriptEngine(Config(extra={"script": script, "pace": 20}))
    sink = BytesIO()
    transport = WavFile(wav(sound, 16_000), sink, realtime=True)
    clock.run(run(transport, as_frame_processor(engine), frame_loop(note)), at_most_s=60)
    found = read_wav(sink.getvalue())
    loud = [each != 0 for each in memoryview(found.pcm).cast("h")[:: found.format.sample_rate // 1000]]
    story, gap, short = [len(each) for each in _stretches(loud)][1:4]
    (cut,) = cuts
    assert cut.position_ms <= story <= cut.position_ms + 120
    assert 1000 < story < 2000
    assert gap > 300
    assert short == pytest.approx(200, abs=10)
    assert [each.agent_text for each in answers] == [("word " * 20).strip(), "yes"]


def _stretches(loud: list[bool]) -> list[list[bool]]:
    """Cut where it is quiet for long, which is more than 20 ms."""
    out: list[list[bool]] = [[]]
    for n, each in enumerate(loud):
        is_loud = each or (any(loud[max(0, n - 20) : n]) and any(loud[n : n + 20]))
        if out[-1] and is_loud != out[-1][-1]:
            out.append([])
        out[-1].append(is_loud)
    return out
