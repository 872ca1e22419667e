"""OpenAI Realtime for real: our engine, sockets and Opus, our gateway, and the local engine behind it.

The question is spoken by the engine's own voice, and the answer is transcribed by its own ear.
"""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

import pytest
from tests.conformance.subjects import question

import s2s
from s2s.gateway import Gateway
from s2s.providers.local import LocalEngine
from s2s.testing.talk import Talk

NEEDED = ("numpy", "onnxruntime", "hibari", "moonshine_voice")
MISSING = [each for each in NEEDED if find_spec(each) is None]
pytestmark = [pytest.mark.local, pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}")]
CHUNK = 20 * 48


async def spoken(text: str) -> bytes:
    return await question(text) + bytes(800 * 48)


async def said(audio: bytes) -> str:
    """Return what the local engine hears in this audio."""
    async with LocalEngine(s2s.Config(turn_detection="manual")).start() as session:
        talk = Talk(session, within_s=30)
        await session.send_audio(audio)
        await session.commit()
        return (await talk.until(s2s.Transcript, lambda each: each.final)).text


async def asks(session: s2s.Session, text: str, *, live: bool = False) -> Talk:
    talk = Talk(session, within_s=30)
    audio = await spoken(text)
    now = asyncio.get_running_loop().time
    began = now()
    for position, start in enumerate(range(0, len(audio), CHUNK)):
        if live:
            await asyncio.sleep(began + position * 0.02 - now())
        await session.send_audio(audio[start : start + CHUNK])
    await talk.until(s2s.TurnEnd)
    return talk


def test_a_spoken_question_is_answered_through_both_ends_of_the_protocol() -> None:
    async def main() -> None:
        async with Gateway(LocalEngine()) as gateway:
            extra = {"base_url": gateway.base_url}
            async with s2s.new("openai_realtime", extra=extra).start() as session:
                talk = await asks(session, "What is twelve times seven?")
            (turn,) = talk.all(s2s.TurnEnd)
            assert "twelve times seven" in turn.user_text.lower()
            assert "eighty four" in turn.agent_text.lower().replace("-", " ") or "84" in turn.agent_text
            heard = (await said(talk.audio)).lower().replace("-", " ")
            assert "eighty four" in heard or "84" in heard
            assert talk.errors == gateway.failures == []

    asyncio.run(main())


def test_a_function_is_run_here_for_a_model_that_listens_there() -> None:
    moved: list[tuple[str, int]] = []

    def move(direction: str, distance: int) -> str:
        """Move the robot.

        Args:
            direction: forward or back
            distance: in meters
        """
        moved.append((direction, distance))
        return f"Moving {direction} {distance} meters."

    async def main() -> None:
        async with Gateway(LocalEngine()) as gateway:
            extra = {"base_url": gateway.base_url}
            async with s2s.new("openai_realtime", tools=[move], extra=extra).start() as session:
                talk = await asks(session, "Move forward ten meters.")
            assert moved == [("forward", 10)]
            (turn,) = talk.all(s2s.TurnEnd)
            assert "10 meters" in turn.agent_text
            assert [each.origin for each in talk.all(s2s.ResponseStarted)] == ["user_turn", "tool_result"]
            assert talk.errors == []

    asyncio.run(main())


def test_a_call_over_webrtc_is_a_conversation() -> None:
    pytest.importorskip("aiortc", reason="pip install 'voice-s2s[webrtc]'")
    from tests.support.calls import call_service, extra_for

    async def main() -> None:
        async with call_service(LocalEngine()) as (base_url, service):
            extra = extra_for(base_url, api_key="sk-test")
            async with s2s.new("openai_realtime", extra=extra).start() as session:
                talk = await asks(session, "What is twelve times seven?", live=True)
            heard = (await said(talk.audio)).lower().replace("-", " ")
            assert "eighty four" in heard or "84" in heard
            (turn,) = talk.all(s2s.TurnEnd)
            assert "twelve times seven" in turn.user_text.lower()
            assert service.requests == [("multipart/form-data", "Bearer sk-test")]
            assert talk.errors == []

    asyncio.run(main())
