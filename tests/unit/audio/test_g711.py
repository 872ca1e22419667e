import warnings
from array import array
from types import ModuleType
from typing import cast
from zlib import crc32

import pytest

from s2s.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from s2s.errors import AudioFormatError

EVERY_SAMPLE = array("h", range(-32768, 32768)).tobytes()
EVERY_CODE = bytes(range(256))


@pytest.fixture(scope="module")
def audioop() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return cast(ModuleType, pytest.importorskip("audioop", reason="left the standard library with 3.13"))


def test_every_value_equals_the_standard_library(audioop: ModuleType) -> None:
    assert encode_ulaw(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE, 2)
    assert encode_alaw(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE, 2)
    assert decode_ulaw(EVERY_CODE) == audioop.ulaw2lin(EVERY_CODE, 2)
    assert decode_alaw(EVERY_CODE) == audioop.alaw2lin(EVERY_CODE, 2)


def test_every_value_is_what_the_standard_library_gave_up_to_3_12() -> None:
    sums = [crc32(encode_ulaw(EVERY_SAMPLE)), crc32(encode_alaw(EVERY_SAMPLE))]
    sums += [crc32(decode_ulaw(EVERY_CODE)), crc32(decode_alaw(EVERY_CODE))]
    assert sums == [0x3B7C3A3E, 0x9133796E, 0x0C847A9F, 0x9D764657]


def test_silence_has_the_codes_of_the_standard() -> None:
    assert encode_ulaw(bytes(2)) == b"\xff"
    assert encode_alaw(bytes(2)) == b"\xd5"


def test_codes_survive_decoding() -> None:
    assert encode_alaw(decode_alaw(EVERY_CODE)) == EVERY_CODE
    # µ-law has two zeros, and 0x7F, the negative one, comes back as the other.
    assert encode_ulaw(decode_ulaw(EVERY_CODE)) == EVERY_CODE.replace(b"\x7f", b"\xff")


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="use Carry"):
        encode_ulaw(b"\x00")
