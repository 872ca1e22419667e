from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.openai_server import EVERYTHING, PICTURE, Server, refusal, said, types

from s2s.capabilities import Capabilities
from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    CommitAudio,
    CreateResponse,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import TurnDetection
from s2s.errors import AuthError, ProviderError
from s2s.events import (
    AudioOutput,
    Error,
    IdleTimeout,
    ResponseDone,
    ResponseGenerated,
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
from s2s.formats import AudioFormat
from s2s.items import Call, Message
from s2s.wire import BinaryMessage, Send
from s2s.wire.openai import messages as m
from s2s.wire.openai.answering import MOST_PROMISED
from s2s.wire.openai.entries import MOST_ITEMS
from s2s.wire.openai.server import OpenAIServer

MIB = 1024 * 1024
ADDED = ("conversation.item.added", "conversation.item.done")
MANUAL = {"input": {"turn_detection": None}}
HEARD = {"input": {"transcription": {"model": "whisper-1"}}}
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 2**40) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=6,
)
_FIELDS = ("session", "audio", "item", "item_id", "audio_end_ms", "content_index", "response", "event_id")
_SESSION = (
    *("audio", "input", "output", "voice", "format", "type", "turn_detection", "transcription", "tools"),
    *("instructions", "output_modalities", "max_output_tokens", "speed", "include", "truncation", "model"),
)


# Opening.


def test_the_session_is_announced_with_when_it_ends_and_what_it_is() -> None:
    server = Server(can=None, model="gpt-realtime-2.1", instructions="Be brief.")
    (created,) = server.tells(SessionStarted("abc", "plain", "plain-1", Capabilities(), expires_in_s=1800))
    assert isinstance(created, dict)
    session = created["session"]
    assert (session["id"], session["model"], session["expires_at"]) == ("sess_abc", "gpt-realtime-2.1", 2800)
    assert session["instructions"] == "Be brief."
    assert session["audio"]["output"]["voice"] == "marin"


def test_what_comes_before_the_session_is_answered_after_it_in_order() -> None:
    server = Server(can=None)
    assert server.updates(instructions="Be brief.") == []
    assert server.creates("Hi.") == []
    assert types(server.tells(SessionStarted("s", "plain", "plain-1", Capabilities()))) == [
        "session.created",
        "UpdateSession",
        "session.updated",
        "AddItem",
        "conversation.item.added",
        "conversation.item.done",
    ]


def test_no_more_than_so_much_waits_for_an_engine_that_does_not_start() -> None:
    server = Server(can=None)
    for _ in range(4096):
        assert server.appends(1) == []
    assert refusal(server.appends(1))["type"] == "server_error"
    assert len(server.tells(SessionStarted("s", "plain", "plain-1", Capabilities()))) == 4097


def test_no_more_than_so_many_bytes_wait_for_an_engine_that_does_not_start() -> None:
    server = Server(can=None)
    for _ in range(16):
        assert server.hears("input_audio_buffer.append", audio="A" * MIB) == []
    assert refusal(server.appends(1))["type"] == "server_error"
    made = server.tells(SessionStarted("s", "plain", "plain-1", Capabilities()))
    assert types(made) == ["session.created", *["AppendAudio"] * 16]


def test_what_waited_for_the_engine_is_not_answered_with_more_than_so_many_bytes() -> None:
    server = Server(can=None)
    server.creates("x" * 5 * MIB, id="big")
    for _ in range(100):
        server.hears("conversation.item.retrieve", item_id="big")
    made = server.wire.send(SessionStarted("s", "plain", "plain-1", Capabilities()))
    assert sum(len(each.data) for each in made if isinstance(each, Send)) < 30 * MIB
    assert b'"server_error"' in made[-1].data  # type: ignore[union-attr]
    assert types(server.creates("Hi.")) == ["AddItem", *ADDED]


# Settings.


def test_an_update_without_a_change_is_acknowledged_and_goes_no_further() -> None:
    assert types(Server().updates(model="gpt-realtime-2.1", tracing="auto")) == ["session.updated"]


@pytest.mark.parametrize("name", ["audio/pcmu", "audio/pcma"])
def test_a_format_replaces_the_one_before_and_keeps_nothing_of_it(name: str) -> None:
    server = Server()
    updated = said(server.updates(audio={"output": {"format": {"type": name}}}), "session.updated")
    assert updated["session"]["audio"]["output"]["format"] == {"type": name}
    assert updated["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}


def test_the_other_kind_of_detection_begins_with_its_own_defaults() -> None:
    server = Server()
    updated = said(
        server.updates(audio={"input": {"turn_detection": {"type": "semantic_vad"}}}), "session.updated"
    )
    assert updated["session"]["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


def test_without_detection_nothing_is_answered_or_interrupted_by_itself() -> None:
    (update, _) = Server().updates(audio=MANUAL)
    assert update == UpdateSession(
        turn_detection=TurnDetection(mode="manual", create_response=False, interrupt_response=False)
    )


@pytest.mark.parametrize(
    "session",
    [
        {"audio": None},
        {"audio": {"input": None, "output": None}},
        {"audio": {"input": {"format": None}, "output": {"format": None, "voice": None, "speed": None}}},
        {"output_modalities": None, "instructions": None, "tools": None, "max_output_tokens": None},
    ],
)
def test_a_null_that_switches_nothing_off_changes_nothing(session: dict[str, Any]) -> None:
    server = Server()
    before = said(server.updates(), "session.updated")["session"]
    (after,) = server.updates(**session)
    assert isinstance(after, dict)
    assert after["session"] == before
    assert types(server.answers()) != []


def test_a_key_that_is_not_known_refuses_the_whole_update() -> None:
    server = Server()
    error = refusal(server.updates(instructions="Be brief.", audio={"input": {"vad": None}}))
    assert (error["code"], error["param"]) == ("unknown_parameter", "session.audio.input.vad")
    assert said(server.updates(), "session.updated")["session"]["instructions"] == ""


def test_a_voice_that_was_heard_is_locked_where_the_engine_locks_it() -> None:
    locked = replace(EVERYTHING, voice_locks=True)
    server = Server(can=locked)
    server.answers()
    error = refusal(server.updates(audio={"output": {"voice": "cedar"}}))
    assert error["code"] == "cannot_update_voice"
    assert types(server.updates(audio={"output": {"voice": "marin"}}))[-1] == "session.updated"
    free = Server(can=replace(EVERYTHING, voice_locks=False))
    free.answers()
    assert free.updates(audio={"output": {"voice": "cedar"}})[0] == UpdateSession(voice="cedar")


def test_to_the_letter_even_the_voice_that_it_has_is_refused() -> None:
    server = Server(OpenAIServer(input_rate=24_000, strict=True))
    assert types(server.updates(audio={"output": {"voice": "marin"}}))[-1] == "session.updated"
    server.answers()
    error = refusal(server.updates(audio={"output": {"voice": "marin"}}))
    assert error["code"] == "cannot_update_voice"


def test_a_voice_that_the_engine_has_not_is_left_aside() -> None:
    server = Server(OpenAIServer(input_rate=24_000, takes_voice="anna".__eq__, settings={}))
    updated = said(server.updates(audio={"output": {"voice": "marin"}}), "session.updated")
    assert updated["session"]["audio"]["output"]["voice"] == "marin"
    assert types(server.updates(audio={"output": {"voice": "anna"}})) == ["UpdateSession", "session.updated"]


# The user's audio.


def test_speech_becomes_an_item_that_is_committed_added_and_done() -> None:
    server = Server()
    told = server.tells(SpeechStarted("u1", 300), SpeechStopped("u1", 1300))
    assert types(told) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert {each.get("item_id", "u1") for each in told if isinstance(each, dict)} == {"u1"}


def test_speech_that_goes_on_after_its_turn_makes_no_second_item() -> None:
    server = Server()
    server.tells(SpeechStarted("u1", 300), SpeechStopped("u1", 1300))
    assert types(server.tells(SpeechStarted("u1", 300), SpeechStopped("u1", 2300))) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
    ]


def test_without_detection_speech_is_not_told_and_a_commit_makes_the_item() -> None:
    server = Server()
    server.updates(audio=MANUAL)
    assert types(server.appends(200)) == ["AppendAudio"]
    assert server.tells(SpeechStarted("u1", 0)) == []
    assert server.hears("input_audio_buffer.commit") == [CommitAudio()]
    assert types(server.tells(SpeechStopped("u1", 200))) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]


def test_a_commit_of_too_little_audio_is_refused_with_how_much_there_is() -> None:
    server = Server()
    server.appends(40)
    error = refusal(server.hears("input_audio_buffer.commit", event_id="mine"))
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "only has 40.00ms" in error["message"]
    assert error["event_id"] == "mine"


def test_audio_that_comes_after_a_commit_counts_for_the_next_one() -> None:
    server = Server()
    server.updates(audio=MANUAL)
    server.appends(200)
    server.hears("input_audio_buffer.commit")
    server.appends(200)
    server.tells(SpeechStopped("u1", 200))
    assert server.hears("input_audio_buffer.commit") == [CommitAudio()]


def test_speech_that_is_cleared_becomes_no_item_and_has_no_words() -> None:
    server = Server()
    server.updates(audio=HEARD)
    server.tells(SpeechStarted("u1", 0))
    assert types(server.hears("input_audio_buffer.clear")) == ["ClearAudio", "input_audio_buffer.cleared"]
    assert types(server.tells(SpeechStopped("u1", 200), Transcript("", "u1", final=True))) == [
        "input_audio_buffer.speech_stopped"
    ]
    assert "conversation.item.added" in types(server.tells(SpeechStarted("u2", 0), SpeechStopped("u2", 9)))


def test_speech_before_a_clear_may_be_told_after_it_and_becomes_no_item_all_the_same() -> None:
    server = Server()
    server.updates(audio=MANUAL)
    server.appends(500)
    server.hears("input_audio_buffer.clear")
    assert server.tells(SpeechStarted("u1", 100), SpeechStopped("u1", 400)) == []
    server.appends(500)
    server.hears("input_audio_buffer.commit")
    assert "conversation.item.added" in types(
        server.tells(SpeechStarted("u2", 480), SpeechStopped("u2", 900))
    )


def test_a_clear_in_silence_forgets_no_speech_to_come() -> None:
    server = Server()
    server.tells(SpeechStarted("u1", 0), SpeechStopped("u1", 200))
    assert server.hears("input_audio_buffer.clear")[0] == ClearAudio()
    assert "conversation.item.added" in types(server.tells(SpeechStarted("u2", 0), SpeechStopped("u2", 9)))


def test_audio_is_converted_to_what_the_engine_hears() -> None:
    server = Server()
    server.updates(audio={"input": {"format": {"type": "audio/pcmu"}}})
    made = server.hears("input_audio_buffer.append", audio="/////w==")
    assert all(isinstance(each, AppendAudio) for each in made)


def test_audio_that_is_no_base64_is_refused() -> None:
    error = refusal(Server().hears("input_audio_buffer.append", audio="?"))
    assert (error["code"], error["param"]) == ("invalid_value", "audio")


def test_words_come_as_deltas_and_then_whole_with_what_they_cost() -> None:
    server = Server()
    server.updates(audio=HEARD)
    server.tells(SpeechStarted("u1", 500), SpeechStopped("u1", 1750))
    told = server.tells(
        Transcript("What time", "u1"), Transcript("What time is it?", "u1", final=True, language="en")
    )
    assert [each.get("delta") for each in told if isinstance(each, dict)] == ["What time", " is it?", None]
    whole = said(told, "conversation.item.input_audio_transcription.completed")
    assert whole["transcript"] == "What time is it?"
    assert whole["usage"] == {"type": "duration", "seconds": 1.25}
    assert whole["languages"] == [{"code": "en"}]
    (retrieved,) = server.hears("conversation.item.retrieve", item_id="u1")
    assert isinstance(retrieved, dict)
    assert retrieved["item"]["content"] == [{"type": "input_audio", "transcript": "What time is it?"}]


def test_words_that_nobody_asked_for_are_not_told() -> None:
    server = Server()
    server.tells(SpeechStarted("u1", 0), SpeechStopped("u1", 900))
    assert server.tells(Transcript("Hello", "u1", final=True)) == []


def test_an_idle_timeout_is_followed_by_the_empty_turn_that_it_is() -> None:
    told = Server().tells(IdleTimeout(6.0))
    assert types(told) == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert len({each.get("item_id") or each["item"]["id"] for each in told if isinstance(each, dict)}) == 1


# Items.


def test_an_item_always_says_of_what_type_it_is() -> None:
    for each in Server().creates("Hi.")[1:]:
        assert isinstance(each, dict)
        assert each["item"]["type"] == "message"


def test_items_stand_where_the_client_puts_them() -> None:
    server = Server()
    server.creates("One", id="a")
    server.creates("Two", id="b")
    message = {
        "type": "message",
        "role": "system",
        "content": [{"type": "input_text", "text": "Zero"}],
    }
    first = server.hears("conversation.item.create", item=message, previous_item_id="root")
    assert said(first, "conversation.item.added")["previous_item_id"] is None
    after = server.hears("conversation.item.create", item=message, previous_item_id="a")
    assert said(after, "conversation.item.added")["previous_item_id"] == "a"
    assert said(server.creates("Last"), "conversation.item.added")["previous_item_id"] == "b"


def test_an_item_with_a_picture_is_seen_and_read() -> None:
    content = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": PICTURE}]
    made = Server().creates(content=content)
    assert isinstance(made[0], AddItem)
    assert isinstance(made[1], AppendImage)
    assert made[1].mime_type == "image/png"


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        ({"type": "message", "content": []}, "missing_required_parameter", "item.role"),
        ({"type": "message", "role": "robot", "content": []}, "invalid_value", "item.role"),
        ({"type": "function_call", "name": "f"}, "missing_required_parameter", "item.arguments"),
        ({"type": "function_call_output", "output": ""}, "missing_required_parameter", "item.call_id"),
        ({"type": "robot"}, "invalid_value", "item.type"),
    ],
)
def test_an_item_that_is_none_is_refused(item: dict[str, Any], code: str, param: str) -> None:
    error = refusal(Server().hears("conversation.item.create", item=item))
    assert (error["code"], error["param"]) == (code, param)


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("assistant", {"type": "output_audio", "audio": "AAAA"}),
        ("system", {"type": "input_audio", "audio": "AAAA"}),
        ("user", {"type": "input_audio", "audio": "AAAA"}),
        ("user", {"type": "input_image", "image_url": "https://example.org/cat.png"}),
        ("user", {"type": "input_image", "image_url": "data:image/png;base64,?"}),
    ],
)
def test_content_that_nobody_can_take_is_refused(role: str, part: dict[str, str]) -> None:
    assert refusal(Server().creates(role=role, content=[part]))["code"] == "invalid_value"


def test_an_engine_that_sees_nothing_refuses_pictures() -> None:
    server = Server(can=Capabilities())
    made = server.creates(content=[{"type": "input_image", "image_url": PICTURE}])
    assert refusal(made)["message"] == "This engine cannot see images."


def test_audio_of_an_item_is_only_told_to_who_retrieves_it() -> None:
    server = Server()
    part = {"type": "input_audio", "audio": "AAAA", "transcript": "Hi."}
    made = server.creates(id="a", content=[part])
    assert said(made, "conversation.item.added")["item"]["content"] == [
        {"type": "input_audio", "transcript": "Hi."}
    ]
    (retrieved,) = server.hears("conversation.item.retrieve", item_id="a")
    assert isinstance(retrieved, dict)
    assert retrieved["item"]["content"] == [part]


def test_the_result_of_a_tool_goes_to_the_engine_and_waits_for_an_answer_to_be_asked_for() -> None:
    item = {"type": "function_call_output", "call_id": "c1", "output": "22 degrees"}
    made = Server().hears("conversation.item.create", item=item)
    assert made[0] == SendToolResult("c1", "22 degrees", respond=False)


@pytest.mark.parametrize("verb", ["delete", "retrieve", "truncate"])
def test_what_is_not_there_cannot_be_touched(verb: str) -> None:
    fields = {"audio_end_ms": 0, "content_index": 0} if verb == "truncate" else {}
    error = refusal(Server().hears(f"conversation.item.{verb}", item_id="nothing", **fields))
    assert error["code"] == f"item_{verb}_invalid_item_id"


def test_a_deleted_item_is_gone() -> None:
    server = Server()
    server.creates(id="a")
    assert types(server.hears("conversation.item.delete", item_id="a")) == [
        "RemoveItem",
        "conversation.item.deleted",
    ]
    assert refusal(server.hears("conversation.item.delete", item_id="a"))["code"] == (
        "item_delete_invalid_item_id"
    )
    assert types(server.creates(id="a"))[0] == "AddItem"


def test_a_conversation_of_too_many_items_takes_no_more_until_some_are_deleted() -> None:
    server = Server()
    for number in range(MOST_ITEMS):
        server.creates(id=f"i{number}", previous_item_id="root")
    assert refusal(server.creates())["code"] == "conversation_item_limit_reached"
    server.hears("conversation.item.delete", item_id="i0")
    assert types(server.creates()) == ["AddItem", *ADDED]


def test_a_conversation_of_too_many_bytes_takes_no_more_until_some_are_deleted() -> None:
    server = Server()
    for number in range(6):
        spoken = [{"type": "input_audio", "audio": "A" * 10 * MIB, "transcript": "Hi."}]
        server.creates(id=f"i{number}", content=spoken)
    refused = refusal(server.creates("x" * 5 * MIB))
    assert refused["code"] == "conversation_item_limit_reached"
    assert refused["message"].endswith("delete some.")
    server.hears("conversation.item.delete", item_id="i0")
    assert types(server.creates("x" * 5 * MIB)) == ["AddItem", *ADDED]


def test_what_the_engine_says_finds_its_place_in_the_fullest_conversation() -> None:
    server = Server()
    for number in range(MOST_ITEMS):
        server.creates(id=f"i{number}")
    assert said(server.answers(item_id="new"), "conversation.item.added")["previous_item_id"] == "i9999"
    assert refusal(server.hears("conversation.item.retrieve", item_id="i0"))["param"] == "item_id"
    assert said(server.hears("conversation.item.retrieve", item_id="new"), "conversation.item.retrieved")


def test_endless_speech_leaves_no_trace_where_nobody_asked_for_words() -> None:
    wire = OpenAIServer(input_rate=24_000)
    server = Server(wire)
    server.updates(audio=MANUAL)
    for number in range(1000):
        server.tells(SpeechStarted(f"u{number}", 0.0), Transcript("half", f"u{number}", final=False))
        server.hears("input_audio_buffer.clear")
        server.tells(SpeechStopped(f"u{number}", 500.0))
    assert max(len(wire._telling._user._began_ms), len(wire._telling._user._texts)) <= 256
    assert len(wire._ledger.input.forgotten) <= 256


def test_an_item_that_is_there_is_not_added_again() -> None:
    server = Server()
    server.creates(id="a")
    assert refusal(server.creates(id="a"))["code"] == "item_create_duplicate_item_id"


# Truncation.


def truncate(server: Server, ms: int, item_id: str = "i1") -> list[Any]:
    return server.hears("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=ms)


def test_a_truncated_item_is_as_long_as_was_heard_and_has_lost_its_words() -> None:
    server = Server()
    server.answers(ms=500)
    assert truncate(server, 300)[0] == Truncate("i1", 300.0)
    assert "300ms is already shorter than 400ms" in refusal(truncate(server, 400))["message"]
    (retrieved,) = server.hears("conversation.item.retrieve", item_id="i1")
    assert isinstance(retrieved, dict)
    assert retrieved["item"]["content"] == [{"type": "output_audio"}]


def test_a_client_that_counts_a_part_of_a_millisecond_as_one_may_truncate_at_the_end() -> None:
    server = Server()
    server.tells(ResponseStarted("r1"), AudioOutput(bytes(48 * 100 + 10), 24_000, "r1", "i1"))
    assert types(truncate(server, 101)) == ["Truncate", "conversation.item.truncated"]
    assert refusal(truncate(server, 102))["code"] == "invalid_value"


def test_nothing_is_truncated_before_its_beginning() -> None:
    server = Server()
    server.answers()
    assert refusal(truncate(server, -1))["param"] == "audio_end_ms"


def test_only_what_was_spoken_can_be_truncated() -> None:
    server = Server()
    server.creates(id="a")
    assert refusal(truncate(server, 0, "a"))["code"] == "unsupported_content_type"


# Responses.


def test_a_spoken_answer_comes_in_the_order_of_the_service() -> None:
    assert types(Server().answers()) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]


def test_a_written_answer_comes_in_the_order_of_the_service() -> None:
    told = Server().tells(
        ResponseStarted("r1"), TextOutput("Hi", "r1", "i1", form="written"), ResponseDone("r1")
    )
    assert types(told)[3:8] == [
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
    ]
    assert said(told, "response.content_part.added")["part"] == {"type": "text", "text": ""}


def test_a_call_comes_with_its_name_and_arguments_and_is_complete() -> None:
    call = Call("c1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
    told = Server().tells(ResponseStarted("r1"), ToolCall(call, "r1"), ResponseDone("r1"))
    assert types(told)[1:7] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
    ]
    assert said(told, "response.output_item.added")["item"]["arguments"] == ""
    assert said(told, "response.function_call_arguments.done")["name"] == "look_up"
    assert said(told, "response.done")["response"]["output"][0]["status"] == "completed"


def test_speech_over_an_answer_is_told_before_the_answer_ends() -> None:
    server = Server()
    server.begins()
    told = server.tells(SpeechStarted("u1", 900), ResponseDone("r1", "interrupted"))
    assert types(told) == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    response = said(told, "response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["status"] == "incomplete"


def test_a_cancelled_answer_says_that_the_client_wanted_it() -> None:
    server = Server()
    server.begins()
    assert server.hears("response.cancel") == [Cancel("r1")]
    response = said(server.tells(ResponseDone("r1", "interrupted")), "response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}


def test_a_cancel_that_comes_before_the_answer_begins_stops_it_when_it_does() -> None:
    server = Server()
    server.hears("response.create")
    assert server.hears("response.cancel") == []
    assert types(server.tells(ResponseStarted("r1", "application"))) == ["response.created", "Cancel"]
    response = said(server.tells(ResponseDone("r1", "interrupted")), "response.done")["response"]
    assert response["status_details"]["reason"] == "client_cancelled"


def test_a_cancel_of_nothing_is_refused() -> None:
    server = Server()
    assert refusal(server.hears("response.cancel"))["code"] == "response_cancel_not_active"
    server.answers()
    assert refusal(server.hears("response.cancel", response_id="r1"))["code"] == "response_cancel_not_active"


def test_there_is_one_answer_at_a_time_from_when_it_is_asked_for() -> None:
    server = Server()
    assert server.hears("response.create") == [CreateResponse()]
    code = "conversation_already_has_active_response"
    assert refusal(server.hears("response.create"))["code"] == code
    server.tells(ResponseStarted("r1", "application"))
    assert refusal(server.hears("response.create"))["code"] == code
    server.tells(ResponseDone("r1"))
    assert server.hears("response.create") == [CreateResponse()]


def test_an_answer_that_the_engine_dropped_does_not_block_the_next_one() -> None:
    server = Server()
    server.hears("response.create")
    server.begins("by-itself")
    server.tells(SpeechStarted("u1", 0), ResponseDone("by-itself", "interrupted"))
    assert server.hears("response.create") == [CreateResponse()]


def test_an_engine_that_will_not_answer_says_so_and_does_not_block_the_next_answer() -> None:
    server = Server()
    server.hears("response.create")
    assert refusal(server.tells(Error(ProviderError("no", code="server_error"))))["code"] == "server_error"
    assert server.hears("response.create") == [CreateResponse()]


def test_answers_beside_the_conversation_run_along_and_are_told_apart_by_metadata() -> None:
    server = Server()
    server.hears("response.create", response={"metadata": {"for": "the talk"}})
    server.hears("response.create", response={"conversation": "none", "metadata": {"for": "me"}})
    aside = said(server.tells(ResponseStarted("r1", "out_of_band")), "response.created")["response"]
    assert (aside["metadata"], aside["conversation_id"]) == ({"for": "me"}, None)
    talk = said(server.tells(ResponseStarted("r2", "application")), "response.created")["response"]
    assert talk["metadata"] == {"for": "the talk"}
    assert types(server.tells(TextOutput("Hi", "r1", "i1", form="written"), ResponseDone("r1"))) == [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]


def test_answers_that_an_engine_never_begins_do_not_pile_up() -> None:
    server = Server()
    aside = {"conversation": "none"}
    for _ in range(MOST_PROMISED):
        assert server.hears("response.create", response=aside) == [CreateResponse(out_of_band=True)]
    assert refusal(server.hears("response.create", response=aside))["code"] == "rate_limit_exceeded"
    server.tells(ResponseStarted("r1", "out_of_band"))
    assert server.hears("response.create", response=aside) == [CreateResponse(out_of_band=True)]


@pytest.mark.parametrize(
    "metadata", [{"k" * 65: "v"}, {"k": "v" * 513}, {f"k{n}": "v" for n in range(17)}, {"k": 1}]
)
def test_what_a_response_is_told_apart_by_is_small(metadata: dict[str, object]) -> None:
    problem = refusal(Server().hears("response.create", response={"metadata": metadata}))
    assert "response.metadata" in str(problem)


def test_an_answer_may_have_other_things_to_go_by_than_the_conversation() -> None:
    server = Server()
    server.creates("Hi.", id="a")
    given = [
        {"type": "item_reference", "id": "a"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Well?"}]},
    ]
    (create,) = server.hears("response.create", response={"conversation": "none", "input": given})
    assert isinstance(create, CreateResponse)
    assert create.context == (Message("user", "Hi.", "a"), Message("user", "Well?"))


def test_an_answer_that_fails_says_why_in_its_end_and_nowhere_else() -> None:
    server = Server()
    server.begins()
    assert server.tells(Error(ProviderError("no", code="rate_limit_exceeded"))) == []
    response = said(server.tells(ResponseDone("r1", "failed")), "response.done")["response"]
    assert response["status_details"]["error"]["code"] == "rate_limit_exceeded"


def test_a_fatal_error_is_told_at_once() -> None:
    server = Server()
    server.begins()
    assert refusal(server.tells(Error(AuthError("no"), fatal=True)))["code"] == "invalid_api_key"


def test_what_an_answer_cost_is_told_with_every_count() -> None:
    server = Server()
    server.begins()
    usage = Usage(Tokens(10, text=4, audio=6, cached=2), Tokens(5, 1, 4))
    response = said(server.tells(ResponseDone("r1", usage=usage)), "response.done")["response"]
    assert response["usage"]["total_tokens"] == 15
    assert response["usage"]["input_token_details"]["cached_tokens"] == 2


def test_an_answer_that_was_generated_is_over_but_for_its_end() -> None:
    server = Server()
    server.tells(
        ResponseStarted("r1"), TextOutput("Hi.", "r1", "i1"), AudioOutput(bytes(480), 24_000, "r1", "i1")
    )
    told = types(server.tells(ResponseGenerated("r1"), ResponseGenerated("r0")))
    assert told[-3:] == ["response.content_part.done", "conversation.item.done", "response.output_item.done"]
    assert server.tells(TextOutput("", "r1", "i1", final=True)) == []
    assert server.hears("response.create") == [CreateResponse()]
    assert refusal(server.hears("response.create"))["code"] == "conversation_already_has_active_response"
    ended = said(server.tells(ResponseDone("r1", "interrupted")), "response.done")["response"]
    assert (ended["status"], ended["output"][0]["status"]) == ("completed", "completed")
    assert types(server.tells(ResponseStarted("r2"))) == ["response.created"]


def test_an_answer_that_failed_after_it_was_generated_has_failed() -> None:
    server = Server()
    server.tells(ResponseStarted("r1"), ResponseGenerated("r1"))
    ended = said(server.tells(ResponseDone("r1", "failed")), "response.done")["response"]
    assert ended["status"] == "failed"


def test_what_was_spent_beside_responses_is_told_with_the_next_one() -> None:
    server = Server()
    spent = Usage(Tokens(3), Tokens(2))
    assert server.tells(UsageUpdate(spent), UsageUpdate(spent)) == []
    costs = [
        said(server.tells(ResponseStarted(each), ResponseDone(each, usage=usage)), "response.done")[
            "response"
        ]
        for each, usage in (("r1", spent), ("r2", None), ("r3", spent))
    ]
    assert [each.get("usage") and each["usage"]["total_tokens"] for each in costs] == [15, None, 5]


def test_audio_is_spoken_in_the_format_of_the_session() -> None:
    server = Server()
    server.updates(audio={"output": {"format": {"type": "audio/pcmu"}}})
    told = server.answers(ms=400)
    audio = b"".join(
        msgspec.convert(each["delta"], bytes)
        for each in told
        if isinstance(each, dict) and each["type"] == "response.output_audio.delta"
    )
    assert abs(AudioFormat("g711_ulaw", 8_000).duration_ms(len(audio)) - 400) < 5
    assert refusal(truncate(server, 500))["code"] == "invalid_value"


# Nonsense.


def test_text_that_is_no_utf8_is_refused_and_the_session_goes_on() -> None:
    server = Server()
    error = refusal(server.reads(b'{"type":"response.cancel","event_id":"x","response_id":"\xe1"}'))
    assert (error["code"], error["event_id"]) == ("invalid_json", "x")
    error = refusal(server.reads(b'{"type":"session.update","session":{"instructions":"\\ud800"}}'))
    assert error["code"] == "invalid_json"
    assert types(server.creates()) == ["AddItem", *ADDED]


@pytest.mark.parametrize("message", [b"", b"}", b"[1]", b'"x"', b"\xff", b"[" * 100_000])
def test_what_is_no_message_is_refused(message: bytes) -> None:
    assert refusal(Server().reads(message))["code"] == "invalid_json"


def test_a_binary_message_is_refused_whatever_is_in_it() -> None:
    error = refusal(Server().reads(BinaryMessage(b'{"type":"response.create"}')))
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_event")


def test_a_message_of_no_known_type_is_refused_with_those_that_are() -> None:
    error = refusal(Server().hears("session.close", event_id="mine"))
    assert (error["code"], error["param"], error["event_id"]) == ("invalid_value", "type", "mine")
    assert "'session.update'" in error["message"]


def test_a_field_that_is_missing_is_named() -> None:
    error = refusal(Server().hears("conversation.item.truncate", item_id="a"))
    assert error["code"] == "missing_required_parameter"


def test_a_field_of_another_type_is_named() -> None:
    error = refusal(Server().hears("conversation.item.delete", item_id=5))
    assert (error["code"], error["param"]) == ("invalid_type", "item_id")


def test_a_buffer_of_output_is_not_cleared_where_there_is_none() -> None:
    assert refusal(Server().hears("output_audio_buffer.clear"))["code"] == "invalid_value"


def _nested(each: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(_SESSION), each, max_size=4)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(m.CLIENT)),
            st.dictionaries(st.sampled_from(_FIELDS), st.recursive(_JSON, _nested, max_leaves=8), max_size=4),
        ),
        max_size=4,
    )
)
def test_no_message_breaks_the_server(messages: list[tuple[str, dict[str, Any]]]) -> None:
    server = Server()
    for kind, fields in messages:
        for made in server.wire.receive(msgspec.json.encode({"type": kind, **fields})):
            if isinstance(made, Send):
                assert msgspec.json.decode(made.data)["type"]
    server.answers()


def test_a_removed_item_is_removed_at_the_engine_too() -> None:
    server = Server()
    server.creates(id="a")
    assert server.hears("conversation.item.delete", item_id="a")[0] == RemoveItem("a")


def test_speech_without_words_yet_spells_their_null() -> None:
    told = Server().tells(SpeechStarted("u1", 300), SpeechStopped("u1", 1300))
    for kind in ("conversation.item.added", "conversation.item.done"):
        assert said(told, kind)["item"]["content"] == [{"type": "input_audio", "transcript": None}]


def test_an_answer_that_was_cut_off_gets_its_words_not_back() -> None:
    server = Server()
    sound = AudioOutput(bytes(4800), 24_000, "r1", "i1")
    server.tells(ResponseStarted("r1"), TextOutput("One two.", "r1", "i1"), sound)
    server.hears("conversation.item.truncate", item_id="i1", content_index=0, audio_end_ms=50)
    told = server.tells(ResponseDone("r1", "interrupted"))
    assert said(told, "conversation.item.done")["item"]["content"] == [{"type": "output_audio"}]
