from __future__ import annotations

from s2s.items import Message
from s2s.pipeline.said import Said


def test_sound_of_an_item_goes_on_where_it_ended() -> None:
    said = Said()
    assert [said.audio("a", 100), said.audio("a", 50), said.audio("b", 30), said.audio("a", 1)] == [
        0,
        100,
        0,
        150,
    ]


def test_what_was_heard_is_told_in_words() -> None:
    said = Said()
    said.text("a", "One two")
    said.audio("a", 400)
    said.text("a", " three four.")
    said.audio("a", 600)
    assert said.heard("a", 400) == Message("assistant", "One two three four.", "a", "One two")
    assert said.heard("a", 1000) == Message("assistant", "One two three four.", "a", "One two three four.")
    assert said.heard("a", 0) == Message("assistant", "One two three four.", "a", "")


def test_of_an_item_without_words_or_without_a_trace_nothing_is_told() -> None:
    said = Said()
    said.audio("sound", 100)
    assert said.heard("sound", 50) is None
    assert said.heard("unknown", 50) is None


def test_old_items_are_forgotten() -> None:
    said = Said()
    for n in range(100):
        said.text(f"item {n}", "words")
        said.audio(f"item {n}", 100)
    assert said.heard("item 0", 50) is None
    assert said.heard("item 99", 100) == Message("assistant", "words", "item 99", "words")
