import asyncio

import pytest

from s2s.errors import ProviderError
from s2s.events import AudioOutput, Error, GoingAway, ResponseDone, SessionStarted, TextOutput, TurnEnd
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.support.links import PlainEngine, PlainLink, said, types


def test_it_reads_until_what_it_waits_for_and_remembers_the_rest() -> None:
    async def main() -> None:
        link = PlainLink(*said("r", "One", "two"), ResponseDone("r"))
        async with PlainEngine(lambda: link).start() as session:
            talk = Talk(session)
            await talk.until(TextOutput, lambda each: each.text == " two")
            assert types(talk.events)[-2:] == ["audio_output", "text_output"]
            await talk.until(TurnEnd)
            assert (talk.text, len(talk.audio)) == ("One two", 2 * 4800)
            assert len(talk.all(AudioOutput)) == 2

    run(main())


def test_what_does_not_come_is_missed_in_words() -> None:
    async def main() -> None:
        async with PlainEngine().start() as session:
            with pytest.raises(AssertionError, match="no going_away within 5 s after session_started"):
                await Talk(session).until(GoingAway)
        with pytest.raises(AssertionError, match="the session ended without a going_away: session_ended"):
            await Talk(session).until(GoingAway)

    run(main())


def test_it_listens_for_a_while() -> None:
    async def main() -> None:
        link = PlainLink()
        async with PlainEngine(lambda: link).start() as session:
            talk = Talk(session)
            assert types(await talk.listen(1)) == ["session_started"]
            asyncio.get_running_loop().call_later(1, link.tell, GoingAway(1.0))
            assert await talk.listen(2) == [GoingAway(1.0)]

    run(main())


def test_it_knows_what_went_wrong_and_reads_to_the_end() -> None:
    async def main() -> None:
        error = ProviderError("again")
        link = PlainLink(Error(error))
        link.end()
        talk = Talk(await PlainEngine(lambda: link).start())
        assert types(await talk.rest()) == ["session_started", "error", "session_ended"]
        assert (talk.errors, str(talk)) == ([error], "session_started error session_ended")
        assert [type(each) for each in talk.events if isinstance(each, SessionStarted)] == [SessionStarted]

    run(main())
