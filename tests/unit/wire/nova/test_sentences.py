from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.wire.nova.sentences import Pending, Sentence, heard

RATE = 24_000
MOST_MS = 20_000
PCM = bytes(4800)


def texts(*pieces: str) -> list[str]:
    pending = Pending(RATE, MOST_MS)
    made = [told for each in pieces for told in pending.add_text(each)] + list(pending.flush())
    return [each for each in made if isinstance(each, str)]


@pytest.mark.parametrize(
    ("pieces", "sentences"),
    [
        (["Good", " day.", " How", " are", " you?"], ["Good day.", "How are you?"]),
        (["One. Two! Three? Four"], ["One.", "Two!", "Three?", "Four"]),
        (["It costs $3.", "50 today."], ["It costs $3.50 today."]),
        (["See e.g.", "this one."], ["See e.g.this one."]),
        (["Wait...", " What?!", " Yes."], ["Wait...", "What?!", "Yes."]),
        (['She said "no." Then', " he left."], ['She said "no."', "Then he left."]),
        (["\u4f60\u597d\u3002\u518d\u89c1"], ["\u4f60\u597d\u3002", "\u518d\u89c1"]),
        (["No end"], ["No end"]),
        (["  \n "], []),
        ([""], []),
    ],
)
def test_words_are_told_sentence_by_sentence(pieces: list[str], sentences: list[str]) -> None:
    assert texts(*pieces) == sentences


def test_words_come_before_their_audio_and_audio_waits_for_them() -> None:
    pending = Pending(RATE, MOST_MS)
    assert list(pending.add_text("Good")) == []
    assert list(pending.add_audio(b"ab")) == []
    assert list(pending.add_text(" day.")) == ["Good day.", b"ab"]
    assert list(pending.add_audio(b"cd")) == [b"cd"]
    assert list(pending.add_text(" Well")) == []
    assert list(pending.add_audio(b"ef")) == []
    assert list(pending.flush()) == ["Well", b"ef"]
    assert list(pending.flush()) == []


def test_audio_without_words_waits_for_nothing() -> None:
    assert list(Pending(RATE, MOST_MS).add_audio(PCM)) == [PCM]


def test_nothing_waits_for_too_long() -> None:
    pending = Pending(RATE, MOST_MS)
    list(pending.add_text("No end "))
    told = [each for _ in range(201) for each in pending.add_audio(PCM)]
    assert told == ["No end", *[PCM] * 201]


def test_of_words_that_wait_for_too_long_the_last_may_be_half_of_one_and_waits_on() -> None:
    pending = Pending(RATE, 250)
    list(pending.add_text("Good mor"))
    told = [each for _ in range(4) for each in pending.add_audio(PCM)]
    assert told == ["Good", *[PCM] * 3]
    assert list(pending.add_text("ning.")) == ["morning.", PCM]


def test_a_word_alone_is_told_as_it_is() -> None:
    pending = Pending(RATE, 250)
    list(pending.add_text("Good"))
    assert [each for _ in range(3) for each in pending.add_audio(PCM)] == ["Good", *[PCM] * 3]


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    told = texts("word " * 200)
    assert " ".join(told) == ("word " * 200).strip()
    assert max(map(len, told)) <= 400
    assert "wo" not in {each[-2:] for each in told}


def test_even_a_word_is_cut_that_is_too_long() -> None:
    assert [len(each) for each in texts("x" * 1000)] == [400, 400, 200]


@pytest.mark.parametrize(
    "text", ["." * 300_000, ".)" * 150_000, "x" * 300_000, "!" + ")" * 300_000, "x " * 150_000]
)
def test_no_text_takes_long(text: str) -> None:
    assert "".join(texts(text)).replace(" ", "") == text.replace(" ", "")


@given(st.lists(st.text("ab .!?1\u3002)", max_size=8), max_size=12))
def test_no_word_is_lost_and_none_told_twice(pieces: list[str]) -> None:
    told = texts(*pieces)
    assert "".join("".join(told).split()) == "".join("".join(pieces).split())
    assert all(each == each.strip() != "" for each in told)


def test_what_is_dropped_is_not_told() -> None:
    pending = Pending(RATE, MOST_MS)
    list(pending.add_text("No"))
    list(pending.add_audio(PCM))
    pending.forget()
    assert list(pending.flush()) == []


FIRST = [Sentence("A.", "i1", 100.0), Sentence("B.", "i1", 300.0)]
SECOND = [Sentence("C.", "i2", 100.0)]


@pytest.mark.parametrize(
    ("item_id", "heard_ms", "texts"),
    [
        ("i1", 0.0, ""),
        ("i1", 60.0, "A"),
        ("i1", 200.0, "A"),
        ("i1", 300.0, "AB"),
        ("i2", 0.0, "AB"),
        ("i2", 100.0, "ABC"),
        ("", 0.0, ""),
        ("i3", 10.0, "ABC"),
    ],
)
def test_those_were_heard_whose_audio_was(item_id: str, heard_ms: float, texts: str) -> None:
    assert "".join(each.text[0] for each in heard([*FIRST, *SECOND], item_id, heard_ms)) == texts
