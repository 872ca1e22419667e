"""The local engine in a pipeline: frames of a recording in, frames of the answer out."""

import asyncio
from array import array

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("whisper_normalizer")

from tests.support.frames import Source, collected
from tests.support.models import RATE, plain, recording, run

from s2s.events import SessionEnded
from s2s.pipeline import AudioFrame, ControlFrame, EventFrame, Frame, TextFrame, ToolCallFrame
from s2s.pipeline.speaking import as_frame_processor

pytestmark = pytest.mark.local

_STEP = RATE // 50 * 2


def move(direction: str, distance_m: float) -> str:
    """Move the robot in a direction by a distance in meters."""
    return f"The robot went {direction} by {distance_m:g} meters."


def test_a_recording_in_frames_gets_the_frames_of_its_answer() -> None:
    pcm = recording("go_forward_ten_meters.wav")
    pieces: list[Frame] = [AudioFrame(pcm[at : at + _STEP], RATE) for at in range(0, len(pcm), _STEP)]
    processor = as_frame_processor("local", tools=[move], extra={"lead_ms": None})

    async def main() -> list[Frame]:
        frames = await collected(processor.process(Source([*pieces, ControlFrame("stop")]).frames()))
        assert processor.sessions == ()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return frames

    frames = run(main())
    said = [each for each in frames if isinstance(each, TextFrame)]
    asked = [each.text for each in said if each.role == "user" and each.final]
    assert [plain(each) for each in asked] == ["go forward 10 meters"]
    answer = "".join(each.text for each in said if each.role == "assistant")
    assert answer == "The robot went forward by 10 meters."
    assert [each.runs_here for each in frames if isinstance(each, ToolCallFrame)] == [True]
    audio = [each for each in frames if isinstance(each, AudioFrame)]
    assert {each.sample_rate for each in audio} == {processor.capabilities.output_rates[0]}
    assert sum(each.duration_ms for each in audio) > 1_000
    assert max(map(abs, array("h", b"".join(each.audio for each in audio)))) > 3_000
    assert frames[-1] == ControlFrame("stop")
    assert isinstance(frames[-2], EventFrame)
    assert isinstance(frames[-2].event, SessionEnded)
