"""One conversation, told alike by every engine but for what its service does not say, or says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import pytest
from msgspec import Struct

from s2s.config import Config
from s2s.engine import Engine
from s2s.events import (
    AudioOutput,
    Event,
    Interrupted,
    RateLimits,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    SessionStarted,
    TextOutput,
    ToolCall,
    Transcript,
    TurnEnd,
    UsageUpdate,
)
from s2s.items import Call, Item, Message, ToolResult
from s2s.providers.script import Reply, tone
from s2s.session import Session
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from tests.chain.said import BONN, LOOK_UP, ROME
from tests.conformance.subjects import Simulated, SimulatedGemini, SimulatedNova

ENGINES: Mapping[str, Callable[[Config], Engine]] = {
    "openai_realtime": Simulated,
    "gemini_live": partial(SimulatedGemini, "dev-3.8"),
    "nova": partial(SimulatedNova, "amazon.nova-2-5-sonic"),
}
BEFORE = (Message("user", "My name is Ada."), Message("assistant", "Hello, Ada."))
AGAIN = Call("call-again", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
STORY = Reply(says="Word one. Word two. Word three. " * 10)
"""Twelve seconds, a sentence in 0.4 of them."""
HEARD_MS = 800
SPEECH = tone("How") + tone("are") + bytes(48_000)
SCRIPT = [
    Reply(says="Good day to you."),
    Reply(says="Very well.", hears="How are you?"),
    Reply(says="Wait.", calls=(BONN,)),
    Reply(says="It is a city."),
    Reply(calls=(AGAIN, ROME)),
    Reply(says="They are cities."),
    STORY,
    Reply(says="I am silent.", hears="Be quiet."),
    STORY,
    Reply(says="Yes?"),
]


async def conversation(engine: Engine) -> tuple[list[Event], tuple[Item, ...]]:
    """Hold it, and return what came, and what the session remembers."""
    async with engine.start(history=BEFORE) as session:
        talk = Talk(session, within_s=30.0)
        await type_and_speak(talk)
        await look_up(talk)
        await cut_off(talk)
        remembered = session.history
    events = await talk.rest()
    assert violations(events, session.config.spoken) == []
    return events, remembered


async def type_and_speak(talk: Talk) -> None:
    await talk.session.send_text("Hello there.")
    await talk.until(TurnEnd)
    await speak(talk.session)
    await talk.until(TurnEnd)


async def look_up(talk: Talk) -> None:
    for question, calls in (("Look up Bonn.", 1), ("Look up Bonn and Rome.", 2)):
        await talk.session.send_text(question)
        made = [(await talk.until(ToolCall)).call for _ in range(calls)]
        for each in made:
            await talk.session.send_tool_result(ToolResult(each.id, "It has bridges."))
        await talk.until(TurnEnd)


async def cut_off(talk: Talk) -> None:
    await listen_to_story(talk)
    await speak(talk.session)
    assert (await talk.until(TurnEnd)).status == "interrupted"
    await talk.until(TurnEnd)
    await listen_to_story(talk)
    await talk.session.interrupt()
    await talk.until(TurnEnd)
    await talk.session.send_text("Are you there?")
    await talk.until(TurnEnd)


async def listen_to_story(talk: Talk) -> None:
    await talk.session.send_text("Tell me a story.")
    await talk.until(AudioOutput, lambda each: each.position_ms > HEARD_MS)
    talk.session.playhead.played(HEARD_MS)


async def speak(session: Session) -> None:
    for start in range(0, len(SPEECH), 960):
        await session.send_audio(SPEECH[start : start + 960])


# What is told of it.


def account(events: Sequence[Event]) -> Iterator[str]:
    """Yield a line for each event, but one for all pieces of an item's words, audio or transcript.

    It stands where they began. What was cut off is told by what was heard of it, and not by how far it had
    come; and what anything cost is left out, which every service counts in its own way, and at its own times.
    """
    cut = {each.response_id for each in events if isinstance(each, Interrupted)}
    begun: set[tuple[str, str]] = set()
    for event in events:
        match event:
            case UsageUpdate() | RateLimits():
                continue
            case TextOutput(text="", final=True):
                continue
            case Transcript(item_id=item_id) | TextOutput(item_id=item_id) | AudioOutput(item_id=item_id):
                if (event.type, item_id) not in begun:
                    begun.add((event.type, item_id))
                    yield f"{event.type} {item_line(event, events, cut)}"
            case _:
                yield " ".join([event.type, *map(str, details(event))])


def item_line(event: Transcript | TextOutput | AudioOutput, events: Sequence[Event], cut: set[str]) -> str:
    match event:
        case Transcript(item_id=item_id):
            (whole,) = [
                e.text for e in events if isinstance(e, Transcript) and e.item_id == item_id and e.final
            ]
            return whole
        case _ if event.response_id in cut:
            return "..."
        case TextOutput(item_id=item_id):
            texts = [e for e in events if isinstance(e, TextOutput) and e.item_id == item_id]
            assert [each.final for each in texts] == [*[False] * (len(texts) - 1), True]
            return "".join(each.text for each in texts)
        case AudioOutput(item_id=item_id):
            audio = [e for e in events if isinstance(e, AudioOutput) and e.item_id == item_id]
            return f"{sum(len(each.audio) * 500 / each.sample_rate for each in audio):.0f} ms"


def details(event: Event) -> Iterator[object]:
    """Yield what is the same over every service; names are not."""
    match event:
        case SessionStarted() | SessionEnded():
            yield from [] if isinstance(event, SessionStarted) else [event.reason]
        case ResponseStarted(origin=origin):
            yield origin
        case ResponseDone(status=status):
            yield status
        case ToolCall(call=call):
            yield from (call.id, call.name, call.raw)
        case Interrupted(heard_ms=heard_ms, cause=cause, confirmation=confirmation):
            yield from (cause, confirmation, heard_ms)
        case TurnEnd(status=status, user_text=user_text, heard_text=heard_text, tool_calls=calls):
            yield from (status, "|", user_text, "|", heard_text, *(f"| {each.id}" for each in calls))
        case _:
            pass


TOLD = """
session_started
response_started application
text_output Good day to you.
audio_output 800 ms
response_generated
response_done completed
turn_end completed | Hello there. | Good day to you.
speech_started
speech_stopped
transcript How are you?
response_started user_turn
text_output Very well.
audio_output 400 ms
response_generated
response_done completed
turn_end completed | How are you? | Very well.
response_started application
text_output Wait.
audio_output 200 ms
tool_call call-Bonn look_up {"city":"Bonn"}
response_done completed
response_started tool_result
text_output It is a city.
audio_output 800 ms
response_generated
response_done completed
turn_end completed | Look up Bonn. | Wait. It is a city. | call-Bonn
response_started application
tool_call call-again look_up {"city":"Bonn"}
tool_call call-Rome look_up {"city":"Rome"}
response_done completed
response_started tool_result
text_output They are cities.
audio_output 600 ms
response_generated
response_done completed
turn_end completed | Look up Bonn and Rome. | They are cities. | call-again | call-Rome
response_started application
text_output ...
audio_output ...
speech_started
interrupted user_speech server_confirmed 800
response_done interrupted
turn_end interrupted | Tell me a story. | Word one. Word two.
speech_stopped
transcript Be quiet.
response_started user_turn
text_output I am silent.
audio_output 600 ms
response_generated
response_done completed
turn_end completed | Be quiet. | I am silent.
response_started application
text_output ...
audio_output ...
interrupted application requested 800
response_done interrupted
turn_end interrupted | Tell me a story. | Word one. Word two.
response_started application
text_output Yes?
audio_output 200 ms
response_generated
response_done completed
turn_end completed | Are you there? | Yes?
session_ended closed
""".strip().splitlines()
REMEMBERED = [
    ("user", "My name is Ada."),
    ("assistant", "Hello, Ada."),
    ("user", "Hello there."),
    ("assistant", "Good day to you."),
    ("user", "How are you?"),
    ("assistant", "Very well."),
    ("user", "Look up Bonn."),
    ("assistant", "Wait."),
    BONN,
    ToolResult("call-Bonn", "It has bridges."),
    ("assistant", "It is a city."),
    ("user", "Look up Bonn and Rome."),
    AGAIN,
    ROME,
    ToolResult("call-again", "It has bridges."),
    ToolResult("call-Rome", "It has bridges."),
    ("assistant", "They are cities."),
    ("user", "Tell me a story."),
    ("assistant", "Word one. Word two."),
    ("user", "Be quiet."),
    ("assistant", "I am silent."),
    ("user", "Tell me a story."),
    ("assistant", "Word one. Word two."),
    ("user", "Are you there?"),
    ("assistant", "Yes?"),
]


# Where they differ.


class Difference(Struct, frozen=True):
    """What an engine tells in place of a line, each time, and why."""

    line: str
    instead: tuple[str, ...]
    why: str


_ASKED = "interrupted application requested 800"
_SILENCED = Difference(
    _ASKED,
    ("interrupted application local_only 800",),
    "the service cannot be stopped, and `capabilities.interrupt` says so",
)
_CUT = "interrupted user_speech server_confirmed 800"
_UNTOLD = "the service does not tell when the user speaks, only what was said"
DIFFERENCES: Mapping[str, Sequence[Difference]] = {
    "openai_realtime": [
        Difference("response_generated", (), "a response is over as soon as it was generated"),
    ],
    "gemini_live": [_SILENCED],
    "nova": [
        _SILENCED,
        Difference("speech_started", (), _UNTOLD),
        Difference("speech_stopped", (), _UNTOLD),
        Difference(
            _CUT,
            ("response_generated", _CUT),
            "the audio of an answer ends as any audio does, before the service says that it was cut off",
        ),
    ],
}


def expected(differences: Sequence[Difference]) -> list[str]:
    """Return what an engine with these differences tells."""
    instead = {each.line: each.instead for each in differences}
    assert set(instead) <= {*TOLD}, "a line that nobody tells"
    return [told for line in TOLD for told in instead.get(line, (line,))]


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_conversation_is_told_by_every_engine(name: str) -> None:
    async def main() -> None:
        engine = ENGINES[name](Config(tools=[LOOK_UP], extra={"script": SCRIPT}))
        events, items = await conversation(engine)
        assert [*account(events)] == expected(DIFFERENCES[name])
        assert [remembered(each) for each in items] == REMEMBERED
        assert (engine.capabilities.interrupt == "local_only") is (_SILENCED in DIFFERENCES[name])

    run(main())


def remembered(item: Item) -> object:
    if isinstance(item, Message):
        return (item.role, item.text.strip() if item.heard_text is None else item.heard_text)
    return item


def test_a_difference_is_of_something_that_is_told_and_has_a_reason() -> None:
    for each in (each for differences in DIFFERENCES.values() for each in differences):
        assert expected([each]) != TOLD
        assert each.why
