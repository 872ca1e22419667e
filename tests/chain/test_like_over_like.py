"""The same protocol on both sides of the gateway: what it has a word for goes all the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest

from s2s.config import Config
from s2s.events import AudioOutput, Interrupted, Reconnected, ResponseDone, TurnEnd
from s2s.gateway import Lifetime
from s2s.items import JSON
from s2s.providers.script import Reply
from s2s.simulators.temper import GeminiTemper, Temper
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.chain.said import ends, speak
from tests.chain.subjects import ANY
from tests.support.chain import Chain, NearGemini, NearOpenAI, far_gemini, far_openai

EACH = pytest.mark.parametrize("profile", ANY)
STORY = Reply(says="word " * 60)
GOOD_DAY = Reply(says="Good day to you.", hears="Hello there.")


@asynccontextmanager
async def openai(*replies: Reply, **near: JSON) -> AsyncIterator[tuple[Talk, Chain]]:
    """Talk over OpenAI Realtime to OpenAI Realtime."""
    distant = partial(far_openai, temper=Temper(pace=4))
    engine = NearOpenAI(distant, Config(extra={"script": list(replies)}, **near))
    async with engine.start() as session:
        yield Talk(session, within_s=20.0), engine.chain
    assert engine.chain.gateway.failures == []


@asynccontextmanager
async def gemini(
    profile: str,
    replies: Sequence[Reply],
    temper: GeminiTemper | None = None,
    lifetime: Lifetime | None = None,
    **near: JSON,
) -> AsyncIterator[tuple[Talk, Chain]]:
    """Talk over Gemini Live to Gemini Live."""
    distant = partial(far_gemini, profile, temper=temper)
    engine = NearGemini(profile, distant, Config(extra={"script": list(replies)}, **near), lifetime)
    async with engine.start() as session:
        yield Talk(session, within_s=20.0), engine.chain
    assert engine.chain.gateway.failures == []


def test_a_cancel_and_what_was_heard_reach_openai_through_openai() -> None:
    async def main() -> None:
        async with openai(STORY, GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput, lambda each: each.position_ms >= 1000)
            talk.session.playhead.played(600)
            await talk.session.interrupt()
            assert (await talk.until(TurnEnd)).status == "interrupted"
            await talk.listen(0.1)
            assert ends(chain) == ["interrupted"]
            assert len(chain.far.line.all("response.cancel")) == 1
            (truncated,) = chain.far.line.all("conversation.item.truncate")
            assert truncated["audio_end_ms"] == 600
            assert talk.errors == []

    run(main())


def test_nothing_is_said_beside_the_conversation_that_openai_does_not_hear_of() -> None:
    async def main() -> None:
        async with openai(STORY, Reply(says="A story.")) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await talk.session.respond("Name it.", out_of_band=True, metadata={"for": "the title"})
            done = await talk.until(ResponseDone)
            aside = chain.far.line.all("response.create")[1]["response"]
            assert (aside["conversation"], aside["metadata"]["for"]) == ("none", "the title")
            assert done.status == "completed"
            assert ends(chain) == ["completed"]

    run(main())


@EACH
def test_who_says_when_the_user_speaks_stops_gemini_through_gemini(profile: str) -> None:
    async def main() -> None:
        async with gemini(profile, (STORY, GOOD_DAY), turn_detection="manual") as (talk, chain):
            await speak(talk)
            await talk.session.commit()
            await talk.until(AudioOutput)
            await talk.listen(1.0)
            cut = await talk.session.interrupt()
            assert cut is not None
            assert cut.confirmation == "requested"
            assert (await talk.until(TurnEnd)).status == "interrupted"
            await talk.listen(0.2)
            assert ends(chain) == ["interrupted"]
            await speak(talk)
            await talk.session.commit()
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            activities = [[*each["realtimeInput"]] for each in chain.far.line.said if "realtimeInput" in each]
            assert activities == [["activityStart"], ["activityEnd"]] * 2

    run(main())


@EACH
def test_who_speaks_over_an_answer_stops_gemini_through_gemini(profile: str) -> None:
    async def main() -> None:
        async with gemini(profile, (STORY, GOOD_DAY)) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await talk.listen(1.0)
            await speak(talk)
            assert (await talk.until(Interrupted)).cause == "user_speech"
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert ends(chain) == ["interrupted", "completed"]

    run(main())


@EACH
def test_both_connections_are_replaced_and_the_conversation_is_one(profile: str) -> None:
    async def main() -> None:
        replies = [GOOD_DAY] * 8
        far, near = GeminiTemper(pace=1, session_s=70.0, notice_s=10.0), Lifetime(50.0, 10.0)
        async with gemini(profile, replies, far, near) as (talk, chain):
            for _ in replies:
                await talk.session.send_text("Hello there.")
                assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
                await talk.listen(25.0)
            assert len(chain.connections) > 3
            assert len(chain.far.line.connections) > 2
            assert len(chain.far.script.links) == 1
            assert {each.restored for each in talk.all(Reconnected)} == {"full"}
            assert talk.errors == []

    run(main())
