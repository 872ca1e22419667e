"""One response: what is told of it, and what is remembered."""

import pytest

from s2s.events import AudioOutput, TextOutput
from s2s.wire.nova.reply import End, Reply

HZ = 24_000
MS = 48


def planned(*sentences: str, ms: int = 100, end: End = End.OPEN) -> Reply:
    made = Reply(1, end=end)
    for each in sentences:
        made.say(made.plan(each, goes_on=False))
        made.audio(bytes(ms * MS), HZ)
    return made


def test_audio_stands_where_the_audio_before_it_ends() -> None:
    made = Reply(3)
    assert made.audio(bytes(20 * MS), HZ) == [AudioOutput(bytes(20 * MS), HZ, "resp_3", "item_3", 0.0)]
    assert made.audio(bytes(640), 16_000) == [AudioOutput(bytes(640), 16_000, "resp_3", "item_3", 20.0)]
    assert made.spoken_ms == 40.0


def test_half_a_sample_waits_for_its_other_half() -> None:
    made = Reply(1)
    assert made.audio(b"\1", HZ) == []
    (whole,) = made.audio(b"\2\3\4\5", HZ)
    assert isinstance(whole, AudioOutput)
    assert whole.audio == b"\1\2\3\4"


def test_sentences_are_kept_apart_and_pieces_of_one_are_not() -> None:
    made = Reply(1)
    told = [made.plan("One", goes_on=False), made.plan(" two.", goes_on=True)]
    for each in told:
        made.say(each)
    assert told == ["One", " two."]
    assert made.plan("Three.", goes_on=False) == " Three."
    assert made.plan(" Four.", goes_on=False) == " Four."
    assert [each.text for each in made.sentences] == ["One two.", "Three.", " Four."]


def test_an_item_is_closed_if_something_came_of_it() -> None:
    assert Reply(1).close_item() == []
    assert planned("Hi.").close_item() == [TextOutput("", "resp_1", "item_1", final=True)]
    silent = Reply(1)
    silent.audio(bytes(MS), HZ)
    assert silent.close_item() == [TextOutput("", "resp_1", "item_1", final=True)]


def test_where_nobody_wants_to_hear_it_its_words_are_written() -> None:
    made = Reply(1, written=True)
    assert made.audio(bytes(MS), HZ) == []
    assert made.spoken_ms == 1.0
    assert made.close_item() == []
    assert made.say("Hi.") == [TextOutput("Hi.", "resp_1", "item_1", form="written")]
    assert made.close_item() == [TextOutput("", "resp_1", "item_1", final=True, form="written")]


@pytest.mark.parametrize(
    ("end", "said", "remembered"),
    [
        (End.COMPLETED, [], "One. Two."),
        (End.COMPLETED, ["One.", "Two!"], "One. Two!"),
        (End.COMPLETED, ["One."], "One. Two."),
        (End.CUT, ["One."], "One."),
        (End.CUT, [], ""),
        (End.LOST, ["One."], "One. Two."),
    ],
    ids=str,
)
def test_what_is_remembered_is_what_was_said(end: End, said: list[str], remembered: str) -> None:
    made = planned("One.", "Two.", end=end)
    made.said, made.finals = said, len(said)
    assert made.message.text == remembered


def test_of_what_was_lost_nothing_is_remembered_that_was_not_spoken() -> None:
    made = planned("One.", end=End.LOST)
    made.plan("Two.", goes_on=False)
    assert made.message.text == "One."
    made.said = ["Said."]
    made.sentences.clear()
    assert made.message.text == "Said."


@pytest.mark.parametrize(
    ("heard_ms", "remembered"),
    [
        (0.0, ""),
        (50.0, "One little"),
        (99.0, "One little sentence"),
        (100.0, "One little sentence here."),
        (150.0, "One little sentence here. Another"),
        (200.0, "One little sentence here. Another follows it."),
        (900.0, "One little sentence here. Another follows it."),
    ],
)
def test_what_was_heard_is_remembered_up_to_the_end_of_a_word(heard_ms: float, remembered: str) -> None:
    made = planned("One little sentence here.", "Another follows it.", end=End.CUT)
    made.heard_ms = heard_ms
    assert made.message.text == remembered


def test_what_was_going_to_be_said_and_has_no_audio_was_not_heard() -> None:
    made = Reply(4, end=End.CUT)
    made.plan("One.", goes_on=False)
    made.heard_ms = 0.0
    assert made.message.text == ""
    made.audio(bytes(4800), 24_000)
    made.plan("Two.", goes_on=False)
    made.heard_ms = 100.0
    assert made.message.text == "One."


def test_what_was_heard_is_known_of_words_that_were_not_planned_too() -> None:
    made = Reply(1)
    made.said = ["One", "two three four."]
    made.audio(bytes(100 * MS), HZ)
    made.heard_ms = 50.0
    assert made.message.text == "One two"
