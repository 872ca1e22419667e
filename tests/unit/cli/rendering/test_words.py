import pytest

pytest.importorskip("PIL")

from s2s.cli.asking.playback import Span
from s2s.cli.asking.recording import Caption
from s2s.cli.rendering.words import Word, lay_out


def laid(*captions: Caption, px_per_s: float = 150, right: float = 10_000) -> list[Word]:
    return list(lay_out(captions, lambda ms: ms * px_per_s / 1000, right))


def test_with_room_each_word_stands_where_it_is_spoken() -> None:
    words = laid(Caption("user", "go forward ten", Span(1000, 2400)))
    assert [each.text for each in words] == ["go", "forward", "ten"]
    assert [each.x for each in words] == pytest.approx([150, 195, 315])
    assert {each.row for each in words} == {0}


def test_captions_that_follow_one_another_are_one_text() -> None:
    words = laid(Caption("agent", "You said:", Span(0, 900)), Caption("agent", " hello", Span(900, 1600)))
    assert [each.text for each in words] == ["You", "said:", "hello"]


def test_without_room_words_stand_in_two_rows_in_reading_order() -> None:
    words = laid(
        Caption("agent", "one two three four five six seven eight nine ten", Span(0, 3000)),
        Caption("agent", "later", Span(20_000, 20_400)),
        px_per_s=7,
    )
    first = [each for each in words if each.text != "later"]
    assert [each.row for each in first] == sorted(each.row for each in first)
    assert first[0].text == "one"
    assert first[-1].text == "\u2026"
    assert max(each.x for each in first) < 20 * 7


def test_a_typed_question_has_no_sound_to_stand_below() -> None:
    words = laid(Caption("user", "what is the time", Span(0)))
    assert [each.text for each in words] == ["what", "is", "the", "time"]
    assert len({each.x for each in words}) == 4


def test_what_was_cut_off_is_marked_as_not_heard() -> None:
    words = laid(Caption("agent", "one two three four", Span(0, 2000, cut_ms=700)), px_per_s=300)
    assert [each.heard for each in words] == [True, False, False, False]
    assert [each.row for each in words] == [0, 1, 1, 1]
