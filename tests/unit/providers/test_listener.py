import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.stages import RATE, LoudVAD, click, silence, speech

from s2s.commands import AppendAudio, CommitAudio
from s2s.config import TurnDetection
from s2s.providers.listener import Listener

MS = RATE * 2 // 1000
LOCAL = TurnDetection(mode="local")


class Heard:
    """A listener and what an engine is sent, turn by turn; the last turn is not over."""

    def __init__(self, turns: TurnDetection = LOCAL, rate: int = RATE) -> None:
        self.listener = Listener(LoudVAD(), rate, turns)
        self.turns = [b""]
        self.places: list[tuple[float, float]] = []
        """Where the speech of each turn that is over began and ended."""

    def hear(self, *audio: bytes, chunk_bytes: int = 20 * MS) -> "Heard":
        pcm = b"".join(audio)
        for at in range(0, len(pcm), chunk_bytes):
            self.take(self.listener.hear(pcm[at : at + chunk_bytes]))
        return self

    def take(self, asked: Iterable[AppendAudio | CommitAudio]) -> None:
        for each in asked:
            if isinstance(each, AppendAudio):
                assert each.audio
                self.turns[-1] += each.audio
            else:
                self.turns.append(b"")
                self.places.append((self.listener.began_ms, self.listener.ended_ms))


def test_of_silence_and_clicks_nothing_is_sent() -> None:
    heard = Heard().hear(silence(3_200), click(), silence(3_200), click(), silence(3_200))
    assert heard.turns == [b""]
    assert not heard.listener.speaking


def test_speech_is_sent_with_what_came_before_it() -> None:
    heard = Heard().hear(silence(3_200), speech("one two"))
    assert heard.turns == [silence(400) + speech("one two")]
    assert heard.listener.speaking


@pytest.mark.parametrize("prefix_ms", [0, 30, 400, 3_000])
def test_how_much_comes_before_it_can_be_chosen(prefix_ms: int) -> None:
    turns = TurnDetection(mode="local", prefix_ms=prefix_ms)
    heard = Heard(turns).hear(silence(3_200), speech("one"))
    assert heard.turns == [silence(prefix_ms) + speech("one")]


def test_speech_at_the_very_beginning_is_sent_from_there() -> None:
    assert Heard().hear(speech("one")).turns == [speech("one")]


def test_speech_is_sent_as_it_comes_once_it_is_noticed() -> None:
    listener = Listener(LoudVAD(), RATE, LOCAL)
    chunk = speech("one", 20)
    sent = [[*listener.hear(chunk)] for _ in range(6)]
    assert sent == [[], [], [], [AppendAudio(4 * chunk)], [AppendAudio(chunk)], [AppendAudio(chunk)]]


def test_a_pause_within_speech_is_sent_and_ends_nothing() -> None:
    audio = speech("one") + silence(480) + speech("two") + silence(300)
    assert Heard().hear(silence(3_200), audio).turns == [silence(400) + audio]


@pytest.mark.parametrize(
    ("turns", "ends_after_ms"),
    [
        (LOCAL, 512),
        (TurnDetection(mode="local", eagerness="high"), 512),
        (TurnDetection(mode="local", eagerness="medium"), 768),
        (TurnDetection(mode="local", eagerness="low"), 1_280),
        (TurnDetection(mode="local", eagerness="low", silence_ms=320), 320),
        (TurnDetection(mode="local", silence_ms=0), 32),
    ],
)
def test_so_much_silence_ends_a_turn(turns: TurnDetection, ends_after_ms: int) -> None:
    heard = Heard(turns).hear(silence(320), speech("one", 320), silence(5_000))
    assert heard.turns == [silence(320) + speech("one", 320) + silence(ends_after_ms), b""]
    assert heard.places == [(320, 640)]


def test_speech_that_comes_soon_after_a_turn_repeats_nothing_of_it() -> None:
    heard = Heard().hear(speech("one", 320), silence(512 + 96), speech("two"))
    assert heard.turns == [speech("one", 320) + silence(512), silence(96) + speech("two")]


def test_what_was_forgotten_is_not_sent() -> None:
    heard = Heard().hear(silence(3_200))
    heard.listener.forget()
    assert heard.hear(speech("one", 96)).turns == [speech("one", 96)]
    heard.listener.forget()
    assert (heard.listener.speaking, heard.listener.ended_ms) == (False, 3_296)
    assert heard.hear(silence(960)).turns == [speech("one", 96)]


def test_a_turn_can_be_ended_at_any_time_and_only_once() -> None:
    heard = Heard().hear(silence(320), speech("one", 320), silence(64))
    heard.take(heard.listener.end())
    heard.take(heard.listener.end())
    assert heard.turns == [silence(320) + speech("one", 320) + silence(64), b""]
    assert heard.places == [(320, 640)]


def test_settings_change_in_the_middle_of_speech() -> None:
    heard = Heard().hear(speech("one", 320), silence(320))
    heard.listener.tune(TurnDetection(mode="local", silence_ms=200, prefix_ms=0))
    assert heard.hear(silence(32)).turns == [speech("one", 320) + silence(352), b""]
    assert heard.hear(silence(960), speech("two")).turns[1] == speech("two")


def test_a_high_threshold_makes_speech_silence() -> None:
    class Unsure(LoudVAD):
        def push(self, pcm: bytes) -> list[float]:
            return [0.6 * each for each in super().push(pcm)]

        def open(self) -> "Unsure":
            return self

    def heard(turns: TurnDetection) -> bool:
        listener = Listener(Unsure(), RATE, turns)
        return bool([*listener.hear(speech("one"))])

    assert heard(LOCAL)
    assert not heard(TurnDetection(mode="local", threshold=0.7))


@pytest.mark.parametrize("second", [silence(1_000), speech("on and on and on")])
def test_what_is_remembered_does_not_grow(second: bytes) -> None:
    listener = Listener(LoudVAD(), RATE, LOCAL)
    tracemalloc.start()
    try:
        for _ in range(60):
            sent = [*listener.hear(second)]
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert listener.speaking is bool(sent)
    assert kept_bytes < 10 * len(second)


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
def test_at_any_rate_the_same_is_heard_and_audio_is_sent_as_it_came(rate: int) -> None:
    pytest.importorskip("numpy")
    from s2s.audio.resample import Resampler

    resampler = Resampler(RATE, rate)
    audio = silence(3_200) + speech("one two three", 320) + silence(2_000)
    source = resampler.push(audio) + resampler.flush()
    heard = Heard(rate=rate).hear(source, chunk_bytes=rate // 50 * 2)
    (turn, rest), (place,) = heard.turns, heard.places
    assert (place, rest) == ((3_200, 4_160), b"")
    assert abs(source.index(turn) / 2 / rate - 2.8) < 0.001
    assert len(turn) / 2 / rate == pytest.approx(0.4 + 0.96 + 0.512, abs=0.021)


parts = st.lists(
    st.tuples(st.booleans(), st.integers(0, 1_000)).map(
        lambda part: speech("word", part[1]) if part[0] else silence(part[1])
    ),
    max_size=10,
)


@given(parts, st.integers(40, 4_000), st.sampled_from([0, 100, 500]), st.sampled_from([0, 50, 400, 2_000]))
def test_however_audio_is_cut_the_same_turns_are_taken_out_of_it(
    audio: list[bytes], chunk_samples: int, silence_ms: int, prefix_ms: int
) -> None:
    turns = TurnDetection(mode="local", silence_ms=silence_ms, prefix_ms=prefix_ms)
    whole = b"".join(audio)
    heard = Heard(turns).hear(whole, chunk_bytes=2 * chunk_samples)
    at_once = Heard(turns).hear(whole, chunk_bytes=len(whole) or 1)
    assert (heard.turns, heard.places) == (at_once.turns, at_once.places)

    taken = 0
    hold_ms = max(32, -(-silence_ms // 32) * 32)
    for turn, (began_ms, ended_ms) in zip(heard.turns, heard.places, strict=False):
        begins = max(taken, int(began_ms - prefix_ms) * MS, 0)
        taken = int(ended_ms + hold_ms) * MS
        assert turn == whole[begins:taken]
    if heard.listener.speaking:
        begins = max(taken, int(heard.listener.began_ms - prefix_ms) * MS)
        assert heard.turns[-1] == whole[begins:]
    else:
        assert heard.turns[-1] == b""
