"""Our own ears in front of Gemini Live: what the user says is found here, and the service follows."""

import asyncio

import pytest
from tests.support.sessions import loud
from tests.support.stages import LoudVAD

import s2s
from s2s.events import AudioOutput, Interrupted, SpeechStarted, SpeechStopped, TurnEnd
from s2s.items import JSON
from s2s.providers.script import Reply
from s2s.simulators.gemini import GeminiSimulator
from s2s.simulators.temper import GeminiTemper
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk

PROFILES = ["dev-2.5-native", "dev-3.1", "dev-3.8", "dev-3.8-thinking", "vertex-half-cascade"]
LONG = Reply(says="word " * 50)
SHORT = Reply(says="Good day to you.", hears="Hello there.")


async def speak(session: s2s.Session, ms: int, then_ms: int = 900) -> None:
    """Speak and fall silent, in real time."""
    for chunk in [loud(20)] * (ms // 20) + [bytes(960)] * (then_ms // 20):
        await session.send_audio(chunk)
        await asyncio.sleep(0.02)


def talking(profile: str, *script: Reply) -> tuple[s2s.Engine, GeminiSimulator]:
    simulator = GeminiSimulator(script, temper=GeminiTemper(profile=profile))
    extra: JSON = {"connect": simulator.connect, "profile": profile, "vad": LoudVAD()}
    return s2s.new("gemini_live", turn_detection="local", extra=extra), simulator


@pytest.mark.parametrize("profile", PROFILES)
def test_speech_is_found_answered_and_interrupts_with_every_generation(profile: str) -> None:
    async def main() -> None:
        engine, simulator = talking(profile, SHORT, LONG, SHORT)
        async with engine.start() as session:
            talk = Talk(session, within_s=30)
            await asyncio.gather(speak(session, 400), talk.until(TurnEnd))
            started, stopped = talk.all(SpeechStarted)[0], talk.all(SpeechStopped)[0]
            assert 0 <= started.position_ms < stopped.position_ms < 500
            assert talk.all(TurnEnd)[0].agent_text == "Good day to you."
            await session.send_text("A story, please.")
            await talk.until(AudioOutput)
            await asyncio.gather(speak(session, 400), talk.until(Interrupted))
            assert (await talk.until(TurnEnd)).status == "interrupted"
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello there.", "Good day to you.")
        assert violations(await talk.rest(), session.config.spoken) == []
        await simulator.hang_up()

    run(main())


def test_the_service_confirms_that_it_has_stopped() -> None:
    async def main() -> None:
        engine, simulator = talking("dev-3.8", LONG, SHORT)
        async with engine.start() as session:
            assert session.capabilities.interrupt == "requested"
            talk = Talk(session, within_s=30)
            await session.send_text("A story, please.")
            await talk.until(AudioOutput)
            cut = await session.interrupt(confirm_s=3.0)
            assert cut is not None
            assert cut.confirmation == "server_confirmed"
            await talk.until(TurnEnd)
            await asyncio.gather(speak(session, 400), talk.until(TurnEnd))
            assert talk.all(TurnEnd)[-1].agent_text == "Good day to you."
        await talk.rest()
        await simulator.hang_up()

    run(main())


def test_silence_is_kept_from_the_service() -> None:
    async def main() -> None:
        engine, simulator = talking("dev-3.8", SHORT)
        async with engine.start() as session:
            talk = Talk(session, within_s=30)
            await speak(session, 0, 3000)
            assert [each.type for each in await talk.listen(5)] == ["session_started"]
        await talk.rest()
        await simulator.hang_up()

    run(main())
