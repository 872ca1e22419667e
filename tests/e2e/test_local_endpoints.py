"""The local engine with ears, a brain and a voice behind HTTP, the real ones among them."""

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("whisper_normalizer")

from tests.support.models import AT_ONCE, RATE, plain, recording, room, run, talking, transcribed
from tests.support.speechserver import SpeechServer, speech_server
from tests.support.stages import VOICE_RATE
from tests.support.talking import Caller

from s2s.events import AudioOutput, TurnEnd
from s2s.items import JSON
from s2s.providers.local.hibari import HibariTTS
from s2s.providers.local.moonshine import MoonshineSTT
from s2s.providers.local.pool import Pool

pytestmark = pytest.mark.local

QUESTION = recording("go_forward_ten_meters.wav")


def reply(question: str) -> str:
    return "I am going ten meters forward." if "forward" in question.lower() else "What did you say?"


def behind(url: str) -> dict[str, JSON]:
    """Return an engine's settings for a server that hears, thinks and speaks."""
    options = {"base_url": url, "model": "any"}
    seats: dict[str, JSON] = {"stt": "openai", "brain": "chat", "tts": "openai"}
    return {**AT_ONCE, **seats, **{f"{seat}_options": options for seat in seats}}


def test_a_spoken_question_is_answered_aloud_by_a_server_of_the_openai_kind() -> None:
    async def main() -> tuple[Caller, SpeechServer]:
        pool = Pool(2)
        async with speech_server(MoonshineSTT(pool), HibariTTS(pool), reply) as server:
            async with talking(behind(server.url)) as caller:
                await caller.session.send_audio(room(300) + QUESTION + room(1_000))
                await caller.told(TurnEnd)
            return caller, server

    caller, server = run(main())
    assert caller.errors == []
    assert plain(caller.turns[0]) == "go forward 10 meters"
    assert server.questions[-1] == caller.turns[0]
    assert {each.sample_rate for each in server.uploads} == {RATE}
    sound = b"".join(each.audio for each in caller.all(AudioOutput))
    assert plain(transcribed(sound, VOICE_RATE)) == "i am going 10 meters forward"
