"""Which voices a client may ask an engine for: by habit it names one of its own provider."""

from __future__ import annotations

from s2s.engine import Engine
from s2s.wire.gemini import voices as gemini
from s2s.wire.openai import voices as openai

_SERVICES = (openai.known, gemini.known)


def voices_of(engine: Engine) -> tuple[str, ...]:
    """Return the voices that the engine names; none where it takes any."""
    voices: tuple[str, ...] = getattr(engine, "voices", ())
    return voices


def takes(engine: Engine, voice: str) -> bool:
    """Tell whether the engine may be asked for this voice.

    An engine with the voices of a service is asked for any but those of another, for it has more than are
    known here; one that names its own for no other.
    """
    own = voices_of(engine)
    if not own or voice in own:
        return True
    mine = [known for known in _SERVICES if known(own[0])]
    claimed = [known for known in _SERVICES if known(voice)]
    return bool(mine) and (not claimed or mine == claimed)
