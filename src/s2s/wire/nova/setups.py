"""What comes before a conversation begins: settings, instructions, history."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from s2s.errors import ConfigError
from s2s.items import Message
from s2s.tools import Tool, as_tools
from s2s.wire import Close
from s2s.wire.nova import messages as m
from s2s.wire.nova.contents import Contents, Opened, Text
from s2s.wire.nova.judging import INVALID, LONG_HISTORY, Refused, require, schemas_of
from s2s.wire.nova.wording import limits_of

USUAL_OUTPUT_HZ = 24_000


class Setup(Struct, frozen=True, kw_only=True):
    """What a client wants of a conversation, which begins here."""

    generation: int
    inference: m.InferenceConfiguration
    sensitivity: str | None
    """HIGH, MEDIUM or LOW."""
    prompt_name: str
    voice: str | None
    output_rate_hz: int
    tools: tuple[Tool, ...]
    instructions: str
    history: tuple[Message, ...]
    request_id: str
    contents: Contents
    """What was said so far, and how it goes on."""


class Setting:
    """Collects a setup, message by message, up to the first block of the conversation itself."""

    def __init__(self, *, request_id: str = "", generation: int = 2) -> None:
        self._request_id = request_id
        self._generation = generation
        self._contents = Contents(generation)
        self._limits = limits_of(generation)
        self._session = m.SessionStart()
        self._prompt = m.PromptStart()
        self._tools: tuple[Tool, ...] = ()
        self._instructions: str | None = None
        self._history: list[Message] = []
        self._history_bytes = 0
        self._complete: Setup | None = None

    @property
    def complete(self) -> Setup | None:
        """What was set up, once the conversation begins: the messages after that are not for here."""
        return self._complete

    def receive(self, message: bytes) -> Close | None:
        """Read one message; return the end of the stream where there is one."""
        try:
            return self._take(message)
        except Refused as refused:
            return refused.reason.closing(self._request_id)

    def _take(self, message: bytes) -> Close | None:
        match self._contents.take(message):
            case m.SessionStart() as session:
                self._session = session
            case m.PromptStart() as prompt:
                self._tools = _tools_of(prompt, self._generation)
                self._prompt = prompt
            case Text() as text:
                self._note(text)
            case Opened():
                self._complete = self._made()
            case m.Empty():
                return Close(1000)
            case _:
                pass
        return None

    def _note(self, said: Text) -> None:
        match said.role:
            case "SYSTEM":
                require(self._instructions is None and not self._history)
                self._instructions = said.text
            case "USER" | "ASSISTANT":
                self._remember("user" if said.role == "USER" else "assistant", said.text)
            case _:
                pass

    def _remember(self, role: Literal["user", "assistant"], text: str) -> None:
        """Note what was said: the user begins, and both may say several things in a row.

        So have it AWS's own sample of session continuation, pipecat and strands-agents.
        """
        size, limits = len(text.encode()), self._limits
        self._history_bytes += size
        require(role == "user" or bool(self._history))
        fits = size <= limits.message_bytes and self._history_bytes <= limits.total_bytes
        require(fits and len(self._history) < limits.messages, LONG_HISTORY)
        self._history.append(Message(role, text))

    def _made(self) -> Setup:
        audio = self._prompt.audio_output_configuration or m.AudioConfiguration()
        detection = self._session.turn_detection_configuration or m.TurnDetectionConfiguration()
        return Setup(
            generation=self._generation,
            inference=self._session.inference_configuration or m.InferenceConfiguration(),
            sensitivity=detection.endpointing_sensitivity or self._session.endpointing_sensitivity,
            prompt_name=self._prompt.prompt_name,
            voice=audio.voice_id,
            output_rate_hz=audio.sample_rate_hertz or USUAL_OUTPUT_HZ,
            tools=self._tools,
            instructions=self._instructions or "",
            history=tuple(self._history),
            request_id=self._request_id,
            contents=self._contents,
        )


def _tools_of(prompt: m.PromptStart, generation: int) -> tuple[Tool, ...]:
    """Return the tools of a prompt; since the second generation nobody waits for one."""
    declared = prompt.tool_configuration or m.ToolConfiguration()
    specs = [each.tool_spec or m.ToolSpecification() for each in declared.tools]
    try:
        return as_tools(
            Tool(
                name=spec.name,
                description=spec.description or "",
                parameters=schema,
                policy="blocking" if generation == 1 else "background",
            )
            for spec, schema in zip(specs, schemas_of(specs), strict=True)
        )
    except ConfigError:
        raise Refused(INVALID) from None
