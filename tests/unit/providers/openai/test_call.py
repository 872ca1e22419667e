"""A call: the offer over HTTP, sound and messages over the loopback, the script engine at the far end."""

import asyncio

import pytest
from aiohttp import web
from tests.support.calls import call_service, extra_for

import s2s
from s2s.providers.script import Reply, ScriptEngine, tone
from s2s.testing.contract import violations
from s2s.testing.talk import Talk

STORY = Reply(says="word " * 40)


def far_end(*script: Reply) -> ScriptEngine:
    return ScriptEngine(s2s.Config(extra={"script": list(script), "pace": 4}))


async def live(session: s2s.Session, audio: bytes) -> None:
    for start in range(0, len(audio), 960):
        await session.send_audio(audio[start : start + 960])
        await asyncio.sleep(0.02)


def test_words_go_up_and_sound_comes_down() -> None:
    async def main() -> None:
        engine = far_end(Reply(says="Good morning."))
        async with call_service(engine) as (base_url, service):
            async with s2s.new("openai_realtime", extra=extra_for(base_url, api_key="k")).start() as session:
                talk = Talk(session, within_s=10)
                await session.send_text("Hello?")
                turn = await talk.until(s2s.TurnEnd)
            assert turn.agent_text == turn.heard_text == "Good morning."
            assert 390 <= len(talk.audio) / 48 <= 800
            assert service.requests == [("multipart/form-data", "Bearer k")]
            assert service.calls[0].session == {"type": "realtime", "model": "gpt-realtime-2.1"}
            await talk.rest()
            assert violations(talk.events) == []

    asyncio.run(main())


def test_an_ephemeral_key_brings_its_settings_along() -> None:
    async def main() -> None:
        async with call_service(far_end()) as (base_url, service):
            extra = extra_for(base_url, api_key="ek_1")
            async with s2s.new("openai_realtime", extra=extra).start():
                pass
            assert service.requests == [("application/sdp", "Bearer ek_1")]

    asyncio.run(main())


def test_speech_goes_up_and_cuts_off_what_is_heard() -> None:
    async def main() -> None:
        engine = far_end(STORY, Reply(says="Fine."))
        async with call_service(engine) as (base_url, service):
            async with s2s.new("openai_realtime", extra=extra_for(base_url)).start() as session:
                talk = Talk(session, within_s=15)
                await session.send_text("Tell me a story.")
                await talk.until(s2s.AudioOutput)
                speaking = asyncio.create_task(live(session, tone("stop") * 2 + bytes(500 * 48)))
                cut = await talk.until(s2s.Interrupted)
                assert cut.cause == "user_speech"
                await talk.until(s2s.TurnEnd, lambda each: each.status == "interrupted")
                turn = await talk.until(s2s.TurnEnd)
                assert (turn.agent_text, turn.status) == ("Fine.", "completed")
                await speaking
            said = [each["type"] for each in service.calls[0].said]
            assert "conversation.item.truncate" not in said
            await talk.rest()
            assert violations(talk.events) == []

    asyncio.run(main())


def test_an_interruption_cancels_then_clears_and_silence_falls() -> None:
    async def main() -> None:
        async with call_service(far_end(STORY, Reply(says="Fine."))) as (base_url, service):
            async with s2s.new("openai_realtime", extra=extra_for(base_url)).start() as session:
                talk = Talk(session, within_s=15)
                await session.send_text("Tell me a story.")
                await talk.until(s2s.AudioOutput)
                assert await session.interrupt() is not None
                turn = await talk.until(s2s.TurnEnd)
                assert turn.status == "interrupted"
                await session.send_text("And now?")
                assert (await talk.until(s2s.TurnEnd)).agent_text == "Fine."
            said = [each["type"] for each in service.calls[0].said]
            assert said[said.index("response.cancel") + 1] == "output_audio_buffer.clear"
            await talk.rest()
            assert violations(talk.events) == []

    asyncio.run(main())


def test_a_call_that_is_refused_says_why() -> None:
    async def main() -> None:
        async with call_service(far_end()) as (base_url, service):
            body = {"error": {"code": "invalid_api_key", "message": "Incorrect API key provided."}}
            service.refuse = web.json_response(body, status=401)
            async with s2s.new("openai_realtime", extra=extra_for(base_url, api_key="bad")).start():
                pass

    with pytest.raises(s2s.AuthError, match=r"Incorrect API key provided.*check the key"):
        asyncio.run(main())


def test_an_answer_that_is_no_sdp_is_an_error() -> None:
    async def main() -> None:
        async with call_service(far_end()) as (base_url, service):
            service.refuse = web.Response(status=201, text="hello")
            async with s2s.new("openai_realtime", extra=extra_for(base_url)).start():
                pass

    with pytest.raises(s2s.ConnectError):
        asyncio.run(main())


def test_a_far_end_that_hangs_up_ends_the_session_in_order() -> None:
    async def main() -> None:
        async with call_service(far_end(STORY)) as (base_url, service):
            async with s2s.new("openai_realtime", extra=extra_for(base_url)).start() as session:
                talk = Talk(session, within_s=15)
                await session.send_text("Tell me a story.")
                await talk.until(s2s.AudioOutput)
                await service.calls[0].hang_up()
                await talk.rest()
            *_, done, turn, error, ended = talk.events
            assert isinstance(done, s2s.ResponseDone)
            assert isinstance(turn, s2s.TurnEnd)
            assert (done.status, turn.status) == ("failed", "failed")
            assert isinstance(error, s2s.Error)
            assert isinstance(error.error, s2s.ConnectionLostError)
            assert ended == s2s.SessionEnded("failed")

    asyncio.run(main())
