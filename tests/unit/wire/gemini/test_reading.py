"""Messages in the manner of protobuf: either spelling of names, numbers as text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.errors import RemoteProtocolError
from s2s.items import JSON
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.reading import Unknown, read


def server(message: JSON) -> tuple[m.ServerMessage, list[Unknown]]:
    return read(json.dumps(message).encode(), m.ServerMessage)


def test_names_are_read_in_either_spelling_and_in_both_at_once() -> None:
    snake: JSON = {"server_content": {"turn_complete": True, "modelTurn": {"parts": [{"inline_data": {}}]}}}
    said, unknown = server(snake)
    assert said == m.ServerMessage(
        server_content=m.ServerContent(
            turn_complete=True, model_turn=m.Content(parts=[m.Part(inline_data=m.Blob())])
        )
    )
    assert unknown == []


def test_what_an_application_names_is_not_touched() -> None:
    said, unknown = server({"toolCall": {"functionCalls": [{"args": {"my_city": {"zip_code": 1}}}]}})
    assert said.tool_call == m.ToolCall(function_calls=[m.FunctionCall(args={"my_city": {"zip_code": 1}})])
    assert unknown == []


def test_numbers_are_read_from_text() -> None:
    said, _ = server({"sessionResumptionUpdate": {"lastConsumedClientMessageIndex": "123"}})
    assert said.session_resumption_update == m.SessionResumptionUpdate(last_consumed_client_message_index=123)


def test_names_that_nobody_knows_are_listed_with_their_place() -> None:
    said, unknown = server(
        {
            "dance": 1,
            "serverContent": {"mood": {"x": 1}, "modelTurn": {"parts": [{}, {"colour": 1}]}},
        }
    )
    assert unknown == [
        Unknown("dance", ""),
        Unknown("mood", "serverContent"),
        Unknown("colour", "serverContent.modelTurn.parts[1]"),
    ]
    content = m.Content(parts=[m.Part(), m.Part()])
    assert said == m.ServerMessage(server_content=m.ServerContent(model_turn=content))


def test_null_is_nothing() -> None:
    assert server({"serverContent": None, "goAway": {"timeLeft": None}})[0] == m.ServerMessage(
        go_away=m.GoAway()
    )


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"{}"',
        b"\xff\xfe",
        b'{"serverContent":[]}',
        b'{"serverContent":{"modelTurn":{"parts":{}}}}',
        b'{"serverContent":{"turnComplete":"perhaps"}}',
        b'{"toolCall":{"functionCalls":[7]}}',
        b'{"usageMetadata":{"promptTokenCount":"many"}}',
        b"[" * 100_000,
        b'{"serverContent":{"\xff":1}}',
    ],
    ids=lambda message: message[:40],
)
def test_what_cannot_be_read_is_shown(message: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="cannot be read") as raised:
        read(message, m.ServerMessage)
    assert message.startswith(raised.value.received[:40])


@given(st.binary(max_size=60))
def test_bytes_are_read_or_refused(message: bytes) -> None:
    try:
        read(message, m.ServerMessage)
    except RemoteProtocolError:
        return
    assert isinstance(json.loads(message), dict)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(
            st.sampled_from(["serverContent", "model_turn", "parts", "text", "toolCall", "goAway", "x"]),
            each,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["serverContent", "tool_call", "usageMetadata", "x"]), JSONS))
def test_objects_of_any_form_are_read_or_refused(message: JSON) -> None:
    try:
        said, _ = server(message)
    except RemoteProtocolError:
        return
    assert isinstance(said, m.ServerMessage)


@pytest.mark.parametrize(
    ("spelled", "s"),
    [
        ("57s", 57.0),
        ("1.5s", 1.5),
        ("0.000000001s", 1e-9),
        ("12", 12.0),
        (None, 0.0),
        ("", 0.0),
        ("s", 0.0),
        ("-5s", 0.0),
        ("soon", 0.0),
        ("infs", 0.0),
        ("1e999s", 0.0),
        ("9" * 5000 + "s", 0.0),
    ],
)
def test_durations_are_seconds(spelled: str | None, s: float) -> None:
    assert m.seconds(spelled) == s


@given(st.integers(0, 10**10))
def test_durations_are_exact_to_the_millisecond(ms: int) -> None:
    assert m.seconds(m.spelled_seconds(ms / 1000)) == ms / 1000


@pytest.mark.parametrize(
    ("s", "spelled"), [(57.0, "57s"), (1.5, "1.5s"), (-1.0, "0s"), (1234567.25, "1234567.25s")]
)
def test_durations_are_spelled_without_waste(s: float, spelled: str) -> None:
    assert m.spelled_seconds(s) == spelled


def test_a_message_of_more_values_than_anybody_needs_is_not_taken_apart() -> None:
    stuffed = b'{"toolCall":{"functionCalls":[{"args":{"all":[%s[]]}}]}}' % (b"[]," * 300_000)
    with pytest.raises(RemoteProtocolError, match="too many values: send less at a time"):
        read(stuffed, m.ServerMessage)
    spoken = b'{"serverContent":{"outputTranscription":{"text":"%s"}}}' % (b"a, " * 200_000)
    assert read(spoken, m.ServerMessage)[1] == []
