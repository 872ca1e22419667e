"""Everything that our server can say, in one conversation that no engine would have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from s2s.capabilities import Capabilities
from s2s.commands import Command
from s2s.errors import ConnectionLostError, ProviderError, RateLimitError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    IdleTimeout,
    RateLimit,
    RateLimits,
    ResponseDone,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    Tokens,
    ToolCall,
    Transcript,
    Usage,
)
from s2s.items import JSON, Call
from s2s.wire import Send
from s2s.wire.openai.server import OpenAIServer

_ABLE = Capabilities(truncate=True, updates=True, out_of_band=True, images=True)
_LIMITS = (RateLimit("tokens", 15_000_000, 14_999_000, 0.1), RateLimit("requests", 100, 99, 1.0))
_SPENT = Usage(Tokens(20, text=10, audio=10, cached=5), Tokens(30, text=10, audio=20))
_SOUND = bytes(4800)


def everything() -> list[bytes]:
    """Return the messages of the conversation, in order."""
    server = OpenAIServer(input_rate=24_000, settings={"model": "witnessed"}, opened_at=1_700_000_000)
    made: list[Send | Command] = []
    for each in _conversation():
        made += server.receive(json.dumps(each).encode()) if isinstance(each, dict) else server.send(each)
    return [each.data for each in made if isinstance(each, Send)]


def _conversation() -> Iterator[Event | dict[str, JSON]]:
    yield SessionStarted("s", "witness", "witnessed", _ABLE)
    transcription = {"input": {"transcription": {"model": "any", "language": "en"}}}
    yield {"type": "session.update", "session": {"type": "realtime", "audio": transcription}}
    yield {"type": "session.update", "session": {"type": "realtime", "nonsense": 1}, "event_id": "e1"}
    yield from _spoken_turn()
    yield from _items()
    yield from _endings()
    yield {"type": "input_audio_buffer.clear"}
    yield IdleTimeout(6.0)
    yield RateLimits(_LIMITS)
    yield Error(ProviderError("something is wrong: try again"))
    yield from _complaints()
    yield Error(ConnectionLostError("the engine has gone: connect again"), fatal=True)


def _spoken_turn() -> Iterator[Event | dict[str, JSON]]:
    yield SpeechStarted("user-1", 300.0)
    yield Transcript("What", "user-1", "What")
    yield SpeechStopped("user-1", 1500.5)
    yield Transcript("What time is it?", "user-1", " time is it?", final=True, language="en")
    yield {"type": "conversation.item.retrieve", "item_id": "user-1"}
    yield ResponseStarted("response-1", metadata={"topic": "time"})
    yield from _says("response-1", "agent-1", "One moment.")
    yield from _says("response-1", "agent-2", "Here it is.")
    for name in ("get_time", "get_date"):
        yield ToolCall(Call(f"call_{name}", name, {}, "{}"), "response-1")
    yield ToolCall(Call("call_broken", "broken", {}, '{"cut'), "response-1")
    yield ResponseDone("response-1", usage=_SPENT)
    yield {"type": "conversation.item.truncate", "item_id": "agent-2", "content_index": 0, "audio_end_ms": 50}
    yield {"type": "conversation.item.retrieve", "item_id": "agent-2"}
    yield SpeechStarted("user-2", 9000.0)
    yield SpeechStopped("user-2", 9100.0)
    yield Transcript("", "user-2", final=True)
    yield {"type": "conversation.item.retrieve", "item_id": "user-2"}


def _says(response_id: str, item_id: str, text: str) -> Iterator[Event]:
    yield TextOutput(text, response_id, item_id)
    yield AudioOutput(_SOUND, 24_000, response_id, item_id)
    yield TextOutput("", response_id, item_id, final=True)


def _items() -> Iterator[dict[str, JSON]]:
    parts: Sequence[tuple[str, dict[str, JSON]]] = (
        ("user", {"type": "input_text", "text": "Hello."}),
        ("system", {"type": "input_text", "text": "Be kind."}),
        ("assistant", {"type": "output_text", "text": "Hello to you."}),
        ("user", {"type": "input_audio", "audio": "AAAA", "transcript": "Hello again."}),
    )
    items: list[dict[str, JSON]] = [
        {"type": "message", "role": role, "content": [part]} for role, part in parts
    ]
    items.append({"type": "function_call", "name": "get_time", "call_id": "call_1", "arguments": "{}"})
    items.append({"type": "function_call_output", "call_id": "call_1", "output": "noon"})
    for number, item in enumerate(items):
        item["id"] = f"item-{number}"
        yield {"type": "conversation.item.create", "item": item, "previous_item_id": "root"}
        yield {"type": "conversation.item.retrieve", "item_id": item["id"]}
    yield {"type": "conversation.item.delete", "item_id": "item-0"}


def _endings() -> Iterator[Event | dict[str, JSON]]:
    yield {"type": "response.create", "response": {"output_modalities": ["text"], "metadata": {"a": "b"}}}
    yield ResponseStarted("response-2", "application")
    yield TextOutput("It is ", "response-2", "agent-3", form="written")
    yield TextOutput("noon.", "response-2", "agent-3", final=True, form="written")
    yield ResponseDone("response-2", "incomplete", usage=_SPENT)
    yield ResponseStarted("response-3")
    yield from _says("response-3", "agent-4", "It is")
    yield SpeechStarted("user-3", 12_000.0)
    yield ResponseDone("response-3", "interrupted")
    yield SpeechStopped("user-3", 12_500.0)
    yield {"type": "response.create"}
    yield {"type": "response.cancel"}
    yield ResponseStarted("response-4", "application")
    yield ResponseDone("response-4", "interrupted")
    yield ResponseStarted("response-5")
    yield Error(RateLimitError("too much: wait", retry_after_s=1.0))
    yield ResponseDone("response-5", "failed")
    yield {"type": "response.create", "response": {"conversation": "none", "input": []}}
    yield ResponseStarted("response-6", "out_of_band")
    yield from _says("response-6", "agent-5", "Beside the conversation.")
    yield ResponseDone("response-6")


def _complaints() -> Iterator[dict[str, JSON]]:
    yield {"type": "nonsense", "event_id": "e2"}
    yield {"type": "input_audio_buffer.commit"}
    yield {"type": "input_audio_buffer.append", "audio": "?"}
    yield {"type": "conversation.item.delete", "item_id": "nowhere"}
    yield {"type": "response.cancel"}
    yield {"type": "output_audio_buffer.clear"}
