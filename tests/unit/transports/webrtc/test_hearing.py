from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.webrtc import sine, tone_of

from s2s.audio import rms_dbfs
from s2s.transports.webrtc.backlog import FRAME_BYTES, INPUT_HZ
from s2s.transports.webrtc.hearing import Hearing
from s2s.transports.webrtc.inbox import OUTPUT_HZ, Sound
from s2s.transports.webrtc.opus import Encoder

TICKS = 960


@cache
def payloads() -> list[bytes]:
    """Two seconds of a tone, 20 ms each."""
    pcm = sine(440, INPUT_HZ) * 2
    encoder = Encoder()
    return [bytes(encoder.encode(pcm[at : at + FRAME_BYTES], 0)) for at in range(0, len(pcm), FRAME_BYTES)]


def hear(hearing: Hearing, numbers: list[int], timestamp: int = 7, sequence: int = 3) -> list[Sound]:
    """Let it hear the packets with these numbers."""
    return [
        sound
        for n in numbers
        for sound in hearing.hear((sequence + n) % 2**16, (timestamp + n * TICKS) % 2**32, payloads()[n])
    ]


def duration_ms(sounds: list[Sound]) -> float:
    return sum(len(sound.pcm) for sound in sounds) / 48


def assert_without_gaps(sounds: list[Sound]) -> None:
    assert [after.position_ms - before.position_ms for before, after in pairwise(sounds)] == [20] * (
        len(sounds) - 1
    )


def test_a_tone_is_heard_at_its_pitch_and_level() -> None:
    sounds = hear(Hearing(), list(range(100)))
    frequency_hz, level_dbfs = tone_of(b"".join(sound.pcm for sound in sounds[10:]), OUTPUT_HZ)
    assert frequency_hz == pytest.approx(440, abs=2)
    assert level_dbfs == pytest.approx(-9.0, abs=1)
    assert_without_gaps(sounds)


def test_lost_packets_are_made_up_for_so_that_positions_stay_true() -> None:
    lost = {20, 40, 41, 60, 61, 62}
    sounds = hear(Hearing(), [n for n in range(100) if n not in lost])
    assert_without_gaps(sounds)
    assert {round(sound.position_ms / 20) for sound in sounds if sound.concealed} == lost
    assert duration_ms(sounds) == pytest.approx(2000, abs=1)
    assert rms_dbfs(sounds[20].pcm) > -20


def test_sound_goes_on_across_the_wrap_of_sequence_and_timestamp() -> None:
    numbers = [n for n in range(100) if n != 50]
    sounds = hear(Hearing(), numbers, timestamp=2**32 - 50 * TICKS, sequence=2**16 - 30)
    assert_without_gaps(sounds)
    assert [sound.position_ms for sound in sounds if sound.concealed] == [1000]


def test_silence_that_the_sender_left_out_is_filled() -> None:
    hearing = Hearing()
    sounds = [sound for n in range(5) for sound in hearing.hear(n, n * TICKS, payloads()[n])]
    sounds += hearing.hear(5, 5 * TICKS + 20 * TICKS, payloads()[5])
    assert_without_gaps(sounds)
    assert sum(sound.concealed for sound in sounds) == 20


def test_a_long_pause_is_not_filled_but_counted() -> None:
    hearing = Hearing()
    hear(hearing, list(range(5)))
    assert [sound.position_ms for sound in hearing.hear(8, 7 + 60 * 48_000, payloads()[5])] == [60_000]


def test_a_sender_whose_clock_begins_again_is_heard_on_at_the_same_position() -> None:
    hearing = Hearing()
    hear(hearing, list(range(5)), timestamp=900_000, sequence=9000)
    again = hear(hearing, list(range(5)), timestamp=12, sequence=100)
    assert [sound.position_ms for sound in again] == [100, 120, 140, 160, 180]


def test_a_broken_packet_counts_as_lost() -> None:
    hearing = Hearing()
    sounds = hear(hearing, list(range(5)))
    sounds += hearing.hear(8, 7 + 5 * TICKS, b"\xff\xff\xff")
    sounds += hearing.hear(9, 7 + 6 * TICKS, payloads()[6])
    assert_without_gaps(sounds)
    assert [sound.concealed for sound in sounds[5:]] == [True, False]


def test_a_packet_without_sound_is_passed_over() -> None:
    hearing = Hearing()
    assert list(hearing.hear(0, 0, b"")) == []
    assert len(list(hearing.hear(1, 0, payloads()[0]))) == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=20)), max_size=30
    )
)
def test_no_packet_whatever_it_holds_raises(packets: list[tuple[int, int, bytes]]) -> None:
    hearing = Hearing()
    for sequence, timestamp, payload in packets:
        for sound in hearing.hear(sequence, timestamp, payload):
            assert len(sound.pcm) <= 120 * 48 + 2
            assert sound.position_ms >= 0
