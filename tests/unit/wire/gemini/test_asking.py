"""What an application asks, message for message."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pybase64 import b64decode
from tests.support.gemini import DONE, WEATHER, Client, error_of, kinds, messages, only

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
from s2s.errors import LocalProtocolError
from s2s.events import (
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCallCancelled,
)
from s2s.items import JSON, Message
from s2s.tools import Tool, ToolSpec
from s2s.wire import Reopen
from s2s.wire.gemini.client import Wishes
from s2s.wire.gemini.profiles import (
    FLASH_31,
    HALF_CASCADE,
    LIVE_38,
    LIVE_38_VERTEX,
    NATIVE_25,
    THINKING_38,
    Profile,
)

PCM = b"\1\0" * 160
HELLO = AddItem(Message("user", "Hello."))
HELLO_TURN = {"role": "user", "parts": [{"text": "Hello."}]}
RESULT = SendToolResult("fc_1", "12 degrees")
QUIET = SendToolResult("fc_1", "12 degrees", respond=False)
BLOCKING = Tool(name="weather")
BACKGROUND = Tool(name="weather", policy="background")


def client(profile: Profile = LIVE_38, wishes: Wishes | None = None, **config: JSON) -> Client:
    return Client(profile, wishes, **config).ready()


def manual(profile: Profile = LIVE_38, **turns: JSON) -> Client:
    return client(profile, turn_detection=TurnDetection(mode="manual", **turns))


def called(profile: Profile, tool: Tool, wishes: Wishes | None = None) -> Client:
    made = client(profile, wishes, tools=[tool])
    made.speaks()
    made.calls(WEATHER)
    return made


def response_of(heard: list[JSON]) -> JSON:
    (message,) = messages(heard)
    (response,) = message["toolResponse"]["functionResponses"]
    return response


def refused(heard: list[JSON]) -> str:
    error = error_of(heard)
    assert isinstance(error, LocalProtocolError)
    return str(error)


# Audio.


def test_audio_goes_out_at_its_rate() -> None:
    (message,) = client().says(AppendAudio(PCM))
    blob = message["realtimeInput"]["audio"]
    assert blob["mimeType"] == "audio/pcm;rate=16000"
    assert b64decode(blob["data"]) == PCM


def test_where_we_find_the_turns_speech_begins_before_its_audio() -> None:
    made = manual()
    told = made.says(AppendAudio(PCM))
    assert kinds(told) == ["activityStart", "speech_started", "audio"]
    assert told[1] == SpeechStarted("user_1", 0.0)
    assert kinds(made.says(AppendAudio(PCM))) == ["audio"]
    told = made.says(CommitAudio())
    assert kinds(told) == ["activityEnd", "speech_stopped"]
    assert told[1] == SpeechStopped("user_1", 20.0)
    assert kinds(made.says(AppendAudio(PCM)))[:2] == ["activityStart", "speech_started"]


def test_speech_goes_on_over_another_connection_from_its_beginning() -> None:
    made = manual()
    made.says(AppendAudio(PCM))
    assert kinds(made.moves()) == ["activityStart", "audio", "reconnected"]
    assert kinds(made.says(AppendAudio(PCM))) == ["audio"]
    assert kinds(made.says(CommitAudio())) == ["activityEnd", "speech_stopped"]


def test_a_turn_is_committed_where_the_service_finds_it_too() -> None:
    assert client().says(CommitAudio()) == [{"realtimeInput": {"audioStreamEnd": True}}]


def test_there_is_no_turn_without_audio() -> None:
    made = manual()
    assert "no audio" in refused(made.says(CommitAudio()))
    made.says(AppendAudio(PCM), CommitAudio())
    assert "no audio" in refused(made.says(CommitAudio()))


def test_a_committed_turn_is_owed_an_answer() -> None:
    made = manual()
    made.says(AppendAudio(PCM), CommitAudio())
    assert made.wire.patience_s == 30.0
    assert only(made.speaks(), ResponseStarted) == [ResponseStarted("resp_1", "user_turn")]


def test_a_committed_turn_leaves_behind_the_answer_that_it_cut_off() -> None:
    made = manual()
    made.speaks()
    made.says(AppendAudio(PCM))
    made.content(interrupted=True)
    told = made.says(CommitAudio())
    assert told[-1] == ResponseDone("resp_1", "interrupted")
    assert only(made.speaks(), ResponseStarted) == [ResponseStarted("resp_2", "user_turn")]


@given(st.binary(max_size=400), st.booleans(), st.booleans(), st.booleans())
def test_the_short_way_spells_what_the_long_way_spells(
    pcm: bytes, finds: bool, speaks: bool, holds: bool
) -> None:
    short, long = (manual() if finds else client() for _ in range(2))
    for each in (short, long):
        if speaks:
            each.says(AppendAudio(PCM))
        if holds:
            each.says(HELLO)
    message, told = short.wire.append(pcm), long.says(AppendAudio(pcm))
    assert (message is None) is (holds or (finds and not speaks))
    assert message is None or [msgspec.json.decode(message)] == told


# Words and pictures.


def test_words_go_out_with_the_question() -> None:
    made = client()
    assert made.says(HELLO) == []
    assert made.says(CreateResponse(metadata={"n": "1"})) == [
        {"clientContent": {"turns": [HELLO_TURN], "turnComplete": True}}
    ]
    assert only(made.speaks(), ResponseStarted) == [ResponseStarted("resp_1", "application", {"n": "1"})]


def test_instructions_for_one_answer_are_said() -> None:
    (message,) = client().says(HELLO, CreateResponse(instructions="Be brief."))
    (turn,) = message["clientContent"]["turns"]
    assert turn == {"role": "user", "parts": [{"text": "Hello."}, {"text": "Be brief."}]}


def test_who_may_speak_first_is_nudged_where_asking_is_not_enough() -> None:
    assert client().says(CreateResponse()) == [{"realtimeInput": {"text": " "}}]
    assert client(NATIVE_25).says(CreateResponse()) == [{"clientContent": {"turnComplete": True}}]


@pytest.mark.parametrize(
    "command",
    [AppendAudio(PCM), AppendImage(b"\xff"), UpdateSession(language="de-DE"), CommitAudio()],
    ids=lambda each: type(each).__name__,
)
def test_words_without_a_question_go_out_before_what_comes_next(command: JSON) -> None:
    made = client()
    assert made.says(HELLO, command)[0] == {"clientContent": {"turns": [HELLO_TURN]}}
    assert "clientContent" not in kinds(made.says(AppendAudio(PCM)))


def test_words_go_out_before_a_result() -> None:
    made = called(LIVE_38, BLOCKING)
    assert kinds(made.says(HELLO, RESULT)) == ["clientContent", "toolResponse"]


def test_a_picture_is_shown_at_once() -> None:
    (message,) = client().says(AppendImage(b"\xff\xd8", "image/png"))
    assert message == {"realtimeInput": {"video": {"mimeType": "image/png", "data": "/9g="}}}


def test_pictures_ride_along_with_what_is_typed_after_them() -> None:
    made = client()
    made.says(*(AppendImage(bytes([number])) for number in range(6)))
    (message,) = made.says(HELLO, CreateResponse())
    (turn,) = message["clientContent"]["turns"]
    *pictures, words = turn["parts"]
    assert [each["inlineData"]["data"] for each in pictures] == ["Ag==", "Aw==", "BA==", "BQ=="]
    assert words == {"text": "Hello."}
    (again,) = made.says(HELLO, CreateResponse())
    assert again == {"clientContent": {"turns": [HELLO_TURN], "turnComplete": True}}


def test_pictures_stand_in_a_turn_of_their_own_after_what_the_model_said() -> None:
    made = client()
    made.says(AppendImage(b"\1"))
    (message,) = made.says(AddItem(Message("assistant", "Yes?")), CreateResponse())
    assert [each["role"] for each in message["clientContent"]["turns"]] == ["model", "user"]


@pytest.mark.parametrize("profile", [LIVE_38, NATIVE_25], ids=lambda profile: profile.name)
def test_words_during_an_answer_are_answered_after_it(profile: Profile) -> None:
    made = client(profile)
    made.speaks()
    made.says(HELLO, CreateResponse(metadata={"n": "2"}))
    if profile.cuts_by_text:
        (told,) = made.content(interrupted=True)
        assert told.cause == "application"
    cut = ResponseDone("resp_1", "interrupted")
    assert made.content(**DONE) == [cut if profile.cuts_by_text else ResponseDone("resp_1")]
    assert made.speaks()[0] == ResponseStarted("resp_2", "application", {"n": "2"})


# What cannot be.


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (ClearAudio(), "keeps the audio"),
        (RemoveItem("i1"), "keeps what was said"),
        (CreateResponse(out_of_band=True), "beside the conversation"),
        (CreateResponse(context=()), "beside the conversation"),
    ],
)
def test_what_the_service_cannot_do_is_said_at_once(command: JSON, why: str) -> None:
    made = client(NATIVE_25)
    told = made.says(command)
    assert messages(told) == []
    assert why in refused(told)


def test_where_nothing_was_said_there_is_nothing_to_clear() -> None:
    made = manual()
    assert made.says(ClearAudio()) == []
    made.says(AppendAudio(PCM))
    assert "keeps the audio" in refused(made.says(ClearAudio()))
    made = client(FLASH_31)
    assert made.says(AppendAudio(PCM), ClearAudio())[1:] == []
    made.hears(voiceActivity={"type": "ACTIVITY_START"})
    assert "keeps the audio" in refused(made.says(ClearAudio()))


def test_an_item_that_was_cut_off_needs_no_removal() -> None:
    made = client()
    made.speaks(words="It is")
    made.says(Cancel())
    assert made.says(RemoveItem("item_1")) == []
    assert "keeps what was said" in refused(made.says(RemoveItem("item_2")))


def test_an_answer_of_another_kind_is_an_error_and_an_answer() -> None:
    told = client().says(CreateResponse(output_modalities=("text",)))
    assert kinds(told) == ["error", "text"]
    assert kinds(client().says(CreateResponse(output_modalities=("text", "audio")))) == ["text"]
    writes = client(output_modalities=("text",))
    assert kinds(writes.says(CreateResponse(output_modalities=("audio",)))) == ["error", "text"]


def test_what_was_heard_cannot_be_told_and_need_not_be() -> None:
    assert client().says(Truncate("item_1", 100.0)) == []


# Results.


@pytest.mark.parametrize(
    ("profile", "tool", "respond", "scheduling"),
    [
        (LIVE_38, BLOCKING, True, None),
        (LIVE_38, BLOCKING, False, None),
        (LIVE_38, BACKGROUND, True, "INTERRUPT"),
        (LIVE_38, BACKGROUND, False, "SILENT"),
        (NATIVE_25, BACKGROUND, True, "INTERRUPT"),
        (NATIVE_25, BLOCKING, True, None),
        (FLASH_31, BACKGROUND, False, None),
        (THINKING_38, BLOCKING, True, None),
        (THINKING_38, BACKGROUND, False, None),
        (HALF_CASCADE, BACKGROUND, True, None),
        (LIVE_38_VERTEX, BACKGROUND, False, "SILENT"),
    ],
    ids=str,
)
def test_when_a_result_is_spoken_of_is_said_where_it_may_be(
    profile: Profile, tool: Tool, respond: bool, scheduling: str | None
) -> None:
    made = called(profile, tool)
    told = made.says(SendToolResult("fc_1", "12 degrees", respond=respond))
    response = response_of(told or made.settles())
    expected = {"id": "fc_1", "name": "weather", "response": {"output": "12 degrees"}}
    assert response == (expected if scheduling is None else {**expected, "scheduling": scheduling})


def test_when_it_is_spoken_of_is_the_applications_wish() -> None:
    made = called(LIVE_38, BACKGROUND, Wishes(scheduling="WHEN_IDLE"))
    assert response_of(made.says(RESULT))["scheduling"] == "WHEN_IDLE"


def test_a_failure_is_spelled_as_one() -> None:
    response = response_of(called(LIVE_38, BLOCKING).says(SendToolResult("fc_1", "no", is_error=True)))
    assert response["response"] == {"error": "no"}


def test_an_answer_to_a_result_is_known_as_one() -> None:
    made = called(LIVE_38, BLOCKING)
    made.says(RESULT)
    assert made.speaks()[0] == ResponseStarted("resp_2", "tool_result")


def test_of_several_calls_only_the_last_result_is_answered() -> None:
    made = client(tools=[BLOCKING])
    made.calls(WEATHER, {**WEATHER, "id": "fc_2"})
    made.says(SendToolResult("fc_2", "rain", respond=False))
    assert made.wire.patience_s is None
    made.says(RESULT)
    assert made.speaks()[0] == ResponseStarted("resp_2", "tool_result")
    made.content(**DONE)
    assert made.speaks()[0] == ResponseStarted("resp_3", "user_turn")


@pytest.mark.parametrize(
    ("profile", "tool"),
    [(LIVE_38, BLOCKING), (HALF_CASCADE, BLOCKING), (THINKING_38, BACKGROUND), (FLASH_31, BACKGROUND)],
    ids=str,
)
def test_an_answer_that_nobody_asked_for_is_not_told(profile: Profile, tool: Tool) -> None:
    made = called(profile, tool)
    made.says(QUIET)
    made.settles()
    assert made.speaks(words="It is") == []
    assert made.content(outputTranscription={"text": " cold."}) == []
    assert made.content(**DONE) == []
    assert made.speaks()[0] == ResponseStarted("resp_2", "user_turn")


def test_a_quiet_result_and_then_a_question_are_one_message_and_one_answer() -> None:
    made = called(FLASH_31, BLOCKING)
    assert made.says(QUIET) == []
    response = response_of(made.says(CreateResponse(metadata={"a": "b"})))
    assert response["response"] == {"output": "12 degrees"}
    assert made.speaks()[0] == ResponseStarted("resp_2", "application", {"a": "b"})


def test_the_last_of_several_quiet_results_waits() -> None:
    made = client(tools=[BLOCKING])
    made.calls(WEATHER, {**WEATHER, "id": "fc_2"})
    assert response_of(made.says(QUIET))["id"] == "fc_1"
    assert made.says(SendToolResult("fc_2", "rain", respond=False)) == []
    assert response_of(made.says(CreateResponse()))["id"] == "fc_2"


@pytest.mark.parametrize(
    "command",
    [CreateResponse("Say it in French."), UpdateSession(instructions="Be brief."), CommitAudio()],
    ids=lambda each: type(each).__name__,
)
def test_a_quiet_result_comes_before_anything_else_that_is_asked(command: CreateResponse) -> None:
    made = called(FLASH_31, BLOCKING)
    assert made.says(QUIET) == []
    first, *_ = messages(made.says(command))
    assert "toolResponse" in first


def test_audio_and_entries_do_not_end_the_wait_and_time_does() -> None:
    made = called(FLASH_31, BLOCKING)
    made.says(QUIET)
    assert made.wire.patience_s == 1.0
    assert not made.wire.idle
    assert kinds(made.says(AppendAudio(PCM))) == ["audio"]
    assert made.says(HELLO) == []
    assert response_of(made.settles())["id"] == "fc_1"
    assert made.wire.patience_s != 1.0


@pytest.mark.parametrize("is_error", [True, False])
def test_the_answer_to_a_user_who_has_spoken_meanwhile_is_not_taken_for_one_to_a_quiet_result(
    is_error: bool,
) -> None:
    made = called(FLASH_31, BLOCKING)
    made.user_says("And?")
    assert response_of([*made.says(replace(QUIET, is_error=is_error)), *made.settles()])["id"] == "fc_1"
    assert made.speaks()[0] == ResponseStarted("resp_2", "user_turn")


def test_a_quiet_result_with_entries_behind_it_is_no_answer_to_them() -> None:
    made = called(FLASH_31, BLOCKING)
    made.says(QUIET)
    made.says(HELLO)
    result, question = messages(made.says(CreateResponse()))
    assert "toolResponse" in result
    assert question["clientContent"]["turns"] == [HELLO_TURN]
    assert made.speaks(words="It is") == []


def test_a_result_for_a_call_that_was_taken_back_is_told_with_the_next_question() -> None:
    made = called(FLASH_31, BLOCKING)
    made.hears(toolCallCancellation={"ids": ["fc_1"]})
    assert made.says(QUIET) == []
    (question,) = messages(made.says(CreateResponse()))
    (turn,) = question["clientContent"]["turns"]
    assert turn["parts"] == [{"text": "[weather returned: 12 degrees]"}]


@pytest.mark.parametrize("settles", [True, False])
def test_so_is_one_that_waited_when_its_call_was_taken_back(settles: bool) -> None:
    made = called(FLASH_31, BLOCKING)
    made.says(QUIET)
    made.hears(toolCallCancellation={"ids": ["fc_1"]})
    assert not settles or made.settles() == []
    made.says(*([HELLO] if settles else []))
    (question,) = messages(made.says(CreateResponse()))
    (turn,) = question["clientContent"]["turns"]
    hello = [{"text": "Hello."}] if settles else []
    assert turn["parts"] == [{"text": "[weather returned: 12 degrees]"}, *hello]


def test_a_failure_of_a_call_that_was_taken_back_is_not_worth_telling() -> None:
    made = called(FLASH_31, BLOCKING)
    made.hears(toolCallCancellation={"ids": ["fc_1"]})
    made.says(SendToolResult("fc_1", "no", is_error=True, respond=False))
    (question,) = messages(made.says(CreateResponse()))
    assert question == {"realtimeInput": {"text": " "}}


def test_a_result_that_is_to_be_silent_hides_nothing() -> None:
    made = called(LIVE_38, BACKGROUND)
    made.says(QUIET)
    assert made.speaks()[0] == ResponseStarted("resp_2", "user_turn")


def test_results_of_calls_that_are_taken_back_or_settled_go_nowhere() -> None:
    made = called(LIVE_38, BLOCKING)
    assert made.hears(toolCallCancellation={"ids": ["fc_1"]}) == [ToolCallCancelled(("fc_1",))]
    assert made.says(RESULT) == []
    made = called(LIVE_38, BLOCKING)
    made.says(RESULT)
    assert made.says(RESULT) == []


def test_a_call_without_an_id_is_answered_without_one() -> None:
    made = client(LIVE_38_VERTEX, tools=[BLOCKING])
    called_, *_ = only(made.calls({"name": "weather"}), object)[1:]
    assert called_.call.id == "call_1"
    response = response_of(made.says(SendToolResult("call_1", "12 degrees")))
    assert response == {"name": "weather", "response": {"output": "12 degrees"}}


def test_a_tool_that_nobody_declared_is_answered_as_one_that_blocks() -> None:
    made = client()
    made.calls({"id": "fc_1", "name": "unheard_of"})
    assert response_of(made.says(SendToolResult("fc_1", "no", is_error=True))) == {
        "id": "fc_1",
        "name": "unheard_of",
        "response": {"error": "no"},
    }


# Cancel.


def test_a_service_that_finds_the_turns_itself_talks_on_unheard() -> None:
    made = client()
    made.speaks()
    assert made.says(Cancel("resp_1")) == [ResponseDone("resp_1", "interrupted")]
    assert made.speaks(words="more") == []
    assert made.content(generationComplete=True) == []
    made.says(HELLO, CreateResponse())
    assert made.content(**DONE) == []
    assert made.speaks()[0] == ResponseStarted("resp_2", "application")


def test_a_service_that_is_told_of_the_turns_stops_as_if_the_user_spoke() -> None:
    made = manual()
    made.speaks()
    assert made.says(Cancel("resp_1")) == [{"realtimeInput": {"activityStart": {}}}]
    assert kinds(made.content(interrupted=True)) == ["interrupted"]
    assert made.content(**DONE) == [ResponseDone("resp_1", "interrupted")]
    assert kinds(made.says(AppendAudio(PCM))) == ["speech_started", "audio"]


def test_one_that_was_told_already_is_not_told_again() -> None:
    made = manual()
    made.speaks()
    made.says(Cancel("resp_1"))
    assert made.says(Cancel("resp_1")) == [ResponseDone("resp_1", "interrupted")]


def test_one_that_takes_no_interruption_talks_on_unheard() -> None:
    made = manual(interrupt_response=False)
    made.speaks()
    assert made.says(Cancel()) == [ResponseDone("resp_1", "interrupted")]


@pytest.mark.parametrize("begun", [client, manual])
def test_an_answer_that_is_over_or_cut_off_is_not_cancelled(begun: Callable[[], Client]) -> None:
    made = begun()
    made.speaks()
    assert made.says(Cancel("resp_9")) == []
    made.content(interrupted=True)
    assert made.says(Cancel("resp_1"), Cancel()) == []
    made.content(**DONE)
    assert made.says(Cancel("resp_1"), Cancel()) == []
    assert made.speaks()[0] == ResponseStarted("resp_2", "user_turn")


def test_an_answer_may_be_cancelled_before_it_begins() -> None:
    made = client()
    made.says(HELLO, CreateResponse())
    assert made.says(Cancel()) == []
    assert made.speaks(words="Hi.") == [
        ResponseStarted("resp_1", "application"),
        ResponseDone("resp_1", "interrupted"),
    ]
    assert made.content(**DONE) == []
    assert made.speaks()[0] == ResponseStarted("resp_2", "user_turn")


def test_what_was_cancelled_before_it_began_does_not_end_the_answer_to_the_user() -> None:
    made = manual()
    made.says(HELLO, CreateResponse(), Cancel())
    made.says(AppendAudio(PCM), CommitAudio())
    assert kinds(made.speaks()) == ["response_started", "audio_output"]


# Settings.

WITHOUT = TurnDetection(create_response=False)


def test_a_model_that_takes_it_is_told_within_the_connection() -> None:
    made = client(LIVE_38_VERTEX, instructions="Be long.")
    tool = ToolSpec("news")
    (message,) = made.says(UpdateSession(instructions="Be brief.", tools=(tool,)))
    assert message == {
        "contextUpdate": {
            "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
            "tools": {"tools": [{"functionDeclarations": [{"name": "news", "behavior": "BLOCKING"}]}]},
        }
    }
    assert made.says(UpdateSession(tools=())) == [{"contextUpdate": {"tools": {"tools": []}}}]
    made.moves()
    assert made.setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert "tools" not in made.setup


def test_any_other_model_is_told_over_another_connection() -> None:
    made = client(LIVE_38)
    assert made.says(UpdateSession(instructions="Be brief.")) == [Reopen("the settings changed")]
    made.moves()
    assert made.setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]


@pytest.mark.parametrize(
    "command",
    [
        UpdateSession(voice="Puck"),
        UpdateSession(turn_detection=TurnDetection(silence_ms=100)),
        UpdateSession(transcription=False),
        UpdateSession(language="de-DE"),
        UpdateSession(temperature=0.5),
        UpdateSession(max_output_tokens=100),
        UpdateSession(instructions="Be brief.", voice="Puck"),
    ],
    ids=str,
)
def test_most_settings_need_another_connection(command: UpdateSession) -> None:
    made = client(LIVE_38_VERTEX)
    before = made.setup
    assert kinds(made.says(command)) == ["reopen"]
    made.moves()
    assert made.setup != before


def test_a_model_that_writes_is_asked_to_over_another_connection() -> None:
    made = client(HALF_CASCADE)
    assert kinds(made.says(UpdateSession(output_modalities=("text",)))) == ["reopen"]
    made.moves()
    assert made.setup["generationConfig"] == {"responseModalities": ["TEXT"]}


def test_what_does_not_change_says_nothing() -> None:
    made = client(LIVE_38_VERTEX, instructions="Be brief.", voice="Puck")
    assert made.says(UpdateSession(), UpdateSession(instructions="Be brief.", voice="Puck")) == []


def test_who_answers_is_not_to_be_changed_where_the_service_finds_the_turns() -> None:
    made = client()
    told = made.says(UpdateSession(turn_detection=WITHOUT, instructions="Be brief."))
    assert "answers every turn" in refused(told)
    assert kinds(told) == ["error", "reopen"]
    ours = UpdateSession(turn_detection=TurnDetection(mode="manual", create_response=False))
    assert kinds(client().says(ours)) == ["reopen"]


def test_a_turn_that_nobody_has_answered_yet_ends_when_an_answer_is_asked_for() -> None:
    made = manual(create_response=False)
    made.says(AppendAudio(PCM))
    assert kinds(made.says(CommitAudio())) == ["speech_stopped"]
    assert not made.wire.idle
    assert kinds(made.says(CreateResponse(metadata={"a": "b"}))) == ["activityEnd"]
    assert made.speaks()[0] == ResponseStarted("resp_1", "application", {"a": "b"})


def test_audio_after_such_a_turn_is_heard_with_it_unless_it_is_a_turn_too() -> None:
    made = manual(create_response=False)
    made.says(AppendAudio(PCM), CommitAudio())
    assert made.wire.append(PCM) is not None
    assert kinds(made.says(AppendAudio(PCM))) == ["audio"]
    assert kinds(made.says(CommitAudio())) == ["speech_started", "speech_stopped"]
    assert kinds(made.says(HELLO, CreateResponse())) == ["clientContent", "activityEnd"]
    assert kinds(made.says(AppendAudio(PCM))) == ["activityStart", "speech_started", "audio"]


def test_who_finds_the_turns_changes_with_the_connection_and_not_before() -> None:
    made = client()
    made.says(UpdateSession(turn_detection=TurnDetection(mode="manual")))
    assert kinds(made.says(AppendAudio(PCM))) == ["audio"]
    assert made.wire.append(PCM) is not None
    made.moves()
    assert kinds(made.says(AppendAudio(PCM))) == ["activityStart", "speech_started", "audio"]
    made.says(UpdateSession(turn_detection=TurnDetection()))
    assert kinds(made.says(CommitAudio())) == ["activityEnd", "speech_stopped"]
    made.moves()
    assert kinds(made.says(AppendAudio(PCM), CommitAudio())) == ["audio", "audioStreamEnd"]


def test_speech_that_was_told_of_ends_where_nobody_will_tell_any_more() -> None:
    made = manual()
    made.says(AppendAudio(PCM), UpdateSession(turn_detection=TurnDetection()))
    assert kinds(made.moves())[0] == "speech_stopped"


def test_a_model_that_writes_speaks_where_that_is_asked_for_by_the_application_alone() -> None:
    made = client(HALF_CASCADE, output_modalities=("text",))
    assert kinds(made.speaks(words="Hi.")) == ["response_started", "text_output", "audio_output"]


def test_how_answers_come_changes_with_the_connection_and_not_before() -> None:
    made = client()
    made.says(UpdateSession(output_modalities=("text",)))
    assert kinds(made.speaks(words="Hi."))[-2:] == ["text_output", "audio_output"]
    made.moves()
    assert kinds(made.speaks(words="Hi.")) == ["response_started", "text_output"]
