"""What the service says, message for message."""

import json

import pytest
from pybase64 import b64encode_as_string
from tests.support.nova import (
    Client,
    answer,
    block,
    calls,
    error_of,
    kinds,
    only,
    plans,
    speaks,
    text_block,
    told,
    user,
)

from s2s.errors import RemoteProtocolError
from s2s.events import (
    AudioOutput,
    Error,
    ResponseStarted,
    TextOutput,
    ToolCall,
    Transcript,
    Unrecognized,
    UsageUpdate,
)
from s2s.items import JSON


def client(**config: JSON) -> Client:
    return Client(**config).ready()


# The user.


def test_the_words_of_the_user_are_one_item_until_the_role_changes() -> None:
    made = client()
    assert told(made.hears(user("Hello"), user("you."))) == [
        Transcript("Hello", "user_1", "Hello"),
        Transcript("Hello you.", "user_1", " you."),
    ]
    assert told(made.hears(plans("Hi.")))[0] == Transcript("Hello you.", "user_1", final=True)
    assert told(made.hears(user("Bye.")))[0] == Transcript("Bye.", "user_2", "Bye.")


def test_nobody_hears_of_words_that_nobody_wants() -> None:
    made = client(transcription=False)
    assert made.hears(user("Hello.")) == []
    assert not made.wire.idle
    assert kinds(made.hears(plans("Hi."))) == ["response_started", "text_output"]


def test_words_that_are_none_are_none() -> None:
    made = client()
    assert made.hears(user(" ")) == []
    assert made.wire.idle


def test_words_that_nothing_answers_are_complete_after_a_while() -> None:
    made = client()
    made.hears(user("Hello."))
    assert made.wire.patience_s == 30.0
    assert made.settles() == [Transcript("Hello.", "user_1", final=True)]
    assert made.wire.idle


# Audio.


@pytest.mark.parametrize(
    ("declared", "rate"),
    [(8_000, 8_000), (24_000, 24_000), (0, 24_000), (-5, 24_000), (10**30, 24_000), (None, 24_000)],
)
def test_audio_has_the_rate_that_its_block_declares_if_that_is_one(declared: int | None, rate: int) -> None:
    sound = {"content": b64encode_as_string(bytes(96))}
    config = {"sampleRateHertz": declared} if declared is not None else {}
    made = client()
    heard = told(
        made.hears(block("AUDIO", "ASSISTANT", ("audioOutput", sound), "", audioOutputConfiguration=config))
    )
    assert heard[-1] == AudioOutput(bytes(96), rate, "resp_1", "item_1", 0.0)


@pytest.mark.parametrize("content", ["no base64!", "A", "ä", "AA=A"])
def test_audio_that_is_none_is_an_error_and_no_more(content: str) -> None:
    made = client()
    heard = made.hears(block("AUDIO", "ASSISTANT", ("audioOutput", {"content": content}), "PARTIAL_TURN"))
    error = error_of(heard)
    assert isinstance(error, RemoteProtocolError)
    assert not only(heard, Error)[0].fatal
    assert kinds(told(made.hears(speaks()))) == ["audio_output"]


@pytest.mark.parametrize(
    ("event", "told_as"),
    [
        ({"audioOutput": {"contentId": "new", "content": "AAA="}}, ["response_started", "audio_output"]),
        ({"textOutput": {"contentId": "new", "content": "Hi.", "role": "USER"}}, ["transcript"]),
        ({"textOutput": {"contentId": "new", "content": "Hi."}}, ["response_started", "text_output"]),
        (
            {"toolUse": {"contentId": "new", "toolName": "x", "toolUseId": "t"}},
            ["response_started", "tool_call"],
        ),
        ({"contentEnd": {"contentId": "new", "stopReason": "END_TURN"}}, []),
        ({"contentEnd": {"contentId": "new", "stopReason": "INTERRUPTED"}}, []),
    ],
    ids=str,
)
def test_content_of_which_no_beginning_was_told_begins_with_itself(event: JSON, told_as: list[str]) -> None:
    assert kinds(client().hears([event])) == told_as


def test_content_in_the_wrong_place_begins_a_place_of_its_own() -> None:
    made = client()
    start = plans("Hi.")[0]
    used = {"toolUse": {"contentId": start["contentStart"]["contentId"], "toolName": "x", "toolUseId": "t"}}
    assert kinds(made.hears([start, used])) == ["response_started", "tool_call"]


def test_blocks_that_never_end_are_forgotten_at_last() -> None:
    made = client()
    starts = [speaks()[0] for _ in range(100)]
    made.hears(starts)
    assert len(made.wire._hearing._blocks) == 64


# Text.


@pytest.mark.parametrize("fields", ["x", "[" * 100_000, '{"generationStage":1}', "{}", '"SPECULATIVE"'])
def test_a_stage_that_cannot_be_read_is_none(fields: str) -> None:
    made = client()
    filled = ("textOutput", {"content": "Hi."})
    heard = made.hears(block("TEXT", "ASSISTANT", filled, "PARTIAL_TURN", additionalModelFields=fields))
    assert told(heard) == [ResponseStarted("resp_1"), TextOutput("Hi.", "resp_1", "item_1")]


@pytest.mark.parametrize("stage", ["SPECULATIVE", "FINAL"])
def test_the_mark_of_an_interruption_is_never_told(stage: str) -> None:
    made = client()
    made.hears(plans("Hello."), speaks())
    heard = told(made.hears(text_block("ASSISTANT", stage, '\n{"interrupted" :true } ')))
    assert kinds(heard) == ["interrupted"]


# Calls.


@pytest.mark.parametrize(
    ("content", "arguments", "raw"),
    [
        ('{"a": 1}', {"a": 1}, '{"a": 1}'),
        ('"{\\"a\\": 1}"', {"a": 1}, '{"a": 1}'),
        ('"[1]"', {}, '"[1]"'),
        ('"\\"{}\\""', {}, '"\\"{}\\""'),
        ("[1]", {}, "[1]"),
        ("{", {}, "{"),
        ("", {}, ""),
        ("[" * 100_000, {}, "[" * 100_000),
        ('{"a":"\\ud800"}', {}, '{"a":"\\ud800"}'),
    ],
    ids=range(9),
)
def test_arguments_are_read_if_they_can_be(content: str, arguments: JSON, raw: str) -> None:
    made = client()
    used = ("toolUse", {"toolName": "weather", "toolUseId": "t1", "content": content})
    (_, call) = told(made.hears(block("TOOL", "TOOL", used, "TOOL_USE")))
    assert isinstance(call, ToolCall)
    assert (call.call.id, call.call.name, call.call.arguments, call.call.raw) == (
        "t1",
        "weather",
        arguments,
        raw,
    )


def test_a_call_that_is_told_twice_is_made_once() -> None:
    made = client()
    start, used, end = calls()
    assert kinds(made.hears([start, used, used, end], [start, used, end])) == [
        "response_started",
        "tool_call",
    ]


# What else there is.


def test_what_a_stream_costs_is_counted_for_each_anew() -> None:
    made = client()
    spent = {"usageEvent": {"totalInputTokens": 7, "totalOutputTokens": 0}}
    for _ in range(2):
        (told_,) = made.hears([spent])
        assert isinstance(told_, UsageUpdate)
        assert told_.usage.input.total == 7
        assert made.hears([spent]) == []
        made.moves()


@pytest.mark.parametrize("event", [{"completionStart": {"sessionId": "s"}}, {"completionEnd": {}}], ids=str)
def test_completions_mean_nothing(event: JSON) -> None:
    made = client()
    made.hears(plans("Hi."), speaks())
    assert made.hears([event]) == []


@pytest.mark.parametrize(
    "message",
    [
        {"event": {"userSpeechEnd": {"x": [1]}}},
        {"event": {}},
        {"event": {"contentStart": {"contentId": "c", "type": "IMAGE", "role": "ASSISTANT"}}},
        {"event": {"contentStart": {"contentId": "c", "type": "AUDIO", "role": "USER"}}},
        {"event": None},
        {"surprise": 1},
        {"response": {"requestId": "again"}},
    ],
    ids=str,
)
def test_what_is_new_to_us_is_passed_on(message: JSON) -> None:
    assert client().reads(json.dumps(message).encode()) == [Unrecognized("nova", message)]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no JSON",
        b"[]",
        b"\xff",
        b'{"event":[]}',
        b'{"event":{"textOutput":{"content":1}}}',
        b'{"event":{"textOutput":{"content":"\\ud800"}}}',
        b'{"event":{"usageEvent":{"totalInputTokens":1e400}}}',
        b'{"event":{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"event":{"x":"\\ud800"}}',
        b'{"event":{"x":[' + b"{}," * 300_000 + b"1]}}",
    ],
    ids=range(11),
)
def test_what_cannot_be_read_is_an_error_and_fatal_only_before_a_stream_has_begun(raw: bytes) -> None:
    made = client()
    (error,) = made.reads(raw)
    assert isinstance(error.error, RemoteProtocolError)
    assert (error.fatal, error.error.provider) == (False, "nova")
    assert kinds(made.hears(answer()))[-1] == "response_done"
    heard = Client().reads(raw)
    assert [each.fatal for each in heard] in ([True], [])


def test_nothing_counts_before_the_stream_is_accepted() -> None:
    made = Client()
    assert made.hears(answer(), [{"surprise": 1}]) == []
    assert kinds(made.accepts())[0] == "session_started"


def test_nothing_counts_of_a_stream_that_was_left() -> None:
    made = client()
    made.leaves()
    assert made.hears(answer()) == []
    assert made.reads(b'{"response":{}}') == []
