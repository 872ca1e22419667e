import asyncio
from array import array
from collections.abc import Sequence

import pytest
from tests.support.links import types

from s2s.commands import (
    AddItem,
    AppendAudio,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    SendToolResult,
    UpdateSession,
)
from s2s.config import Config, TurnDetection
from s2s.errors import ConfigError, ConnectionLostError, ProviderError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    ResponseDone,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    Tokens,
    ToolCall,
    Transcript,
    Usage,
)
from s2s.items import JSON, Call, Message
from s2s.providers.script import RATE, WORD_MS, Reply, ScriptEngine, ScriptLink, tone
from s2s.testing.clock import run

LOST = ConnectionLostError("the cable")


def loud(ms: int = 20) -> AppendAudio:
    return AppendAudio(array("h", [5000] * (RATE * ms // 1000)).tobytes())


def quiet(ms: int = 20) -> AppendAudio:
    return AppendAudio(bytes(RATE * ms // 1000 * 2))


async def opened(*script: Reply, turns: TurnDetection | None = None, **extra: JSON) -> ScriptLink:
    config = Config(extra={"script": script, **extra}, turn_detection=turns or TurnDetection())
    link = await ScriptEngine(config).open(config)
    assert isinstance(link, ScriptLink)
    return link


async def answers(link: ScriptLink, *commands: Command | float) -> list[Event]:
    """Return what these commands bring; a number waits for so many seconds."""
    heard: list[Event] = []

    async def hear() -> None:
        async for event in link:
            heard.append(event)

    hearing = asyncio.ensure_future(hear())
    for each in (*commands, 60.0):
        if isinstance(each, float):
            await asyncio.sleep(each)
        else:
            await link.send(each)
    hearing.cancel()
    await asyncio.wait([hearing])
    return heard


def asked(text: str) -> list[Command | float]:
    return [AddItem(Message("user", text, "u")), CreateResponse()]


def ask(*commands: Command | float, link: Sequence[Reply] = (), **extra: JSON) -> list[Event]:
    """Return what a new link answers, but for SessionStarted."""

    async def main() -> list[Event]:
        return (await answers(await opened(*link, **extra), *commands))[1:]

    return run(main())


def words(events: Sequence[Event]) -> str:
    return "".join(each.text for each in events if isinstance(each, TextOutput))


def test_it_begins_by_saying_who_it_is() -> None:
    async def main() -> None:
        engine = ScriptEngine(Config(model="hamlet"))
        (started,) = await answers(await opened())
        assert started == SessionStarted("script-session", "script", "script", engine.capabilities)
        named = await engine.open(engine.config)
        assert await anext(aiter(named)) == SessionStarted(
            "script-session", "script", "hamlet", engine.capabilities
        )

    run(main())


@pytest.mark.parametrize("script", ["Hello", [Reply(), "Hello"], 3])
def test_a_script_is_made_of_replies(script: JSON) -> None:
    with pytest.raises(ConfigError, match=r"must be a list of s2s.providers.script.Reply"):
        ScriptEngine(Config(extra={"script": script}))

    async def main() -> None:
        with pytest.raises(ConfigError, match=r"must be a list of s2s.providers.script.Reply"):
            await ScriptEngine().start(extra={"script": script})

    run(main())


def test_a_reply_is_a_response_with_a_tone_for_every_word() -> None:
    usage = Usage(Tokens(3))
    assert ask(*asked("Hi"), link=[Reply(says="To be", usage=usage)]) == [
        ResponseStarted("response-1", "application"),
        TextOutput("To", "response-1", "item-2"),
        AudioOutput(tone("To"), RATE, "response-1", "item-2", 0),
        TextOutput(" be", "response-1", "item-2"),
        AudioOutput(tone("be"), RATE, "response-1", "item-2", WORD_MS),
        TextOutput("", "response-1", "item-2", final=True),
        ResponseDone("response-1", "completed", usage),
    ]


def test_a_word_sounds_the_same_every_time_and_lasts_its_time() -> None:
    assert len(tone("be")) == RATE * WORD_MS // 1000 * 2
    assert tone("be") == tone("be") != tone("to")


def test_replies_come_in_order_and_then_the_user_is_repeated() -> None:
    events = ask(*asked("one"), *asked("two"), *asked("three"), link=[Reply(says="A."), Reply(says="B.")])
    assert words(events) == "A.B.You said: three"
    assert (
        types([e for e in events if isinstance(e, ResponseStarted | ResponseDone)])
        == [
            "response_started",
            "response_done",
        ]
        * 3
    )


def test_instructions_are_answered_like_words() -> None:
    assert words(ask(CreateResponse("Say hello"))) == "You said: Say hello"


def test_at_a_pace_it_speaks_like_people() -> None:
    async def main() -> list[tuple[float, str]]:
        link = await opened(Reply(says="To be or"), pace=1)
        began, heard = asyncio.get_running_loop().time(), []
        for each in asked("Hi"):
            assert not isinstance(each, float)
            await link.send(each)
        async for event in link:
            heard.append((round(asyncio.get_running_loop().time() - began, 3), event.type))
            if isinstance(event, ResponseDone):
                break
        return heard

    assert run(main())[2:] == [
        (0.0, "text_output"),
        (0.0, "audio_output"),
        (0.2, "text_output"),
        (0.2, "audio_output"),
        (0.4, "text_output"),
        (0.4, "audio_output"),
        (0.6, "text_output"),
        (0.6, "response_done"),
    ]


def test_calls_and_errors_come_before_the_end_of_their_response() -> None:
    call, error = Call("c", "look_up"), ProviderError("no")
    assert ask(CreateResponse(), link=[Reply(calls=(call,), error=error)]) == [
        ResponseStarted("response-1", "application"),
        ToolCall(call, "response-1"),
        Error(error),
        ResponseDone("response-1", "failed"),
    ]


def test_a_tool_result_is_answered_where_it_asks_for_it() -> None:
    events = ask(SendToolResult("c", "rain", respond=False), SendToolResult("d", "sun"))
    assert (events[0], words(events)) == (ResponseStarted("response-1", "tool_result"), "You said: sun")


def test_a_reply_may_end_otherwise() -> None:
    assert ask(CreateResponse(), link=[Reply(status="incomplete")])[-1] == ResponseDone(
        "response-1", "incomplete"
    )


def test_speech_begins_a_turn_and_silence_ends_it() -> None:
    events = ask(quiet(100), loud(), loud(), *[quiet()] * 14, quiet(), quiet(), link=[Reply(hears="Hello")])
    assert events[:4] == [
        SpeechStarted("user-1", 100.0),
        SpeechStopped("user-1", 140.0),
        Transcript("Hello", "user-1", "Hello", final=True),
        ResponseStarted("response-2", "user_turn"),
    ]
    assert types(events).count("speech_stopped") == 1


def test_the_silence_counts_from_the_end_of_the_speech_however_long_the_chunks() -> None:
    assert types(ask(loud(1000), quiet(280))) == ["speech_started"]
    events = ask(loud(1000), quiet(320))
    assert events[1] == SpeechStopped("user-1", 1000.0)


def test_the_silence_that_ends_a_turn_can_be_chosen() -> None:
    assert types(ask(loud(), quiet(400), turns=TurnDetection(silence_ms=500))) == ["speech_started"]


def test_nobody_answers_where_responses_are_not_asked_for() -> None:
    events = ask(loud(), quiet(400), turns=TurnDetection(create_response=False))
    assert types(events) == ["speech_started", "speech_stopped", "transcript"]


def test_without_turn_detection_only_a_commit_ends_a_turn() -> None:
    events = ask(loud(), quiet(900), 1.0, CommitAudio(), turns=TurnDetection(mode="manual"))
    assert events[:3] == [
        SpeechStopped("user-1", 920.0),
        Transcript("something", "user-1", "something", final=True),
        ResponseStarted("response-2", "user_turn"),
    ]


def test_a_commit_amid_speech_ends_that_speech_and_silence_does_not_end_it_again() -> None:
    events = ask(loud(), CommitAudio(), quiet(900))
    assert events[:2] == [SpeechStarted("user-1", 0.0), SpeechStopped("user-1", 20.0)]
    assert types(events).count("transcript") == 1


def test_a_commit_of_silence_is_no_turn() -> None:
    (event,) = ask(quiet(900), CommitAudio())
    assert isinstance(event, Error)
    assert "nothing to commit" in str(event.error)
    assert types(ask(loud(), quiet(900), CommitAudio())).count("response_started") == 1


def test_cleared_speech_is_forgotten() -> None:
    assert types(ask(loud(), ClearAudio(), quiet(900))) == ["speech_started"]


def test_a_cancelled_response_says_no_more() -> None:
    events = ask(*asked("Hi"), 0.3, Cancel(), link=[Reply(says="To be or not")], pace=1)
    assert events[-1] == ResponseDone("response-1", "interrupted")
    assert words(events) == "To be"


def test_a_response_may_be_cancelled_by_its_id_and_no_other_one_is() -> None:
    late: list[Command | float] = [CreateResponse(), 0.3, Cancel("response-9")]
    assert words(ask(*late, link=[Reply(says="To be or not")], pace=1)) == "To be or not"
    named: list[Command | float] = [CreateResponse(), 0.3, Cancel("response-1")]
    assert words(ask(*named, link=[Reply(says="To be or not")], pace=1)) == "To be"


def test_an_error_of_a_cancelled_response_is_not_told_later() -> None:
    reply = Reply(says="To be or not", error=ProviderError("no"))
    assert "error" not in types(ask(CreateResponse(), 0.3, Cancel(), link=[reply], pace=1))


def test_nothing_to_cancel_is_nothing() -> None:
    assert ask(Cancel()) == []


def test_the_user_speaks_over_it() -> None:
    events = ask(*asked("Hi"), 0.3, loud(), link=[Reply(says="To be or not")], pace=1)
    assert types(events[-2:]) == ["speech_started", "response_done"]
    along = TurnDetection(interrupt_response=False)
    events = ask(*asked("Hi"), 0.3, loud(), link=[Reply(says="To be or not")], pace=1, turns=along)
    assert words(events) == "To be or not"


def test_the_next_response_waits_for_the_one_under_way() -> None:
    events = ask(CreateResponse("one"), CreateResponse("two"), 0.3, Cancel(), pace=1)
    assert [each for each in events if isinstance(each, ResponseStarted | ResponseDone)] == [
        ResponseStarted("response-1", "application"),
        ResponseDone("response-1", "interrupted"),
        ResponseStarted("response-3", "application"),
        ResponseDone("response-3", "completed"),
    ]


def test_turn_detection_can_be_changed() -> None:
    events = ask(UpdateSession(turn_detection=TurnDetection(mode="manual")), loud(), quiet(900))
    assert events == []


def test_an_answer_in_writing_has_no_sound() -> None:
    async def main() -> list[Event]:
        config = Config(output_modalities=("text",), extra={"script": [Reply(says="To be")]})
        link = await ScriptEngine(config).open(config)
        assert isinstance(link, ScriptLink)
        return (await answers(link, CreateResponse()))[1:]

    assert run(main()) == [
        ResponseStarted("response-1", "application"),
        TextOutput("To", "response-1", "item-2", form="written"),
        TextOutput(" be", "response-1", "item-2", form="written"),
        TextOutput("", "response-1", "item-2", final=True, form="written"),
        ResponseDone("response-1"),
    ]


def test_without_transcription_there_is_no_transcript() -> None:
    async def main() -> list[Event]:
        config = Config(transcription=False)
        link = await ScriptEngine(config).open(config)
        assert isinstance(link, ScriptLink)
        return (await answers(link, loud(), quiet(400)))[1:]

    assert types(run(main()))[:3] == ["speech_started", "speech_stopped", "response_started"]


def test_an_echo_sends_back_what_it_hears() -> None:
    events = ask(loud(20), loud(40), 0.1, Cancel(), 0.1, loud(20), echo=True)
    assert events == [
        ResponseStarted("response-1"),
        AudioOutput(loud(20).audio, RATE, "response-1", "echo-2", 0),
        AudioOutput(loud(40).audio, RATE, "response-1", "echo-2", 20),
        ResponseDone("response-1", "interrupted"),
        ResponseStarted("response-3"),
        AudioOutput(loud(20).audio, RATE, "response-3", "echo-4", 0),
    ]


def test_a_dropped_link_raises_its_cause_at_once() -> None:
    async def main() -> list[Event]:
        link, heard = await opened(Reply(says="To be or not"), pace=1), list[Event]()

        async def hear() -> None:
            async for event in link:
                heard.append(event)

        hearing = asyncio.ensure_future(hear())
        await link.send(CreateResponse())
        await asyncio.sleep(0.3)
        link.drop(LOST)
        await link.send(CreateResponse())
        began = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionLostError, match="the cable"):
            await hearing
        assert asyncio.get_running_loop().time() == began
        return heard[1:]

    assert words(run(main())) == "To be"


def test_a_closed_link_ends_in_order_and_may_be_closed_again() -> None:
    async def main() -> list[Event]:
        link = await opened()
        await link.close()
        link.drop(LOST)
        await link.close()
        return [event async for event in link]

    assert run(main()) == []
