"""Whatever one end of Gemini Live says, the other end hears; what it has no word for stands here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from s2s.capabilities import Capabilities
from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import Config
from s2s.errors import AuthError, ProviderError, RateLimitError, S2SError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    GoingAway,
    IdleTimeout,
    Interrupted,
    RateLimits,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    Tokens,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    Usage,
    UsageUpdate,
)
from s2s.items import JSON, Call, Message
from s2s.testing.pairlaw import Pair
from s2s.tools import Tool
from s2s.wire.gemini.client import GeminiClient, Opening
from s2s.wire.gemini.failures import closing, reason_of
from s2s.wire.gemini.judging import opening
from s2s.wire.gemini.messages import Setup
from s2s.wire.gemini.profiles import PROFILES, Profile
from s2s.wire.gemini.server import GeminiServer
from s2s.wire.gemini.wanted import turns, wanted

CAN = Capabilities(truncate=True, updates=True, images=True)
LOOK_UP = Tool(name="look_up", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
PROFILE = st.sampled_from(PROFILES)
TEXT = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True)
IDS = st.from_regex(r"[a-z]{1,8}_[A-Za-z0-9]{1,20}", fullmatch=True)
PCM = st.binary(min_size=2, max_size=40).map(lambda each: each[: len(each) & ~1])
OBJECTS: st.SearchStrategy[JSON] = st.dictionaries(NAMES, TEXT | st.integers(0, 99), max_size=3)
TOKENS = st.integers(1, 9999)


def asked(profile: Profile, **config: JSON) -> tuple[GeminiClient, Setup]:
    """Return our end, and what it sets up, which the service takes."""
    client = GeminiClient(
        Opening(
            config=Config(tools=[LOOK_UP], **config), capabilities=CAN, profile=profile, input_rate=24_000
        )
    )
    setup = opening(client.open()[0].data, lambda _: profile, strict=True, version="v1beta")
    assert isinstance(setup, Setup)
    return client, setup


def opened(profile: Profile, **config: JSON) -> Pair:
    """Return both ends of a session that has begun."""
    client, setup = asked(profile, **config)
    pair = Pair(client, GeminiServer(setup, profile, input_rate=24_000, strict=True))
    (started,) = pair.tell(SessionStarted("s", "script", "m", CAN))
    assert isinstance(started, SessionStarted)
    assert started.provider == "gemini_live"
    return pair


def heard(pair: Pair, *commands: Command) -> list[Command]:
    return [each for command in commands for each in pair.say(command)]


def told(pair: Pair, *events: Event) -> list[Event]:
    return [each for event in events for each in pair.tell(event)]


def kinds(said: list[Command] | list[Event]) -> list[str]:
    return [type(each).__name__ for each in said]


# The setup.


@given(
    PROFILE,
    st.fixed_dictionaries(
        {},
        optional={
            "instructions": TEXT,
            "voice": NAMES,
            "transcription": st.booleans(),
            "temperature": st.sampled_from([0.0, 0.5, 1.0]),
            "max_output_tokens": st.integers(1, 8192),
            "turn_detection": st.sampled_from(["server", "manual"]),
        },
    ),
)
def test_what_a_session_shall_be_arrives_in_the_setup(profile: Profile, config: JSON) -> None:
    setup = asked(profile, **config)[1]
    fields: dict[str, JSON] = {**wanted(setup, profile), "turn_detection": turns(setup).mode}
    for name, value in config.items():
        assert fields.get(name, False) == value
    (tool,) = fields["tools"]
    assert (tool.name, tool.parameters) == (LOOK_UP.name, LOOK_UP.parameters)


# Commands.


@given(PROFILE, st.lists(PCM, max_size=4))
def test_audio_arrives_as_it_was_sent(profile: Profile, pieces: list[bytes]) -> None:
    said = [AppendAudio(each) for each in pieces]
    assert heard(opened(profile), *said) == said


@given(PROFILE, PCM)
def test_a_turn_of_push_to_talk_arrives(profile: Profile, pcm: bytes) -> None:
    said: list[Command] = [AppendAudio(pcm), CommitAudio()]
    assert heard(opened(profile, turn_detection="manual"), *said) == said


@given(PROFILE, st.binary(min_size=1, max_size=30), st.sampled_from(["image/png", "image/jpeg"]))
def test_pictures_arrive(profile: Profile, image: bytes, mime_type: str) -> None:
    assert heard(opened(profile), AppendImage(image, mime_type)) == [AppendImage(image, mime_type)]


@given(PROFILE, TEXT)
def test_questions_arrive(profile: Profile, text: str) -> None:
    pair = opened(profile)
    assert (
        heard(pair, AddItem(Message("user", text, "i1"))) == []
    )  # until it is known whether it is a question
    assert heard(pair, CreateResponse()) == [AddItem(Message("user", text)), CreateResponse()]


@given(PROFILE, TEXT)
def test_what_is_no_question_arrives_before_what_comes_next(profile: Profile, text: str) -> None:
    pair = opened(profile)
    said = heard(pair, AddItem(Message("user", text, "i1")), AppendAudio(bytes(480)))
    assert said == [AddItem(Message("user", text)), AppendAudio(bytes(480))]


@given(PROFILE, OBJECTS, TEXT, st.booleans())
def test_results_of_a_call_arrive(profile: Profile, arguments: JSON, output: str, is_error: bool) -> None:
    pair = opened(profile)
    call = Call("call_1", "look_up", arguments, msgspec.json.encode(arguments).decode())
    events = told(pair, ResponseStarted("r"), ToolCall(call, "r"), ResponseDone("r"))
    (made,) = [each.call for each in events if isinstance(each, ToolCall)]
    assert made == call
    said = SendToolResult("call_1", output, is_error, respond=True)
    assert heard(pair, said) == [said]


@given(PROFILE)
def test_of_parallel_calls_the_last_answer_lets_the_engine_speak(profile: Profile) -> None:
    pair = opened(profile)
    calls = [ToolCall(Call(f"call_{n}", "look_up"), "r") for n in range(3)]
    events = told(pair, ResponseStarted("r"), *calls, ResponseDone("r"))
    assert kinds(events)[:5] == ["ResponseStarted", "ToolCall", "ToolCall", "ToolCall", "ResponseDone"]
    said = [SendToolResult(f"call_{n}", "x", respond=n == 2) for n in range(3)]
    assert [each.respond for each in heard(pair, *said) if isinstance(each, SendToolResult)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.name)
def test_the_service_is_stopped_where_it_does_not_find_the_turns(profile: Profile) -> None:
    manual, server = opened(profile, turn_detection="manual"), opened(profile)
    for pair in (manual, server):
        told(pair, ResponseStarted("r"), AudioOutput(bytes(480), 24_000, "r", "i"))
    assert heard(manual, Cancel()) == [Cancel("r")]
    assert heard(server, Cancel()) == []


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.name)
def test_other_instructions_arrive_or_want_another_connection(profile: Profile) -> None:
    pair = opened(profile)
    arrived = heard(pair, UpdateSession(instructions="Be brief."))
    assert arrived == ([UpdateSession(instructions="Be brief.")] if profile.updates else [])
    assert (pair.reopens is None) is profile.updates


@pytest.mark.parametrize(
    "command",
    [
        ClearAudio(),
        RemoveItem("i"),
        Truncate("i", 1.0),
        CreateResponse(out_of_band=True),
        CreateResponse(context=()),
    ],
)
def test_it_has_no_word_for(command: Command) -> None:
    assert heard(opened(PROFILES[2]), command) == []


# Events.


@given(PROFILE, st.lists(PCM, min_size=1, max_size=4))
def test_audio_of_an_answer_arrives(profile: Profile, pieces: list[bytes]) -> None:
    pair = opened(profile)
    said = [AudioOutput(each, 24_000, "r", "i") for each in pieces]
    events = told(pair, ResponseStarted("r"), *said, ResponseGenerated("r"), ResponseDone("r"))
    spoken = [each for each in events if isinstance(each, AudioOutput)]
    assert b"".join(each.audio for each in spoken) == b"".join(pieces)
    assert {(each.response_id, each.item_id, each.sample_rate) for each in spoken} == {
        ("resp_1", "item_1", 24_000)
    }
    assert kinds(events)[-2:] == ["ResponseGenerated", "ResponseDone"]


@given(PROFILE, st.lists(TEXT, min_size=1, max_size=4))
def test_words_of_an_answer_arrive(profile: Profile, words: list[str]) -> None:
    pair = opened(profile)
    said: list[Event] = [ResponseStarted("r")]
    for each in words:
        said += [TextOutput(each, "r", "i"), AudioOutput(bytes(480), 24_000, "r", "i")]
    events = told(pair, *said, TextOutput("", "r", "i", final=True), ResponseDone("r"))
    spoken = [each for each in events if isinstance(each, TextOutput)]
    assert "".join(each.text for each in spoken) == "".join(words)
    assert [each.final for each in spoken][-1] is True


@given(PROFILE, TEXT)
def test_the_user_s_words_arrive(profile: Profile, text: str) -> None:
    pair = opened(profile)
    events = told(
        pair,
        SpeechStarted("u", 1500.0),
        SpeechStopped("u", 2250.0),
        Transcript(text, "u", text, final=True),
        ResponseStarted("r"),
        AudioOutput(bytes(480), 24_000, "r", "i"),
        ResponseDone("r"),
    )
    said = [each for each in events if isinstance(each, Transcript)]
    assert (said[-1].text, said[-1].final, said[-1].item_id) == (text, True, "user_1")
    speech: list[Event] = [SpeechStarted("user_1", 1500.0), SpeechStopped("user_1", 2250.0)]
    assert events[:2] == speech if profile.voice_activity else SpeechStarted not in map(type, events)


@given(PROFILE, TOKENS, TOKENS, TOKENS)
def test_what_an_answer_cost_arrives(profile: Profile, read: int, spoken: int, cached: int) -> None:
    pair = opened(profile)
    usage = Usage(Tokens(read, text=read, cached=cached), Tokens(spoken, audio=spoken))
    events = told(
        pair, ResponseStarted("r"), AudioOutput(bytes(480), 24_000, "r", "i"), ResponseDone("r", usage=usage)
    )
    assert events[-1] == ResponseDone("resp_1", "completed", usage)
    assert told(pair, UsageUpdate(usage)) in ([UsageUpdate(usage)], [])


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.name)
@pytest.mark.parametrize("status", ["completed", "interrupted", "incomplete", "failed"])
def test_how_an_answer_ended_arrives(profile: Profile, status: JSON) -> None:
    pair = opened(profile)
    events = told(
        pair, ResponseStarted("r"), AudioOutput(bytes(480), 24_000, "r", "i"), ResponseDone("r", status)
    )
    assert [each.status for each in events if isinstance(each, ResponseDone)] == [status]
    assert (Interrupted in map(type, events)) is (status == "interrupted")


@given(PROFILE, st.integers(1, 3600))
def test_a_warning_arrives(profile: Profile, left_s: int) -> None:
    assert told(opened(profile), GoingAway(float(left_s))) == [GoingAway(float(left_s))]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.name)
def test_calls_that_are_taken_back_arrive(profile: Profile) -> None:
    pair = opened(profile)
    told(pair, ResponseStarted("r"), ToolCall(Call("call_1", "look_up"), "r"), ResponseDone("r"))
    events = told(pair, ToolCallCancelled(("call_1",)))
    assert events[0] == ToolCallCancelled(("call_1",))


@pytest.mark.parametrize(
    "error", [AuthError("no"), RateLimitError("slowly"), ProviderError("no", code="x"), S2SError("oops")]
)
def test_a_fatal_error_is_a_close(error: S2SError) -> None:
    pair = opened(PROFILES[2])
    assert told(pair, Error(error, fatal=True)) == []
    assert pair.closed == closing(reason_of(error))


@pytest.mark.parametrize("event", [RateLimits(()), IdleTimeout(1.0), Error(S2SError("oops"))])
def test_it_tells_nothing_of(event: Event) -> None:
    assert told(opened(PROFILES[2]), event) == []


# Conversations.


class Answer(Struct):
    """What a response comes to, however it is cut into events."""

    origin: str
    words: str = ""
    audio: bytes = b""
    calls: list[tuple[str, str, JSON]] = []
    status: str = ""


class Heard(Struct):
    """What a conversation comes to: each side in its order, and what all of it cost."""

    answers: list[Answer] = []
    user: list[object] = []
    cost: Usage = Usage()


EXCEPTIONS: dict[str, Callable[[Profile, Event], bool]] = {
    "when the user speaks, by generations that do not tell": lambda profile, event: (
        isinstance(event, SpeechStarted | SpeechStopped) and not profile.voice_activity
    ),
}
"""What is not heard at the other end, of all that an engine tells of conversations."""


def come_to(profile: Profile, events: list[Event]) -> Heard:
    """Return what events come to, as far as the protocol carries them with this generation."""
    heard_ = Heard()
    for event in events:
        if any(lost(profile, event) for lost in EXCEPTIONS.values()):
            continue
        match event:
            case SpeechStarted(position_ms=position_ms) | SpeechStopped(position_ms=position_ms):
                heard_.user.append((event.type, round(position_ms)))
            case Transcript(final=True, text=text):
                heard_.user.append(text)
            case ResponseStarted(origin=origin):
                heard_.answers.append(Answer(origin))
            case AudioOutput(audio=audio):
                heard_.answers[-1].audio += audio
            case TextOutput(text=text):
                heard_.answers[-1].words += text
            case ToolCall(call=call):
                heard_.answers[-1].calls.append((call.id, call.name, call.arguments))
            case ResponseDone(status=status, usage=usage):
                heard_.answers[-1].status = status
                heard_.cost += usage or Usage()
            case UsageUpdate(usage=usage):
                heard_.cost += usage
            case _:
                pass
    return heard_


@st.composite
def conversations(draw: st.DrawFn) -> list[Event | Command]:
    """Make what is said in a few turns: questions and speech, answers and calls, ends of every kind."""
    numbers = itertools.count(1)
    return [said for _ in range(draw(st.integers(1, 4))) for said in _turn(draw, numbers)]


def _turn(draw: st.DrawFn, numbers: Iterator[int]) -> Iterator[Event | Command]:
    spoken = draw(st.booleans())
    if spoken:
        start_ms = draw(st.integers(0, 9999))
        text, item_id = draw(TEXT), f"u{next(numbers)}"
        yield SpeechStarted(item_id, start_ms)
        yield SpeechStopped(item_id, start_ms + draw(st.integers(1, 999)))
        yield Transcript(text, item_id, text, final=True)
    else:
        yield AddItem(Message("user", draw(TEXT)))
        yield CreateResponse()
    origin: JSON = "user_turn" if spoken else "application"
    for _ in range(draw(st.integers(0, 2))):
        response_id, calls = f"r{next(numbers)}", draw(st.integers(1, 3))
        ids = [f"c{next(numbers)}" for _ in range(calls)]
        yield from _answer(draw, response_id, origin)
        for call_id in ids:
            arguments = draw(OBJECTS)
            raw = msgspec.json.encode(arguments).decode()
            yield ToolCall(Call(call_id, "look_up", arguments, raw), response_id)
        yield ResponseDone(response_id, "completed", draw(_usage()))
        for call_id in ids:
            yield SendToolResult(call_id, draw(TEXT), respond=call_id == ids[-1])
        origin = "tool_result"
    response_id = f"r{next(numbers)}"
    yield from _answer(draw, response_id, origin)
    status: JSON = draw(st.sampled_from(["completed", "interrupted", "incomplete", "failed"]))
    yield ResponseDone(response_id, status, draw(_usage()))


def _answer(draw: st.DrawFn, response_id: str, origin: JSON) -> Iterator[Event]:
    yield ResponseStarted(response_id, origin)
    for _ in range(draw(st.integers(1, 3))):
        yield TextOutput(draw(TEXT), response_id, f"i-{response_id}")
        yield AudioOutput(draw(PCM), 24_000, response_id, f"i-{response_id}")


@st.composite
def _usage(draw: st.DrawFn) -> Usage:
    read, said = draw(TOKENS), draw(TOKENS)
    return Usage(Tokens(read, text=read), Tokens(said, audio=said))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.name)
@given(said=conversations())
def test_a_conversation_comes_to_the_same_at_both_ends(profile: Profile, said: list[Event | Command]) -> None:
    pair, heard_, events = opened(profile), list[Event](), list[Event]()
    for each in said:
        match each:
            case AddItem() | CreateResponse() | SendToolResult():
                pair.say(each)
            case (
                SpeechStarted()
                | SpeechStopped()
                | Transcript()
                | ResponseStarted()
                | AudioOutput()
                | TextOutput()
                | ToolCall()
                | ResponseDone()
            ):
                events.append(each)
                heard_ += pair.tell(each)
            case _:
                raise AssertionError(each)
    assert pair.closed is None
    assert come_to(profile, heard_) == come_to(profile, events)
