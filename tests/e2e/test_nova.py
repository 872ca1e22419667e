"""Nova Sonic for real: our engine, every event signed over TLS, and the local engine behind the service."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("whisper_normalizer")
pytest.importorskip("h2", reason="streams of HTTP/2 need the nova extra")

from tests.support.models import RATE, plain, recording, room, run, spoken, transcribed

from s2s.certificates import Throwaway
from s2s.config import Config
from s2s.events import AudioOutput, Interrupted, ToolCall, TurnEnd
from s2s.formats import AudioFormat
from s2s.providers.local import LocalEngine
from s2s.providers.nova import NovaEngine
from s2s.session import Session
from s2s.simulators.nova import NovaSimulator
from s2s.testing.contract import violations
from s2s.testing.talk import Talk

pytestmark = pytest.mark.local


async def speak(session: Session, pcm: bytes) -> None:
    """Speak into a quiet room, faster than life."""
    await session.send_audio(room(300) + pcm + room(1_500))


def sound(talk: Talk) -> bytes:
    return b"".join(each.audio for each in talk.all(AudioOutput))


async def move(direction: str, distance: int) -> str:
    """Move the robot.

    Args:
        direction: forward or back
        distance: in meters
    """
    return f"Moving {direction} {distance} meters."


def test_a_spoken_question_is_answered_and_a_function_called(tmp_path: Path) -> None:
    question, secret, trusted = spoken("What is twelve times seven?"), Throwaway(), tmp_path / "ca.pem"
    secret.write(trusted)
    said: list[bytes] = []

    async def main() -> Talk:
        async with NovaSimulator(engine=LocalEngine(), tls=secret) as simulator:
            extra = {"base_url": simulator.base_url, "ca": str(trusted)}
            config = Config(extra=extra, tools=[move], input_format=AudioFormat(sample_rate=RATE))
            async with NovaEngine(config).start() as session:
                talk = Talk(session, within_s=30)
                await speak(session, question)
                product = await talk.until(TurnEnd)
                assert "12 times 7" in plain(product.user_text)
                assert "84" in plain(product.agent_text)
                said.append(sound(talk))
                await speak(session, recording("go_forward_ten_meters.wav"))
                call = (await talk.until(ToolCall)).call
                assert (call.name, call.arguments) == ("move", {"direction": "forward", "distance": 10})
                moved = await talk.until(TurnEnd)
                assert plain(moved.user_text) == "go forward 10 meters"
                assert "10 meters" in plain(moved.agent_text)
            assert violations(await talk.rest(), session.config.spoken) == []
            assert simulator.failures == []
            return talk

    assert run(main(), within_s=60.0).errors == []
    assert "84" in plain(transcribed(said[0], 24_000))


def test_who_speaks_while_it_answers_is_heard() -> None:
    story, stop = spoken("Tell me a story, please."), spoken("What is twelve times seven?")

    async def main() -> None:
        async with NovaSimulator(engine=LocalEngine()) as simulator:
            config = Config(
                extra={"base_url": simulator.base_url}, input_format=AudioFormat(sample_rate=RATE)
            )
            async with NovaEngine(config).start() as session:
                talk = Talk(session, within_s=30)
                await speak(session, story)
                await talk.until(AudioOutput)
                await speak(session, stop)
                cut = await talk.until(Interrupted)
                assert (cut.cause, cut.confirmation) == ("user_speech", "server_confirmed")
                assert (await talk.until(TurnEnd)).status == "interrupted"
                assert "84" in plain((await talk.until(TurnEnd)).agent_text)

    run(main(), within_s=60.0)
