"""Whatever one end of OpenAI Realtime says, the other end hears; what it has no word for stands here."""

import itertools
from collections.abc import Iterator

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

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
from s2s.errors import ConfigError, ProviderError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    IdleTimeout,
    Interrupted,
    RateLimit,
    RateLimits,
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
    UsageUpdate,
)
from s2s.items import JSON, Call, Message, ToolResult
from s2s.testing.pairlaw import Pair
from s2s.tools import ToolSpec
from s2s.wire.openai.client import OpenAIClient, Opening
from s2s.wire.openai.gate import TAG
from s2s.wire.openai.server import OpenAIServer

CAN = Capabilities(truncate=True, updates=True, images=True, out_of_band=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True)
IDS = st.from_regex(r"[a-z]{1,8}_[A-Za-z0-9]{1,20}", fullmatch=True)
PCM = st.binary(min_size=2, max_size=40).map(lambda each: each[: len(each) & ~1])
OBJECTS: st.SearchStrategy[JSON] = st.dictionaries(NAMES, TEXT | st.integers(0, 99), max_size=3)
TOKENS = st.integers(0, 9999)


def opened(**config: JSON) -> Pair:
    """Return both ends of a session that has begun."""
    client = OpenAIClient(Opening(config=Config(**config), capabilities=CAN, opened_at=1.0))
    pair = Pair(client, OpenAIServer(input_rate=client.input_rate, opened_at=1.0))
    (started,) = pair.tell(SessionStarted("sess_1", "script", "m", CAN, expires_in_s=60.0))
    assert started == SessionStarted("sess_1", "openai_realtime", "m", CAN, expires_in_s=60.0)
    return pair


def heard(pair: Pair, *commands: Command) -> list[Command]:
    return [_untagged(each) for command in commands for each in pair.say(command)]


def _untagged(command: Command) -> Command:
    if not isinstance(command, CreateResponse):
        return command
    return replace(command, metadata={k: v for k, v in command.metadata.items() if k != TAG})


# Commands.


@given(st.lists(PCM, max_size=4))
def test_audio_arrives_as_it_was_sent(pieces: list[bytes]) -> None:
    assert heard(opened(), *(AppendAudio(each) for each in pieces)) == [AppendAudio(e) for e in pieces]


@given(st.binary(max_size=30), st.sampled_from(["image/png", "image/jpeg"]))
def test_pictures_arrive(image: bytes, mime_type: str) -> None:
    assert heard(opened(), AppendImage(image, mime_type)) == [AppendImage(image, mime_type)]


@given(IDS, TEXT, st.sampled_from(["user", "assistant", "system"]))
def test_messages_arrive_and_can_be_removed(item_id: str, text: str, role: JSON) -> None:
    said: list[Command] = [AddItem(Message(role, text, item_id)), RemoveItem(item_id)]
    assert heard(opened(), *said) == said


@given(IDS, NAMES, OBJECTS, TEXT)
def test_calls_and_results_of_the_past_arrive(call_id: str, name: str, arguments: JSON, text: str) -> None:
    call = Call(call_id, name, arguments, msgspec.json.encode(arguments).decode())
    answered = SendToolResult(call_id, text, respond=False)
    assert heard(opened(), AddItem(call), AddItem(ToolResult(call_id, text))) == [AddItem(call), answered]


@given(IDS, TEXT, st.booleans())
def test_results_arrive_and_a_wanted_answer_is_asked_for(call_id: str, text: str, respond: bool) -> None:
    asked = [CreateResponse()] if respond else []
    said = SendToolResult(call_id, text, respond=respond)
    assert heard(opened(), said) == [SendToolResult(call_id, text, respond=False), *asked]


@given(
    st.none() | TEXT,
    st.dictionaries(NAMES, TEXT, max_size=3),
    st.booleans(),
    st.none() | st.lists(st.builds(Message, st.just("user"), TEXT, IDS), max_size=2).map(tuple),
    st.sampled_from([None, ("text",), ("audio", "text")]),
)
def test_requests_arrive_with_every_wish(
    instructions: JSON, metadata: JSON, aside: bool, context: JSON, modalities: JSON
) -> None:
    said = CreateResponse(instructions, metadata, aside, context, modalities)
    assert heard(opened(), said) == [said]


def test_a_commit_is_a_commit_and_a_request() -> None:
    audio = AppendAudio(bytes(120 * 48))
    manual = opened(turn_detection="manual")
    assert heard(manual, audio, CommitAudio()) == [audio, CommitAudio(), CreateResponse()]
    assert heard(manual, ClearAudio()) == [ClearAudio()]


@given(PCM, st.floats(0, 100))
def test_interruptions_arrive(pcm: bytes, heard_ms: float) -> None:
    pair = opened()
    for event in (ResponseStarted("r"), AudioOutput(pcm, 24_000, "r", "i")):
        pair.tell(event)
    end_ms = int(min(heard_ms, len(pcm) / 48))
    cut: list[Command] = [Truncate("i", end_ms)] if end_ms > 0 else [RemoveItem("i")]
    assert heard(pair, Cancel("r"), Truncate("i", heard_ms)) == [Cancel("r"), *cut]


@st.composite
def updates(draw: st.DrawFn) -> UpdateSession:
    """Make changes that this protocol can spell: temperature and the like it cannot."""
    specs = st.builds(ToolSpec, NAMES, TEXT, OBJECTS)
    turns = st.sampled_from(
        [
            TurnDetection(threshold=0.3, silence_ms=400, prefix_ms=100),
            TurnDetection(create_response=False),
            TurnDetection(mode="semantic", eagerness="low", interrupt_response=False),
            TurnDetection(mode="manual", create_response=False, interrupt_response=False),
        ]
    )
    transcription: JSON = draw(st.sampled_from([UNSET, False]))
    modalities: JSON = draw(st.sampled_from([UNSET, ("text",)]))
    return UpdateSession(
        instructions=draw(st.just(UNSET) | TEXT),
        voice=draw(st.just(UNSET) | NAMES),
        tools=draw(st.just(UNSET) | st.lists(specs, min_size=1, max_size=2).map(tuple)),
        turn_detection=draw(st.just(UNSET) | turns),
        transcription=transcription,
        output_modalities=modalities,
        max_output_tokens=draw(st.just(UNSET) | st.integers(1, 4096)),
    )


@given(updates())
def test_changes_of_the_session_arrive(change: UpdateSession) -> None:
    assert heard(opened(), change) == ([] if change == UpdateSession() else [change])


# Events.


@st.composite
def turns(draw: st.DrawFn) -> list[Event]:
    """Make what an engine tells of a few turns: speech, items, calls, ends of every kind."""
    ids = itertools.count(1)
    return [event for _ in range(draw(st.integers(1, 3))) for event in _turn(draw, ids)]


def _turn(draw: st.DrawFn, ids: Iterator[int]) -> Iterator[Event]:
    if draw(st.booleans()):
        yield from _speech(draw, f"u{next(ids)}")
    response_id = f"r{next(ids)}"
    yield ResponseStarted(response_id)
    for _ in range(draw(st.integers(0, 3))):
        yield from draw(st.sampled_from([_message, _note, _call]))(draw, ids, response_id)
    status: JSON = draw(st.sampled_from(["completed", "interrupted", "incomplete", "failed"]))
    if status == "failed":
        yield Error(ProviderError("out of luck", code="server_error"))
    yield ResponseDone(response_id, status, draw(st.none() | _usage()))


def _speech(draw: st.DrawFn, item_id: str) -> Iterator[Event]:
    start_ms = draw(st.integers(0, 9999))
    words = draw(st.lists(TEXT, max_size=3))
    yield SpeechStarted(item_id, start_ms)
    for index in range(len(words)):
        yield Transcript("".join(words[: index + 1]), item_id, words[index])
    yield SpeechStopped(item_id, start_ms + draw(st.integers(1, 999)))
    yield Transcript("".join(words), item_id, "", True, draw(st.sampled_from([None, "en"])))


def _message(draw: st.DrawFn, ids: Iterator[int], response_id: str) -> Iterator[Event]:
    item_id, position_ms, words = f"i{next(ids)}", 0.0, False
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            words = True
            yield TextOutput(draw(TEXT), response_id, item_id)
        else:
            audio = draw(PCM)
            yield AudioOutput(audio, 24_000, response_id, item_id, position_ms)
            position_ms += len(audio) * 500 / 24_000
    if words:
        yield TextOutput("", response_id, item_id, final=True)


def _note(draw: st.DrawFn, ids: Iterator[int], response_id: str) -> Iterator[Event]:
    item_id = f"i{next(ids)}"
    for _ in range(draw(st.integers(1, 3))):
        yield TextOutput(draw(TEXT), response_id, item_id, form="written")
    yield TextOutput("", response_id, item_id, final=True, form="written")


def _call(draw: st.DrawFn, ids: Iterator[int], response_id: str) -> Iterator[Event]:
    arguments = draw(OBJECTS)
    raw = msgspec.json.encode(arguments).decode()
    yield ToolCall(Call(f"c{next(ids)}", draw(NAMES), arguments, raw), response_id)


@st.composite
def _usage(draw: st.DrawFn) -> Usage:
    numbers = [draw(TOKENS) for _ in range(8)]
    return Usage(Tokens(*numbers[:5]), Tokens(*numbers[5:]))


@given(turns())
def test_whatever_an_engine_tells_is_heard_in_order(events: list[Event]) -> None:
    pair = opened()
    told = [each for event in events for each in pair.tell(event)]
    assert _compared(told) == _compared(events)


def _compared(events: list[Event]) -> list[object]:
    """Return events as far as the protocol carries them; the end of words may come a little later."""
    compared = [_essence(each) for each in events if not (isinstance(each, TextOutput) and each.final)]
    finals = sorted(each.item_id for each in events if isinstance(each, TextOutput) and each.final)
    return [*compared, finals]


def _essence(event: Event) -> object:
    match event:
        case Error(error=error, fatal=fatal):
            return type(error), getattr(error, "code", ""), fatal
        case AudioOutput(position_ms=position_ms):
            return replace(event, position_ms=round(position_ms, 6))
        case Transcript(final=True):
            return replace(event, delta="")
        case _:
            return event


@given(NAMES, TOKENS, TOKENS)
def test_limits_and_silence_are_told(name: str, limit: int, left: int) -> None:
    limits = RateLimits((RateLimit(name, limit, left, 1.5),))
    assert opened().tell(limits) == [limits]
    assert opened().tell(IdleTimeout(6.0)) == [IdleTimeout(6.0)]


@given(_usage(), _usage())
def test_what_was_spent_beside_responses_is_told_with_the_next_one(beside: Usage, cost: Usage) -> None:
    pair = opened()
    assert pair.tell(UsageUpdate(beside)) == []
    pair.tell(ResponseStarted("r"))
    assert pair.tell(ResponseDone("r", usage=cost)) == [ResponseDone("r", usage=beside + cost)]


def test_an_interruption_is_heard_as_the_speech_that_it_is_for() -> None:
    pair = opened()
    pair.tell(ResponseStarted("r"))
    (speech,) = pair.tell(Interrupted("r", "i", 0.0, "user_speech", "server_confirmed"))
    assert isinstance(speech, SpeechStarted)
    assert pair.tell(Interrupted("r", "i", 0.0, "application", "server_confirmed")) == []


@given(turns(), st.data())
def test_a_lost_connection_leaves_nothing_open(events: list[Event], data: st.DataObject) -> None:
    client = OpenAIClient(Opening(config=Config(), capabilities=CAN))
    pair = Pair(client, OpenAIServer(input_rate=24_000))
    pair.tell(SessionStarted("sess_1", "script", "m", CAN))
    cut = data.draw(st.integers(0, len(events)))
    told = [each for event in events[:cut] for each in pair.tell(event)] + list(client.lost())
    started = [each.response_id for each in told if isinstance(each, ResponseStarted)]
    ended = [each.response_id for each in told if isinstance(each, ResponseDone)]
    assert started == ended


# What cannot be.


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_break_either_end(noise: bytes) -> None:
    client = OpenAIClient(Opening(config=Config(), capabilities=CAN))
    server = OpenAIServer(input_rate=24_000)
    server.send(SessionStarted("sess_1", "script", "m", CAN))
    client.receive(noise)
    server.receive(noise)


_WORDS = """
    type id item item_id response response_id session audio input output format turn_detection voice content
    role delta error code call_id status metadata instructions tools transcription audio_end_ms content_index
    previous_item_id usage
"""
_KEYS = st.sampled_from(_WORDS.split())
_VALUES: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT | st.just("AAAA"),
    lambda each: st.lists(each, max_size=2) | st.dictionaries(_KEYS, each, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_no_message_of_any_shape_breaks_either_end(data: st.DataObject) -> None:
    from s2s.wire.openai.messages import CLIENT, SERVER

    kind = data.draw(st.sampled_from([*CLIENT, *SERVER]))
    fields = data.draw(st.dictionaries(_KEYS, _VALUES, max_size=5))
    message = msgspec.json.encode({**fields, "type": kind})
    pair = opened()
    pair.tell(ResponseStarted("r"))
    pair.tell(AudioOutput(b"..", 24_000, "r", "i"))
    try:
        pair._client.receive(message)
        pair._server.receive(message)
    except ConfigError as wrong:
        raise AssertionError(f"a message was no reason for {wrong!r}") from wrong
