"""What a server sends as speech: bare samples, or a WAV file, whatever it was asked for."""

from __future__ import annotations

import re
from io import BytesIO
from sys import maxsize

from s2s.audio.convert import InputConverter
from s2s.audio.riff import PCM, Layout, read_layout
from s2s.errors import AudioFormatError, ConfigError
from s2s.formats import AudioFormat

_WAVES = (b"RIFF", b"RF64")
_OTHERS = {
    b"ID3": "an MP3 file",
    b"OggS": "an Ogg file",
    b"fLaC": "a FLAC file",
    b"\x1aE\xdf\xa3": "a WebM file",
    b'{"': "text",
    b"<!": "text",
    b"<h": "text",
}
_SHORTEST_HEAD, _LONGEST_HEAD = 4, 65_536
_PARAMETER = re.compile(r';\s*(rate|channels)\s*=\s*"?([0-9]{1,6})')


class Sound:
    """Turns one answer, in pieces of any size, into PCM16 mono at `sample_rate`.

    Bare samples are PCM16 LE mono at that rate, unless the `content_type` has parameters that say otherwise.
    A WAV file is taken at its own rate.
    """

    def __init__(self, sample_rate: int, content_type: str = "") -> None:
        said = {name: int(number) for name, number in _PARAMETER.findall(content_type.lower())}
        self._bare = _format(said.get("rate", sample_rate), said.get("channels", 1))
        self._sample_rate = sample_rate
        self._head = b""
        self._left_bytes = maxsize
        self._converter: InputConverter | None = None

    def push(self, piece: bytes) -> bytes:
        """Return the sound that is complete with this piece.

        Raises AudioFormatError for what is no PCM16, ConfigError if it has another rate and numpy is missing.
        """
        if self._converter is None:
            self._head += piece
            piece = self._opened()
        if self._converter is None:
            return b""
        sound = piece[: self._left_bytes]
        self._left_bytes -= len(sound)
        return self._converter.push(sound)

    def flush(self) -> bytes:
        """Return what was withheld."""
        return b"" if self._converter is None else self._converter.flush()

    def _opened(self) -> bytes:
        """Return the first of the sound, once it is known what this is; nothing before."""
        if len(self._head) < _SHORTEST_HEAD:
            return b""
        if self._head.startswith(_WAVES):
            return self._opened_wave()
        for magic, name in _OTHERS.items():
            if self._head.startswith(magic):
                raise _other(name)
        self._converter = InputConverter(self._bare, self._sample_rate)
        return self._head

    def _opened_wave(self) -> bytes:
        file = BytesIO(self._head)
        try:
            layout = read_layout(file)
        except AudioFormatError:
            if len(self._head) < _LONGEST_HEAD:
                return b""
            raise _other("a WAV file without sound") from None
        self._left_bytes = maxsize if layout.n_bytes is None else layout.n_bytes
        self._converter = InputConverter(_format_of(layout), self._sample_rate)
        return file.read()


def _format_of(layout: Layout) -> AudioFormat:
    if (layout.coding, layout.sample_bytes) != (PCM, 2):
        raise _other(f"a WAV file of coding {layout.coding} with {layout.sample_bytes} bytes per sample")
    return _format(layout.sample_rate, layout.channels)


def _format(sample_rate: int, channels: int) -> AudioFormat:
    try:
        return AudioFormat("pcm16", sample_rate, channels)
    except ConfigError as unusual:
        raise _other(f"unusual ({unusual})") from None


def _other(what: str) -> AudioFormatError:
    return AudioFormatError(f"the answer is {what}, not PCM16: have the server send `pcm` or `wav`")
