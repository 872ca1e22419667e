"""The configuration of a session as one of its sides gets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from s2s.commands import UpdateSession
from s2s.config import Config, override
from s2s.engine import Engine
from s2s.items import JSON, Item
from s2s.pipeline.hybrid.policy import Side
from s2s.pipeline.hybrid.together import has_language
from s2s.tools import Tool

_DEFAULT: Final = Config()
_APART: Final = ("model", "voice", "extra", "hooks", "history")
"""What is the side's own, or is not for an engine."""


class Fitting:
    """Puts together what a side is opened with; `notes` says what it does not have of what was asked for.

    What the session was started with holds for both sides, its model for S2S alone, and all else is as the
    options of the side say. What changed during the session holds from then on.
    """

    def __init__(self, side: Side, engine: Engine, config: Config) -> None:
        self.notes: list[str] = []
        self._side = side
        self._engine = engine
        self._config = config

    def fitted(
        self, changed: UpdateSession, history: Sequence[Item], *, voice_is_ours: bool = False
    ) -> Config:
        """Return it; with `voice_is_ours` the voice was changed while this side had the conversation."""
        fields = self._given()
        own = override(self._engine.config, fields)
        for name in changed.__struct_fields__:
            value = getattr(changed, name)
            if value is not UNSET and name not in ("voice", "tools"):
                fields[name] = value
        if changed.tools is not UNSET:
            fields["tools"] = [
                Tool(name=e.name, description=e.description, parameters=e.parameters, policy=e.policy)
                for e in changed.tools
            ]
        fields["voice"] = self._voice(changed, ours=voice_is_ours)
        made = override(self._engine.config, {**fields, "history": tuple(history)})
        return self._possible(made, own)

    def _given(self) -> dict[str, JSON]:
        """Return what the session was started with and holds here."""
        shared = [n for n in Config.__struct_fields__ if n not in _APART]
        if self._side == "s2s":
            shared.append("model")
        return {n: v for n in shared if (v := getattr(self._config, n)) != getattr(_DEFAULT, n)}

    def _voice(self, changed: UpdateSession, *, ours: bool) -> str | None:
        """Return the voice that was asked for, if it is to be had, or else the side's own."""
        usual, started = self._engine.config.voice, self._config.voice
        if changed.voice is not UNSET and (ours or self._has_voice(changed.voice)):
            return changed.voice
        if changed.voice is not UNSET:
            self._note("voice", changed.voice)
        if started is None or self._side == "s2s" or self._has_voice(started):
            return started or usual
        if usual is None and changed.voice is UNSET:
            self._note("voice", started)
        return usual

    def _has_voice(self, voice: str) -> bool:
        voices = getattr(self._engine, "voices", ())
        return not voices or voice in voices

    def _possible(self, made: Config, own: Config) -> Config:
        """Return it with the side's own language and turn detection in place of what it does not have."""
        can = self._engine.capabilities
        if made.language is not None and not has_language(can, made.language):
            self._note("language", made.language)
            usual = own.language if own.language and has_language(can, own.language) else None
            made = replace(made, language=usual)
        if made.turns.mode not in can.turn_detection:
            self._note("turn detection", made.turns.mode)
            made = replace(made, turn_detection=own.turns)
        return made

    def _note(self, what: str, wanted: str) -> None:
        self.notes.append(f"{self._side} has no {what} {wanted!r}: it uses its own, until you choose another")
