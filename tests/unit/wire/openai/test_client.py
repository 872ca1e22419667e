"""What our side of the protocol says and hears; the peer is written out by hand, message for message."""

import pytest
from tests.support.openai import Client, types

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
from s2s.errors import (
    AuthError,
    LocalProtocolError,
    ProviderError,
    RateLimitError,
    RemoteProtocolError,
)
from s2s.events import (
    AudioOutput,
    Error,
    IdleTimeout,
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
    Unrecognized,
    Usage,
)
from s2s.items import JSON, Call, Message, ToolResult
from s2s.tools import ToolSpec
from s2s.wire.openai.hearing import MOST_EARLY_BYTES
from s2s.wire.openai.variants import COMPATIBLE, XAI

SESSION = {"id": "sess_1", "model": "gpt-realtime-2.1", "expires_at": 4600}
OPEN = {"type": "server_vad", "create_response": True, "interrupt_response": True}
WHERE = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}


def error_of(heard: list[JSON]) -> Error:
    (error,) = [each for each in heard if isinstance(each, Error)]
    return error


def refused(code: str, event_id: str = "", kind: str = "invalid_request_error", **more: JSON) -> JSON:
    return {"type": kind, "code": code, "message": "No.", "event_id": event_id or None, **more}


def call_item(call_id: str, status: str = "completed", arguments: str = '{"city":"Bonn"}') -> JSON:
    return {
        "type": "function_call",
        "id": f"item_{call_id}",
        "call_id": call_id,
        "name": "look_up",
        "status": status,
        "arguments": arguments,
    }


def calls(client: Client, *call_ids: str) -> list[JSON]:
    return [
        each
        for call_id in call_ids
        for each in client.hears("response.output_item.done", response_id="r1", item=call_item(call_id))
    ]


# Opening.


def test_a_session_is_ready_when_the_service_has_taken_its_settings() -> None:
    client = Client(instructions="Be brief.", voice="marin", history=[Message("user", "Hi.", "u0")])
    update, item = client.hears("session.created", session=SESSION)
    assert update == {
        "type": "session.update",
        "event_id": "open_1",
        "session": {
            "type": "realtime",
            "instructions": "Be brief.",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "turn_detection": OPEN,
                    "transcription": {"model": "gpt-live-transcribe"},
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
            },
        },
    }
    assert item["item"] == {
        "id": "u0",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hi."}],
        "type": "message",
    }
    (started,) = client.hears("session.updated", session=SESSION)
    assert isinstance(started, SessionStarted)
    assert (started.session_id, started.model, started.expires_in_s) == ("sess_1", SESSION["model"], 3600)


def test_a_service_that_never_acknowledges_is_ready_at_once() -> None:
    made = Client(COMPATIBLE).hears("session.created", session={})
    assert types(made) == ["session.update", "session_started"]
    assert made[0]["session"]["audio"]["input"]["transcription"] == {}


def test_a_service_that_wants_settings_elsewhere_gets_them_there() -> None:
    made = Client(XAI, voice="ara", turn_detection="manual").hears("session.created", session=SESSION)
    session = made[0]["session"]
    assert (session["voice"], session["turn_detection"]) == ("ara", None)
    assert "voice" not in session["audio"]["output"]
    assert "turn_detection" not in session["audio"]["input"]


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("invalid_api_key", AuthError, "check the API key"),
        ("invalid_model", ProviderError, "use a realtime model"),
        ("missing_model", ProviderError, "set Config.model"),
        ("beta_api_shape_disabled", ProviderError, "leave the header OpenAI-Beta out"),
        ("insufficient_quota", ProviderError, "check plan and billing"),
        ("something_new", ProviderError, "No"),
    ],
)
def test_what_fails_before_the_session_began_is_fatal_and_says_what_to_do(
    code: str, kind: type[Exception], says: str
) -> None:
    error = error_of(Client().hears("error", error=refused(code)))
    assert error.fatal
    assert type(error.error) is kind
    assert "No" in str(error.error)
    assert says in str(error.error)


def test_settings_that_are_refused_end_the_opening() -> None:
    client = Client()
    client.hears("session.created", session=SESSION)
    wrong = refused("unknown_parameter", "open_1", param="session.reasoning")
    error = error_of(client.hears("error", error=wrong))
    assert error.fatal
    assert "session.reasoning" in str(error.error)


def test_an_entry_of_the_history_that_is_refused_is_no_reason_to_give_up() -> None:
    client = Client(history=[Message("user", "Hi.")])
    client.hears("session.created", session=SESSION)
    wrong = refused("item_create_duplicate_item_id", "item_2")
    assert client.hears("error", error=wrong) == []
    assert types(client.hears("session.updated", session=SESSION)) == ["session_started", "error"]


def test_what_is_told_before_our_settings_are_taken_is_told_after_that() -> None:
    client = Client()
    client.hears("session.created", session=SESSION)
    assert client.hears("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=1) == []
    assert client.hears("brand.new") == []
    assert client.reads(b"{") == []
    told = client.hears("session.updated", session=SESSION)
    assert types(told) == ["session_started", "speech_started", "unrecognized", "error"]


def test_the_history_is_seeded_with_words_calls_and_results() -> None:
    history = [
        Message("system", "Be kind.", "s0"),
        Message("assistant", "Hello there, and good day.", "a0", heard_text="Hello there"),
        Call("c" * 40, "look_up", {"city": "Bonn"}, '{"city":"Bonn"}'),
        ToolResult("c" * 40, "A city."),
    ]
    _, system, said, call, result = Client(history=history).hears("session.created", session=SESSION)
    assert system["item"]["content"] == [{"type": "input_text", "text": "Be kind."}]
    assert said["item"]["content"] == [{"type": "output_text", "text": "Hello there"}]
    assert (call["item"]["type"], call["item"]["arguments"]) == ("function_call", '{"city":"Bonn"}')
    assert len(call["item"]["call_id"]) == 32
    assert result["item"]["call_id"] == call["item"]["call_id"]


# Audio and words.


def test_an_answer_is_audio_and_its_words() -> None:
    client = Client().ready()
    assert client.begins() == [ResponseStarted("r1")]
    assert client.hears("response.output_audio_transcript.delta", **WHERE, delta="Hi") == [
        TextOutput("Hi", "r1", "i1")
    ]
    for position_ms in (0, 20):
        assert client.audio(20) == [AudioOutput(bytes(960), 24_000, "r1", "i1", position_ms)]
    assert client.hears("response.output_audio.done", **WHERE) == []
    assert client.hears("response.output_audio_transcript.done", **WHERE, transcript="Hi.") == [
        TextOutput(".", "r1", "i1"),
        TextOutput("", "r1", "i1", final=True),
    ]
    usage = {"input_tokens": 10, "output_tokens": 4, "output_token_details": {"audio_tokens": 3}}
    assert client.ends(usage=usage) == [ResponseDone("r1", usage=Usage(Tokens(10), Tokens(4, audio=3)))]


def test_an_answer_in_writing_is_text() -> None:
    client = Client(output_modalities=("text",)).ready()
    client.begins()
    assert client.hears("response.output_text.delta", **WHERE, delta="Hi.") == [
        TextOutput("Hi.", "r1", "i1", form="written")
    ]
    assert client.hears("response.output_text.done", **WHERE, text="Hi.") == [
        TextOutput("", "r1", "i1", final=True, form="written")
    ]


@pytest.mark.parametrize("name", ["response.audio.delta", "response.output_audio.delta"])
def test_old_and_new_names_are_understood(name: str) -> None:
    client = Client().ready()
    client.begins()
    assert types(client.hears(name, **WHERE, delta="AAAA")) == ["audio_output"]
    spoken = name.replace("audio.", "audio_transcript.")
    assert types(client.hears(spoken, **WHERE, delta="Hi")) == ["text_output"]


def test_several_items_of_one_response_have_positions_of_their_own() -> None:
    client = Client().ready()
    client.begins()
    client.audio(100)
    (other,) = client.audio(20, item_id="i2")
    assert other == AudioOutput(bytes(960), 24_000, "r1", "i2", 0)
    client.ends()
    assert client.says(Truncate("i2", 500)) == [
        {
            "type": "conversation.item.truncate",
            "event_id": "truncate_2",
            "item_id": "i2",
            "content_index": 0,
            "audio_end_ms": 20,
        }
    ]


def test_what_comes_after_the_end_of_its_response_is_dropped() -> None:
    client = Client().ready()
    client.begins()
    client.audio(20)
    client.ends(status="cancelled")
    assert client.audio(20) == []
    assert client.hears("response.output_audio_transcript.delta", **WHERE, delta="late") == []
    assert calls(client, "c1") == []


def test_a_response_that_nobody_announced_begins_with_its_content() -> None:
    client = Client().ready()
    assert types(client.audio(20)) == ["response_started", "audio_output"]
    assert client.begins() == []
    assert types(client.ends()) == ["response_done"]
    assert types(client.ends()) == []


def test_a_response_that_only_ends_began_too() -> None:
    failed = {"type": "failed", "error": {"type": "server_error", "code": None, "message": "Oops."}}
    started, error, done = Client().ready().ends(status="failed", status_details=failed)
    assert started == ResponseStarted("r1")
    assert "Oops" in str(error_of([error]).error)
    assert done == ResponseDone("r1", "failed")


@pytest.mark.parametrize(
    ("status", "ours"),
    [("completed", "completed"), ("cancelled", "interrupted"), ("incomplete", "incomplete")],
)
def test_how_a_response_ended_is_told_with_null_usage_and_odd_details(status: str, ours: JSON) -> None:
    client = Client().ready()
    client.begins()
    odd: dict[str, JSON] = {"usage": None, "status_details": "turn_detected", "output": None}
    assert client.ends(status=status, **odd) == [ResponseDone("r1", ours)]


def test_metadata_of_another_kind_is_no_metadata() -> None:
    client = Client().ready()
    assert client.begins(metadata="none") == [ResponseStarted("r1")]
    assert client.begins("r2", metadata=[1]) == [ResponseStarted("r2")]


def test_a_failed_response_says_why_and_whether_it_is_worth_another_try() -> None:
    client = Client().ready()
    client.begins()
    busy = {"type": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}}
    error, done = client.ends(status="failed", status_details=busy)
    assert isinstance(error_of([error]).error, RateLimitError)
    assert not error_of([error]).fatal
    assert done == ResponseDone("r1", "failed")


def test_a_response_that_fails_for_lack_of_money_ends_the_session() -> None:
    client = Client().ready()
    client.begins()
    broke = {"type": "failed", "error": {"type": "insufficient_quota", "message": "Pay."}}
    done, error = client.ends(status="failed", status_details=broke)
    assert done == ResponseDone("r1", "failed")
    assert error_of([error]).fatal


def test_words_that_are_open_end_with_their_response() -> None:
    client = Client().ready()
    client.begins()
    client.hears("response.output_audio_transcript.delta", **WHERE, delta="Good mor")
    final, done = client.ends(status="cancelled")
    assert final == TextOutput("", "r1", "i1", final=True)
    assert done == ResponseDone("r1", "interrupted")


def test_a_lost_connection_ends_what_is_open() -> None:
    client = Client().ready()
    client.begins()
    client.hears("response.output_audio_transcript.delta", **WHERE, delta="Good mor")
    final, done = client.wire.lost()
    assert final == TextOutput("", "r1", "i1", final=True)
    assert done == ResponseDone("r1", "failed")
    assert list(client.wire.lost()) == []


# The gate, and responses outside of the conversation.


def test_two_requests_are_answered_one_after_the_other() -> None:
    client = Client().ready()
    (asked,) = client.says(CreateResponse())
    assert asked["response"]["metadata"] == {"s2s_ask": "create_1"}
    assert client.says(CreateResponse()) == []
    assert client.begins(ask="create_1") == [ResponseStarted("r1", "application")]
    assert types(client.ends()) == ["response_done", "response.create"]


def test_a_request_that_lost_a_race_is_repeated_and_no_error_is_told() -> None:
    client = Client().ready()
    client.says(CreateResponse())
    client.begins("vad")
    wrong = refused("conversation_already_has_active_response", "create_1")
    assert client.hears("error", error=wrong) == []
    assert types(client.ends("vad")) == ["response_done", "response.create"]


def test_another_error_to_a_request_is_told_and_lets_the_next_one_through() -> None:
    client = Client().ready()
    client.says(CreateResponse(instructions="x"), CreateResponse())
    error, create = client.hears("error", error=refused("invalid_value", "create_1"))
    assert isinstance(error_of([error]).error, ProviderError)
    assert create["type"] == "response.create"


def test_a_request_that_fails_without_a_name_lets_the_next_one_through() -> None:
    client = Client().ready()
    client.says(CreateResponse(instructions="x"), CreateResponse())
    error, create = client.hears("error", error={"code": "server_error", "message": "busy"})
    assert not error_of([error]).fatal
    assert create["type"] == "response.create"


def test_a_request_that_nobody_wants_any_more_holds_up_no_other() -> None:
    client = Client().ready()
    client.says(CreateResponse(instructions="ignored"))
    assert client.says(Cancel()) == []
    assert types(client.says(CreateResponse())) == ["response.create"]


def test_the_end_of_a_response_that_was_missed_is_found_out_by_cancelling_it() -> None:
    client = Client().ready()
    client.begins()
    client.says(CreateResponse())
    (cancel,) = client.says(Cancel("r1"))
    client.says(CreateResponse())
    wrong = refused("response_cancel_not_active", cancel["event_id"])
    done, create = client.hears("error", error=wrong)
    assert done == ResponseDone("r1", "interrupted")
    assert create["type"] == "response.create"


def test_a_response_of_a_name_that_was_there_before_jams_nothing() -> None:
    client = Client().ready()
    client.begins()
    client.ends()
    client.says(CreateResponse(), CreateResponse())
    assert types(client.begins("r1", ask="create_1")) == ["response.create"]


def test_an_item_whose_name_was_there_before_is_another_one() -> None:
    client = Client().ready()
    client.begins()
    client.audio(20)
    client.ends()
    client.begins("r2")
    (event,) = client.audio(20, response_id="r2")
    assert (event.response_id, event.item_id, event.position_ms) == ("r2", "i1_of_r2", 0)
    (cut,) = client.says(Truncate("i1_of_r2", 10))
    assert cut["item_id"] == "i1"


def test_out_of_band_responses_are_known_by_their_metadata() -> None:
    client = Client().ready()
    client.begins()
    context = (Message("user", "Sad or glad?"),)
    aside = CreateResponse("Classify.", {"topic": "mood"}, True, context, ("text",))
    (asked,) = client.says(aside)
    assert asked["response"] == {
        "conversation": "none",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Sad or glad?"}], "type": "message"}
        ],
        "instructions": "Classify.",
        "output_modalities": ["text"],
        "metadata": {"topic": "mood", "s2s_ask": "create_1"},
    }
    response = {"id": "r2", "conversation_id": None, "metadata": asked["response"]["metadata"]}
    assert client.hears("response.created", response=response) == [
        ResponseStarted("r2", "out_of_band", {"topic": "mood"})
    ]
    where = {**WHERE, "response_id": "r2", "item_id": "i2"}
    assert types(client.hears("response.output_text.delta", **where, delta="glad")) == ["text_output"]
    assert types(client.ends("r2", conversation_id=None)) == ["text_output", "response_done"]
    assert types(client.audio(20)) == ["audio_output"]


def test_what_was_cancelled_before_it_began_is_stopped_as_it_begins() -> None:
    client = Client().ready()
    client.says(CreateResponse())
    assert client.says(Cancel()) == []
    started, cancel = client.begins(ask="create_1")
    assert started == ResponseStarted("r1", "application")
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "r1")
    assert client.audio(20) == []
    assert calls(client, "c1") == []
    assert client.ends(status="cancelled") == [ResponseDone("r1", "interrupted")]


# Tools.


def test_a_call_is_told_when_it_is_complete() -> None:
    client = Client().ready()
    client.begins()
    where = {"response_id": "r1", "item_id": "item_c1", "output_index": 0, "call_id": "c1"}
    assert client.hears("response.function_call_arguments.delta", **where, delta='{"ci') == []
    cut = client.hears("response.function_call_arguments.done", **where, arguments='{"ci')
    assert cut == []
    raw = '{"city":"Bonn"}'
    assert calls(client, "c1") == [ToolCall(Call("c1", "look_up", {"city": "Bonn"}, raw), "r1")]
    assert calls(client, "c1") == []


def test_a_call_that_was_cut_off_is_not_told() -> None:
    client = Client().ready()
    client.begins()
    for status in ("incomplete", "in_progress"):
        item = call_item("c1", status, '{"ci')
        assert client.hears("response.output_item.done", response_id="r1", item=item) == []


def test_a_call_whose_id_was_there_before_is_an_error() -> None:
    client = Client().ready()
    client.begins()
    calls(client, "c1")
    client.ends()
    client.begins("r2")
    (error,) = client.hears("response.output_item.done", response_id="r2", item=call_item("c1"))
    assert "was made before" in str(error_of([error]).error)


def test_a_call_that_was_cut_off_is_not_made_by_the_end_of_its_response() -> None:
    client = Client().ready()
    client.begins()
    assert types(client.ends(output=[call_item("c1", "incomplete", '{"ci')])) == ["response_done"]


def test_a_call_that_stands_only_in_the_end_of_its_response_is_told_there() -> None:
    client = Client().ready()
    client.begins()
    assert types(client.ends(output=[call_item("c1")])) == ["tool_call", "response_done"]


def test_arguments_that_are_no_json_come_as_they_are() -> None:
    client = Client().ready()
    client.begins()
    item = call_item("c1", arguments="{city: Bonn}")
    (event,) = client.hears("response.output_item.done", response_id="r1", item=item)
    assert event == ToolCall(Call("c1", "look_up", {}, "{city: Bonn}"), "r1")


def test_parallel_calls_are_answered_in_order_with_one_response() -> None:
    client = Client().ready()
    client.begins()
    calls(client, "a", "b", "c")
    client.ends()
    assert client.says(SendToolResult("c", "3", respond=False)) == []
    assert client.says(SendToolResult("a", "1", respond=False))[0]["item"]["call_id"] == "a"
    *results, create = client.says(SendToolResult("b", "2", respond=True))
    assert [each["item"]["call_id"] for each in results] == ["b", "c"]
    assert [each["item"]["output"] for each in results] == ["2", "3"]
    assert create["type"] == "response.create"
    assert client.begins("r2", ask="create_1") == [ResponseStarted("r2", "tool_result")]


def test_a_result_that_wants_no_answer_gets_none() -> None:
    client = Client().ready()
    client.begins()
    calls(client, "a")
    client.ends()
    assert types(client.says(SendToolResult("a", "1", respond=False))) == ["conversation.item.create"]


def test_a_result_that_waits_for_another_is_told_when_the_model_speaks_again() -> None:
    client = Client().ready()
    client.begins()
    calls(client, "slow", "fast")
    client.ends()
    client.says(SendToolResult("fast", "2", respond=False))
    _, late = client.begins("r2")
    assert late["item"]["call_id"] == "fast"


# Interruptions.


def test_cancelling_names_the_response_and_a_lost_race_is_nobodys_concern() -> None:
    client = Client().ready()
    client.begins()
    (cancel,) = client.says(Cancel("r1"))
    assert cancel == {"type": "response.cancel", "event_id": "cancel_2", "response_id": "r1"}
    client.ends()
    wrong = refused("response_cancel_not_active", "cancel_2")
    assert client.hears("error", error=wrong) == []
    assert client.says(Cancel("r1")) == []


@pytest.mark.parametrize(("heard_ms", "end_ms"), [(30.9, 30), (99.0, 40), (40.0, 40)])
def test_an_item_is_cut_to_what_was_heard_and_never_beyond_what_came(heard_ms: float, end_ms: int) -> None:
    client = Client().ready()
    client.begins()
    client.audio(40)
    (cut,) = client.says(Truncate("i1", heard_ms))
    assert (cut["item_id"], cut["content_index"], cut["audio_end_ms"]) == ("i1", 0, end_ms)


def test_an_item_of_which_nothing_was_heard_is_deleted() -> None:
    client = Client().ready()
    client.begins()
    client.audio(40)
    (gone,) = client.says(Truncate("i1", 0.4))
    assert gone == {"type": "conversation.item.delete", "event_id": "truncate_2", "item_id": "i1"}
    wrong = refused("item_delete_invalid_item_id", "truncate_2")
    assert client.hears("error", error=wrong) == []


def test_what_has_no_audio_or_no_place_in_the_conversation_is_not_cut() -> None:
    client = Client().ready()
    assert client.says(Truncate("i1", 10)) == []
    client.says(CreateResponse(out_of_band=True))
    client.begins(ask="create_1", conversation_id=None)
    client.audio(40)
    assert client.says(Truncate("i1", 10)) == []


# The user.


def test_speech_is_told_with_item_and_position() -> None:
    client = Client().ready()
    began = client.hears("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=120)
    ended = client.hears("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=900)
    assert (began, ended) == ([SpeechStarted("u1", 120)], [SpeechStopped("u1", 900)])
    assert client.hears("input_audio_buffer.committed", item_id="u1", previous_item_id=None) == []


def test_a_turn_by_hand_is_committed_and_answered() -> None:
    client = Client(turn_detection="manual").ready()
    client.says(AppendAudio(bytes(120 * 48)))
    commit, create = client.says(CommitAudio())
    assert commit["type"] == "input_audio_buffer.commit"
    assert create["type"] == "response.create"
    assert client.hears("input_audio_buffer.committed", item_id="u1") == [SpeechStopped("u1", 120)]


def test_a_turn_by_hand_is_not_answered_where_that_is_not_wanted() -> None:
    turns = TurnDetection(mode="manual", create_response=False)
    client = Client(turn_detection=turns).ready()
    client.says(AppendAudio(bytes(120 * 48)))
    assert types(client.says(CommitAudio())) == ["input_audio_buffer.commit"]


def test_a_commit_of_too_little_audio_is_refused_here() -> None:
    client = Client(turn_detection="manual").ready()
    client.says(AppendAudio(bytes(99 * 48)))
    error = error_of(client.says(CommitAudio()))
    assert isinstance(error.error, LocalProtocolError)
    assert "99 ms" in str(error.error)
    client.says(AppendAudio(bytes(48)))
    assert types(client.says(CommitAudio())) == ["input_audio_buffer.commit", "response.create"]
    assert types(client.says(CommitAudio())) == ["error"]


def test_clearing_keeps_the_onset_of_a_turn_by_hand() -> None:
    client = Client(turn_detection=TurnDetection(mode="manual", prefix_ms=40)).ready()
    for _ in range(10):
        client.says(AppendAudio(bytes(20 * 48)))
    assert types(client.says(ClearAudio())) == [
        "input_audio_buffer.clear",
        "input_audio_buffer.append",
        "input_audio_buffer.append",
    ]
    assert "40 ms" in str(error_of(client.says(CommitAudio())).error)


def test_clearing_what_the_user_says_lets_a_result_be_answered() -> None:
    client = Client().ready()
    client.hears("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=1)
    assert types(client.says(SendToolResult("c", "1", respond=True))) == ["conversation.item.create"]
    assert types(client.says(ClearAudio())) == ["input_audio_buffer.clear", "response.create"]


def test_clearing_under_turn_detection_keeps_nothing() -> None:
    client = Client().ready()
    client.says(AppendAudio(bytes(20 * 48)))
    assert types(client.says(ClearAudio())) == ["input_audio_buffer.clear"]


def test_words_and_pictures_of_the_user_become_items() -> None:
    client = Client().ready()
    (words,) = client.says(AddItem(Message("user", "Look.", "u1")))
    assert words["item"]["content"] == [{"type": "input_text", "text": "Look."}]
    (picture,) = client.says(AppendImage(b"\x89PNG", "image/png"))
    assert picture["item"]["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="}
    ]
    assert client.says(RemoveItem("u1"))[0]["item_id"] == "u1"


# Settings.


def test_an_update_says_what_changes_and_nothing_else() -> None:
    client = Client(instructions="Be brief.").ready()
    assert client.says(UpdateSession(instructions="Be brief.")) == []
    (update,) = client.says(UpdateSession(instructions="Be long.", output_modalities=("audio", "text")))
    assert update["session"] == {"type": "realtime", "instructions": "Be long."}
    assert client.says(UpdateSession(instructions="Be long.")) == []


def test_tools_and_turn_detection_can_change() -> None:
    client = Client().ready()
    (update,) = client.says(UpdateSession(tools=(ToolSpec("look_up", "Look up."),)))
    assert update["session"]["tools"] == [
        {
            "type": "function",
            "name": "look_up",
            "description": "Look up.",
            "parameters": {"type": "object", "properties": {}},
        }
    ]
    semantic = TurnDetection(mode="semantic", eagerness="low")
    (update,) = client.says(UpdateSession(turn_detection=semantic))
    assert update["session"]["audio"] == {
        "input": {
            "turn_detection": {
                "type": "semantic_vad",
                "eagerness": "low",
                "create_response": True,
                "interrupt_response": True,
            }
        }
    }
    (update,) = client.says(UpdateSession(turn_detection=TurnDetection(mode="manual")))
    assert update["session"]["audio"] == {"input": {"turn_detection": None}}
    client.says(AppendAudio(bytes(120 * 48)))
    assert types(client.says(CommitAudio())) == ["input_audio_buffer.commit", "response.create"]


def test_the_voice_is_locked_once_it_was_heard() -> None:
    client = Client(voice="marin").ready()
    assert types(client.says(UpdateSession(voice="cedar"))) == ["session.update"]
    client.begins()
    client.audio(20)
    assert client.says(UpdateSession(voice="cedar")) == []
    error, update = client.says(UpdateSession(voice="marin", instructions="Be brief."))
    assert isinstance(error_of([error]).error, LocalProtocolError)
    assert update["session"] == {"type": "realtime", "instructions": "Be brief."}


def test_an_update_that_is_refused_is_told_and_can_be_asked_for_again() -> None:
    client = Client().ready()
    (update,) = client.says(UpdateSession(instructions="x", voice="nobody"))
    wrong = refused("invalid_value", update["event_id"], param="session.audio.output.voice")
    assert not error_of(client.hears("error", error=wrong)).fatal
    (again,) = client.says(UpdateSession(instructions="x"))
    assert again["session"] == {"type": "realtime", "instructions": "x"}


def test_changes_back_and_forth_faster_than_the_service_are_all_asked_for() -> None:
    client = Client(instructions="a").ready()
    for text in ("b", "a", "b"):
        (update,) = client.says(UpdateSession(instructions=text))
        assert update["session"]["instructions"] == text
    for text in ("b", "a", "b"):
        client.hears("session.updated", session={**SESSION, "instructions": text})
    assert client.says(UpdateSession(instructions="b")) == []


# Everything else.


def test_limits_and_silence_are_told() -> None:
    client = Client().ready()
    limits = [{"name": "tokens", "limit": 9, "remaining": 8, "reset_seconds": 0.5}]
    assert client.hears("rate_limits.updated", rate_limits=limits) == [
        RateLimits((RateLimit("tokens", 9, 8, 0.5),))
    ]
    timeout = {"item_id": "u1", "audio_start_ms": 1000, "audio_end_ms": 7000}
    assert client.hears("input_audio_buffer.timeout_triggered", **timeout) == [IdleTimeout(6.0)]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "brand.new", "x": 1},
        {"type": "mcp_list_tools.completed", "item_id": "m1"},
        {"type": "response.mcp_call_arguments.delta", "item_id": "m1", "delta": "{"},
        {"type": "conversation.item.added", "item": {"type": "mcp_list_tools", "id": "m1"}},
        {"type": "response.output_item.done", "response_id": "r", "item": {"type": "mcp_call"}},
        {"type": "input_audio_buffer.dtmf_event_received", "event": "5", "received_at": 1},
    ],
    ids=lambda each: each["type"],
)
def test_what_has_no_event_of_its_own_is_passed_on_whole(message: JSON) -> None:
    (passed,) = Client().ready().hears(**{"kind": message["type"], **_without(message)})
    assert passed == Unrecognized("openai_realtime", {**message, "event_id": "event_1"})


def _without(message: JSON) -> JSON:
    return {key: value for key, value in message.items() if key != "type"}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "conversation.created", "conversation": {"id": "conv_1"}},
        {"type": "conversation.item.added", "item": {"type": "message", "id": "u1"}},
        {"type": "conversation.item.created", "item": {"type": "message", "id": "u1"}},
        {"type": "conversation.item.truncated", "item_id": "i1", "content_index": 0, "audio_end_ms": 1},
        {"type": "input_audio_buffer.cleared"},
        {"type": "response.content_part.added", "part": {"type": "audio"}},
        {"type": "response.content_part.done", "part": {"type": "text"}},
        {"type": "session.updated", "session": {}},
    ],
    ids=lambda each: each["type"],
)
def test_what_only_confirms_says_nothing_new(message: JSON) -> None:
    assert Client().ready().hears(**{"kind": message["type"], **_without(message)}) == []


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"type":"response.output_audio.delta","delta":"AAA"}',
        b'{"type":"response.output_audio.delta","response_id":"r","delta":5}',
        b'{"type":"response.output_audio.delta"}',
        b'{"type":"response.created"}',
        b'{"type":"error","error":"no"}',
        b'{"type":"session.updated","session":[]}',
        b'{"a":' * 5000,
    ],
)
def test_what_cannot_be_read_is_an_error_and_the_session_lives(message: bytes) -> None:
    client = Client().ready()
    (error,) = client.reads(message)
    assert isinstance(error, Error)
    assert isinstance(error.error, RemoteProtocolError)
    assert error.error.received == message[:500]
    assert not error.fatal
    client.begins()
    assert types(client.audio(20)) == ["audio_output"]


def test_garbage_in_place_of_a_greeting_is_fatal() -> None:
    (error,) = Client().reads(b"hello")
    assert isinstance(error, Error)
    assert error.fatal


def test_a_type_that_is_no_text_is_an_error() -> None:
    assert types(Client().ready().reads(b'{"type":5}')) == ["error"]
    assert types(Client().ready().reads(b'{"no":"type"}')) == ["unrecognized"]


def test_modalities_have_their_old_name_where_the_service_wants_it() -> None:
    (asked,) = Client(XAI).ready().says(CreateResponse(output_modalities=("text",)))
    assert asked["response"] == {"modalities": ["text"]}


def test_a_transcript_of_no_item_is_of_the_speech() -> None:
    kind = "conversation.item.input_audio_transcription.completed"
    (told,) = Client().ready().hears(kind, transcript="Hi.")
    assert told.item_id == "speech"


def test_what_a_service_repeats_or_pings_is_ignored() -> None:
    client = Client(XAI).ready()
    client.begins()
    assert client.hears("ping") == []
    assert client.hears("response.text.delta", **WHERE, delta="Hi") == []
    assert types(client.hears("response.output_text.delta", **WHERE, delta="Hi")) == ["text_output"]


def test_a_telephone_speaks_and_hears_its_own_coding() -> None:
    from s2s.formats import AudioFormat

    phone = AudioFormat("g711_ulaw", 8_000)
    client = Client(input_format=phone, output_format=phone)
    (update,) = client.hears("session.created", session=SESSION)
    audio = update["session"]["audio"]
    assert audio["input"]["format"] == audio["output"]["format"] == {"type": "audio/pcmu"}
    client.hears("session.updated", session=SESSION)
    client.begins()
    (event,) = client.hears("response.output_audio.delta", **WHERE, delta="/////w==")
    assert event == AudioOutput(bytes(8), 8_000, "r1", "i1", 0)
    assert client.wire.input_rate == 8_000


def test_a_service_that_talks_and_never_acknowledges_the_settings_is_given_up() -> None:
    client = Client()
    client.hears("session.created", session={"id": "sess_1", "model": "any"})
    big = "x" * (MOST_EARLY_BYTES // 8)
    heard = [each for _ in range(8) for each in client.hears("a.new.one", text=big)]
    (error,) = [each for each in heard if isinstance(each, Error)]
    assert error.fatal
    assert isinstance(error.error, RemoteProtocolError)
    assert "does not acknowledge the settings" in str(error.error)
