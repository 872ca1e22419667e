"""The user's turns, of an engine that does not tell when the user speaks."""

import pytest
from msgspec.structs import replace
from tests.support.openai_server import Server, types

from s2s.events import Interrupted, ResponseStarted, SpeechStarted, SpeechStopped, Transcript

MANUAL = {"input": {"turn_detection": None}}
HEARD = {"input": {"transcription": {"model": "whisper-1"}}}
COMMITTED = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
WORDS = "conversation.item.input_audio_transcription"
USER_CUT = Interrupted("r1", "i1", 0.0, "user_speech", "server_confirmed")


def test_words_of_an_engine_that_tells_of_no_speech_make_an_item() -> None:
    server = Server()
    server.updates(audio=HEARD)
    told = server.tells(Transcript("Hello", "u1"), Transcript("Hello.", "u1", final=True))
    assert types(told) == [*COMMITTED, f"{WORDS}.delta", f"{WORDS}.delta", f"{WORDS}.completed"]
    assert types(server.tells(Transcript("", "u2", final=True))) == [f"{WORDS}.completed"]
    stopped = server.tells(SpeechStopped("u3", 200), Transcript("Bye.", "u3", final=True))
    assert types(stopped).count("conversation.item.added") == 1


def test_an_engine_that_stops_for_speech_that_it_does_not_tell_of_says_that_there_is_some() -> None:
    server = Server()
    server.updates(audio=HEARD)
    server.appends(300)
    began, *rest = server.tells(USER_CUT)
    assert isinstance(began, dict)
    assert (began["type"], began["audio_start_ms"], rest) == ("input_audio_buffer.speech_started", 300, [])
    assert server.tells(USER_CUT) == []
    said_ = server.tells(Transcript("Stop", "u1"), Transcript("Stop it.", "u1", final=True))
    assert types(said_) == [
        f"{WORDS}.delta",
        "input_audio_buffer.speech_stopped",
        *COMMITTED,
        f"{WORDS}.delta",
        f"{WORDS}.completed",
    ]
    assert {each["item_id"] for each in said_ if isinstance(each, dict) and "item_id" in each} == {
        began["item_id"]
    }


def test_such_speech_ends_where_it_is_answered() -> None:
    server = Server()
    server.tells(USER_CUT)
    told = types(server.tells(ResponseStarted("r2")))
    assert told == ["input_audio_buffer.speech_stopped", *COMMITTED, "response.created"]
    assert types(server.tells(ResponseStarted("r3"))) == ["response.created"]


def test_speech_that_is_told_of_after_all_is_told_once() -> None:
    server = Server()
    server.tells(USER_CUT)
    assert server.tells(SpeechStarted("u1", 100)) == []
    assert types(server.tells(SpeechStopped("u1", 900))) == ["input_audio_buffer.speech_stopped", *COMMITTED]
    assert types(server.tells(ResponseStarted("r2"))) == ["response.created"]


@pytest.mark.parametrize("before", [SpeechStarted("u1", 0.0), None])
def test_an_interruption_of_speech_that_is_known_or_that_nobody_looks_for_says_nothing(
    before: SpeechStarted | None,
) -> None:
    server = Server()
    if before is None:
        server.updates(audio=MANUAL)
    else:
        server.tells(before)
    assert server.tells(USER_CUT) == []
    assert Server().tells(replace(USER_CUT, cause="application")) == []
