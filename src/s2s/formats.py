"""What a stream of audio bytes means: encoding, sample rate, channels."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import msgspec

from s2s.errors import ConfigError

EncodingName: TypeAlias = Literal["pcm16", "g711_ulaw", "g711_alaw"]


class Encoding(NamedTuple):
    """What an encoding allows."""

    sample_bytes: int
    rates: range
    channels: range


_TELEPHONE = Encoding(sample_bytes=1, rates=range(8_000, 8_001), channels=range(1, 2))

ENCODINGS: dict[str, Encoding] = {
    "pcm16": Encoding(sample_bytes=2, rates=range(4_000, 192_001), channels=range(1, 9)),
    "g711_ulaw": _TELEPHONE,
    "g711_alaw": _TELEPHONE,
}


class AudioFormat(msgspec.Struct, frozen=True):
    """The format of a stream: `pcm16` is signed 16 bit little endian, channels interleaved.

    Raises ConfigError for a combination that does not exist, such as G.711 at 16000 Hz.
    """

    encoding: EncodingName = "pcm16"
    sample_rate: int = 24_000
    channels: int = 1

    def __post_init__(self) -> None:
        allowed = ENCODINGS.get(self.encoding)
        if allowed is None:
            raise ConfigError(f"audio encoding {self.encoding!r} is unknown: use {', '.join(ENCODINGS)}")
        _require(f"sample_rate of {self.encoding}", self.sample_rate, allowed.rates)
        _require(f"channels of {self.encoding}", self.channels, allowed.channels)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel: the unit that must not be split."""
        return ENCODINGS[self.encoding].sample_bytes * self.channels

    @property
    def bytes_per_ms(self) -> float:
        """Bytes of one millisecond; not whole at rates such as 44100 Hz."""
        return self.sample_rate * self.frame_bytes / 1000

    def duration_ms(self, n_bytes: int) -> float:
        """Return how long so many bytes sound, in ms."""
        return n_bytes / self.bytes_per_ms

    def bytes_in(self, duration_ms: float) -> int:
        """Return the bytes of a duration, whole frames only."""
        return int(duration_ms * self.sample_rate / 1000) * self.frame_bytes


def _require(name: str, value: object, allowed: range) -> None:
    if isinstance(value, int) and value in allowed:
        return
    choice = str(allowed[0]) if len(allowed) == 1 else f"a whole number from {allowed[0]} to {allowed[-1]}"
    raise ConfigError(f"{name} cannot be {value!r}: use {choice}")
