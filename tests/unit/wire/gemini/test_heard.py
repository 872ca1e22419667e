from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.gemini_server import MANUAL, Made, Server, brief

from s2s.events import ResponseDone, ResponseStarted, SpeechStarted, SpeechStopped, Transcript
from s2s.items import JSON
from s2s.wire.gemini.profiles import HALF_CASCADE, LIVE_38, NATIVE_25, Profile

HEARD: JSON = {"inputAudioTranscription": {}}


def transcripts(*texts: str, item_id: str = "u1") -> list[Transcript]:
    """Return words that grow or change, the last of them final."""
    return [Transcript(each, item_id, final=number == len(texts)) for number, each in enumerate(texts, 1)]


def read(made: Made) -> list[str]:
    """Return the words of the user in these messages."""
    said = [each["serverContent"]["inputTranscription"] for each in made if isinstance(each, dict)]
    return [each.get("text", "") for each in said]


def test_speech_is_told_with_its_place_where_the_model_tells_it() -> None:
    assert Server(LIVE_38).tells(SpeechStarted("u1", 0.0), SpeechStopped("u1", 1234.5678)) == [
        {"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0s"}},
        {"voiceActivity": {"type": "ACTIVITY_END", "audioOffset": "1.235s"}},
    ]
    assert Server(NATIVE_25).tells(SpeechStarted("u1", 0.0), SpeechStopped("u1", 1.0)) == []


def test_speech_is_not_told_to_a_client_that_tells_it_itself() -> None:
    server = Server(LIVE_38, realtimeInputConfig=MANUAL)
    assert server.tells(SpeechStarted("u1", 0.0), SpeechStopped("u1", 1.0)) == []


@pytest.mark.parametrize(
    ("profile", "asked", "told"),
    [(NATIVE_25, {}, 0), (NATIVE_25, HEARD, 1), (LIVE_38, {}, 1), (HALF_CASCADE, {}, 0)],
)
def test_words_are_told_where_the_client_asks_or_the_model_cannot_help_it(
    profile: Profile, asked: JSON, told: int
) -> None:
    assert len(Server(profile, **asked).tells(*transcripts("Hello."))) == told


def test_some_models_tell_words_piece_by_piece_with_a_space_before_the_first() -> None:
    server = Server(NATIVE_25, **HEARD)
    assert read(server.tells(*transcripts("Hello", "Hello there", "Hello there."))) == [
        " Hello",
        " there",
        ".",
    ]
    assert read(server.tells(*transcripts("Again.", item_id="u2"))) == [" Again."]


def test_some_models_tell_all_words_at_once() -> None:
    assert read(Server(LIVE_38).tells(*transcripts("Hello", "Hallo there", "Hello there."))) == [
        "Hello there."
    ]


def test_words_that_are_not_complete_are_told_before_they_are_answered() -> None:
    server = Server(LIVE_38)
    first, second, last = transcripts("Hello", "Hello there", "Hello there, you.")
    assert server.tells(first, second) == []
    assert read(server.tells(ResponseStarted("r1"))) == ["Hello there"]
    assert read(server.tells(last)) == [", you."]
    server.tells(ResponseDone("r1"))
    assert server.tells(ResponseStarted("r2")) == []


def test_some_models_say_where_words_begin_and_end() -> None:
    server = Server(HALF_CASCADE, **HEARD)
    told = ["heard-begin", "heard", "heard", "heard-end"]
    assert brief(server.tells(*transcripts("Hello", "Hello there."))) == told
    assert brief(server.tells(*transcripts("", item_id="u2"))) == []
    assert brief(server.tells(*transcripts("Hi", "Hi", item_id="u3"))) == [
        "heard-begin",
        "heard",
        "heard-end",
    ]


def test_the_language_is_told_where_it_is_known() -> None:
    (told,) = Server(LIVE_38).tells(Transcript("Hallo.", "u1", final=True, language="de-DE"))
    assert told == {"serverContent": {"inputTranscription": {"text": "Hallo.", "languageCode": "de-DE"}}}


def test_what_was_told_cannot_be_taken_back_so_the_end_says_it_again_from_where_it_differs() -> None:
    server = Server(NATIVE_25, **HEARD)
    texts = transcripts("I want to by", "I want too", "I want to buy a car.")
    assert read(server.tells(*texts)) == [" I want to by", " buy a car."]
    assert read(server.tells(*transcripts("One two", "One", item_id="u2"))) == [" One two"]


@given(words=st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6))
def test_words_that_only_grow_are_told_once(words: list[str]) -> None:
    grown = ["".join(words[:number]) for number in range(1, len(words) + 1)]
    told = "".join(read(Server(NATIVE_25, **HEARD).tells(*transcripts(*grown))))
    assert told == f" {grown[-1].lstrip()}" or not words[0].strip()


def test_long_words_come_in_pieces() -> None:
    assert len(Server(LIVE_38).tells(Transcript("x" * 150_000, "u1", final=True))) == 2
