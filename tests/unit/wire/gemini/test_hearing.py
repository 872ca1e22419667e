"""What the service says, message for message."""

import json
from base64 import urlsafe_b64encode

import pytest
from pybase64 import b64encode_as_string
from tests.support.gemini import DONE, WEATHER, Client, error_of, kinds, messages, only, spoken

from s2s.commands import (
    AddItem,
    AppendAudio,
    Cancel,
    CommitAudio,
    CreateResponse,
    SendToolResult,
    UpdateSession,
)
from s2s.config import TurnDetection
from s2s.errors import ProviderError, RemoteProtocolError
from s2s.events import (
    AudioOutput,
    Error,
    GoingAway,
    Interrupted,
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
    Unrecognized,
    Usage,
    UsageUpdate,
)
from s2s.items import JSON, Call, Message
from s2s.tools import Tool
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

PCM = bytes(range(256)) * 2
SPENT = {"promptTokenCount": 10, "responseTokenCount": 5}
COST = Usage(Tokens(10), Tokens(5))
CALL = Call("fc_1", "weather", {"city": "Bonn"}, '{"city":"Bonn"}')
ASK = (AddItem(Message("user", "Hello.")), CreateResponse())
BLOCKING = Tool(name="weather")


def client(profile: Profile = LIVE_38, **config: JSON) -> Client:
    return Client(profile, **config).ready()


def part(**members: JSON) -> JSON:
    return {"modelTurn": {"parts": [members]}}


def sound(data: str, mime_type: str | None = "audio/pcm;rate=24000") -> JSON:
    return part(inlineData={"data": data} if mime_type is None else {"data": data, "mimeType": mime_type})


def words(text: str) -> JSON:
    return {"outputTranscription": {"text": text}}


def activity(kind: str, offset: str = "1.2s") -> JSON:
    return {"voiceActivity": {"type": kind, "audioOffset": offset}}


def cut(response_id: str = "resp_1", item_id: str = "item_1", cause: JSON = "user_speech") -> Interrupted:
    return Interrupted(response_id, item_id, 0.0, cause, "server_confirmed")


# Opening.


def test_a_session_begins_when_the_setup_is_taken() -> None:
    made = Client(LIVE_38)
    (started,) = made.hears(setupComplete={})
    assert isinstance(started, SessionStarted)
    assert (started.session_id, started.provider, started.model) == ("session", "gemini_live", "dev-3.8")
    assert made.hears(setupComplete={}) == []


def test_the_service_may_name_it() -> None:
    (started,) = Client(LIVE_38_VERTEX).hears(setupComplete={"sessionId": "s7"})
    assert started.session_id == "s7"


def test_nothing_counts_before_it_begins() -> None:
    made = Client(LIVE_38)
    assert made.speaks(words="Hi.") == []
    assert made.hears(goAway={"timeLeft": "5s"}, surprise=1) == []
    made.ready()
    assert made.speaks()[0] == ResponseStarted("resp_1")


def test_what_cannot_be_read_is_fatal_only_before_it_begins() -> None:
    made = Client(LIVE_38)
    for fatal in (True, False):
        (error,) = made.reads(b"nonsense")
        assert error.fatal is fatal
        assert isinstance(error.error, RemoteProtocolError)
        assert error.error.provider == "gemini_live"
        made.ready()
    assert made.speaks()[0] == ResponseStarted("resp_1")


# Answers.


def test_a_turn_of_speech() -> None:
    made = client(NATIVE_25)
    assert made.user_says(" Hello") == [Transcript("Hello", "user_1", "Hello")]
    assert made.user_says(",") == [Transcript("Hello,", "user_1", ",")]
    assert made.content(**part(text="**Greeting**", thought=True)) == []
    assert made.content(**words(" Hi")) == []
    assert made.content(**sound(b64encode_as_string(PCM))) == [
        ResponseStarted("resp_1"),
        TextOutput("Hi", "resp_1", "item_1"),
        AudioOutput(PCM, 24_000, "resp_1", "item_1", 0.0),
    ]
    assert made.content(**words(" there.")) == [TextOutput(" there.", "resp_1", "item_1")]
    assert made.content(generationComplete=True) == [
        Transcript("Hello,", "user_1", final=True),
        ResponseGenerated("resp_1"),
    ]
    assert made.hears(serverContent=DONE, usageMetadata=SPENT) == [
        TextOutput("", "resp_1", "item_1", final=True),
        ResponseDone("resp_1", usage=COST),
    ]


def test_everything_in_one_message_is_told_in_order() -> None:
    made = client()
    content = {
        **sound(b64encode_as_string(PCM)),
        **words("Hi."),
        "inputTranscription": {"text": "Hello."},
        "generationComplete": True,
        **DONE,
    }
    told = made.hears(
        serverContent=content,
        usageMetadata=SPENT,
        voiceActivity={"type": "ACTIVITY_END", "audioOffset": "2s"},
        sessionResumptionUpdate={"newHandle": "H1", "resumable": True},
        goAway={"timeLeft": "50s"},
    )
    assert told == [
        Transcript("Hello.", "user_1", "Hello."),
        ResponseStarted("resp_1"),
        TextOutput("Hi.", "resp_1", "item_1"),
        AudioOutput(PCM, 24_000, "resp_1", "item_1", 0.0),
        Transcript("Hello.", "user_1", final=True),
        ResponseGenerated("resp_1"),
        TextOutput("", "resp_1", "item_1", final=True),
        ResponseDone("resp_1", usage=COST),
        GoingAway(50.0),
    ]


def test_all_parts_of_a_message_are_heard() -> None:
    blob = {"inlineData": {"data": b64encode_as_string(PCM)}}
    told = client().content(modelTurn={"role": "model", "parts": [blob, {"text": "Hi."}, blob]})
    assert kinds(told) == ["response_started", "audio_output", "text_output", "audio_output"]
    assert told[2] == TextOutput("Hi.", "resp_1", "item_1", form="written")


def test_an_empty_content_is_nothing() -> None:
    made = client()
    assert made.content() == []
    assert made.content(modelTurn={}, outputTranscription={}, waitingForInput=True) == []
    assert made.content(modelTurn={"parts": [{"text": ""}]}) == []


@pytest.mark.parametrize("thought", [{"text": "Hm."}, {"inlineData": {"data": "AAAA"}}])
def test_thoughts_stay_inside(thought: JSON) -> None:
    made = client(THINKING_38)
    assert made.content(**part(thought=True, **thought)) == []
    assert made.content(**DONE) == []


def test_the_words_of_a_marked_transcription_come_before_its_audio() -> None:
    made = client(HALF_CASCADE)
    made.says(*ASK)
    assert made.content(outputTranscription={}) == []
    assert kinds(made.content(**words("Hi."))) == ["response_started", "text_output"]
    assert made.content(outputTranscription={"finished": True}) == []
    assert kinds(made.content(**sound("AAAA", "audio/pcm"))) == ["audio_output"]


@pytest.mark.parametrize(
    ("mime_type", "hz"),
    [
        ("audio/pcm;rate=24000", 24_000),
        ("audio/pcm", 24_000),
        (None, 24_000),
        ("audio/pcm; rate=16000", 16_000),
        ("audio/pcm;rate=16000;channels=1", 16_000),
        ("Audio/PCM;Rate=48000", 48_000),
        ("audio/l16;rate=16000", 16_000),
        ("audio/pcm;rate=0", 24_000),
        ("audio/pcm;rate=" + "9" * 5000, 24_000),
    ],
)
def test_the_rate_of_audio_is_in_its_type(mime_type: str | None, hz: int) -> None:
    (audio,) = only(client().content(**sound("AAAA", mime_type)), AudioOutput)
    assert audio.sample_rate == hz


@pytest.mark.parametrize(
    "member",
    [
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"inlineData": {"mimeType": "audio/pcmu;rate=8000", "data": "AAAA"}},
        {"executableCode": {"code": "1 + 1"}},
        {"functionCall": {"name": "weather"}},
    ],
)
def test_what_is_no_speech_is_passed_on_as_it_is(member: JSON) -> None:
    (told,) = client().content(**part(**member))
    assert isinstance(told, Unrecognized)
    assert told.message == member


def test_where_it_was_searched_is_passed_on_as_it_is() -> None:
    (told,) = client().content(groundingMetadata={"webSearchQueries": ["Bonn"]}, urlContextMetadata={})
    assert told == Unrecognized("gemini_live", {"grounding_metadata": {"webSearchQueries": ["Bonn"]}})


def test_a_reason_to_end_is_told_with_the_end() -> None:
    made = client()
    made.speaks()
    told = made.content(turnComplete=True, turnCompleteReason="PROHIBITED_INPUT_CONTENT")
    error = error_of(told)
    assert isinstance(error, ProviderError)
    assert error.code == "prohibited_input_content"
    assert told[-1] == ResponseDone("resp_1", "failed")


@pytest.mark.parametrize(
    ("reason", "status"),
    [("NEED_MORE_INPUT", "completed"), ("MAX_REGENERATION_REACHED", "incomplete")],
)
def test_some_reasons_are_no_errors(reason: str, status: JSON) -> None:
    made = client()
    made.speaks()
    assert made.content(**DONE, turnCompleteReason=reason) == [ResponseDone("resp_1", status)]


def test_usage_counts_wherever_it_comes() -> None:
    made = client()
    assert made.hears(usageMetadata=SPENT) == [UsageUpdate(COST)]
    made.speaks()
    assert made.hears(usageMetadata=SPENT) == []
    assert made.content(**DONE) == [ResponseDone("resp_1", usage=COST)]


def test_extended_thinking_goes_on_after_a_pause() -> None:
    made = client(THINKING_38)
    made.speaks(words="Let me see.")
    assert made.content(**DONE, interactionStatus="IN_PROGRESS") == [
        TextOutput("", "resp_1", "item_1", final=True)
    ]
    assert kinds(made.speaks(words="It is cold.")) == ["text_output", "audio_output"]
    assert made.content(**DONE, interactionStatus="IDLE")[-1] == ResponseDone("resp_1")


# Interruption.


def test_an_interruption_is_told_once_and_what_is_stale_is_dropped() -> None:
    made = client()
    made.speaks()
    assert made.content(interrupted=True, **spoken(words="stale")) == [cut()]
    assert made.content(interrupted=True) == []
    assert made.speaks(words="stale") == []
    assert made.hears(serverContent=DONE, usageMetadata=SPENT) == [
        ResponseDone("resp_1", "interrupted", COST)
    ]
    assert made.speaks()[0] == ResponseStarted("resp_2")


def test_it_may_come_with_its_end() -> None:
    made = client()
    made.speaks()
    told = made.content(interrupted=True, **DONE)
    assert told == [cut(), ResponseDone("resp_1", "interrupted")]


def test_an_end_that_is_missing_does_not_cost_the_next_answer() -> None:
    made = client()
    made.speaks()
    made.content(interrupted=True)
    assert kinds(made.user_says("Stop.")) == ["response_done", "transcript"]
    assert made.speaks()[0] == ResponseStarted("resp_2")


def test_one_of_nothing_ends_nothing() -> None:
    made = client()
    assert made.content(interrupted=True) == []
    assert made.content(**DONE) == []
    made.speaks()
    made.content(**DONE)
    made.says(*ASK)
    assert made.content(interrupted=True) == [cut(item_id="")]
    assert made.content(**DONE) == []
    assert made.speaks()[0] == ResponseStarted("resp_2", "application")


def test_what_the_application_asks_for_interrupts_in_its_name() -> None:
    made = client()
    made.speaks()
    made.says(*ASK)
    assert made.content(interrupted=True) == [cut(cause="application")]


def test_while_the_user_speaks_it_is_the_user_who_interrupts() -> None:
    made = client()
    made.speaks()
    made.says(*ASK)
    made.hears(**activity("ACTIVITY_START"))
    assert made.content(interrupted=True) == [cut()]
    made = client(turn_detection=TurnDetection(mode="manual"))
    made.speaks()
    made.says(*ASK, AppendAudio(bytes(640)))
    assert made.content(interrupted=True) == [cut()]


# Words, early and late.


def test_late_words_belong_to_nothing_and_begin_nothing() -> None:
    made = client()
    made.speaks()
    made.content(**DONE)
    assert made.content(**words(" indeed.")) == []
    late = Unrecognized("gemini_live", {"serverContent": {"outputTranscription": {"text": " indeed."}}})
    assert made.user_says("And you?") == [late, Transcript("And you?", "user_1", "And you?")]
    assert only(made.speaks(words="Fine."), TextOutput) == [TextOutput("Fine.", "resp_2", "item_2")]


@pytest.mark.parametrize("then", [{"interrupted": True}, DONE])
def test_late_words_are_told_of_with_the_next_end(then: JSON) -> None:
    made = client()
    made.content(**words("indeed."))
    assert kinds(made.content(**then)) == ["unrecognized"]
    assert made.content(**then) == []


@pytest.mark.parametrize("since", [CreateResponse(), activity("ACTIVITY_END")], ids=str)
def test_what_was_asked_since_is_not_answered_by_late_words(since: JSON) -> None:
    made = client()
    made.content(**words("indeed."))
    if isinstance(since, CreateResponse):
        made.says(since)
    else:
        made.hears(**since)
    assert kinds(made.speaks(words="Hi.")) == [
        "unrecognized",
        "response_started",
        "text_output",
        "audio_output",
    ]


def test_late_words_of_both_sides_begin_nothing_either() -> None:
    made = client(NATIVE_25)
    made.speaks()
    made.content(**DONE)
    assert kinds(made.user_says("Hello.")) == ["transcript"]
    assert made.content(**words("indeed.")) == []


def test_words_before_their_audio_begin_an_answer_with_it() -> None:
    made = client()
    assert made.content(**words("Good ")) == []
    assert made.content(**words("day.")) == []
    assert kinds(made.speaks()) == ["response_started", "text_output", "audio_output"]


@pytest.mark.parametrize("awaited", [CreateResponse(), activity("ACTIVITY_END")], ids=str)
def test_words_that_were_waited_for_begin_one_at_once(awaited: JSON) -> None:
    made = client()
    if isinstance(awaited, CreateResponse):
        made.says(awaited)
    else:
        made.hears(**awaited)
    assert kinds(made.content(**words("Hi."))) == ["response_started", "text_output"]


def test_words_before_a_call_are_of_the_answer_that_calls() -> None:
    made = client()
    made.content(**words("Let me see."))
    assert kinds(made.calls()) == [
        "response_started",
        "text_output",
        "tool_call",
        "text_output",
        "response_done",
    ]


def test_a_mark_without_words_leaves_early_words_alone() -> None:
    made = client(HALF_CASCADE)
    made.content(**words("Hi."))
    assert made.content(inputTranscription={"finished": True}) == []
    assert kinds(made.speaks()) == ["response_started", "text_output", "audio_output"]


def test_the_users_words_may_come_between_the_words_of_an_answer_and_its_audio() -> None:
    made = client(NATIVE_25)
    made.user_says("Hel")
    made.content(**words("Hi."))
    assert kinds(made.user_says("lo.")) == ["transcript"]
    assert kinds(made.speaks()) == ["response_started", "text_output", "audio_output"]


# The user.


@pytest.mark.parametrize(
    ("begins", "ends", "began_ms"),
    [
        (activity("ACTIVITY_START", "1.2s"), activity("ACTIVITY_END", "2s"), 1200.0),
        (
            {"voiceActivity": {"voiceActivityType": "ACTIVITY_START"}},
            {"voiceActivity": {"voiceActivityType": "ACTIVITY_END", "audioOffset": "2s"}},
            0.0,
        ),
        (
            {"voiceActivityDetectionSignal": {"vadSignalType": "VAD_SIGNAL_TYPE_SOS"}},
            {"voiceActivityDetectionSignal": {"vadSignalType": "VAD_SIGNAL_TYPE_EOS"}},
            2000.0,
        ),
    ],
    ids=["activity", "sdk", "signal"],
)
def test_speech_is_told_of_and_its_words_belong_to_it(begins: JSON, ends: JSON, began_ms: float) -> None:
    made = client(FLASH_31)
    made.says(AppendAudio(bytes(64_000)))
    assert made.hears(**begins) == [SpeechStarted("user_1", began_ms)]
    assert made.hears(**begins) == []
    assert made.hears(**ends) == [SpeechStopped("user_1", 2000.0)]
    made.speaks()
    made.content(**DONE)
    assert made.user_says("Hello.") == [Transcript("Hello.", "user_1", "Hello.")]
    assert made.hears(**begins)[0] == Transcript("Hello.", "user_1", final=True)


def test_where_we_find_the_turns_the_service_has_no_say() -> None:
    made = client(turn_detection=TurnDetection(mode="manual"))
    assert made.hears(**activity("ACTIVITY_START")) == []
    made.says(AppendAudio(bytes(640)))
    assert made.hears(**activity("ACTIVITY_END")) == []
    assert kinds(made.says(CommitAudio())) == ["activityEnd", "speech_stopped"]
    assert made.user_says("Hello.") == [Transcript("Hello.", "user_1", "Hello.")]


def test_an_activity_of_another_kind_is_none() -> None:
    assert client().hears(voiceActivity={"type": "ACTIVITY_UNSPECIFIED"}) == []
    assert client().hears(voiceActivity={}) == []


def test_guesses_are_shown() -> None:
    made = client()
    assert made.content(interimInputTranscription={"text": "Hel"}) == [Transcript("Hel", "user_1")]
    assert made.user_says("Hello.", finished=True, languageCode="en") == [
        Transcript("Hello.", "user_1", "Hello.", language="en"),
        Transcript("Hello.", "user_1", final=True, language="en"),
    ]


def test_who_wants_no_transcription_gets_none() -> None:
    made = client(transcription=False)
    assert made.user_says("Hello.") == []
    assert made.content(interimInputTranscription={"text": "Hel"}) == []
    made.says(UpdateSession(transcription=True))
    assert kinds(made.user_says("Hello.")) == ["transcript"]


@pytest.mark.parametrize("marker", ["generationComplete", "turnComplete", "interrupted"])
def test_words_are_complete_at_the_next_mark(marker: str) -> None:
    made = client()
    made.user_says("Hello.")
    made.speaks()
    assert made.content(**{marker: True})[0] == Transcript("Hello.", "user_1", final=True)


def test_they_are_complete_before_a_call_too() -> None:
    made = client()
    made.user_says("Weather?")
    assert made.calls()[0] == Transcript("Weather?", "user_1", final=True)


# Calls.


def test_calls_of_one_message_end_their_response() -> None:
    made = client()
    made.speaks(words="Let me see.")
    other = {"id": "fc_2", "name": "news"}
    assert made.calls(WEATHER, other) == [
        ToolCall(CALL, "resp_1"),
        ToolCall(Call("fc_2", "news"), "resp_1"),
        TextOutput("", "resp_1", "item_1", final=True),
        ResponseDone("resp_1"),
    ]


def test_a_call_by_itself_is_a_response() -> None:
    assert client().calls() == [ResponseStarted("resp_1"), ToolCall(CALL, "resp_1"), ResponseDone("resp_1")]


def test_no_calls_are_nothing() -> None:
    assert client().hears(toolCall={}) == []


def test_a_call_that_waits_is_told_once() -> None:
    made = client()
    assert kinds(made.calls(WEATHER, WEATHER)) == ["response_started", "tool_call", "response_done"]
    assert made.calls(WEATHER) == []


def test_calls_without_a_name_are_given_one() -> None:
    made = client(LIVE_38_VERTEX)
    told = only(made.calls({"name": "weather"}, {"name": "weather"}), ToolCall)
    assert [each.call.id for each in told] == ["call_1", "call_2"]


def test_a_call_may_come_with_the_end_of_its_turn() -> None:
    made = client()
    told = made.hears(toolCall={"functionCalls": [WEATHER]}, serverContent=DONE, usageMetadata=SPENT)
    assert told == [
        ResponseStarted("resp_1"),
        ToolCall(CALL, "resp_1"),
        ResponseDone("resp_1"),
        UsageUpdate(COST),
    ]
    made.says(SendToolResult("fc_1", "12 degrees"))
    assert made.speaks()[0] == ResponseStarted("resp_2", "tool_result")


def test_the_turn_of_a_call_may_end_by_itself() -> None:
    made = client(HALF_CASCADE)
    made.calls()
    made.says(SendToolResult("fc_1", "12 degrees"))
    assert made.content(generationComplete=True) == []
    assert made.content(**DONE) == []
    assert made.speaks()[0] == ResponseStarted("resp_2", "tool_result")


def test_what_comes_while_a_tool_works_goes_on_unless_the_user_spoke() -> None:
    made = client()
    made.calls()
    made.content(**DONE)
    assert made.speaks()[0] == ResponseStarted("resp_2", "continuation")
    made.content(**DONE)
    made.user_says("And?")
    assert made.speaks()[0] == ResponseStarted("resp_3", "user_turn")


def test_calls_are_taken_back_once() -> None:
    made = client()
    made.calls()
    taken = {"toolCallCancellation": {"ids": ["fc_1", "fc_1", "fc_9"]}}
    assert made.hears(**taken) == [ToolCallCancelled(("fc_1",))]
    assert made.hears(**taken) == []
    assert made.hears(toolCallCancellation={}) == []


def test_an_interruption_and_its_calls_may_come_in_one_message() -> None:
    made = client()
    made.speaks()
    made.calls()
    told = made.hears(serverContent={"interrupted": True, **DONE}, toolCallCancellation={"ids": ["fc_1"]})
    assert told == [cut(item_id=""), ToolCallCancelled(("fc_1",))]


def test_calls_of_an_answer_that_nobody_hears_are_refused_at_once() -> None:
    made = client(LIVE_38, tools=[BLOCKING])
    made.calls()
    made.says(SendToolResult("fc_1", "12 degrees", respond=False))
    made.settles()
    (message,) = made.calls({"id": "fc_2", "name": "news"}, {"name": "weather"})
    first, second = message["toolResponse"]["functionResponses"]
    assert (first["id"], first["name"], [*first["response"]]) == ("fc_2", "news", ["error"])
    assert (second.get("id"), second["name"]) == (None, "weather")
    assert made.speaks() == []
    assert made.content(**DONE) == []


def test_an_answer_that_was_cancelled_before_it_called_is_refused_too() -> None:
    made = client()
    made.says(*ASK)
    made.says(Cancel())
    told = made.calls()
    assert kinds(told) == ["response_started", "response_done", "toolResponse"]


@pytest.mark.parametrize(
    "sign",
    [
        {"toolCallCancellation": {"ids": ["fc_1"]}},
        {"serverContent": {"interrupted": True, **DONE}},
        activity("ACTIVITY_END"),
        {"serverContent": {"inputTranscription": {"text": "And"}}},
    ],
    ids=["taken back", "interrupted", "spoken", "words"],
)
def test_what_was_to_be_hidden_does_not_hide_the_answer_to_who_interrupts(sign: JSON) -> None:
    made = client(FLASH_31, tools=[BLOCKING])
    made.calls()
    made.hears(**activity("ACTIVITY_START"))
    made.says(SendToolResult("fc_1", "interrupted", is_error=True, respond=False))
    made.hears(**sign)
    assert made.speaks()[0] == ResponseStarted("resp_2", "user_turn")


# What the connection needs.


def test_an_end_is_announced() -> None:
    assert client().hears(goAway={"timeLeft": "50s"}) == [GoingAway(50.0)]
    assert client().hears(goAway={}) == [GoingAway(0.0)]


@pytest.mark.parametrize(
    ("update", "handle"),
    [
        ({"newHandle": "H2", "resumable": True}, "H2"),
        ({"newHandle": "H2"}, "H1"),
        ({"resumable": True}, "H1"),
        ({"newHandle": "", "resumable": True}, "H1"),
        ({}, "H1"),
    ],
)
def test_only_a_handle_that_can_be_used_is_kept(update: JSON, handle: str) -> None:
    made = client()
    made.hears(sessionResumptionUpdate={"newHandle": "H1", "resumable": True})
    assert made.hears(sessionResumptionUpdate=update) == []
    made.moves()
    assert made.setup["sessionResumption"] == {"handle": handle}


def test_a_handle_that_nobody_asked_for_is_not_used() -> None:
    made = Client(FLASH_31, Wishes(resumption=False)).ready()
    made.hears(sessionResumptionUpdate={"newHandle": "H1", "resumable": True})
    made.user_says("Hello.")
    assert kinds(made.moves()) == ["transcript", "clientContent", "reconnected"]
    assert "sessionResumption" not in made.setup


# What is broken.


@pytest.mark.parametrize(
    "message", [b"", b"[]", b'{"serverContent":7}', b'{"toolCall":{"functionCalls":{}}}']
)
def test_a_message_that_cannot_be_read_costs_nothing_else(message: bytes) -> None:
    made = client()
    made.speaks()
    (error,) = made.reads(message)
    assert isinstance(error, Error)
    assert not error.fatal
    assert made.content(**DONE) == [ResponseDone("resp_1")]


def test_names_that_nobody_knows_are_passed_on() -> None:
    message = {"surprise": {"x": 1}, "serverContent": {"mood": 1, **spoken()}}
    told = client().hears(**message)
    assert kinds(told) == ["response_started", "audio_output", "unrecognized"]
    assert told[-1] == Unrecognized("gemini_live", message)


def test_names_within_what_we_know_are_left_out() -> None:
    assert client().content(mood=1) == []


def test_audio_is_read_in_either_alphabet_and_without_its_end() -> None:
    odd = bytes([251, 255]) * 4
    for data in (b64encode_as_string(odd), urlsafe_b64encode(odd).decode()):
        for spelled in (data, data.rstrip("=")):
            (audio,) = only(client().content(**sound(spelled)), AudioOutput)
            assert audio.audio == odd


def test_audio_that_is_none_is_left_out() -> None:
    made = client()
    made.speaks()
    error = error_of(made.content(**sound("A B C !")))
    assert isinstance(error, RemoteProtocolError)
    assert "base64" in str(error)
    assert made.content(**sound("")) == []
    assert only(made.speaks(), AudioOutput)[0].position_ms == 20.0


def test_half_a_sample_waits() -> None:
    made = client()
    first = made.content(**sound(b64encode_as_string(b"\1\2\3")))
    second = made.content(**sound(b64encode_as_string(b"\4")))
    assert [each.audio for each in only([*first, *second], AudioOutput)] == [b"\1\2", b"\3\4"]


def test_either_spelling_and_numbers_as_text_are_read() -> None:
    made = client()
    assert made.hears(
        server_content={"turn_complete": True, "output_transcription": {"text": "Hi."}},
        usage_metadata={"prompt_token_count": "10", "response_token_count": 5.0},
    )[-1] == UsageUpdate(COST)
    assert made.hears(session_resumption_update={"new_handle": "H1", "resumable": True}) == []
    made.moves()
    assert made.setup["sessionResumption"] == {"handle": "H1"}


@pytest.mark.parametrize("indent", [None, 2])
def test_a_form_that_was_heard_before_is_heard_as_before(indent: int | None) -> None:
    made = client()
    told = []
    for number in range(4):
        content = sound(b64encode_as_string(bytes([number, 0]) * 480))
        told += made.reads(json.dumps({"serverContent": content}, indent=indent).encode())
    audio = only(told, AudioOutput)
    assert [each.audio[0] for each in audio] == [0, 1, 2, 3]
    assert [each.position_ms for each in audio] == [0.0, 20.0, 40.0, 60.0]
    made.content(interrupted=True)
    stale = json.dumps({"serverContent": sound("AAAA")}, indent=indent).encode()
    assert made.reads(stale) == []


def test_early_words_come_before_audio_of_a_form_that_was_heard_before() -> None:
    made = client()
    made.speaks()
    made.speaks()
    made.content(**DONE)
    made.content(**words("Good day."))
    assert kinds(made.speaks()) == ["response_started", "text_output", "audio_output"]
    assert messages(made.speaks()) == []


def test_early_words_come_before_words_of_a_form_that_was_heard_before() -> None:
    made = client()
    for _ in range(3):
        made.speaks(words="Hi.")
    made.content(**DONE)
    made.content(**words("Good"))
    assert [each.text for each in only(made.speaks(words=" day."), TextOutput)] == ["Good", " day."]
