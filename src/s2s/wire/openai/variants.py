"""Who speaks this protocol in which way: a table, for the differences are data.

Source: the vendors' documentation and the clients that talk to them, as of 2026-11.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from s2s.items import JSON


class Variant(Struct, frozen=True):
    """How a service differs from OpenAI."""

    name: str
    acknowledges: bool = True
    """It answers `session.update` with `session.updated`."""
    echoes_metadata: bool = True
    """The metadata of `response.create` comes back, so that its response can be told from others."""
    hoists: tuple[tuple[str, ...], ...] = ()
    """Settings that stand at the top of its session object."""
    names_modalities: bool = False
    """What a response is made of is called `modalities`, as in the beta."""
    ignores: frozenset[str] = frozenset()
    """Messages that repeat what others say."""
    sets_temperature: bool = False
    transcribes_with: str | None = "gpt-live-transcribe"
    """The model that transcribes the user where the application names none; None: its own."""
    modes: tuple[Literal["server", "semantic", "manual"], ...] = ("server", "semantic", "manual")
    max_session_s: float | None = 3600.0

    def shaped(self, session: dict[str, JSON]) -> dict[str, JSON]:
        """Return a session object as this service wants it; the argument is spent."""
        for path in self.hoists:
            place: JSON = session
            for key in path[:-1]:
                place = place.get(key, {})
            if path[-1] in place:
                session[path[-1]] = place.pop(path[-1])
        return session


OPENAI = Variant("openai")
AZURE = Variant("azure")
XAI = Variant(
    "xai",
    echoes_metadata=False,
    names_modalities=True,
    hoists=(("audio", "output", "voice"), ("audio", "input", "turn_detection")),
    ignores=frozenset({"response.text.delta", "response.text.done", "ping"}),
    transcribes_with=None,
    modes=("server", "manual"),
    max_session_s=7200.0,
)
COMPATIBLE = Variant(
    "compatible",
    acknowledges=False,
    echoes_metadata=False,
    ignores=frozenset({"ping"}),
    sets_temperature=True,
    transcribes_with=None,
    max_session_s=None,
)

VARIANTS = {each.name: each for each in (OPENAI, AZURE, XAI, COMPATIBLE)}
