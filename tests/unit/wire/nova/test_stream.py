"""One conversation over one stream after the other."""

import pytest
from tests.support.nova import (
    HELLO,
    LOUD,
    SILENT,
    Client,
    answer,
    audio_of,
    error_of,
    kinds,
    only,
    opening,
    plans,
    said,
    speaks,
    texts,
    told,
    user,
)

from s2s.commands import AppendAudio, Cancel, CreateResponse
from s2s.config import Reconnect
from s2s.errors import ProviderError
from s2s.events import Reconnected, ResponseDone, ResponseStarted, SessionStarted, Transcript
from s2s.items import JSON, Message
from s2s.wire.nova.client import NovaClient

SEED = (Message("system", "Be kind."), Message("user", "Hi."), Message("assistant", "Hello."))


def client(**config: JSON) -> Client:
    return Client(**config).ready()


def test_the_first_stream_is_the_session() -> None:
    made = Client()
    (started, *_) = made.accepts("request-1")
    assert isinstance(started, SessionStarted)
    assert (started.session_id, started.provider, started.model) == (
        "request-1",
        "nova",
        "amazon.nova-2-5-sonic",
    )
    (unnamed, *_) = Client().accepts("")
    assert unnamed.session_id == "session"


def test_it_begins_with_the_history_and_then_the_audio() -> None:
    heard = Client(history=SEED).accepts()
    assert kinds(heard) == [
        "session_started",
        *["contentStart", "textInput", "contentEnd"] * 2,
        "contentStart",
    ]
    assert texts(heard) == [("USER", False, "Hi."), ("ASSISTANT", False, "Hello.")]
    assert heard[-1]["contentStart"]["type"] == "AUDIO"


def test_a_later_stream_is_told_what_was_said_since() -> None:
    made = client(history=SEED)
    made.hears(user("And you?"), answer("I am fine."))
    heard = made.moves()
    assert only(heard, Reconnected) == [Reconnected("replayed")]
    assert texts(heard)[2:] == [("USER", False, "And you?"), ("ASSISTANT", False, "I am fine.")]
    assert made.rules.broken == []


@pytest.mark.parametrize(
    ("config", "said_before", "restored"),
    [
        ({}, [], "full"),
        ({"history": SEED}, [], "replayed"),
        ({"reconnect": Reconnect(replay=False)}, [answer()], "lost"),
        ({"reconnect": Reconnect(replay=False)}, [], "full"),
    ],
    ids=str,
)
def test_it_is_told_what_became_of_the_conversation(
    config: JSON, said_before: list[JSON], restored: JSON
) -> None:
    made = client(**config)
    made.hears(*said_before)
    heard = made.moves()
    assert only(heard, Reconnected) == [Reconnected(restored)]
    assert bool(texts(heard)) is (restored == "replayed")


def test_the_first_stream_is_told_the_history_whatever_is_to_be_replayed() -> None:
    assert len(texts(Client(history=SEED, reconnect=Reconnect(replay=False)).accepts())) == 2


def test_what_the_next_stream_begins_with_can_be_had_while_this_one_talks() -> None:
    wire = NovaClient(opening(history=SEED))
    first = [*wire.open()]
    wire.receive(b'{"response":{"requestId":"r"}}')
    assert [*wire.open()] == [*wire.open()] == first
    assert wire.append(SILENT) is not None


def test_a_question_in_writing_waits_for_the_answer_to_a_spoken_one() -> None:
    made = client()
    made.hears(user("And you?"))
    assert made.says(*HELLO) == []
    assert texts(made.hears(answer("I am fine."))) == [("USER", True, "Hello.")]


def test_a_question_in_writing_does_not_wait_for_long_for_what_nobody_answers() -> None:
    made = client()
    made.hears(user("Hm."))
    assert made.wire.patience_s == 30
    assert made.says(*HELLO) == []
    assert made.wire.patience_s == 5
    assert texts(made.settles()) == [("USER", True, "Hello.")]


# How it is left.


def test_a_stream_is_ended_in_order_and_once() -> None:
    made = client()
    assert kinds(made.leaves()) == ["contentEnd", "promptEnd", "sessionEnd"]
    assert (made.rules.broken, made.rules.stage) == ([], "over")
    assert made.leaves() == []
    unaccepted = Client()
    assert unaccepted.leaves() == []
    assert kinds(unaccepted.accepts())[0] == "session_started"


def test_a_stream_that_was_given_up_is_ended_in_order_too() -> None:
    made = client()
    made.says(Cancel(None, "reset"))
    assert kinds(made.leaves()) == ["contentEnd", "promptEnd", "sessionEnd"]


def test_nothing_is_said_to_a_stream_that_was_left() -> None:
    made = client()
    made.leaves()
    assert made.wire.append(LOUD) is None
    assert made.says(AppendAudio(LOUD), *HELLO) == []
    assert made.wire.idle
    heard = made.moves()
    assert audio_of(heard) == LOUD
    assert texts(heard) == [("USER", True, "Hello.")]


# What is asked again.


def test_what_was_asked_in_writing_is_asked_again() -> None:
    made = client()
    made.hears(answer("Good day."))
    made.says(*HELLO, CreateResponse(metadata={"n": "2"}))
    heard = made.moves()
    assert texts(heard) == [
        ("USER", False, "Go on."),
        ("ASSISTANT", False, "Good day."),
        ("USER", True, "Hello."),
    ]
    assert texts(made.hears(answer())) == [("USER", True, "Go on.")]
    (started,) = only(made.hears(plans("Yes.")), ResponseStarted)
    assert started.metadata == {"n": "2"}


def test_what_was_asked_aloud_is_asked_again_in_its_words() -> None:
    made = client()
    made.hears(user("And"), user("you?"))
    heard = made.moves()
    assert heard[0] == Transcript("And you?", "user_1", final=True)
    assert texts(heard) == [("USER", True, "And you?")]
    (started,) = only(made.hears(plans("Yes.")), ResponseStarted)
    assert started.origin == "user_turn"


def test_what_was_asked_is_asked_again_however_often_that_takes() -> None:
    made = client()
    made.says(*HELLO)
    made.moves()
    assert texts(made.moves()) == [("USER", True, "Hello.")]
    made.hears(answer("Yes."))
    assert texts(made.moves()) == [("USER", False, "Hello."), ("ASSISTANT", False, "Yes.")]


def test_what_was_being_answered_is_not_asked_again() -> None:
    made = client()
    made.says(*HELLO)
    made.hears(plans("Well, I"), speaks(), plans("do not know."))
    heard = made.moves()
    assert only(heard, ResponseDone) == [ResponseDone("resp_1", "interrupted")]
    assert texts(heard) == [("USER", False, "Hello."), ("ASSISTANT", False, "Well, I")]


def test_what_nobody_waits_for_is_not_asked_again() -> None:
    made = client()
    made.says(*HELLO, Cancel())
    assert texts(made.moves()) == [("USER", False, "Hello.")]
    made.says(*HELLO)
    made.settles()
    assert texts(made.moves()) == [("USER", False, "Hello.\nHello.")]


def test_what_waited_for_the_end_of_an_answer_is_asked_of_the_next_stream() -> None:
    made = client()
    made.hears(plans("Well."), speaks())
    made.says(*HELLO)
    assert texts(made.moves())[-1] == ("USER", True, "Hello.")


def test_what_was_not_understood_is_heard_again() -> None:
    made = client()
    made.says(AppendAudio(LOUD), AppendAudio(SILENT))
    made.hears(user("Hi."), answer("Hello."))
    made.says(AppendAudio(SILENT * 5), AppendAudio(LOUD))
    heard = made.moves()
    assert audio_of(heard) == SILENT * 3 + LOUD
    assert texts(heard) == [("USER", False, "Hi."), ("ASSISTANT", False, "Hello.")]
    assert made.rules.broken == []


def test_who_speaks_for_longer_than_can_be_heard_again_is_told_so() -> None:
    made = client()
    made.says(*[AppendAudio(LOUD)] * 120)
    assert str(error_of(made.moves())) == (
        "the service may not have heard the beginning of what was said and the session goes on: ask again"
    )


def test_what_was_answered_is_not_heard_again_though_its_words_have_not_come() -> None:
    made = client()
    made.says(AppendAudio(LOUD), AppendAudio(SILENT * 5))
    made.hears(plans("Hello."))
    assert audio_of(made.moves()) == b""


def test_what_the_user_goes_on_to_say_is_heard_again_where_only_the_rest_was_understood() -> None:
    made = client()
    made.says(AppendAudio(LOUD), AppendAudio(SILENT * 5), AppendAudio(LOUD * 2))
    made.hears(user("Hi."))
    made.says(AppendAudio(LOUD))
    assert audio_of(made.moves()) == LOUD * 3


def test_the_first_generation_is_not_asked_again() -> None:
    made = Client(generation=1).ready()
    made.hears(user("And you?"))
    heard = made.moves()
    error = error_of(heard)
    assert isinstance(error, ProviderError)
    assert error.code == "no_answer"
    assert texts(heard) == [("USER", False, "And you?")]
    assert made.wire.idle
    assert [each for each in kinds(made.moves()) if each == "error"] == []


def test_no_name_is_used_twice() -> None:
    made = client(history=SEED)
    made.says(*HELLO)
    made.hears(answer("Yes."), said("More."))
    names: list[str] = []
    for _ in range(3):
        heard = made.moves()
        names += [
            each["contentStart"]["contentName"]
            for each in heard
            if isinstance(each, dict) and "contentStart" in each
        ]
    named = [each for each in names if each != "audio"]
    assert len(named) == len(set(named))
    assert told(made.says(*HELLO)) == []
