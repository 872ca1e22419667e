"""The local engine, with its real models, in a pipeline of the installed Pipecat."""

from __future__ import annotations

import pytest

pytest.importorskip("pipecat.workers.runner")
pytest.importorskip("onnxruntime")
pytest.importorskip("whisper_normalizer")

from pipecat.frames import frames as pc

from s2s.config import Config
from s2s.pipeline.pipecat import as_pipecat
from s2s.providers.local import LocalEngine
from tests.support.models import AT_ONCE, RATE, plain, recording, room, run, transcribed
from tests.support.pipecat import Piped, piped, silent

silent()

pytestmark = pytest.mark.local
CHUNK_BYTES = RATE // 50 * 2


async def move(direction: str, distance_m: float) -> str:
    """Move the robot in a direction by a distance in meters."""
    return f"The robot went {direction} by {distance_m:g} meters."


def test_a_spoken_command_is_done_and_what_the_pipeline_would_play_says_so() -> None:
    said = room(300) + recording("go_forward_ten_meters.wav") + room(1_000)
    chunks = [said[start : start + CHUNK_BYTES] for start in range(0, len(said), CHUNK_BYTES)]

    async def main() -> Piped:
        engine = LocalEngine(Config(extra=AT_ONCE))
        async with piped(as_pipecat(engine, tools=[move])) as pipeline:
            await pipeline.send(*(pc.InputAudioRawFrame(each, RATE, 1) for each in chunks))
            await pipeline.comes(pc.TTSStoppedFrame)
        return pipeline

    pipeline = run(main())
    (called,) = pipeline.all(pc.ExternalFunctionCallInProgressFrame)
    assert called.arguments == {"direction": "forward", "distance_m": 10}
    (transcript,) = [each for each in pipeline.up if isinstance(each, pc.TranscriptionFrame)]
    assert plain(transcript.text) == "go forward 10 meters"
    sound = pipeline.all(pc.TTSAudioRawFrame)
    (rate,) = {each.sample_rate for each in sound}
    assert plain(transcribed(b"".join(each.audio for each in sound), rate)) == (
        "the robot went forward by 10 meters"
    )
