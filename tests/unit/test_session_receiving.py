"""What an engine tells arrives."""

import asyncio

import pytest

from s2s.events import AudioOutput, Tokens, TurnEnd, Usage
from s2s.formats import AudioFormat
from s2s.items import Item, Message, ToolResult
from s2s.providers.script import Reply
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.support.sessions import CALL, finished, script


@pytest.mark.parametrize(
    "spoken",
    [AudioFormat(sample_rate=16_000), AudioFormat("g711_ulaw", 8_000), AudioFormat("g711_alaw", 8_000)],
)
def test_audio_comes_in_the_format_that_was_asked_for(spoken: AudioFormat) -> None:
    async def main() -> None:
        async with script(Reply(says="one two three"), output_format=spoken).start() as session:
            talk = Talk(session)
            await session.send_text("Hi")
            await talk.until(TurnEnd)
            audio = [each for each in talk.events if isinstance(each, AudioOutput)]
            assert {each.sample_rate for each in audio} == {spoken.sample_rate}
            assert spoken.duration_ms(sum(len(each.audio) for each in audio)) == 600
            await asyncio.sleep(1)
            assert await session.interrupt() is None
            await finished(session, talk.events)

    run(main())


def test_a_turn_says_what_was_asked_answered_and_spent() -> None:
    async def main() -> None:
        usage = Usage(Tokens(3, text=3), Tokens(4, audio=4))
        engine = script(Reply(says="Fine, thanks.", usage=usage), Reply(says="Bye.", usage=usage), pace=1)
        async with engine.start() as session:
            talk = Talk(session)
            for text in ("How are you?", "Bye."):
                await session.send_text(text)
                turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text, turn.heard_text, turn.usage) == (
                "Bye.",
                "Bye.",
                "Bye.",
                usage,
            )
            assert (turn.timings.first_text_ms, turn.timings.first_audio_ms) == (0.0, 0.0)
            assert turn.timings.done_ms == 200.0
            assert session.usage == usage + usage
            assert (session.id, session.closed) == ("script-session", False)
            roles = [(each.role, each.text) for each in session.history if isinstance(each, Message)]
            assert roles == [
                ("user", "How are you?"),
                ("assistant", "Fine, thanks."),
                ("user", "Bye."),
                ("assistant", "Bye."),
            ]
            await finished(session, talk.events)

    run(main())


def test_the_history_begins_with_its_seed() -> None:
    async def main() -> None:
        seed: tuple[Item, ...] = (Message("user", "Hi"), CALL, ToolResult("c", "rain"))
        async with script(history=seed).start() as session:
            assert session.history == seed

    run(main())


def test_overrides_hold_for_one_session() -> None:
    async def main() -> None:
        engine = script(Reply(says="one"))
        async with engine.start(sample_rate=16_000, voice="a") as session:
            assert (session.config.voice, session.config.spoken.sample_rate) == ("a", 16_000)
        assert engine.config.voice is None

    run(main())
