"""What an engine can do, known before connecting."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

TurnMode: TypeAlias = Literal["server", "semantic", "local", "manual"]


class Capabilities(Struct, frozen=True, omit_defaults=True):
    """The truth about one engine with one model; the session branches on these and on no name."""

    turns: bool = True
    """False for full-duplex engines that know no turns."""
    input_rates: tuple[int, ...] = (24_000,)
    """Sample rates that the engine hears; the session converts to the nearest one that is not lower."""
    output_rates: tuple[int, ...] = (24_000,)
    turn_detection: tuple[TurnMode, ...] = ("server", "manual")
    barge_in: bool = True
    """The engine stops by itself when the user speaks over it."""
    interrupt: Literal["server_confirmed", "requested", "local_only"] = "requested"
    """How far the engine follows `session.interrupt()`."""
    resets: bool = False
    """Where it cannot be stopped, `session.interrupt(mode="reset")` replaces it."""
    truncate: bool = False
    """The engine can be told what the user heard."""
    text_input: bool = True
    images: bool = False
    tools: bool = True
    transcripts: bool = True
    """The engine transcribes the user."""
    updates: bool = False
    """Instructions and tools can change during the session."""
    voice_locks: bool = False
    """The voice cannot change any more once it was heard."""
    out_of_band: bool = False
    """It can answer beside the conversation."""
    resumption: Literal["native", "replay", "none"] = "none"
    max_session_s: float | None = None
    languages: tuple[str, ...] = ()
    """BCP 47 tags, empty where the provider names none."""
