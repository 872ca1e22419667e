from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybase64 import b64encode, urlsafe_b64encode
from tests.support.gemini_server import (
    BLOCKS,
    BONN,
    MANUAL,
    PCM,
    ROME,
    TEA,
    WORKS_ON,
    Server,
    brief,
    result,
    spoken,
)

from s2s.capabilities import Capabilities
from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    CommitAudio,
    CreateResponse,
    SendToolResult,
    UpdateSession,
)
from s2s.events import ResponseDone, ResponseStarted, Usage
from s2s.items import JSON, Call, Message, ToolResult
from s2s.tools import ToolSpec
from s2s.wire import Close
from s2s.wire.gemini.answering import MOST_BYTES
from s2s.wire.gemini.failures import (
    INVALID_ARGUMENT,
    MEDIA_CHUNKS,
    NO_ACTIVITY,
    NO_ENTITY,
    NO_SCHEDULING,
    Reason,
    closing,
)
from s2s.wire.gemini.judging import FIRST
from s2s.wire.gemini.profiles import (
    FLASH_31,
    HALF_CASCADE,
    LIVE_38,
    LIVE_38_VERTEX,
    NATIVE_25,
    THINKING_38,
    Profile,
)

INTERRUPTED: JSON = {"serverContent": {"interrupted": True}}
START: JSON = {"activityStart": {}}
END: JSON = {"activityEnd": {}}
JPEG = b"\xff\xd8\xff\xfb"
PICTURE = {"mimeType": "image/jpeg", "data": b64encode(JPEG).decode()}
TOO_LONG_TO_TAKE = "1007: The message is too long: send less than 15 MiB at a time."
TURN_OVER: JSON = {"serverContent": {"turnComplete": True}}


def manual(profile: Profile = LIVE_38, *, strict: bool = False, **fields: JSON) -> Server:
    return Server(profile, strict=strict, realtimeInputConfig={**MANUAL, **fields}, tools=[BLOCKS, WORKS_ON])


def refused(reason: Reason) -> list[Close]:
    return [closing(reason)]


def says(text: str = "Hi.") -> list[Any]:
    return [AddItem(Message("user", text)), CreateResponse()]


# Audio.


@pytest.mark.parametrize("mime_type", ["audio/pcm;rate=16000", "audio/pcm", "", "audio/PCM; rate=16000"])
def test_audio_goes_to_the_engine(mime_type: str) -> None:
    assert Server().appends(PCM, mime_type) == [AppendAudio(PCM)]


def test_audio_of_another_rate_is_converted_and_as_long_as_before() -> None:
    server = Server()
    made = [each for _ in range(50) for each in server.appends(bytes(960), "audio/pcm;rate=24000")]
    heard = sum(len(each.audio) for each in made if isinstance(each, AppendAudio))
    assert 50 * 640 - 100 < heard <= 50 * 640


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode], ids=["standard", "url-safe"])
@pytest.mark.parametrize("style", [(", ", ": "), (",", ":")], ids=["spaced", "compact"])
@pytest.mark.parametrize("padded", [True, False], ids=["padded", "bare"])
@given(chunks=st.lists(st.binary(max_size=25).map(lambda each: each * 2), max_size=5))
def test_the_short_way_hears_what_the_long_way_hears(
    encode: Callable[[bytes], bytes], style: tuple[str, str], padded: bool, chunks: list[bytes]
) -> None:
    def message(chunk: bytes) -> bytes:
        data = encode(chunk).decode()
        audio = {"data": data if padded else data.rstrip("="), "mime_type": "audio/pcm;rate=16000"}
        return json.dumps({"realtime_input": {"audio": audio}}, separators=style).encode()

    knows_the_form = Server()
    for chunk in chunks:
        heard = [AppendAudio(chunk)] if chunk else []
        assert knows_the_form.reads(message(chunk)) == heard
        assert Server().reads(message(chunk)) == heard


def test_the_short_way_takes_a_message_of_no_other_form() -> None:
    server = Server()
    server.appends()
    known = b64encode(PCM)
    assert server.reads(b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=8000","data":"AAAA"}}}') != [
        AppendAudio(b"\0\0\0")
    ]
    both = b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"%s"},"text":"Hi."}}' % known
    assert brief(server.reads(both)) == ["AppendAudio", "AddItem", "CreateResponse"]


def test_half_a_sample_waits_for_the_rest_of_it() -> None:
    server = Server()
    assert server.appends(b"\x01") == []
    assert server.appends(b"\x02\x03\x04") == [AppendAudio(b"\x01\x02\x03\x04")]


@pytest.mark.parametrize(
    ("mime_type", "why"),
    [
        ("audio/wav", "Audio of type 'audio/wav' is not understood"),
        ("audio/pcm;rate=fast", "Audio of type 'audio/pcm;rate=fast' is not understood"),
        ("audio/pcm;rate=²", "Audio of type 'audio/pcm;rate=²' is not understood"),
        ("audio/pcm;rate=100", "Audio at 100 Hz is not understood"),
    ],
)
def test_what_is_no_pcm_ends_the_connection_for_nothing_could_be_heard(mime_type: str, why: str) -> None:
    (told,) = brief(Server().appends(PCM, mime_type))
    assert told.startswith(f"1007: Invalid JSON payload received. {why}: use")


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_no_base64_ends_the_connection(strict: bool) -> None:
    server = Server(strict=strict)
    server.appends()
    told = brief(server.hears(realtimeInput={"audio": {"mimeType": "audio/pcm;rate=16000", "data": "?"}}))
    where = "'realtime_input.audio.data' (TYPE_BYTES), Base64 decoding failed."
    assert told == [f"1007: Invalid value at {where}"]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "message", [b"", b"{", b"[]", b"\xff", b'{"realtimeInput":{"audio":"x"}}', b"[" * 9999]
)
def test_what_cannot_be_read_ends_the_connection(message: bytes, strict: bool) -> None:
    (told,) = brief(Server(strict=strict).reads(message))
    assert told.startswith("1007: Invalid JSON payload received.")


def test_a_message_that_is_too_long_ends_the_connection() -> None:
    server = Server()
    assert brief(server.reads(b" " * (MOST_BYTES + 1))) == [TOO_LONG_TO_TAKE]
    assert brief(server.appends(bytes(15 * 1024 * 1024 - 100))) == ["AppendAudio"]
    assert brief(server.appends(bytes(15 * 1024 * 1024))) != ["AppendAudio"]


@pytest.mark.parametrize("profile", [NATIVE_25, HALF_CASCADE])
def test_older_models_take_audio_and_pictures_by_their_old_name(profile: Profile) -> None:
    chunks = [{"mimeType": "audio/pcm;rate=16000", "data": b64encode(PCM).decode()}, PICTURE]
    made = Server(profile, strict=True).hears(realtimeInput={"mediaChunks": chunks})
    assert made == [AppendAudio(PCM), AppendImage(JPEG, "image/jpeg")]


def test_newer_models_refuse_the_old_name_and_a_gateway_takes_it() -> None:
    audio = {"realtime_input": {"media_chunks": [{"mimeType": "audio/pcm", "data": b64encode(PCM).decode()}]}}
    assert Server(strict=True).hears(**audio) == refused(MEDIA_CHUNKS)
    assert Server().hears(**audio) == [AppendAudio(PCM)]


# Pictures.


def test_a_picture_goes_to_an_engine_that_sees() -> None:
    assert Server().hears(realtimeInput={"video": PICTURE}) == [AppendImage(JPEG, "image/jpeg")]
    assert Server(can=Capabilities()).hears(realtimeInput={"video": PICTURE}) == []


def test_a_picture_within_a_turn_comes_before_the_words() -> None:
    turn = {"role": "user", "parts": [{"text": "What is it?"}, {"inlineData": PICTURE}]}
    made = Server().hears(clientContent={"turns": [turn], "turnComplete": True})
    assert made == [AppendImage(JPEG, "image/jpeg"), *says("What is it?")]


# Turns that the client declares.


def test_audio_counts_only_while_the_user_is_said_to_speak() -> None:
    server = manual()
    assert server.appends() == []
    assert server.hears(realtimeInput=START) == []
    assert server.appends() == [AppendAudio(PCM)]
    assert server.hears(realtimeInput=END) == [CommitAudio()]
    assert server.appends() == []


def test_what_begins_does_not_follow_on_what_ended() -> None:
    server = manual()
    server.hears(realtimeInput=START)
    server.appends(b"\x01")
    server.hears(realtimeInput=END)
    server.hears(realtimeInput=START)
    assert server.appends(b"\x02\x03") == [AppendAudio(b"\x02\x03")]


def test_one_who_says_nothing_is_answered_too() -> None:
    assert manual().hears(realtimeInput={**START, **END}) == [CommitAudio()]


def test_beginning_twice_is_beginning_once_and_ending_nothing_is_nothing() -> None:
    server = manual()
    assert server.hears(realtimeInput=END) == []
    server.tells(ResponseStarted("r1"))
    assert brief(server.hears(realtimeInput=START)) == ["Cancel", "interrupted"]
    assert server.hears(realtimeInput=START) == []
    assert server.hears(realtimeInput={"audioStreamEnd": True}) == []
    server.appends(b"\x01")
    server.hears(realtimeInput=START)
    assert server.appends(b"\x02") == [AppendAudio(b"\x01\x02")]


def test_who_begins_to_speak_cuts_the_answer_off_at_once() -> None:
    server = manual()
    server.tells(ResponseStarted("r1"), *spoken())
    assert server.hears(realtimeInput=START) == [Cancel("r1"), INTERRUPTED]
    assert server.tells(*spoken()) == []
    assert server.tells(ResponseDone("r1", "completed")) == [TURN_OVER]


def test_who_begins_to_speak_cuts_off_the_answer_that_is_late() -> None:
    server = manual()
    server.hears(realtimeInput={**START, **END})
    server.hears(realtimeInput=START)
    assert server.tells(ResponseStarted("r1")) == [Cancel("r1"), INTERRUPTED]
    assert server.tells(*spoken(), ResponseDone("r1", "interrupted")) == [TURN_OVER]


def test_what_is_asked_in_writing_while_the_user_speaks_is_answered() -> None:
    server = manual()
    server.hears(realtimeInput=START)
    assert server.writes() == says()
    assert server.tells(ResponseStarted("r1")) == []


def test_who_begins_to_speak_takes_back_the_calls_that_block() -> None:
    server = manual(NATIVE_25)
    server.calls(BONN, TEA)
    told = server.hears(realtimeInput=START)
    assert brief(told) == ["interrupted", "1 cancelled", "SendToolResult", "over+usage"]
    assert told[1] == {"toolCallCancellation": {"ids": ["c1"]}}
    assert told[2] == SendToolResult(
        "c1", "The user interrupted before this tool had finished.", is_error=True, respond=False
    )
    assert server.results(result(TEA)) == [SendToolResult("c3", "It rains.")]


def test_without_interruption_an_answer_goes_on() -> None:
    server = manual(activityHandling="NO_INTERRUPTION")
    server.tells(ResponseStarted("r1"))
    assert server.hears(realtimeInput=START) == []
    assert brief(server.tells(*spoken())) == ["audio+words"]
    server.tells(ResponseDone("r1"), ResponseStarted("r2"))
    assert brief(server.tells(*spoken("r2"))) == ["audio+words"]


@pytest.mark.parametrize("asked", [START, END])
@pytest.mark.parametrize("strict", [True, False])
def test_with_detection_the_client_may_not_say_when_the_user_speaks(asked: JSON, strict: bool) -> None:
    assert Server(strict=strict).hears(realtimeInput=asked) == refused(NO_ACTIVITY)


def test_with_detection_the_end_of_the_stream_ends_the_turn() -> None:
    assert Server().hears(realtimeInput={"audioStreamEnd": True}) == [CommitAudio()]


# Words.


def test_text_is_a_turn_of_the_user() -> None:
    assert Server().hears(realtimeInput={"text": "Hi."}) == says()
    assert Server().hears(realtimeInput={"text": ""}) == []


def test_white_space_only_asks_for_an_answer() -> None:
    assert Server().hears(realtimeInput={"text": " "}) == [CreateResponse()]
    assert Server().hears(clientContent={"turnComplete": True}) == [CreateResponse()]


def test_turns_are_added_and_only_the_last_one_is_answered() -> None:
    called: JSON = {"id": "c1", "name": "look_up", "args": BONN.arguments}
    turns = [
        {"role": "user", "parts": [{"text": "Hi."}]},
        {"role": "model", "parts": [{"functionCall": called}]},
        {"role": "user", "parts": [{"functionResponse": result(output="o")}]},
        {"role": "model", "parts": [{"text": "It rains."}]},
    ]
    server = Server()
    assert server.hears(clientContent={"turns": turns}) == [
        AddItem(Message("user", "Hi.")),
        AddItem(Call("c1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')),
        AddItem(ToolResult("c1", "o")),
        AddItem(Message("assistant", "It rains.")),
    ]
    assert server.writes() == says()


@pytest.mark.parametrize("way", ["clientContent", "realtimeInput"])
def test_text_cuts_off_the_answer_under_way_or_waits_for_its_end(way: str) -> None:
    for profile, cut in ((LIVE_38, [Cancel("r1"), INTERRUPTED]), (NATIVE_25, [])):
        server = Server(profile)
        server.tells(ResponseStarted("r1"))
        made = server.writes() if way == "clientContent" else server.hears(realtimeInput={"text": "Hi."})
        assert made == [*cut, *says()]


def test_without_interruption_live_text_waits_and_a_turn_does_not() -> None:
    server = Server(realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"})
    server.tells(ResponseStarted("r1"))
    assert server.hears(realtimeInput={"text": "Hi."}) == says()
    assert brief(server.writes()) == ["Cancel", "interrupted", "AddItem", "CreateResponse"]


def test_a_history_is_not_answered() -> None:
    server = Server(strict=True, historyConfig={"initialHistoryInClientContent": True})
    turn = {"role": "user", "parts": [{"text": "Hi."}]}
    assert server.hears(clientContent={"turns": [turn]}) == [AddItem(Message("user", "Hi."))]
    assert server.writes() == [AddItem(Message("user", "Hi."))]
    assert server.writes() == says()


def test_a_history_belongs_to_a_conversation_that_begins() -> None:
    server = Server(
        historyConfig={"initialHistoryInClientContent": True}, sessionResumption={"handle": "handle-1"}
    )
    assert server.writes() == says()


def test_a_turn_of_the_system_replaces_the_instructions_where_the_surface_has_it() -> None:
    said = {"clientContent": {"turns": [{"role": "system", "parts": [{"text": "Be brief."}]}]}}
    assert Server(LIVE_38_VERTEX, strict=True).hears(**said) == [UpdateSession(instructions="Be brief.")]
    assert Server(LIVE_38).hears(**said) == [AddItem(Message("system", "Be brief."))]


# Calls.


def test_only_the_last_answer_of_a_group_lets_the_engine_speak() -> None:
    server = Server(tools=[BLOCKS])
    server.calls(BONN, ROME)
    assert server.results(result(ROME)) == [SendToolResult("c2", "It rains.", respond=False)]
    assert server.results(result(BONN)) == [SendToolResult("c1", "It rains.")]


def test_a_failure_is_told_as_one_and_what_is_no_text_as_json() -> None:
    server = Server(tools=[BLOCKS])
    server.calls(BONN, ROME)
    assert server.results(
        {"id": "c1", "name": "look_up", "response": {"error": "no"}},
        {"id": "c2", "name": "look_up", "response": {"sky": "grey"}},
    ) == [
        SendToolResult("c1", "no", is_error=True, respond=False),
        SendToolResult("c2", '{"sky":"grey"}'),
    ]


def test_a_call_without_an_answer_in_it_is_answered_with_nothing() -> None:
    server = Server()
    server.calls(BONN)
    assert server.results({"id": "c1", "name": "look_up"}) == [SendToolResult("c1", "")]


def test_a_silent_answer_ends_the_turn_that_waited_for_it() -> None:
    server = Server(NATIVE_25, tools=[WORKS_ON])
    server.calls(TEA)
    made = server.results(result(TEA, scheduling="SILENT"))
    assert brief(made) == ["SendToolResult", "over+usage"]
    assert made[0] == SendToolResult("c3", "It rains.", respond=False)


def test_a_silent_answer_within_a_group_does_not_silence_the_others() -> None:
    server = Server(NATIVE_25, tools=[WORKS_ON])
    server.calls(TEA, Call("c4", "order"))
    assert brief(server.results(result(TEA))) == ["SendToolResult"]
    (made,) = server.results({"id": "c4", "name": "order", "response": {}, "scheduling": "SILENT"})
    assert made == SendToolResult("c4", "")


def test_the_service_ignores_how_the_answer_to_a_call_that_blocks_is_scheduled() -> None:
    for strict, respond in ((True, True), (False, False)):
        server = Server(LIVE_38, strict=strict, tools=[BLOCKS])
        server.calls(BONN)
        (made,) = server.results(result(BONN, scheduling="SILENT"))
        assert made == SendToolResult("c1", "It rains.", respond=respond)


def test_an_answer_may_cut_off_what_is_being_said() -> None:
    server = Server(tools=[WORKS_ON, BLOCKS])
    server.calls(TEA, BONN)
    server.tells(ResponseStarted("r2"))
    assert brief(server.results(result(BONN, scheduling="INTERRUPT"))) == ["SendToolResult"]
    assert server.results(result(TEA, scheduling="INTERRUPT")) == [
        *(Cancel("r2"), INTERRUPTED),
        SendToolResult("c3", "It rains."),
    ]


def test_an_answer_in_parts_is_one() -> None:
    server = Server(LIVE_38, strict=True, tools=[WORKS_ON])
    server.calls(TEA)
    assert server.results(result(TEA, "The water boils.", willContinue=True)) == []
    assert server.results(result(TEA, "It draws.", willContinue=True)) == []
    assert server.results(result(TEA, "Here.")) == [
        SendToolResult("c3", "The water boils.\nIt draws.\nHere.")
    ]
    server.calls(TEA, response_id="r2")
    server.results(result(TEA, "Tea.", willContinue=True))
    assert server.results({"id": "c3", "name": "order"}) == [SendToolResult("c3", "Tea.")]


def test_no_more_than_so_much_of_an_answer_waits_for_the_rest_of_it() -> None:
    server = Server(tools=[WORKS_ON])
    server.calls(TEA)
    part = result(TEA, "x" * (MOST_BYTES // 4 - 100), willContinue=True)
    assert [brief(server.results(part)) for _ in range(5)] == [[], [], [], [], [TOO_LONG_TO_TAKE]]


def test_an_answer_without_an_id_belongs_to_the_oldest_call_of_its_name() -> None:
    server = Server(LIVE_38_VERTEX, strict=True, tools=[BLOCKS])
    server.calls(BONN, ROME)
    assert server.results({"name": "look_up", "response": {"output": "o"}}) == [
        SendToolResult("c1", "o", respond=False)
    ]


def test_an_answer_without_an_id_is_refused_where_all_calls_have_one() -> None:
    server = Server(strict=True, tools=[BLOCKS])
    server.calls(BONN)
    assert server.results({"name": "look_up", "response": {}}) == refused(INVALID_ARGUMENT)


def test_an_answer_to_no_call_ends_the_connection_of_newer_models() -> None:
    assert Server(LIVE_38, strict=True).results(result()) == refused(NO_ENTITY)
    assert Server(NATIVE_25, strict=True).results(result()) == []
    assert Server(LIVE_38).results(result()) == []


def test_an_answer_to_a_call_that_was_taken_back_is_nothing() -> None:
    server = manual(strict=True)
    server.calls(BONN)
    server.hears(realtimeInput=START)
    assert server.results(result()) == []


def test_a_second_answer_is_one_to_no_call() -> None:
    server = Server(strict=True, tools=[BLOCKS])
    server.calls(BONN)
    server.results(result())
    assert server.results(result()) == refused(NO_ENTITY)


@pytest.mark.parametrize("profile", [FLASH_31, THINKING_38, HALF_CASCADE])
def test_some_models_may_not_be_told_when_to_speak_of_a_result(profile: Profile) -> None:
    server = Server(profile, strict=True, tools=[BLOCKS])
    server.calls(BONN)
    assert server.results(result(scheduling="WHEN_IDLE")) == refused(NO_SCHEDULING)


def test_calls_of_an_earlier_connection_can_be_answered() -> None:
    server = Server(LIVE_38, strict=True, sessionResumption={"handle": "handle-1"})
    assert server.results(result()) == [SendToolResult("c1", "It rains.")]
    assert server.results(result()) == []
    lost = server.results({"id": "c2", "name": "look_up", "response": {"error": "lost"}})
    assert lost == [SendToolResult("c2", "lost", is_error=True, respond=False), TURN_OVER]


# Updates.


def test_instructions_and_tools_change_within_a_session() -> None:
    server = Server(LIVE_38_VERTEX, strict=True, tools=[BLOCKS])
    made = server.hears(
        contextUpdate={
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "tools": {"tools": [{"functionDeclarations": [{"name": "order"}]}]},
        }
    )
    order = ToolSpec("order", policy="background")
    assert made == [UpdateSession(instructions="Be brief.", tools=(order,))]
    server.calls(TEA)
    assert brief(server.tells(ResponseStarted("r2"), ResponseDone("r2", "interrupted"))) == [
        *("beat", "interrupted", "over"),
    ]


def test_no_tools_are_other_tools_and_what_is_absent_stays() -> None:
    assert Server().hears(contextUpdate={"tools": {"tools": []}}) == [UpdateSession(tools=())]
    assert Server().hears(contextUpdate={"tools": {}}) == [UpdateSession(tools=())]
    assert Server().hears(contextUpdate={}) == []


def test_a_tool_that_no_engine_takes_ends_the_connection() -> None:
    tools = {"tools": [{"functionDeclarations": [{"name": "a b"}]}]}
    (told,) = brief(Server().hears(contextUpdate={"tools": tools}))
    assert told.startswith("1007: 'a b' is no tool name")


# What is no message.


@pytest.mark.parametrize("strict", [True, False])
def test_a_second_setup_ends_the_connection(strict: bool) -> None:
    assert Server(strict=strict).hears(setup={"model": "models/any"}) == refused(FIRST)


def test_a_gateway_takes_more_than_one_thing_at_a_time_and_names_that_it_does_not_know() -> None:
    server = Server()
    assert server.hears() == []
    assert (
        server.hears(
            realtimeInput={"text": "Hi.", "volume": 3}, toolResponse={"functionResponses": []}, extra=1
        )
        == says()
    )


def test_names_come_in_both_spellings_within_one_message() -> None:
    made = Server().hears(client_content={"turns": [{"parts": [{"text": "Hi."}]}], "turnComplete": True})
    assert made == says()


def test_usage_of_a_turn_that_waited_is_told_at_its_end() -> None:
    server = Server(NATIVE_25, tools=[WORKS_ON])
    server.calls(TEA)
    (_, over) = server.results(result(TEA, scheduling="SILENT"))
    assert isinstance(over, dict)
    assert over["usageMetadata"]["totalTokenCount"] == 17
    server.tells(ResponseStarted("r2"))
    assert server.tells(ResponseDone("r2", usage=Usage()))[-1] == TURN_OVER
