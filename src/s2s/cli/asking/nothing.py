"""What to say when an engine found no question in what it was given."""

from __future__ import annotations

from typing import Final

from s2s.cli.asking.loudness import Loudness
from s2s.errors import S2SError

_SILENT_DBFS: Final = -55.0


class NothingHeardError(S2SError):
    """The engine found no question in what it was given."""


def nothing_heard(name: str, loudness: Loudness, *, spoken: bool) -> NothingHeardError:
    """Explain why a question got no answer; `spoken` is whether the engine found speech at all."""
    return NothingHeardError(f"{name}: {_why(loudness, spoken=spoken)}")


def _why(loudness: Loudness, *, spoken: bool) -> str:
    level = f"the loudest moment has {loudness.loudest_dbfs:.0f} dBFS"
    if loudness.ms == 0:
        return "there is no sound in it; record it again"
    if spoken:
        return "somebody speaks, but no words were understood; speak more clearly, or closer"
    if loudness.loudest_dbfs < _SILENT_DBFS:
        return f"no speech was found, only silence ({level}); record it closer to the microphone"
    return f"no speech was found, only noise ({level}); record it where it is quieter"
