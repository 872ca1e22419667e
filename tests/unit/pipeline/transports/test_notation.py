from __future__ import annotations

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.capabilities import Capabilities
from s2s.commands import AddItem, CreateResponse, Truncate, UpdateSession
from s2s.config import TurnDetection
from s2s.errors import (
    BacklogError,
    ConnectionLostError,
    ProviderError,
    RateLimitError,
    RemoteProtocolError,
    S2SError,
)
from s2s.events import (
    Error,
    GoingAway,
    ResponseDone,
    SessionEnded,
    SessionStarted,
    Tokens,
    TurnEnd,
    Unrecognized,
    Usage,
)
from s2s.items import JSON, Call, Message, ToolResult
from s2s.pipeline import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    ImageFrame,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
)
from s2s.pipeline.transports.notation import RefusedError, read, require_whole, spelled
from s2s.tools import ToolSpec

words = st.text(st.characters(codec="utf-8"), max_size=8)
metadata = st.dictionaries(words, st.none() | st.booleans() | st.integers(-9, 9) | words, max_size=2)
ms = st.floats(0, 1e7, allow_nan=False)
frames: st.SearchStrategy[Frame] = st.one_of(
    st.builds(
        AudioFrame,
        st.binary(max_size=8).map(lambda raw: raw * 2),
        st.sampled_from([8_000, 48_000]),
        st.just(1),
        ms,
        words,
        words,
        metadata,
    ),
    st.builds(
        TextFrame,
        words,
        st.sampled_from(["user", "assistant", "system"]),
        st.booleans(),
        words,
        words,
        st.sampled_from(["spoken", "written"]),
        st.none() | words,
        metadata,
    ),
    st.builds(ImageFrame, st.binary(max_size=8), words, metadata),
    st.builds(ToolCallFrame, st.builds(Call, words, words, metadata, words), words, st.booleans(), metadata),
    st.builds(ToolResultFrame, st.builds(ToolResult, words, words, st.booleans()), metadata),
    st.builds(ControlFrame, st.sampled_from(["start", "stop", "played"]), metadata=metadata),
    st.builds(EventFrame, st.builds(TurnEnd, words, words, words, st.just("completed")), metadata),
)


@given(frames)
def test_what_is_spelled_is_read_as_the_same_frame(frame: Frame) -> None:
    assert read(spelled(frame)) == frame


@pytest.mark.parametrize(
    "frame",
    [
        EventFrame(SessionStarted("s", "p", "m", Capabilities(images=True, languages=("de",)))),
        EventFrame(ResponseDone("r", "failed", Usage(Tokens(3), Tokens(4, text=4)), {"stt": 1.5})),
        EventFrame(GoingAway(3.5), {"mine": [1, {"deep": None}]}),
        EventFrame(Unrecognized("p", {"what": [1, 2]})),
        EventFrame(SessionEnded("failed")),
        CommandFrame(UpdateSession(instructions="Be brief.", tools=(ToolSpec("look_up"),), voice="alto")),
        CommandFrame(UpdateSession(turn_detection=TurnDetection(mode="manual"))),
        CommandFrame(AddItem(Message("assistant", "Hello there.", "i", heard_text="Hello"))),
        CommandFrame(CreateResponse(metadata={"a": "b"}, context=(Call("c", "f"), ToolResult("c", "1")))),
        CommandFrame(Truncate("i", 20.0)),
    ],
)
def test_events_and_commands_of_all_kinds_come_through(frame: Frame) -> None:
    assert read(spelled(frame)) == frame


@pytest.mark.parametrize(
    "error",
    [
        S2SError("it broke", provider="p", session_id="s"),
        ProviderError("they said no", code="no", retryable=True),
        RateLimitError("wait", retry_after_s=2.5),
        BacklogError("too slow", lost_ms=40.0),
        ConnectionLostError("gone", code=1006, reason="cut", resumable=True),
    ],
)
def test_an_error_comes_through_as_what_it_is(error: S2SError) -> None:
    got = read(spelled(EventFrame(Error(error, fatal=True), {"a": 1})))
    assert isinstance(got, EventFrame)
    assert isinstance(got.event, Error)
    assert (got.event.fatal, got.metadata) == (True, {"a": 1})
    assert (type(got.event.error), str(got.event.error)) == (type(error), str(error))
    assert vars(got.event.error) == vars(error)


def test_an_error_is_told_so_that_people_can_read_it() -> None:
    class Mine(RemoteProtocolError):
        """One that only this process knows."""

    error = Mine("they broke the rules", received=b"their secret", provider="acme")
    error.__cause__ = ValueError("another secret")
    told = msgspec.json.decode(spelled(EventFrame(Error(error))))
    assert told == {
        "type": "event",
        "event": {
            "type": "error",
            "error": {
                "kind": "RemoteProtocolError",
                "message": "they broke the rules",
                "provider": "acme",
            },
            "fatal": False,
        },
        "metadata": {},
    }


def test_what_json_has_no_value_for_is_told_as_text() -> None:
    told = msgspec.json.decode(spelled(TextFrame("a", metadata={"when": 1j, "what": Capabilities})))
    assert told["metadata"] == {"when": "1j", "what": str(Capabilities)}


def test_of_an_error_that_is_unknown_the_words_are_left() -> None:
    raw = b'{"type":"event","event":{"type":"error","error":{"kind":"NewError","message":"so"},"fatal":true}}'
    frame = read(raw)
    assert isinstance(frame, EventFrame)
    assert isinstance(frame.event, Error)
    assert (type(frame.event.error), str(frame.event.error)) == (S2SError, "so")


def test_fields_may_be_left_out_and_others_are_passed_over() -> None:
    assert read(b'{"type":"text","text":"Hi.","color":"red"}') == TextFrame("Hi.")
    assert read(b'{"type":"tool_result","result":{"call_id":"c","output":"1"}}') == ToolResultFrame(
        ToolResult("c", "1")
    )
    assert read(b'{"type":"audio","audio":""}') == AudioFrame(b"")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", "invalid_data"),
        (b"hello", "invalid_data"),
        (b"\xff\xfe", "invalid_data"),
        (b"[]", "invalid_data"),
        (b'{"type":"text","text":"a"', "invalid_data"),
        (b'{"type":"text","text":"\\ud800"}', "invalid_data"),
        (b'{"type":"text"}', "invalid_data"),
        (b'{"type":"text","text":5}', "invalid_data"),
        (b'{"type":"text","text":"a","role":"boss"}', "invalid_data"),
        (b'{"type":["text"],"text":"a"}', "invalid_data"),
        (b'{"type":"control","signal":"fly"}', "invalid_data"),
        (b'{"type":"control","signal":"played","position_ms":1e999}', "invalid_data"),
        (b'{"type":"text","text":"a","metadata":' + b"[" * 100_000, "invalid_data"),
        (b'{"type":"audio","audio":"AA=="}', "invalid_data"),
        (b'{"type":"audio","audio":"AAA="}' + b" x", "invalid_data"),
        (b'{"type":"audio","audio":"","sample_rate":1}', "invalid_data"),
        (b'{"type":"audio","audio":"","channels":0}', "invalid_data"),
        (b'{"type":"audio","audio":"AAA=","channels":2}', "invalid_data"),
        (b'{"type":"audio","audio":"!"}', "invalid_data"),
        (b'{"type":"event","event":5}', "invalid_data"),
        (b'{"type":"event","event":{"type":"error"}}', "invalid_data"),
        (b'{"type":"event","event":{"type":"party"}}', "invalid_data"),
        (b'{"type":"command","command":{"type":"party"}}', "invalid_data"),
        (b"{}", "unsupported_data"),
        (b'{"type":"video"}', "unsupported_data"),
        (b'{"type":"' + b"x" * 9999 + b'"}', "unsupported_data"),
    ],
)
def test_what_is_no_frame_is_refused_in_few_words(message: bytes, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read(message)
    assert refused.value.code == code
    assert len(str(refused.value)) < 200


values = st.recursive(words | st.none() | st.integers(), st.lists)


@given(st.binary(max_size=64) | values.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_a_frame_or_refused(message: bytes) -> None:
    with contextlib.suppress(RefusedError):
        read(message)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["audio", "text", "image", "control", "event", "command", "tool_result"])},
        optional={
            "audio": st.sampled_from(["", "AAA=", "AAAA"]),
            "text": words | st.integers(),
            "channels": st.integers(-1, 99),
            "sample_rate": st.integers(-1, 10**6),
            "event": st.none() | st.dictionaries(st.just("type"), st.sampled_from(["error", "turn_end"])),
            "command": st.dictionaries(words, words, max_size=2),
            "result": st.none() | st.dictionaries(st.just("call_id"), words),
        },
    )
)
def test_an_object_that_is_nearly_a_frame_is_one_or_refused(nearly: JSON) -> None:
    try:
        frame = read(msgspec.json.encode(nearly))
    except RefusedError:
        return
    if isinstance(frame, AudioFrame):
        require_whole(frame)
