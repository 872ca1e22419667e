"""Whatever one end of Nova Sonic says, the other end hears; what it has no word for stands here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

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
from s2s.config import Config, TurnDetection
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
from s2s.wire import Close, Send
from s2s.wire.nova.client import NovaClient, Opening
from s2s.wire.nova.judging import reason_of
from s2s.wire.nova.server import NovaServer
from s2s.wire.nova.setups import Setting, Setup
from s2s.wire.nova.wanted import wanted

CAN = Capabilities(truncate=True, input_rates=(16_000,))
ACCEPTED = b'{"response":{"requestId":"r-1"}}'
LOOK_UP = Tool(
    name="look_up",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
    policy="background",
)
TEXT = st.text(st.characters(categories=["L", "N", "P"], codec="utf-8"), min_size=1, max_size=12)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True)
PCM = st.binary(min_size=2, max_size=40).map(lambda each: each[: len(each) & ~1])
OBJECTS: st.SearchStrategy[JSON] = st.dictionaries(NAMES, TEXT | st.integers(0, 99), max_size=3)
TOKENS = st.integers(1, 9999)


class Stream(Pair):
    """Both ends, on a stream on which time passes."""

    def settle(self) -> list[Event]:
        """Have the client wait for as long as it will, and return what it tells then."""
        return self._carry(self._client.settle(), [])[1]  # type: ignore[union-attr]

    def cause(self, event: Event) -> list[Command]:
        """Have the server send this, and return what the client says to that."""
        return self._carry([], self._server.send(event))[0]

    def leave(self) -> None:
        """Have the client end the stream."""
        self._carry(self._client.leave(), [])  # type: ignore[union-attr]


def asked(generation: int = 2, **config: JSON) -> tuple[NovaClient, Setup]:
    """Return our end, and what it sets up, which the service takes."""
    config = {"tools": [LOOK_UP], **config}
    client = NovaClient(Opening(config=Config(**config), capabilities=CAN, generation=generation))
    said = [*client.open(), *client.receive(ACCEPTED)]
    setting = Setting(request_id="r-1", generation=generation)
    for each in said:
        assert not isinstance(each, Send) or setting.receive(each.data) is None
    assert [each.session_id for each in said if isinstance(each, SessionStarted)] == ["r-1"]
    assert setting.complete is not None
    return client, setting.complete


def opened(generation: int = 2, **config: JSON) -> Stream:
    """Return both ends of a session that has begun."""
    client, setup = asked(generation, **config)
    ids = itertools.count(1)
    server = NovaServer(setup, session_id="s", input_rate=16_000, new_id=lambda: f"id-{next(ids)}")
    pair = Stream(client, server)
    assert pair.tell(SessionStarted("s", "script", "m", CAN)) == []
    return pair


def heard(pair: Pair, *commands: Command) -> list[Command]:
    return [each for command in commands for each in pair.say(command)]


def told(pair: Pair, *events: Event) -> list[Event]:
    return [each for event in events for each in pair.tell(event)]


def kinds(said: list[Command] | list[Event]) -> list[str]:
    return [type(each).__name__ for each in said]


def words(events: list[Event]) -> str:
    """Return the words of answers; sentences are apart by one blank, as the service has them."""
    return " ".join("".join(each.text for each in events if isinstance(each, TextOutput)).split())


# The setup.


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "instructions": TEXT,
            "voice": NAMES,
            "temperature": st.sampled_from([0.0, 0.5, 1.0]),
            "max_output_tokens": st.integers(1, 8192),
            "turn_detection": st.builds(TurnDetection, eagerness=st.sampled_from(["high", "medium", "low"])),
        },
    ),
)
def test_what_a_session_shall_be_arrives_in_the_setup(config: JSON) -> None:
    fields: dict[str, JSON] = wanted(asked(**config)[1])
    for name, value in config.items():
        assert fields[name] == value
    (tool,) = fields["tools"]
    assert (tool.name, tool.parameters, tool.policy) == (LOOK_UP.name, LOOK_UP.parameters, "background")


@given(st.lists(TEXT, max_size=5))
def test_a_history_arrives(texts: list[str]) -> None:
    said = tuple(Message("assistant" if at % 2 else "user", text) for at, text in enumerate(texts))
    setup = asked(history=said)[1]
    assert setup.history == said


@given(st.lists(TEXT, max_size=5))
def test_the_first_generation_takes_what_it_knows(texts: list[str]) -> None:
    said = tuple(Message("assistant" if at % 2 else "user", text) for at, text in enumerate(texts))
    setup = asked(1, history=said, turn_detection=TurnDetection(eagerness="high"))[1]
    assert (setup.history, setup.sensitivity, setup.generation) == (said, None, 1)


# Commands.


@given(st.lists(PCM, max_size=4))
def test_audio_arrives_as_it_was_sent(pieces: list[bytes]) -> None:
    said = [AppendAudio(each) for each in pieces]
    assert heard(opened(), *said) == said


def test_the_first_generation_is_asked_nothing_in_writing() -> None:
    pair = opened(1)
    assert heard(pair, AddItem(Message("user", "Hi.")), CreateResponse(), AppendAudio(b"ab")) == [
        AppendAudio(b"ab")
    ]
    assert pair.closed is None


@given(TEXT)
def test_questions_arrive(text: str) -> None:
    pair = opened()
    assert heard(pair, AddItem(Message("user", text, "i1"))) == []  # until something is asked
    assert heard(pair, CreateResponse()) == [AddItem(Message("user", text)), CreateResponse()]


@given(OBJECTS, TEXT, st.booleans())
def test_results_of_a_call_arrive(arguments: JSON, output: str, is_error: bool) -> None:
    pair = opened()
    call = Call("call_1", "look_up", arguments, msgspec.json.encode(arguments).decode())
    events = told(pair, ResponseStarted("r"), ToolCall(call, "r"), ResponseDone("r"))
    (made,) = [each.call for each in events if isinstance(each, ToolCall)]
    assert made == call
    said = SendToolResult("call_1", output, is_error, respond=True)
    assert heard(pair, said) == [said]


@given(OBJECTS)
def test_json_of_a_tool_arrives_as_it_is(value: JSON) -> None:
    pair = opened()
    told(pair, ResponseStarted("r"), ToolCall(Call("call_1", "look_up"), "r"), ResponseDone("r"))
    output = msgspec.json.encode(value | {"more": 1}).decode()
    assert heard(pair, SendToolResult("call_1", output)) == [SendToolResult("call_1", output)]


def test_of_parallel_calls_the_last_answer_lets_the_engine_speak() -> None:
    pair = opened()
    calls = [ToolCall(Call(f"call_{n}", "look_up"), "r") for n in range(3)]
    events = told(pair, ResponseStarted("r"), *calls, ResponseDone("r"))
    assert kinds(events) == ["ResponseStarted", "ToolCall", "ToolCall", "ToolCall"]
    assert kinds(pair.settle()) == ["ResponseDone"]
    said = [SendToolResult(f"call_{n}", "x", respond=n == 2) for n in range(3)]
    assert heard(pair, *said) == said


def test_other_settings_want_another_stream() -> None:
    pair = opened()
    assert heard(pair, UpdateSession(instructions="Be brief.")) == []
    assert pair.reopens is not None


@pytest.mark.parametrize(
    "command",
    [
        Cancel(),
        CommitAudio(),
        ClearAudio(),
        RemoveItem("i"),
        Truncate("i", 1.0),
        AppendImage(b"\xff\xd8"),
        CreateResponse(out_of_band=True),
        CreateResponse(context=()),
        SendToolResult("nobody_called", "x"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_it_has_no_word_for(command: Command) -> None:
    pair = opened()
    told(pair, ResponseStarted("r"), AudioOutput(bytes(480), 24_000, "r", "i"))
    assert heard(pair, command) == []
    assert pair.closed is None


def test_a_stream_is_left_in_order() -> None:
    pair = opened()
    told(pair, ResponseStarted("r"), AudioOutput(bytes(480), 24_000, "r", "i"))
    pair.leave()
    assert pair.closed == Close(1000)


# Events.


@given(st.lists(PCM, min_size=1, max_size=4))
def test_audio_of_an_answer_arrives(pieces: list[bytes]) -> None:
    pair = opened()
    said = [AudioOutput(each, 24_000, "r", "i") for each in pieces]
    events = told(pair, ResponseStarted("r"), *said, ResponseGenerated("r"), ResponseDone("r"))
    spoken = [each for each in events if isinstance(each, AudioOutput)]
    assert b"".join(each.audio for each in spoken) == b"".join(pieces)
    assert {(each.response_id, each.item_id, each.sample_rate) for each in spoken} == {
        ("resp_1", "item_1", 24_000)
    }
    assert kinds(events)[-1:] == ["ResponseGenerated"]
    assert kinds(pair.settle())[-1:] == ["ResponseDone"]


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_words_of_an_answer_arrive(said: list[str]) -> None:
    pair = opened()
    events: list[Event] = [ResponseStarted("r")]
    for each in said:
        events += [TextOutput(f" {each}", "r", "i"), AudioOutput(bytes(480), 24_000, "r", "i")]
    told_ = told(pair, *events, TextOutput("", "r", "i", final=True), ResponseDone("r"))
    assert "".join(words(told_).split()) == "".join(said)
    finals = [each.final for each in told_ if isinstance(each, TextOutput)]
    assert finals == [False] * (len(finals) - 1) + [True]
    assert kinds(told_)[-1] == "ResponseDone"


@given(TEXT)
def test_an_answer_in_writing_arrives(text: str) -> None:
    pair = opened(output_modalities=("text",))
    events = told(
        pair,
        ResponseStarted("r"),
        TextOutput(text, "r", "i", final=True, form="written"),
        ResponseDone("r"),
    )
    assert words(events).replace(" ", "") == text
    assert {each.form for each in events if isinstance(each, TextOutput)} == {"written"}
    assert kinds(events)[-1] == "ResponseDone"


@given(TEXT)
def test_the_user_s_words_arrive(text: str) -> None:
    pair = opened()
    events = told(
        pair,
        SpeechStarted("u", 1500.0),
        Transcript("well", "u", "well"),
        SpeechStopped("u", 2250.0),
        Transcript(text, "u", text, final=True),
        ResponseStarted("r"),
        AudioOutput(bytes(480), 24_000, "r", "i"),
    )
    said = [each for each in events if isinstance(each, Transcript)]
    assert [(each.text, each.final, each.item_id) for each in said] == [
        (text, False, "user_1"),
        (text, True, "user_1"),
    ]


@given(TOKENS, TOKENS)
def test_what_an_answer_cost_arrives(read: int, spoken: int) -> None:
    pair = opened()
    usage = Usage(Tokens(read, text=read), Tokens(spoken, audio=spoken))
    events = told(
        pair, ResponseStarted("r"), TextOutput("Yes.", "r", "i", final=True), ResponseDone("r", usage=usage)
    )
    assert events[-1] == ResponseDone("resp_1", "completed", usage)
    assert told(pair, UsageUpdate(usage)) == [UsageUpdate(usage)]


def test_an_interruption_arrives_once_and_with_what_was_heard() -> None:
    pair = opened()
    events = told(
        pair,
        ResponseStarted("r"),
        *(each for text in ("One. ", "Two. ", "Three.") for each in _spoken(text, 4800, "r")),
        Interrupted("r", "i-r", 210.0, "user_speech", "server_confirmed"),
        ResponseDone("r", "interrupted"),
    )
    assert [(each.response_id, each.item_id) for each in events if isinstance(each, Interrupted)] == [
        ("resp_1", "item_1")
    ]
    assert [each.status for each in events if isinstance(each, ResponseDone)] == ["interrupted"]
    assert "interrupted" not in words(events)


def test_an_answer_may_be_cut_off_after_its_end() -> None:
    pair = opened()
    told(pair, ResponseStarted("r"), *_spoken("One.", 4800, "r"), ResponseDone("r"))
    events = told(pair, Interrupted("r", "i-r", 10.0, "user_speech", "server_confirmed"))
    assert kinds(events) == ["Interrupted"]


def test_a_question_waits_for_the_answer_before_it() -> None:
    pair = opened()
    told(pair, ResponseStarted("r"), *_spoken("One.", 4800, "r"))
    assert heard(pair, AddItem(Message("user", "And?")), CreateResponse()) == []
    assert pair.cause(ResponseDone("r")) == [AddItem(Message("user", "And?")), CreateResponse()]


@pytest.mark.parametrize(
    ("status", "arrives"),
    [
        ("completed", "completed"),
        ("interrupted", "interrupted"),
        ("incomplete", "completed"),
        ("failed", "completed"),
    ],
)
def test_how_an_answer_ended_arrives_as_far_as_there_are_words(status: JSON, arrives: str) -> None:
    pair = opened()
    events = told(pair, ResponseStarted("r"), *_spoken("One.", 480, "r"), ResponseDone("r", status))
    assert [each.status for each in events if isinstance(each, ResponseDone)] == [arrives]
    assert (Interrupted in map(type, events)) is (status == "interrupted")


@pytest.mark.parametrize(
    "error", [AuthError("no"), RateLimitError("slowly"), ProviderError("no", code="x"), S2SError("oops")]
)
def test_a_fatal_error_is_a_close(error: S2SError) -> None:
    pair = opened()
    assert told(pair, Error(error, fatal=True)) == []
    assert pair.closed == reason_of(error).closing("r-1")


@pytest.mark.parametrize(
    "event",
    [
        RateLimits(()),
        IdleTimeout(1.0),
        GoingAway(60.0),
        Error(S2SError("oops")),
        ToolCallCancelled(("call_1",)),
        SpeechStarted("u", 1.0),
        SpeechStopped("u", 2.0),
        Transcript("Hel", "u", "Hel"),
        ResponseStarted("aside", "out_of_band"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_it_tells_nothing_of(event: Event) -> None:
    assert told(opened(), event) == []


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
    user: list[str] = []
    cost: Usage = Usage()


def come_to(events: list[Event]) -> Heard:
    """Return what events come to, as far as the protocol carries them.

    It does not say when the user speaks, nor that an answer has failed, and has its own blanks between
    sentences.
    """
    heard_ = Heard()
    for event in events:
        match event:
            case Transcript(final=True, text=text):
                heard_.user.append(text)
            case ResponseStarted(origin=origin):
                heard_.answers.append(Answer(origin))
            case AudioOutput(audio=audio):
                heard_.answers[-1].audio += audio
            case TextOutput(text=text):
                heard_.answers[-1].words += "".join(text.split())
            case ToolCall(call=call):
                heard_.answers[-1].calls.append((call.id, call.name, call.arguments))
            case ResponseDone(status=status, usage=usage):
                heard_.answers[-1].status = "interrupted" if status == "interrupted" else "completed"
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
        text, item_id = draw(TEXT), f"u{next(numbers)}"
        yield SpeechStarted(item_id, 100.0)
        yield SpeechStopped(item_id, 900.0)
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
    status: JSON = draw(st.sampled_from(["completed", "incomplete", "failed"]))
    yield ResponseDone(response_id, status, draw(_usage()))


def _answer(draw: st.DrawFn, response_id: str, origin: JSON) -> Iterator[Event]:
    yield ResponseStarted(response_id, origin)
    for _ in range(draw(st.integers(1, 3))):
        yield TextOutput(draw(TEXT), response_id, f"i-{response_id}")
        yield AudioOutput(draw(PCM), 24_000, response_id, f"i-{response_id}")


def _spoken(text: str, n_bytes: int, response_id: str) -> tuple[Event, ...]:
    item_id = f"i-{response_id}"
    return TextOutput(text, response_id, item_id), AudioOutput(bytes(n_bytes), 24_000, response_id, item_id)


@st.composite
def _usage(draw: st.DrawFn) -> Usage:
    read, said = draw(TOKENS), draw(TOKENS)
    return Usage(Tokens(read, text=read), Tokens(said, audio=said))


@given(said=conversations())
def test_a_conversation_comes_to_the_same_at_both_ends(said: list[Event | Command]) -> None:
    pair, heard_, events = opened(), list[Event](), list[Event]()
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
        if isinstance(each, ResponseDone) and not isinstance(heard_[-1], ResponseDone):
            heard_ += pair.settle()
    assert pair.closed is None
    assert come_to(heard_) == come_to(events)
