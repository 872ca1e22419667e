from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.stages import RATE, WINDOW_MS, LoudVAD, click, silence, speech, words_in

from s2s.config import TurnDetection
from s2s.providers.local.ear import Ear, Hearing, Sound, Utterance, hearing_for

MS = RATE * 2 // 1000


class Listener:
    """An ear with what it noticed, and where."""

    def __init__(self, hearing: Hearing | None = None) -> None:
        self.ear = Ear(LoudVAD().open(), RATE, WINDOW_MS, hearing or Hearing())
        self.noticed: list[tuple[Sound, float]] = []
        self._ids = count(1)

    def hear(self, *audio: bytes, chunk_bytes: int = 20 * MS) -> Utterance | None:
        pcm = b"".join(audio)
        for at in range(0, len(pcm), chunk_bytes):
            for sound in self.ear.push(pcm[at : at + chunk_bytes], lambda: f"item_{next(self._ids)}"):
                self.noticed.append((sound, self.ear.position_ms))
        return self.ear.utterance

    def when(self, sound: Sound) -> list[float]:
        return [position for each, position in self.noticed if each is sound]


def heard(*audio: bytes) -> Utterance:
    utterance = Listener().hear(*audio)
    assert utterance is not None
    return utterance


def test_speech_begins_where_its_first_loud_window_began() -> None:
    utterance = heard(silence(320), speech("one two"))
    assert utterance.began_ms == 320.0


def test_speech_is_noticed_with_its_second_loud_window() -> None:
    listener = Listener()
    listener.hear(silence(320), speech("one two"))
    assert listener.when(Sound.ONSET) == [384.0]


def test_a_click_is_not_speech() -> None:
    listener = Listener()
    assert listener.hear(silence(320), click(), silence(320), click(), silence(320)) is None
    assert listener.noticed == []


def test_silence_is_nothing_to_notice() -> None:
    listener = Listener()
    assert listener.hear(silence(60_000)) is None
    assert listener.ear.position_ms == 60_000.0
    assert listener.noticed == []


def test_the_audio_begins_so_long_before_the_speech_as_asked() -> None:
    utterance = heard(silence(3200), speech("one"))
    assert utterance.audio[: 384 * MS] == silence(384)
    assert utterance.audio[384 * MS :].startswith(speech("one", word_ms=64))


@pytest.mark.parametrize("prefix_ms", [0, 64, 384, 1600])
def test_how_much_is_kept_from_before_can_be_chosen(prefix_ms: int) -> None:
    listener = Listener(hearing_for(TurnDetection(prefix_ms=prefix_ms)))
    utterance = listener.hear(silence(3200), speech("one", word_ms=64))
    assert utterance is not None
    assert len(utterance.audio) == (prefix_ms + 64) * MS


def test_a_soft_beginning_is_not_lost() -> None:
    # The window in which the word begins is mostly silent: the detector misses it, the pre-roll does not.
    utterance = heard(silence(317), speech("soft"), silence(20))
    assert utterance.began_ms == 320.0
    assert words_in(bytes(utterance.audio)) == "soft"


def test_a_pause_is_measured_from_the_last_speech() -> None:
    listener = Listener()
    utterance = listener.hear(silence(320), speech("one two three four"), silence(160))
    assert utterance is not None
    assert utterance.ended_ms == 1120.0
    assert listener.ear.silence_ms == 160.0
    assert listener.when(Sound.PAUSE) == [1152.0, 1184.0, 1216.0, 1248.0, 1280.0]


def test_speech_after_a_pause_goes_on_at_once() -> None:
    listener = Listener()
    utterance = listener.hear(silence(320), speech("one two three four"), silence(160), speech("five"))
    assert listener.when(Sound.SPEECH)[-1] > 1280.0
    assert listener.ear.silence_ms == 0.0
    assert utterance is not None
    assert utterance.voiced_ms == pytest.approx(960, abs=WINDOW_MS)


def test_without_an_utterance_there_is_no_silence_to_measure() -> None:
    assert Listener().ear.silence_ms == 0.0


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=40))
def test_how_the_audio_is_cut_changes_nothing(cuts: list[int]) -> None:
    pcm = silence(100) + speech("one two") + silence(100) + speech("three") + silence(100)
    whole, pieces = Listener(), Listener()
    whole.hear(pcm, chunk_bytes=len(pcm))
    places = [0, *sorted({each * 7 % len(pcm) for each in cuts}), len(pcm)]
    for begin, end in pairwise(places):
        pieces.hear(pcm[begin:end], chunk_bytes=max(1, end - begin))
    assert pieces.noticed == whole.noticed
    assert pieces.ear.utterance == whole.ear.utterance


def test_positions_stay_exact_for_ten_minutes() -> None:
    listener = Listener()
    for _ in range(60):
        listener.hear(silence(9_600), speech("one two"), silence(16), chunk_bytes=997)
        listener.ear.close()
    assert listener.when(Sound.ONSET) == [9_664.0 + 10_016.0 * n for n in range(60)]


def test_of_a_silence_without_end_only_its_beginning_and_its_end_are_kept() -> None:
    listener = Listener()
    utterance = listener.hear(silence(320), speech("one"), silence(60_000), speech("soft", word_ms=20))
    assert utterance is not None
    assert len(utterance.audio) < 6_000 * MS
    assert listener.ear.silence_ms > 59_000
    assert listener.hear(silence(12), speech("two")) is utterance
    assert words_in(bytes(utterance.audio)) == "one two"


def test_closing_gives_the_utterance_and_begins_anew() -> None:
    listener = Listener()
    first = listener.hear(silence(320), speech("one"))
    assert listener.ear.close() is first
    assert listener.ear.close() is None
    second = listener.hear(silence(320), speech("two"))
    assert second is not None
    assert (second.item_id, words_in(bytes(second.audio))) == ("item_2", "two")


def test_clearing_forgets_what_was_kept_from_before_the_speech() -> None:
    listener = Listener()
    listener.hear(silence(320), speech("one", word_ms=32))
    listener.ear.clear()
    utterance = listener.hear(silence(64), speech("two"))
    assert utterance is not None
    assert bytes(utterance.audio)[: 64 * MS] == silence(64)


def test_reopening_joins_both_stretches_under_the_first_item() -> None:
    listener = Listener()
    listener.hear(silence(320), speech("one"), silence(160))
    first = listener.ear.close()
    second = listener.hear(silence(160), speech("two"))
    assert first is not None
    listener.ear.reopen(first)
    assert listener.ear.utterance is second
    assert second is not None
    assert (second.item_id, second.began_ms) == ("item_1", 320.0)
    assert words_in(bytes(second.audio)) == "one two"
    assert second.voiced_ms == pytest.approx(400, abs=WINDOW_MS)


def test_reopening_keeps_all_audio_in_between_within_the_pre_roll() -> None:
    listener = Listener()
    pcm = silence(640) + speech("one") + silence(160) + silence(96) + speech("two")
    listener.hear(pcm[: (640 + 200 + 160) * MS])
    first = listener.ear.close()
    listener.hear(pcm[(640 + 200 + 160) * MS :])
    assert first is not None
    listener.ear.reopen(first)
    assert listener.ear.utterance is not None
    audio = bytes(listener.ear.utterance.audio)
    assert pcm.find(audio) == (640 - 384) * MS


def test_of_the_silence_at_the_end_only_a_tail_is_transcribed() -> None:
    utterance = heard(silence(640), speech("one two three four"), silence(640))
    pcm = utterance.unsettled(96 * MS)
    assert len(pcm) == (384 + 800 + 96) * MS
    assert words_in(pcm) == "one two three four"


def test_settled_speech_is_not_transcribed_again_and_nothing_after_it_is_lost() -> None:
    listener = Listener()
    utterance = listener.hear(silence(640), speech("one two three four"), silence(160))
    assert utterance is not None
    covered = utterance.covered(96 * MS)
    listener.hear(speech("five six"))
    utterance.settle("one two three four", covered)
    assert words_in(utterance.unsettled(96 * MS)) == "five six"
    assert utterance.unsettled(0)[: 64 * MS] == silence(64)
    assert utterance.believed("five six") == "one two three four five six"


@pytest.mark.parametrize("phantom", ["You", "Thank you.", "Oh!", "Hmm..."])
def test_what_transcribers_make_of_noise_is_not_believed_without_a_quarter_second_of_speech(
    phantom: str,
) -> None:
    brief = heard(silence(320), speech("noise"), silence(64))
    assert brief.believed(phantom) == ""
    long = heard(silence(320), speech("thank you"), silence(64))
    assert long.believed(phantom) == phantom


def test_short_answers_are_believed() -> None:
    assert heard(silence(320), speech("no", word_ms=160), silence(64)).believed("No.") == "No."


def test_nothing_is_believed_of_less_than_three_windows() -> None:
    assert heard(silence(320), speech("thud", word_ms=64), silence(64)).believed("Stop it now") == ""


def test_a_threshold_moves_both_the_onset_and_the_release() -> None:
    hearing = hearing_for(TurnDetection(threshold=0.8))
    assert hearing.onset == 0.8
    assert 0 < hearing.release < hearing.onset


def test_without_a_threshold_the_detector_decides_as_it_was_measured() -> None:
    assert hearing_for(TurnDetection()) == Hearing()
