"""The user's side: items, their beginnings and ends, and their words."""

from s2s.events import SpeechStarted, SpeechStopped, Transcript
from s2s.items import Message
from s2s.wire.gemini.memory import Memory
from s2s.wire.gemini.speech import Speech


def heard(speech: Speech, text: str, language: str | None = None, *, finished: bool = False) -> list[object]:
    return [*speech.heard(text, language, finished=finished)]


def test_words_grow_within_their_item_and_begin_without_a_space() -> None:
    speech = Speech(Memory([]))
    assert heard(speech, " Hello") == [Transcript("Hello", "user_1", "Hello")]
    assert heard(speech, ", you", "en") == [Transcript("Hello, you", "user_1", ", you", language="en")]
    assert heard(speech, ".") == [Transcript("Hello, you.", "user_1", ".", language="en")]
    assert speech.over() == [Transcript("Hello, you.", "user_1", final=True, language="en")]
    assert speech.over() == []


def test_what_is_complete_is_remembered_once() -> None:
    memory = Memory([])
    speech = Speech(memory)
    heard(speech, "Hello.", finished=True)
    speech.over()
    assert memory.unkept == [Message("user", "Hello.")]


def test_words_after_a_turn_are_of_another_item() -> None:
    speech = Speech(Memory([]))
    heard(speech, "One.")
    speech.over()
    assert heard(speech, "Two.") == [Transcript("Two.", "user_2", "Two.")]


def test_speech_is_an_item_whose_words_may_come_late() -> None:
    speech = Speech(Memory([]))
    assert speech.began(100.0) == [SpeechStarted("user_1", 100.0)]
    assert speech.began(120.0) == []
    assert speech.stopped(500.0) == [SpeechStopped("user_1", 500.0)]
    assert speech.stopped(510.0) == []
    assert speech.over() == []
    assert heard(speech, "Late.") == [Transcript("Late.", "user_1", "Late.")]
    assert speech.over() == [Transcript("Late.", "user_1", final=True)]
    assert speech.began(900.0) == [SpeechStarted("user_2", 900.0)]


def test_who_speaks_on_has_not_said_all() -> None:
    speech = Speech(Memory([]))
    speech.began(0.0)
    heard(speech, "One,", finished=True)
    assert speech.over() == []
    assert heard(speech, " two.") == [Transcript("One, two.", "user_1", " two.")]
    speech.stopped(100.0)
    assert speech.over() == [Transcript("One, two.", "user_1", final=True)]


def test_the_next_item_ends_the_words_of_the_one_before() -> None:
    speech = Speech(Memory([]))
    heard(speech, "One.")
    assert speech.began(0.0) == [Transcript("One.", "user_1", final=True), SpeechStarted("user_2", 0.0)]


def test_a_guess_is_told_and_not_kept() -> None:
    speech = Speech(Memory([]))
    assert speech.guess("") == []
    assert speech.guess(" Hel") == [Transcript("Hel", "user_1")]
    heard(speech, "Hello")
    assert speech.guess(" wor") == [Transcript("Hello wor", "user_1")]
    assert heard(speech, " world") == [Transcript("Hello world", "user_1", " world")]


def test_the_end_of_everything_ends_the_words_too() -> None:
    speech = Speech(Memory([]))
    speech.began(0.0)
    heard(speech, "One,")
    assert speech.flush() == [Transcript("One,", "user_1", final=True)]
    assert speech.flush() == []
