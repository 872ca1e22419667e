from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.pipeline import ControlFrame
from s2s.pipeline.transports.playing import AtOnce, Reports, Timeline
from s2s.pipeline.transports.voice import Piece

RATE = 1_000
"""One sample is one ms."""


def tone(level: int, ms: int) -> bytes:
    return bytes([level, 0]) * ms


def levels(pcm: bytes) -> list[int]:
    return list(memoryview(pcm).cast("h"))


class Heard:
    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []
        self.line = Timeline(RATE, 100.0, lambda item_id, ms: self.told.append((item_id, ms)))

    def until(self, ms: float) -> list[int]:
        return levels(self.line.heard(100 + ms / 1000))

    def play(self, at_ms: float, item_id: str, level: int, ms: int) -> None:
        self.line.play(Piece(item_id, tone(level, ms)), 100 + at_ms / 1000)


def test_audio_sounds_when_it_has_come_and_the_audio_before_is_over() -> None:
    heard = Heard()
    heard.play(5, "a", 1, 10)
    heard.play(6, "a", 2, 10)
    heard.play(40, "b", 3, 5)
    assert heard.until(60) == [0] * 5 + [1] * 10 + [2] * 10 + [0] * 15 + [3] * 5 + [0] * 15
    assert heard.told == [("a", 10.0), ("a", 20.0), ("b", 5.0)]


def test_what_has_not_sounded_is_forgotten_and_what_comes_then_sounds_at_once() -> None:
    heard = Heard()
    heard.play(0, "a", 1, 10)
    heard.play(0, "a", 2, 10)
    assert heard.line.left_ms(100.004) == pytest.approx(16)
    assert heard.until(4) == [1] * 4
    heard.line.stop(100.004)
    assert heard.line.left_ms(100.004) == 0
    heard.play(6, "b", 3, 2)
    assert heard.until(10) == [0, 0, 3, 3, 0, 0]
    assert heard.told == [("a", 4.0), ("b", 2.0)]


pieces = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9), st.integers(1, 40)), max_size=8)
looks = st.lists(st.integers(0, 500), max_size=20)


@given(pieces, looks)
def test_it_does_not_matter_how_often_one_listens(given_: list[tuple[int, int, int]], at: list[int]) -> None:
    def sound(at: list[int]) -> tuple[list[int], float]:
        heard, now, out = Heard(), 0, list[int]()
        for wait, level, ms in given_:
            for each in sorted(each for each in at if now <= each < now + wait):
                out += heard.until(each)
            now += wait
            heard.play(now, "a", level, ms)
        for each in sorted(each for each in at if each > now):
            out += heard.until(each)
        return out + heard.until(1000), max((ms for _, ms in heard.told), default=0.0)

    whole, ms = sound([])
    assert sound(at) == (whole, ms)
    assert sound(at)[0] == whole
    assert len(whole) == 1000
    assert [each for each in whole if each] == [lv for _, lv, n in given_ for _ in range(n)]
    assert ms == sum(n for _, _, n in given_)


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    heard = Heard()
    heard.play(0, "a", 1, 10)
    assert heard.until(5) == [1] * 5
    assert heard.until(5) == heard.until(3) == []
    assert heard.until(8) == [1] * 3


def test_at_once_means_that_all_was_heard() -> None:
    playing = AtOnce()
    playing.play(Piece("a", b"\1\0"), 0)
    playing.play(Piece("b", b"\2\0"), 0)
    playing.stop(0)
    assert playing.left_ms(0) == 0
    assert playing.heard(0) == b"\1\0\2\0"
    assert playing.heard(9) == b""


def told(item_id: str, ms: float) -> ControlFrame:
    return ControlFrame("played", item_id=item_id, position_ms=ms)


def test_reports_are_not_too_many_and_the_last_word_on_each_item_is_among_them() -> None:
    reports = Reports()
    assert reports.due(0) == []
    got: list[ControlFrame] = []
    for n in range(1, 51):
        reports.played("a" if n <= 25 else "b", n * 20.0 if n <= 25 else (n - 25) * 20.0)
        got += reports.due(n * 0.02)
    got += reports.due(2)
    assert got[0] == told("a", 20)
    assert 10 <= len(got) <= 12
    assert told("a", 500) in got
    assert got[-1] == told("b", 500)
    assert reports.due(3) == []


def test_an_interruption_is_told_at_once_and_the_rest_in_the_end() -> None:
    reports = Reports()
    reports.played("a", 20)
    assert reports.due(1.0) == [told("a", 20)]
    reports.played("a", 40)
    assert reports.due(1.02) == []
    reports.hurry()
    assert reports.due(1.04) == [told("a", 40)]
    reports.played("a", 60)
    assert reports.rest() == [told("a", 60)]
    assert reports.rest() == reports.due(9) == []


def test_items_that_nobody_knows_are_not_told_of() -> None:
    reports = Reports()
    reports.played("", 20)
    assert reports.due(1) == []
