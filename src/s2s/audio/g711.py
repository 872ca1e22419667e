"""G.711, the two codings of the telephone network: µ-law and A-law, bit-exact to ITU-T G.711.

Both are logarithmic: 8 segments of 16 steps, each segment's steps twice as wide as the last one's, so that
a table is a run of equal bytes per step. Here samples have 16 bits, in the standard 14 or 13.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

from s2s.audio.extra import numpy_is_loaded
from s2s.audio.pcm import require_frames

Law: TypeAlias = Literal["ulaw", "alaw"]

_HALF = 32768


class _Tables(NamedTuple):
    low: bytes
    """The low byte of the sample that each of the 256 codes stands for."""
    high: bytes
    codes: bytes
    """The code of each of the 65536 samples; negative ones count from the end, as Python's indices do."""


def decode_ulaw(codes: bytes) -> bytes:
    """Return the PCM16 of µ-law codes."""
    return _decode(codes, _tables("ulaw"))


def decode_alaw(codes: bytes) -> bytes:
    """Return the PCM16 of A-law codes."""
    return _decode(codes, _tables("alaw"))


def encode_ulaw(pcm: bytes) -> bytes:
    """Return the µ-law codes of PCM16. Raises AudioFormatError for half a sample."""
    return _encode(pcm, _tables("ulaw"))


def encode_alaw(pcm: bytes) -> bytes:
    """Return the A-law codes of PCM16. Raises AudioFormatError for half a sample."""
    return _encode(pcm, _tables("alaw"))


def _decode(codes: bytes, tables: _Tables) -> bytes:
    pcm = bytearray(2 * len(codes))
    pcm[0::2] = codes.translate(tables.low)
    pcm[1::2] = codes.translate(tables.high)
    return bytes(pcm)


def _encode(pcm: bytes, tables: _Tables) -> bytes:
    require_frames(pcm)
    if numpy_is_loaded():
        from s2s.audio import vector

        return vector.look_up(pcm, tables.codes)
    return bytes(map(tables.codes.__getitem__, array("h", pcm)))


@cache
def _tables(law: Law) -> _Tables:
    match law:
        case "ulaw":
            return _Tables(*_expansion(_ulaw_sample), _ulaw_codes())
        case "alaw":
            return _Tables(*_expansion(_alaw_sample), _alaw_codes())


def _expansion(sample: Callable[[int], int]) -> tuple[bytes, bytes]:
    values = [sample(code) & 0xFFFF for code in range(256)]
    return bytes(value & 0xFF for value in values), bytes(value >> 8 for value in values)


def _ulaw_sample(code: int) -> int:
    segment, step = divmod(~code & 0x7F, 16)
    magnitude = (((2 * step + 33) << segment) - 33) * 4
    return magnitude if code & 0x80 else -magnitude


def _alaw_sample(code: int) -> int:
    segment, step = divmod((code ^ 0x55) & 0x7F, 16)
    magnitude = (2 * step + 1) * 8 if segment == 0 else ((2 * step + 33) << segment) * 4
    return magnitude if code & 0x80 else -magnitude


def _ulaw_codes() -> bytes:
    # In 14 bits: the first step begins at 32, the bias is 33; what exceeds the last step is clipped to it.
    steps = b"".join(bytes([0xFF ^ step]) * (8 << step // 16) for step in range(128))
    positive = steps[4:].ljust(_HALF + 4, b"\x80")
    return positive[:_HALF] + _negative(positive[4:])


def _alaw_codes() -> bytes:
    positive = b"".join(bytes([0xD5 ^ step]) * (8 << max(1, step // 16)) for step in range(128))
    return positive + _negative(positive)


def _negative(positive: bytes) -> bytes:
    return bytes(code & 0x7F for code in reversed(positive))
