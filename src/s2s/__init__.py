"""One interface to every speech-to-speech engine.

import s2s

async with s2s.new("local").start() as session:
    await session.send_text("What time is it?")
    async for event in session:
        match event:
            case s2s.TextOutput(text=text): print(text, end="")
            case s2s.TurnEnd(): break
"""

from typing import TYPE_CHECKING

from s2s.capabilities import Capabilities
from s2s.config import Config, Limits, Reconnect, TurnDetection
from s2s.engine import S2S, Engine
from s2s.errors import (
    AudioFormatError,
    AuthError,
    BacklogError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    HookError,
    LocalProtocolError,
    MissingKeyError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    RemoteProtocolError,
    S2SError,
    SessionClosedError,
    ToolError,
    UnknownProviderError,
    UnsupportedError,
)
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    GoingAway,
    IdleTimeout,
    Interrupted,
    RateLimits,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionEnded,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    Timings,
    Tokens,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TurnEnd,
    Unrecognized,
    Usage,
    UsageUpdate,
)
from s2s.formats import AudioFormat
from s2s.hooks import Hooks, compose_hooks
from s2s.items import Call, Item, Message, ToolResult
from s2s.registry import list_providers, new, register
from s2s.session import Session
from s2s.tools import Tool, ToolSpec, tool

if TYPE_CHECKING:
    from s2s.pipeline.speaking import as_frame_processor

__version__ = "0.1.0"

__all__ = [
    "S2S",
    "AudioFormat",
    "AudioFormatError",
    "AudioOutput",
    "AuthError",
    "BacklogError",
    "Call",
    "Capabilities",
    "Config",
    "ConfigError",
    "ConnectError",
    "ConnectionLostError",
    "Engine",
    "Error",
    "Event",
    "GoingAway",
    "HookError",
    "Hooks",
    "IdleTimeout",
    "Interrupted",
    "Item",
    "Limits",
    "LocalProtocolError",
    "Message",
    "MissingKeyError",
    "ProtocolError",
    "ProviderError",
    "RateLimitError",
    "RateLimits",
    "Reconnect",
    "Reconnected",
    "Reconnecting",
    "RemoteProtocolError",
    "ResponseDone",
    "ResponseGenerated",
    "ResponseStarted",
    "S2SError",
    "Session",
    "SessionClosedError",
    "SessionEnded",
    "SessionStarted",
    "SpeechStarted",
    "SpeechStopped",
    "TextOutput",
    "Timings",
    "Tokens",
    "Tool",
    "ToolCall",
    "ToolCallCancelled",
    "ToolError",
    "ToolResult",
    "ToolSpec",
    "Transcript",
    "TurnDetection",
    "TurnEnd",
    "UnknownProviderError",
    "Unrecognized",
    "UnsupportedError",
    "Usage",
    "UsageUpdate",
    "as_frame_processor",
    "compose_hooks",
    "list_providers",
    "new",
    "register",
    "tool",
]


def __getattr__(name: str) -> object:
    # Who only talks to an engine need not load the pipelines.
    if name == "as_frame_processor":
        from s2s.pipeline.speaking import as_frame_processor

        return as_frame_processor
    raise AttributeError(f"module 's2s' has no attribute {name!r}")
