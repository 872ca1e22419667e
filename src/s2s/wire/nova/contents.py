"""What a client says, block by block: every message in its place, every block under its own name."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct
from pybase64 import b64decode

from s2s.wire.nova import messages as m
from s2s.wire.nova.judging import (
    EARLY_AUDIO,
    INVALID,
    Refused,
    is_interactive,
    judge_prompt,
    judge_session,
    judge_start,
    no_content,
    not_closed,
    require,
)

MOST_BYTES = 1_000_000
"""The longest message, and the longest text of one block."""
_LONGEST_NAME = 512
_MOST_OPEN, _MOST_BLOCKS = 64, 10_000


class Stage(Enum):
    """How far a stream is."""

    NEW = "nothing was said"
    BEGUN = "the session has begun, and no prompt"
    SETTING = "a prompt has begun: instructions and history come"
    TALKING = "the conversation is under way"
    CLOSED = "the prompt has ended"
    OVER = "the session has ended"


class Block(Struct):
    """A block that is open."""

    start: m.InputStart
    parts: list[str] = []
    size_bytes: int = 0


class Opened(Struct, frozen=True):
    """A block begins that belongs to the conversation and not to what comes before it."""

    type: str
    """TEXT or AUDIO."""


class Text(Struct, frozen=True):
    """A block of text was said."""

    role: str
    text: str
    interactive: bool


class Sound(Struct, frozen=True, gc=False):
    """Audio of the user, PCM16 at this rate; a sample may be split."""

    audio: bytes
    rate_hz: int


class Result(Struct, frozen=True, gc=False):
    """What a tool returned."""

    call_id: str
    content: str


_Body: TypeAlias = (
    m.SessionStart | m.PromptStart | m.InputStart | m.Input | m.InputEnd | m.PromptEnd | m.Empty
)
Said: TypeAlias = m.SessionStart | m.PromptStart | Opened | Text | Sound | Result | m.PromptEnd | m.Empty


class _Envelope(Struct):
    event: dict[str, Raw]


_envelope = msgspec.json.Decoder(_Envelope).decode
_BODIES: dict[str, msgspec.json.Decoder[_Body]] = {
    name: msgspec.json.Decoder(kind)
    for name, kind in {
        "sessionStart": m.SessionStart,
        "promptStart": m.PromptStart,
        "contentStart": m.InputStart,
        "textInput": m.Input,
        "audioInput": m.Input,
        "toolResult": m.Input,
        "contentEnd": m.InputEnd,
        "promptEnd": m.PromptEnd,
        "sessionEnd": m.Empty,
    }.items()
}
_TEXTS = {"textInput": "TEXT", "toolResult": "TOOL"}


class Contents:
    """Puts blocks together. Raises Refused for what the service does not take."""

    def __init__(self, generation: int) -> None:
        self.stage = Stage.NEW
        self.prompt_name = ""
        self._generation = generation
        self._open: dict[str, Block] = {}
        self._used: set[str] = set()

    def take(self, message: bytes) -> Said | None:
        """Read one message; None where more is needed to make something of it."""
        match _read(message):
            case "audioInput", m.Input() as said:
                return self._hear(said)
            case name, m.Input() as said:
                self._add(said, _TEXTS[name])
                return None
            case _, m.InputStart() as start:
                return self._start(start)
            case _, m.InputEnd() as end:
                return self._end(end)
            case _, m.SessionStart() as begun:
                self._go_on(Stage.NEW, Stage.BEGUN)
                judge_session(begun, self._generation)
                return begun
            case _, m.PromptStart() as prompt:
                self._go_on(Stage.BEGUN, Stage.SETTING)
                _require_name(prompt.prompt_name)
                judge_prompt(prompt)
                self.prompt_name = prompt.prompt_name
                return prompt
            case _, (m.PromptEnd() | m.Empty()) as end_:
                return self._finish(end_)
            case _:
                raise Refused(INVALID)

    def _go_on(self, at: Stage, to: Stage) -> None:
        require(self.stage is at)
        self.stage = to

    def _require_prompt(self, name: str) -> None:
        require(self.stage in (Stage.SETTING, Stage.TALKING) and name == self.prompt_name)

    def _start(self, start: m.InputStart) -> Opened | None:
        self._require_prompt(start.prompt_name)
        _require_name(start.content_name)
        require(start.content_name not in self._used and len(self._used) < _MOST_BLOCKS)
        require(len(self._open) < _MOST_OPEN)
        judge_start(start, self._generation)
        opens = start.type == "AUDIO" or is_interactive(start)
        if start.type == "TOOL":
            require(self.stage is Stage.TALKING)
        else:
            self._require_turn(start, opens=opens)
        self._used.add(start.content_name)
        self._open[start.content_name] = Block(start)
        if opens:
            self.stage = Stage.TALKING
        return Opened(start.type) if opens else None

    def _require_turn(self, start: m.InputStart, *, opens: bool) -> None:
        """Require that text is complete before other text or audio begins, and a history before both."""
        require(not self._is_open("TEXT"), EARLY_AUDIO if start.type == "AUDIO" else INVALID)
        require(start.type == "TEXT" or not self._is_open("AUDIO"))
        require(opens or self.stage is Stage.SETTING, EARLY_AUDIO)

    def _is_open(self, kind: str) -> bool:
        return any(each.start.type == kind for each in self._open.values())

    def _add(self, said: m.Input, kind: str) -> None:
        self._require_prompt(said.prompt_name)
        block = self._block(said.content_name)
        block.size_bytes += len(said.content.encode())
        require(block.start.type == kind and block.size_bytes <= MOST_BYTES)
        block.parts.append(said.content)

    def _hear(self, said: m.Input) -> Sound:
        self._require_prompt(said.prompt_name)
        require(not self._is_open("TEXT"), EARLY_AUDIO)
        asked = self._block(said.content_name).start.audio_input_configuration
        if asked is None:
            raise Refused(INVALID)
        try:
            return Sound(b64decode(said.content, None, True), asked.sample_rate_hertz or 0)
        except ValueError:
            raise Refused(INVALID) from None

    def _block(self, name: str) -> Block:
        block = self._open.get(name)
        if block is None:
            raise Refused(no_content(name))
        return block

    def _end(self, end: m.InputEnd) -> Text | Result | None:
        self._require_prompt(end.prompt_name)
        block = self._block(end.content_name)
        del self._open[end.content_name]
        start, text = block.start, "".join(block.parts)
        if start.type == "TEXT":
            return Text(start.role or "", text, is_interactive(start))
        asked = start.tool_result_input_configuration
        return None if asked is None else Result(asked.tool_use_id, text)

    def _finish(self, end: m.PromptEnd | m.Empty) -> m.PromptEnd | m.Empty:
        if isinstance(end, m.PromptEnd):
            self._require_prompt(end.prompt_name)
            require(not self._open)
            self.stage = Stage.CLOSED
            return end
        require(self.stage not in (Stage.SETTING, Stage.TALKING), not_closed(self.prompt_name))
        require(self.stage not in (Stage.NEW, Stage.OVER))
        self.stage = Stage.OVER
        return end


def _read(message: bytes) -> tuple[str, _Body]:
    require(len(message) <= MOST_BYTES)
    try:
        event = _envelope(message).event
        require(len(event) == 1)
        (name,) = event
        return name, _BODIES[name].decode(event[name])
    except (msgspec.MsgspecError, UnicodeError, RecursionError, KeyError):
        raise Refused(INVALID) from None


def _require_name(name: str) -> None:
    require(0 < len(name) <= _LONGEST_NAME)
