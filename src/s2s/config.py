"""How a session shall be: plain data, validated once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, cast

import msgspec

from s2s.capabilities import TurnMode
from s2s.errors import ConfigError
from s2s.formats import AudioFormat
from s2s.hooks import Hooks
from s2s.items import JSON, Item, whole
from s2s.tools import Tool, ToolFunction, as_tools

Modality: TypeAlias = Literal["audio", "text"]


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ConfigError(otherwise)


class TurnDetection(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who decides that the user's turn is over, and how; None leaves the engine's own default."""

    mode: TurnMode = "server"
    threshold: float | None = None
    """Speech probability, 0 to 1, above which a window counts as speech."""
    silence_ms: int | None = None
    """Silence that ends a turn."""
    prefix_ms: int | None = None
    """Audio kept from before the speech was noticed."""
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True

    def __post_init__(self) -> None:
        _require(
            self.mode in ("server", "semantic", "local", "manual"),
            f"turn detection mode {self.mode!r} is unknown: use server, semantic, local or manual",
        )
        _require(
            self.threshold is None or 0 < self.threshold < 1,
            "turn_detection.threshold must lie between 0 and 1",
        )
        for name in ("silence_ms", "prefix_ms"):
            value = getattr(self, name)
            _require(value is None or 0 <= value <= 10_000, f"turn_detection.{name} must be 0 to 10000 ms")


class Limits(msgspec.Struct, frozen=True):
    """Bounds of everything that could grow or wait for ever."""

    input_audio_s: float = 10.0
    """Audio waiting to be sent; beyond it `send_audio` waits."""
    output_audio_s: float = 300.0
    """Audio waiting to be read; beyond it audio is dropped and an Error event counts it."""
    waiting_events: int = 10_000
    """Events waiting to be read; beyond it the session ends."""
    connect_s: float = 15.0
    send_s: float = 10.0
    """How long `send_audio` may wait before it raises BacklogError."""
    close_s: float = 5.0
    hook_s: float = 5.0
    running_tools: int = 8
    """Tools at work at once; more calls wait for a place, their timeout running."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            _require(getattr(self, name) > 0, f"limits.{name} must be above 0")


class Reconnect(msgspec.Struct, frozen=True):
    """How to go on when a connection is lost, of an engine whose `capabilities.resumption` is not none."""

    attempts: int = 5
    """In a row; 0 gives up at once. A connection that holds for `stable_s` makes them new."""
    first_s: float = 0.5
    """Wait before the second attempt; each one after it waits twice as long."""
    most_s: float = 4.0
    stable_s: float = 30.0
    replay: bool = True
    """Tell the engine again what was said, where it does not remember; else that is lost."""

    def __post_init__(self) -> None:
        _require(self.attempts >= 0, "reconnect.attempts must be 0 or more")
        for name in ("first_s", "most_s", "stable_s"):
            _require(getattr(self, name) > 0, f"reconnect.{name} must be above 0")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one session is started with. Raises ConfigError with what to do."""

    voice: str | None = None
    model: str | None = None
    instructions: str = ""
    tools: Sequence[Tool | ToolFunction] = ()
    """Functions and Tools; held as Tools."""
    sample_rate: int = 24_000
    """Of the PCM16 mono that the application sends and receives, unless a format below says otherwise."""
    input_format: AudioFormat | None = None
    output_format: AudioFormat | None = None
    turn_detection: TurnDetection | TurnMode = TurnDetection()
    transcription: bool = True
    language: str | None = None
    output_modalities: tuple[Modality, ...] = ("audio", "text")
    temperature: float | None = None
    max_output_tokens: int | None = None
    history: tuple[Item, ...] = ()
    """Entries that the conversation begins with."""
    limits: Limits = Limits()
    reconnect: Reconnect = Reconnect()
    hooks: Hooks = Hooks()
    extra: Mapping[str, JSON] = {}
    """The engine's own settings, merged last: api_key, base_url, region, brain, script, ..."""

    def __post_init__(self) -> None:
        _set(self, "tools", as_tools(self.tools))
        _set(self, "instructions", whole(self.instructions))
        if isinstance(self.turn_detection, str):
            _set(self, "turn_detection", TurnDetection(mode=self.turn_detection))
        plain = AudioFormat(sample_rate=self.sample_rate)
        _set(self, "input_format", self.input_format or plain)
        _set(self, "output_format", self.output_format or plain)
        _set(self, "history", tuple(self.history))
        _set(self, "output_modalities", tuple(self.output_modalities))
        wrong = set(self.output_modalities) - {"audio", "text"}
        _require(not wrong and bool(self.output_modalities), "output_modalities must be audio, text or both")
        _require(
            self.temperature is None or 0 <= self.temperature <= 2, "temperature must lie between 0 and 2"
        )
        _require(
            self.max_output_tokens is None or self.max_output_tokens > 0, "max_output_tokens must be above 0"
        )

    @property
    def heard(self) -> AudioFormat:
        """The format in which the application sends audio."""
        return cast(AudioFormat, self.input_format)

    @property
    def spoken(self) -> AudioFormat:
        """The format in which the application gets audio."""
        return cast(AudioFormat, self.output_format)

    @property
    def turns(self) -> TurnDetection:
        """The turn detection, never in its short form."""
        return cast(TurnDetection, self.turn_detection)

    @property
    def toolset(self) -> tuple[Tool, ...]:
        """The tools, functions already turned into Tools."""
        return cast("tuple[Tool, ...]", self.tools)

    def __repr__(self) -> str:
        """Show what differs from the defaults; of `extra` only the keys, for it may hold secrets."""
        return f"Config({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        default = Config()
        shown = {n: v for n in self.__struct_fields__ if (v := getattr(self, n)) != getattr(default, n)}
        if self.extra:
            shown["extra"] = sorted(self.extra)
        return list(shown.items())


def override(config: Config, fields: Mapping[str, object]) -> Config:
    """Return the config with these fields replaced and `extra` merged.

    Raises ConfigError for a field that does not exist.
    """
    unknown = sorted(set(fields) - set(Config.__struct_fields__))
    _require(
        not unknown,
        f"Config has no field {', '.join(unknown)}: use {', '.join(sorted(Config.__struct_fields__))}, "
        "or extra={...} for an engine's own settings",
    )
    changes = dict(fields)
    if "extra" in changes:
        changes["extra"] = {**config.extra, **cast("Mapping[str, JSON]", changes["extra"])}
    if "sample_rate" in changes:
        plain = AudioFormat(sample_rate=config.sample_rate)
        derived = {name: None for name in ("input_format", "output_format") if getattr(config, name) == plain}
        changes = {**derived, **changes}
    return msgspec.structs.replace(config, **changes)


def _set(config: Config, name: str, value: object) -> None:
    msgspec.structs.force_setattr(config, name, value)
