"""What can change while a local session is open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import UNSET, Struct

from s2s.commands import UpdateSession
from s2s.config import Config, Modality, TurnDetection
from s2s.items import Item
from s2s.providers.local.ear import Hearing, hearing_for
from s2s.providers.local.endpointing import Endpointing, endpointing_for
from s2s.providers.local.stages import Prompt
from s2s.tools import ToolSpec


class Settings(Struct):
    """What UpdateSession changes, by the names that it has there."""

    instructions: str
    voice: str | None
    tools: tuple[ToolSpec, ...]
    turn_detection: TurnDetection
    temperature: float | None
    max_output_tokens: int | None
    transcription: bool
    language: str | None
    output_modalities: tuple[Modality, ...]

    @property
    def form(self) -> Literal["spoken", "written"]:
        """Whether it speaks or writes."""
        return form_of(self.output_modalities)

    @property
    def endpointing(self) -> Endpointing:
        """How much silence ends a turn."""
        return endpointing_for(self.turn_detection)

    @property
    def hearing(self) -> Hearing:
        """What counts as speech."""
        return hearing_for(self.turn_detection)

    def prompt(self, history: Iterable[Item], instructions: str | None) -> Prompt:
        """Return what a brain is asked, by other instructions for once where there are some."""
        return Prompt(
            tuple(history),
            self.instructions if instructions is None else instructions,
            self.tools,
            self.temperature,
            self.max_output_tokens,
        )

    def update(self, changes: UpdateSession) -> None:
        """Take what is not UNSET."""
        for name in changes.__struct_fields__:
            value = getattr(changes, name)
            if value is not UNSET:
                setattr(self, name, value)


def form_of(modalities: Iterable[Modality]) -> Literal["spoken", "written"]:
    """Return what comes of these: text alone is written."""
    return "spoken" if "audio" in modalities else "written"


def settings_of(config: Config) -> Settings:
    """Return what a session begins with."""
    return Settings(
        config.instructions,
        config.voice,
        tuple(each.spec for each in config.toolset),
        config.turns,
        config.temperature,
        config.max_output_tokens,
        config.transcription,
        config.language,
        config.output_modalities,
    )
