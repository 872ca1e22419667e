"""What an application asks, message for message."""

import msgspec
import pytest
from tests.support.nova import (
    HELLO,
    LOUD,
    SILENT,
    Client,
    answer,
    audio_of,
    calls,
    error_of,
    interrupted,
    kinds,
    only,
    plans,
    sent,
    speaks,
    texts,
    told,
    user,
)

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
    Truncate,
    UpdateSession,
)
from s2s.config import TurnDetection
from s2s.errors import BacklogError, LocalProtocolError
from s2s.events import ResponseDone, ResponseStarted
from s2s.items import JSON, Call, Item, Message, ToolResult
from s2s.tools import Tool, ToolSpec
from s2s.wire import Reopen
from s2s.wire.nova.client import Wishes

BYE = (AddItem(Message("user", "Bye.")), CreateResponse())


def client(wishes: Wishes | None = None, **config: JSON) -> Client:
    return Client(wishes, **config).ready()


def refused(heard: list[JSON]) -> str:
    error = error_of(heard)
    assert isinstance(error, LocalProtocolError)
    assert sent(heard) == []
    return str(error)


# Audio.


def test_audio_passes_by_itself() -> None:
    made = client()
    message = made.wire.append(LOUD)
    assert message is not None
    assert audio_of([msgspec.json.decode(message)["event"]]) == LOUD
    made.rules.hear(message)
    assert made.rules.broken == []


@pytest.mark.parametrize("audio", [b"", SILENT * 6], ids=["none", "too much"])
def test_audio_that_is_not_one_message_has_to_be_sent(audio: bytes) -> None:
    made = client()
    assert made.wire.append(audio) is None
    assert audio_of(made.says(AppendAudio(audio))) == audio
    assert made.rules.broken == []


def test_audio_that_comes_too_early_is_heard_once_there_is_a_stream() -> None:
    made = Client()
    assert made.wire.append(SILENT) is None
    assert made.says(AppendAudio(SILENT * 5), AppendAudio(LOUD)) == []
    assert audio_of(made.accepts()) == SILENT * 3 + LOUD
    assert made.rules.broken == []


# Text.


def test_a_question_is_asked_in_one_block_with_all_that_belongs_to_it() -> None:
    made = client()
    assert made.says(AddItem(Message("user", "One.")), AddItem(Message("system", "Be kind."))) == []
    heard = made.says(CreateResponse(instructions="Be brief.", metadata={"n": "1"}))
    assert kinds(heard) == ["contentStart", "textInput", "contentEnd"]
    assert texts(heard) == [("USER", True, "One.\n[system] Be kind.\nBe brief.")]
    (started,) = only(made.hears(plans("Fine.")), ResponseStarted)
    assert started == ResponseStarted("resp_1", "application", {"n": "1"})


def test_without_a_word_there_is_a_nudge() -> None:
    made = client()
    assert texts(made.says(CreateResponse())) == [("USER", True, "Go on.")]
    made.hears(answer("Well."))
    assert texts(made.moves()) == [("USER", False, "Go on."), ("ASSISTANT", False, "Well.")]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (Message("assistant", "I said so."), "[assistant] I said so."),
        (Call("c9", "news"), "news() was called and has not returned."),
        (ToolResult("c9", "none"), "The result of c9(): none"),
    ],
    ids=str,
)
def test_whatever_is_said_is_said_in_words(item: Item, words: str) -> None:
    made = client()
    assert texts(made.says(AddItem(item), CreateResponse())) == [("USER", True, words)]
    made.hears(answer("So."))
    assert texts(made.moves())[0] == ("USER", False, words)


def test_a_question_waits_for_the_end_of_an_answer() -> None:
    made = client()
    made.says(*HELLO)
    made.hears(plans("Good day."))
    assert made.says(*BYE, CreateResponse(metadata={"n": "2"})) == []
    heard = made.hears(speaks(20, "END_TURN"), answer("Good day.")[-3:])
    assert texts(heard) == [("USER", True, "Bye.")]
    assert kinds(heard).index("response_done") < kinds(heard).index("contentStart")
    heard = made.hears(answer("See you."))
    assert texts(heard) == [("USER", True, "Go on.")]
    assert made.rules.broken == []


def test_a_question_waits_for_the_answer_to_the_one_before() -> None:
    made = client()
    assert texts(made.says(*HELLO, *BYE)) == [("USER", True, "Hello.")]
    assert texts(made.hears(answer())) == [("USER", True, "Bye.")]


def test_a_question_that_is_not_answered_holds_up_the_next_for_a_while() -> None:
    made = client()
    made.says(*HELLO, *BYE)
    assert made.wire.patience_s == 30.0
    heard = made.settles()
    assert kinds(heard) == ["error", "contentStart", "textInput", "contentEnd"]
    assert made.wire.patience_s == 30.0


def test_a_question_waits_for_the_stream() -> None:
    made = Client()
    assert made.says(*HELLO) == []
    assert texts(made.accepts()) == [("USER", True, "Hello.")]
    assert made.rules.broken == []


def test_too_many_questions_are_refused() -> None:
    made = client()
    made.hears(plans("Well."))
    heard = made.says(*[CreateResponse()] * 65)
    assert isinstance(error_of(heard), BacklogError)


def test_what_the_service_repeats_of_it_is_not_what_the_user_said() -> None:
    made = client()
    made.says(*HELLO)
    assert told(made.hears(user("Hello."))) == []
    assert kinds(told(made.hears(user("Hello."))))[0] == "transcript"


def test_the_first_generation_takes_no_text() -> None:
    made = Client(generation=1).ready()
    for command in HELLO:
        assert "nova-2-5" in refused(made.says(command))
    assert made.wire.idle


# Stopping.


def test_a_response_is_stopped_by_name_or_whatever_it_is() -> None:
    for command in (Cancel(), Cancel("resp_1")):
        made = client()
        made.hears(plans("Well."), speaks())
        assert made.says(Cancel("resp_9")) == []
        assert told(made.says(command))[-1] == ResponseDone("resp_1", "interrupted")
        assert made.says(command) == []


def test_what_was_asked_and_has_no_answer_ends_as_it_begins() -> None:
    made = client()
    made.says(*HELLO)
    assert made.says(Cancel()) == []
    assert told(made.hears(answer())) == [
        ResponseStarted("resp_1", "application"),
        ResponseDone("resp_1", "interrupted"),
    ]


def test_what_was_to_be_asked_is_only_said() -> None:
    made = client()
    made.hears(plans("Well."), speaks())
    made.says(*HELLO)
    made.says(Cancel())
    assert texts(made.says(*BYE)) == [("USER", True, "Hello.\nBye.")]


def test_a_redirection_goes_out_at_once() -> None:
    made = client()
    made.hears(plans("Well."), speaks())
    made.says(Cancel())
    assert texts(made.says(*HELLO)) == [("USER", True, "Hello.")]
    heard = told(made.hears(interrupted(), answer("Yes.")))
    assert heard[0] == ResponseStarted("resp_2", "application")
    assert heard[-1] == ResponseDone("resp_2")


def test_a_reset_silences_the_answer_and_asks_for_another_stream() -> None:
    made = client()
    made.hears(user("Count."), plans("One two three four."), speaks(100))
    heard = made.says(Truncate("item_1", 50.0), Cancel("resp_1", "reset"))
    assert heard[-2:] == [ResponseDone("resp_1", "interrupted"), Reopen("the answer was reset")]
    assert made.wire.idle
    assert made.hears(speaks(), plans("Five."), user("Stop.")) == []
    assert texts(made.moves()) == [("USER", False, "Count."), ("ASSISTANT", False, "One two")]


def test_what_is_heard_and_asked_while_a_stream_is_given_up_is_for_the_next() -> None:
    made = client()
    made.hears(plans("Well."))
    made.says(Cancel(None, "reset"))
    assert made.wire.append(LOUD) is None
    assert made.says(AppendAudio(LOUD), *HELLO) == []
    assert made.wire.patience_s is None
    heard = made.moves()
    assert audio_of(heard) == LOUD
    assert texts(heard) == [("USER", True, "Hello.")]


def test_a_reset_replaces_a_stream_that_says_nothing() -> None:
    made = client()
    made.hears(answer("One two three."))
    assert made.says(Truncate("item_1", 0.0), Cancel(None, "reset")) == [Reopen("the answer was reset")]
    assert texts(made.moves()) == []
    assert Client().says(Cancel(None, "reset")) == []


# Settings.


@pytest.mark.parametrize(
    "command",
    [
        UpdateSession(instructions="Be long."),
        UpdateSession(voice="tina"),
        UpdateSession(tools=(ToolSpec("news"),)),
        UpdateSession(temperature=0.1),
        UpdateSession(max_output_tokens=7),
        UpdateSession(turn_detection=TurnDetection(eagerness="high")),
    ],
    ids=str,
)
def test_settings_change_with_another_stream(command: UpdateSession) -> None:
    made = client(instructions="Be brief.", tools=[Tool(name="weather")])
    before = made.began
    assert made.says(command) == [Reopen("the settings changed")]
    assert made.says(command) == []
    made.moves()
    assert made.began != before


@pytest.mark.parametrize(
    "command",
    [
        UpdateSession(),
        UpdateSession(instructions="Be brief."),
        UpdateSession(language="de"),
        UpdateSession(turn_detection=TurnDetection()),
    ],
    ids=str,
)
def test_what_changes_nothing_causes_nothing(command: UpdateSession) -> None:
    assert client(instructions="Be brief.").says(command) == []


def test_what_concerns_only_our_side_changes_at_once() -> None:
    made = client()
    assert made.says(UpdateSession(transcription=False, output_modalities=("text",))) == []
    heard = told(made.hears(user("Hi."), answer("Hello.")))
    assert kinds(heard) == [
        "response_started",
        "text_output",
        "response_generated",
        "text_output",
        "response_done",
    ]
    assert heard[1].form == "written"


@pytest.mark.parametrize(
    "turns",
    [
        TurnDetection(mode="manual"),
        TurnDetection(create_response=False),
        TurnDetection(interrupt_response=False),
    ],
    ids=str,
)
def test_the_service_finds_the_turns(turns: TurnDetection) -> None:
    assert "finds the user's turns" in refused(client().says(UpdateSession(turn_detection=turns)))


# What cannot be done.


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (CommitAudio(), "finds the user's turns"),
        (ClearAudio(), "keeps the audio"),
        (RemoveItem("item_1"), "keeps what was said"),
        (AppendImage(b"\xff"), "sees no images"),
        (CreateResponse(out_of_band=True), "beside the conversation"),
        (CreateResponse(context=()), "beside the conversation"),
    ],
    ids=str,
)
def test_what_the_service_cannot_do_is_said(command: Command, why: str) -> None:
    assert why in refused(client().says(command))


def test_a_client_of_another_service_removes_what_was_cut_off_before_it_was_heard() -> None:
    made = client()
    made.says(*HELLO)
    made.hears(plans("One two three."), speaks())
    assert kinds(made.says(Cancel("resp_1"), RemoveItem("item_1")))[-1] == "response_done"
    assert texts(made.moves()) == [("USER", False, "Hello.")]


def test_an_answer_in_another_way_is_one_in_the_usual_way() -> None:
    heard = client().says(CreateResponse(output_modalities=("text",)))
    assert "in the way" in str(error_of(heard))
    assert texts(heard) == [("USER", True, "Go on.")]
    assert kinds(client().says(CreateResponse(output_modalities=("audio",))))[0] == "contentStart"


def test_what_was_heard_is_only_remembered() -> None:
    made = client()
    made.hears(answer("One two three four."), calls())
    assert made.says(Truncate("item_1", 10.0), Truncate("item_9", 1.0)) == []
    assert ("ASSISTANT", False, "One two") in texts(made.moves())
