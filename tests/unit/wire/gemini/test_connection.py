"""A conversation over one connection after the other: what each is told of what was said before."""

import pytest
from tests.support.gemini import DONE, HANDLE, WEATHER, Client, kinds, messages, only

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
from s2s.config import Reconnect, TurnDetection
from s2s.errors import ConnectionLostError
from s2s.events import (
    Reconnected,
    ResponseDone,
    ResponseStarted,
    SessionStarted,
    SpeechStopped,
    ToolCallCancelled,
    Transcript,
)
from s2s.items import JSON, Call, Message, ToolResult
from s2s.tools import Tool
from s2s.wire.gemini.opening import Wishes
from s2s.wire.gemini.profiles import (
    FLASH_31,
    HALF_CASCADE,
    LIVE_38,
    LIVE_38_VERTEX,
    NATIVE_25,
    NATIVE_25_VERTEX,
    PROFILES,
    THINKING_38,
    Profile,
)

HISTORY = (
    Message("user", "Weather?"),
    Call("c0", "weather", {"city": "Bonn"}),
    ToolResult("c0", "rain"),
    Message("assistant", "It rains."),
)
SPELLED = [
    {"role": "user", "parts": [{"text": "Weather?"}]},
    {"role": "model", "parts": [{"functionCall": {"id": "c0", "name": "weather", "args": {"city": "Bonn"}}}]},
    {
        "role": "user",
        "parts": [{"functionResponse": {"id": "c0", "name": "weather", "response": {"output": "rain"}}}],
    },
    {"role": "model", "parts": [{"text": "It rains."}]},
]
IN_WORDS = [
    {"role": "user", "parts": [{"text": "Weather?"}]},
    {"role": "model", "parts": [{"text": '[called weather: {"city":"Bonn"}]'}]},
    {"role": "user", "parts": [{"text": "[weather returned: rain]"}]},
    {"role": "model", "parts": [{"text": "It rains."}]},
    {"role": "user", "parts": [{"text": "."}]},
]
HELLO = AddItem(Message("user", "Hello."))
TURN = {"role": "user", "parts": [{"text": "Hello."}]}
NO_REPLAY = Reconnect(replay=False)


def client(profile: Profile = LIVE_38, **config: JSON) -> Client:
    return Client(profile, **config).ready()


def talked(profile: Profile = LIVE_38, *, kept: bool = False, **config: JSON) -> Client:
    """Return a client after one turn, of which the service has kept what it says so."""
    made = client(profile, **config)
    made.user_says("Hello.")
    made.speaks(words="Hi.")
    made.content(**DONE)
    if kept:
        made.hears(sessionResumptionUpdate=HANDLE)
    return made


def contents(heard: list[JSON]) -> list[JSON]:
    return [each["clientContent"] for each in messages(heard) if "clientContent" in each]


def restored(heard: list[JSON]) -> str:
    (reconnected,) = only(heard, Reconnected)
    return str(reconnected.restored)


# A history to begin with.


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_history_is_told_in_the_way_that_the_model_takes(profile: Profile) -> None:
    made = Client(profile, history=HISTORY)
    started, *told = made.hears(setupComplete={})
    assert isinstance(started, SessionStarted)
    unanswered = profile in (NATIVE_25, FLASH_31, LIVE_38, THINKING_38)
    assert ("historyConfig" in made.setup) is unanswered
    turns = IN_WORDS if profile in (NATIVE_25, NATIVE_25_VERTEX) else SPELLED
    assert contents(told) == [{"turns": turns, "turnComplete": True} if unanswered else {"turns": turns}]
    assert len(told) == 1


@pytest.mark.parametrize("profile", [NATIVE_25, LIVE_38, HALF_CASCADE], ids=lambda profile: profile.name)
def test_without_a_history_nothing_is_told(profile: Profile) -> None:
    made = Client(profile)
    assert "historyConfig" not in made.setup
    assert kinds(made.hears(setupComplete={})) == ["session_started"]


def test_a_history_that_ends_with_the_user_needs_no_more() -> None:
    made = Client(NATIVE_25, history=[Message("user", "Hello.")])
    assert contents(made.hears(setupComplete={})) == [{"turns": [TURN], "turnComplete": True}]


def test_the_first_connection_is_told_of_it_whatever_the_later_ones_are() -> None:
    made = Client(LIVE_38, history=HISTORY, reconnect=NO_REPLAY)
    assert "historyConfig" in made.setup
    assert contents(made.hears(setupComplete={})) == [{"turns": SPELLED, "turnComplete": True}]


# What ends with a connection.


def test_a_response_does_not_outlive_its_connection() -> None:
    made = client()
    made.speaks()
    assert made.moves()[0] == ResponseDone("resp_1", "interrupted")
    assert made.speaks()[0] == ResponseStarted("resp_2")


@pytest.mark.parametrize("cut", [{"interrupted": True}, {}])
def test_nothing_is_swallowed_on_another_connection(cut: JSON) -> None:
    made = client()
    made.speaks()
    if cut:
        made.content(**cut)
    else:
        made.says(Cancel())
    made.moves()
    assert made.speaks()[0] == ResponseStarted("resp_2")


def test_what_the_user_said_is_complete_as_far_as_it_came() -> None:
    made = client()
    made.hears(voiceActivity={"type": "ACTIVITY_START"})
    made.user_says("Hel")
    made.says(AppendAudio(bytes(3200)))
    assert made.moves()[:2] == [
        SpeechStopped("user_1", 100.0),
        Transcript("Hel", "user_1", final=True),
    ]
    assert kinds(made.hears(voiceActivity={"type": "ACTIVITY_START"})) == ["speech_started"]


def test_late_words_do_not_come_over_to_another_connection() -> None:
    made = client()
    made.content(outputTranscription={"text": "indeed."})
    assert kinds(made.moves())[0] == "unrecognized"
    assert kinds(made.speaks()) == ["response_started", "audio_output"]


# What another connection is told.


def test_without_a_handle_all_of_it_is_told_again() -> None:
    made = talked(history=HISTORY)
    told = made.moves()
    assert made.setup["sessionResumption"] == {}
    assert "historyConfig" in made.setup
    (content,) = contents(told)
    assert content["turns"] == [*SPELLED, TURN, {"role": "model", "parts": [{"text": "Hi."}]}]
    assert content["turnComplete"] is True
    assert kinds(told) == ["clientContent", "reconnected"]
    assert restored(told) == "replayed"


def test_with_a_handle_nothing_has_to_be() -> None:
    made = talked(kept=True, history=HISTORY)
    told = made.moves()
    assert made.setup["sessionResumption"] == {"handle": "H1"}
    assert "historyConfig" not in made.setup
    assert told == [Reconnected("full")]


EARLIER = Wishes(setup={"sessionResumption": {"handle": "H0"}})


def test_an_earlier_session_is_taken_up_by_its_handle_and_only_at_first() -> None:
    made = Client(wishes=EARLIER, history=HISTORY)
    assert made.setup["sessionResumption"] == {"handle": "H0"}
    assert "historyConfig" not in made.setup
    assert kinds(made.hears(setupComplete={})) == ["session_started"]
    made.hears(sessionResumptionUpdate=HANDLE)
    assert made.moves() == [Reconnected("full")]
    assert made.setup["sessionResumption"] == {"handle": "H1"}


def test_an_earlier_session_that_is_not_known_any_more_is_told_and_not_asked_for_again() -> None:
    made = Client(wishes=EARLIER, history=HISTORY).ready()
    made.wire.parted()
    assert made.opens()["sessionResumption"] == {"handle": "H0"}
    assert made.wire.survives(
        ConnectionLostError("closed", code=1008, reason="Requested entity was not found.")
    )
    assert made.opens()["sessionResumption"] == {}
    (content,) = contents(made.hears(setupComplete={}))
    assert content["turns"] == SPELLED


def test_with_an_older_handle_only_what_is_newer_is_told() -> None:
    made = talked(kept=True)
    made.user_says("And?")
    made.speaks(words="Well.")
    told = made.moves()
    (content,) = contents(told)
    assert content == {
        "turns": [
            {"role": "user", "parts": [{"text": "And?"}]},
            {"role": "model", "parts": [{"text": "Well."}]},
        ]
    }
    assert restored(told) == "replayed"


def test_what_is_newer_than_a_handle_is_no_history() -> None:
    made = talked(kept=True)
    made.user_says("And?")
    (content,) = contents(made.moves())
    assert "historyConfig" not in made.setup
    assert "turnComplete" not in content


def test_an_empty_conversation_loses_nothing() -> None:
    assert client().moves() == [Reconnected("full")]
    assert client(reconnect=NO_REPLAY).moves() == [Reconnected("full")]


def test_who_wants_nothing_told_again_hears_what_is_lost() -> None:
    assert talked(reconnect=NO_REPLAY).moves() == [Reconnected("lost")]
    assert talked(kept=True, reconnect=NO_REPLAY).moves() == [Reconnected("full")]
    made = talked(kept=True, reconnect=NO_REPLAY)
    made.user_says("And?")
    assert made.moves()[-1] == Reconnected("lost")


# Questions.


@pytest.mark.parametrize("kept", [False, True])
def test_a_question_without_an_answer_is_asked_again_and_once(kept: bool) -> None:
    made = talked(kept=kept)
    made.says(HELLO, CreateResponse(metadata={"n": "1"}))
    told = made.moves()
    assert contents(told)[-1] == {"turns": [TURN], "turnComplete": True}
    assert len(contents(told)) == (1 if kept else 2)
    assert restored(told) == ("full" if kept else "replayed")
    assert made.speaks()[0] == ResponseStarted("resp_2", "application", {"n": "1"})
    made.content(**DONE)
    assert made.speaks()[0] == ResponseStarted("resp_3", "user_turn")


def test_questions_are_asked_again_together() -> None:
    made = client()
    more = AddItem(Message("user", "More."))
    made.says(HELLO, CreateResponse(metadata={"n": "1"}), more, CreateResponse(metadata={"n": "2"}))
    (content,) = contents(made.moves())
    assert content["turns"] == [{"role": "user", "parts": [{"text": "Hello."}, {"text": "More."}]}]
    assert made.speaks()[0] == ResponseStarted("resp_1", "application", {"n": "2"})
    made.content(**DONE)
    assert made.wire.patience_s is None


def test_a_question_that_was_answered_is_not_asked_again() -> None:
    made = client()
    made.says(HELLO, CreateResponse())
    made.speaks(words="Hi.")
    (content,) = contents(made.moves())
    assert content["turns"] == [TURN, {"role": "model", "parts": [{"text": "Hi."}]}]
    assert made.speaks()[0] == ResponseStarted("resp_2", "user_turn")


def test_a_question_that_nobody_wants_answered_is_only_told() -> None:
    made = client(LIVE_38_VERTEX)
    made.says(HELLO, CreateResponse(), Cancel())
    assert contents(made.moves()) == [{"turns": [TURN]}]
    assert made.wire.patience_s is None


def test_who_was_to_speak_first_is_nudged_again() -> None:
    made = client()
    made.says(CreateResponse())
    assert messages(made.moves()) == [{"realtimeInput": {"text": " "}}]
    made = client(NATIVE_25)
    made.says(CreateResponse())
    assert messages(made.moves()) == [{"clientContent": {"turnComplete": True}}]


def test_a_picture_alone_is_asked_about() -> None:
    made = client()
    (message,) = made.says(AppendImage(b"\1"), CreateResponse())[1:]
    (turn,) = message["clientContent"]["turns"]
    assert [*turn["parts"][0]] == ["inlineData"]
    assert message["clientContent"]["turnComplete"] is True


def test_what_waits_to_be_said_is_not_said_before() -> None:
    made = client()
    made.says(HELLO)
    assert not made.wire.idle
    assert messages(made.moves()) == []
    assert contents(made.says(CreateResponse())) == [{"turns": [TURN], "turnComplete": True}]


MANUAL = TurnDetection(mode="manual")


def test_what_the_user_spoke_is_heard_again_where_it_was_not_understood() -> None:
    made = client(turn_detection=MANUAL)
    made.says(AppendAudio(bytes(640)), CommitAudio())
    for _ in range(2):
        assert kinds(made.moves()) == ["activityStart", "audio", "activityEnd", "reconnected"]
    assert made.speaks()[0] == ResponseStarted("resp_1", "user_turn")
    made.content(**DONE)
    assert made.wire.patience_s is None
    assert kinds(made.moves()) == ["reconnected"]


def test_so_is_a_turn_that_was_to_be_answered_when_it_is_asked_for() -> None:
    made = client(turn_detection=TurnDetection(mode="manual", create_response=False))
    made.says(AppendAudio(bytes(640)), CommitAudio())
    assert kinds(made.moves()) == ["activityStart", "audio", "reconnected"]
    made.says(CreateResponse(metadata={"n": "1"}))
    assert kinds(made.moves()) == ["activityStart", "audio", "activityEnd", "reconnected"]
    assert made.speaks()[0] == ResponseStarted("resp_1", "application", {"n": "1"})


def test_words_of_speech_that_is_heard_again_come_anew() -> None:
    made = client(NATIVE_25, turn_detection=MANUAL)
    made.says(AppendAudio(bytes(640)))
    made.user_says("And")
    made.moves()
    (transcript,) = made.user_says(" And you?")
    assert transcript == Transcript("And you?", "user_1", "And you?")


def test_what_the_user_spoke_where_the_service_finds_turns_goes_with_the_connection() -> None:
    made = client()
    made.hears(voiceActivity={"type": "ACTIVITY_START"})
    made.hears(voiceActivity={"type": "ACTIVITY_END"})
    error, reconnected = made.moves()
    assert error.error.code == "no_answer"
    assert reconnected == Reconnected("full")
    assert made.wire.patience_s is None


def test_an_understood_question_is_asked_again_in_words_and_once() -> None:
    made = talked(kept=True, turn_detection=MANUAL)
    made.says(AppendAudio(bytes(640)), CommitAudio())
    made.user_says("And you?")
    for _ in range(2):
        told = made.moves()
        assert contents(told) == [
            {"turns": [{"role": "user", "parts": [{"text": "And you?"}]}], "turnComplete": True}
        ]
        assert restored(told) == "full"
    assert made.speaks()[0] == ResponseStarted("resp_2", "user_turn")


def test_speech_that_the_service_has_found_to_be_over_is_a_question_too() -> None:
    made = talked(kept=True)
    made.hears(voiceActivity={"type": "ACTIVITY_START"})
    made.user_says("And you?")
    made.hears(voiceActivity={"type": "ACTIVITY_END"})
    (content,) = contents(made.moves())
    assert content["turnComplete"] is True


def test_words_of_a_user_who_still_speaks_are_no_question() -> None:
    made = talked(kept=True)
    made.hears(voiceActivity={"type": "ACTIVITY_START"})
    made.user_says("And")
    (content,) = contents(made.moves())
    assert content == {"turns": [{"role": "user", "parts": [{"text": "And"}]}]}


# Calls.


def calling(profile: Profile, *, kept: bool = False) -> Client:
    made = talked(profile, kept=kept, tools=[Tool(name="weather")])
    made.calls(WEATHER)
    return made


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_calls_are_lost_with_their_connection(profile: Profile) -> None:
    made = calling(profile, kept=True)
    told = made.moves()
    assert ToolCallCancelled(("fc_1",)) in told
    assert made.says(SendToolResult("fc_1", "12 degrees")) == []
    refused = [each for each in messages(told) if "toolResponse" in each]
    assert bool(refused) is (profile in (LIVE_38, THINKING_38, LIVE_38_VERTEX))
    for each in refused:
        (response,) = each["toolResponse"]["functionResponses"]
        assert (response["id"], response["name"], [*response["response"]]) == ("fc_1", "weather", ["error"])
    assert not [each for each in messages(made.moves()) if "toolResponse" in each]


def test_who_does_not_remember_a_call_does_not_wait_for_it() -> None:
    told = calling(LIVE_38).moves()
    assert "toolResponse" not in kinds(told)
    (content,) = contents(told)
    assert content["turns"][-1] == {
        "role": "model",
        "parts": [{"text": "Hi."}, {"text": '[called weather: {"city":"Bonn"}]'}],
    }


def test_a_result_without_an_answer_is_told_again_with_its_call() -> None:
    made = calling(LIVE_38)
    made.says(SendToolResult("fc_1", "12 degrees"))
    context, asked = contents(made.moves())
    assert "12 degrees" not in str(context)
    call, result = asked["turns"]
    assert asked["turnComplete"] is True
    assert call["parts"][0]["functionCall"]["id"] == "fc_1"
    assert result["parts"][0]["functionResponse"]["response"] == {"output": "12 degrees"}
    assert made.speaks()[0] == ResponseStarted("resp_3", "tool_result")


def test_a_result_that_was_answered_is_told_again_with_its_call() -> None:
    made = calling(LIVE_38)
    made.says(SendToolResult("fc_1", "12 degrees"))
    made.speaks(words="It is cold.")
    made.content(**DONE)
    (content,) = contents(made.moves())
    _, called, answered, spoken = content["turns"]
    assert called["parts"][-1]["functionCall"]["id"] == "fc_1"
    assert answered["parts"][0]["functionResponse"]["response"] == {"output": "12 degrees"}
    assert spoken["parts"] == [{"text": "It is cold."}]


def test_the_settings_of_now_are_those_of_the_next_connection() -> None:
    made = talked(kept=True, instructions="Be long.")
    made.says(UpdateSession(instructions="Be brief."))
    made.moves()
    assert made.setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert made.setup["sessionResumption"] == {"handle": "H1"}
