from fractions import Fraction

import pytest
from tests.support.webrtc import sine, tone_of

from s2s.audio import rms_dbfs
from s2s.transports.webrtc.backlog import FRAME_BYTES, INPUT_HZ
from s2s.transports.webrtc.opus import CLOCK_HZ, Decoder, Encoder

FRAME = CLOCK_HZ // 50 * 2


def payloads(tone_hz: int = 440) -> list[bytes]:
    """A second of a tone, 20 ms each."""
    pcm = sine(tone_hz, INPUT_HZ)
    encoder = Encoder()
    return [bytes(encoder.encode(pcm[at : at + FRAME_BYTES], 0)) for at in range(0, len(pcm), FRAME_BYTES)]


def test_a_tone_comes_out_as_it_went_in() -> None:
    decoder = Decoder()
    heard = b"".join(decoder.decode(payload) for payload in payloads())
    assert len(heard) == 2 * CLOCK_HZ
    frequency_hz, level_dbfs = tone_of(heard[5 * FRAME :], CLOCK_HZ)
    assert frequency_hz == pytest.approx(440, abs=2)
    assert level_dbfs == pytest.approx(-9.0, abs=1)


def test_a_packet_carries_its_place_on_the_clock_of_rtp() -> None:
    packet = Encoder().encode(bytes(FRAME_BYTES), 4800)
    assert packet.pts is not None
    assert packet.pts * Fraction(packet.time_base.numerator, packet.time_base.denominator) == Fraction(1, 10)


def test_a_missing_frame_continues_the_sound_and_many_fade_to_silence() -> None:
    decoder = Decoder()
    for payload in payloads():
        decoder.decode(payload)
    made_up = [decoder.conceal() for _ in range(25)]
    assert {len(each) for each in made_up} == {FRAME}
    assert rms_dbfs(made_up[0]) > -20
    assert rms_dbfs(made_up[-1]) < -35


def test_before_any_sound_there_is_nothing_to_continue() -> None:
    assert Decoder().conceal() == b""


def test_what_is_no_opus_has_no_sound_and_does_no_harm() -> None:
    decoder = Decoder()
    assert decoder.decode(b"\xff\xff\xff") == b""
    assert len(decoder.decode(payloads()[0])) == FRAME
