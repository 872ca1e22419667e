"""PCM16 as bytes: whatever an application holds comes in, whole mono frames go on.

The machine is taken to be little-endian, as PCM16 is.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from s2s.audio.extra import numpy_is_loaded
from s2s.errors import AudioFormatError

ACCEPTED = (
    "give PCM16 as bytes, bytearray, memoryview, array('h') or a numpy array of int16 or uint8 (raw bytes), "
    "or floats from -1 to 1 as array('f'), array('d') or a numpy array of float32 or float64"
)

_RAW = frozenset({"B", "b", "c", "h", "<h"})
_FLOATS = {"f": "f", "<f": "f", "d": "d", "<d": "d"}


def as_bytes(chunk: object) -> bytes:
    """Return the PCM16 bytes of a chunk; `bytes` come back as they are, anything else as a copy.

    Floats have full scale 1.0 and are clipped; NaN becomes silence. The caller may reuse its buffer at once.
    Raises AudioFormatError for what holds no audio that is understood.
    """
    if type(chunk) is bytes:
        return chunk
    view = _view(chunk)
    if view.ndim == 0:
        raise AudioFormatError(f"a single number is no audio: {ACCEPTED}")
    if view.format in _RAW:
        return view.tobytes()
    if view.format in _FLOATS:
        return from_floats(view.tobytes(), _FLOATS[view.format])
    raise AudioFormatError(f"audio of item type {view.format!r} is not understood: {ACCEPTED}")


def from_floats(raw: bytes, code: str) -> bytes:
    """Turn native floats of this array code, full scale 1.0, into PCM16: clipped, NaN is silence."""
    if numpy_is_loaded():
        from s2s.audio import vector

        return vector.from_floats(raw, code)
    return to_pcm(round(min(max(x, -1.0), 1.0) * 32768) if x == x else 0 for x in array(code, raw))


def require_frames(pcm: bytes, channels: int = 1) -> None:
    """Raise AudioFormatError if the PCM16 ends within a frame."""
    if len(pcm) % (2 * channels):
        raise AudioFormatError(f"{len(pcm)} bytes of PCM16 end within a frame of {channels}: use Carry")


def to_pcm(numbers: Iterable[int]) -> bytes:
    """Return numbers as PCM16; +32768, one above the range, becomes 32767."""
    return array("h", (min(number, 32767) for number in numbers)).tobytes()


def downmix(pcm: bytes, channels: int) -> bytes:
    """Average interleaved channels to mono, halves rounded up.

    Raises AudioFormatError if the last frame is not complete; `Carry` keeps it for the next chunk.
    """
    require_frames(pcm, channels)
    if channels == 1:
        return pcm
    if numpy_is_loaded():
        from s2s.audio import vector

        return vector.downmix(pcm, channels)
    frames = array("h", pcm)
    sides = (frames[channel::channels] for channel in range(channels))
    return to_pcm((sum(frame) + channels // 2) // channels for frame in zip(*sides, strict=True))


def spread(pcm: bytes, channels: int) -> bytes:
    """Give every channel of an interleaved stream the same mono sound."""
    require_frames(pcm)
    mono = array("h", pcm)
    frames = array("h", bytes(len(pcm) * channels))
    for channel in range(channels):
        frames[channel::channels] = mono
    return frames.tobytes()


class Carry:
    """Keeps the bytes of an unfinished frame for the next chunk, so that no sample is lost or shifted."""

    def __init__(self, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._held = b""

    def push(self, chunk: bytes) -> bytes:
        """Return the whole frames of what was held and this chunk."""
        if self._held:
            chunk = self._held + chunk
        rest = len(chunk) % self._frame_bytes
        if not rest:
            self._held = b""
            return chunk
        self._held = chunk[-rest:]
        return chunk[:-rest]

    def flush(self) -> bytes:
        """Forget an unfinished frame, which is no sound; the next chunk begins a new stream."""
        self._held = b""
        return b""


def _view(chunk: object) -> memoryview:
    try:
        return memoryview(chunk)  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError) as wrong:
        raise AudioFormatError(f"{type(chunk).__name__} is no audio: {ACCEPTED}") from wrong
