"""The user's audio on its way in, at whatever rate a client declares."""

from __future__ import annotations

from s2s.audio.convert import InputConverter
from s2s.errors import RemoteProtocolError
from s2s.formats import AudioFormat

_USUAL_HZ = 16_000
_RATES_HZ = frozenset((*range(4_000, 192_001, 1_000), 11_025, 22_050, 44_100, 88_200, 176_400))
"""All others have so little in common with an engine's that a table of megabytes would be made for each."""


class Ear:
    """Turns audio into PCM16 at the rate that the engine hears; half a sample waits for the rest of it."""

    def __init__(self, input_rate: int) -> None:
        self._input_rate = input_rate
        self._rate = _USUAL_HZ
        self._converter = InputConverter(AudioFormat(sample_rate=_USUAL_HZ), input_rate)

    def hear(self, audio: bytes, rate: int) -> bytes:
        """Return what is complete with this."""
        if rate == self._rate:
            return self._converter.push(audio)
        rest = self._converter.flush()
        self._rate = rate
        self.forget()
        return rest + self._converter.push(audio)

    def forget(self) -> None:
        """Begin anew: what comes next does not follow on what came before."""
        self._converter = InputConverter(AudioFormat(sample_rate=self._rate), self._input_rate)


def rate_of(mime_type: str | None) -> int:
    """Return the sample rate of PCM16. Raises RemoteProtocolError for what is none."""
    kind, *parameters = (mime_type or "audio/pcm").lower().replace(" ", "").split(";")
    given = dict(each.partition("=")[::2] for each in parameters).get("rate", str(_USUAL_HZ))
    if kind != "audio/pcm" or not given.isascii() or not given.isdigit():
        raise RemoteProtocolError(f"Audio of type '{mime_type}' is not understood: use audio/pcm;rate=16000.")
    rate = int(given[:9])
    if rate not in _RATES_HZ:
        raise RemoteProtocolError(f"Audio at {rate} Hz is not understood: use audio/pcm;rate=16000.")
    return rate
