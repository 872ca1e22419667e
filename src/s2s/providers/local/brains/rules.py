"""The brain that needs no language model: the session's tools, arithmetic and a table of intents."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

import msgspec

from s2s.items import Call, Item, Message, ToolResult
from s2s.providers.local.brains.intents import GREETING, Turn, answer
from s2s.providers.local.brains.phrasing import plain
from s2s.providers.local.brains.readout import read_results
from s2s.providers.local.brains.toolmatch import Match, choose, completed, question
from s2s.providers.local.pool import Pool
from s2s.providers.local.stages import Prompt, Thought
from s2s.tools import ToolSpec

_SENTENCE = re.compile(r".+?(?:[.!?][\"']?\s+|$)", re.DOTALL)
_LONGEST_TEXT = 1_000
_MOST_QUESTIONS = 4
_BRUSH_OFF = re.compile(
    r"\?\s*$|^\W*(?:never ?mind|cancel|forget|stop|thank|no,? thank|hello|hi\b|hey\b|what|who|how|why|when"
    r"|where|can you|tell me|sorry|i don'?t|nothing|bye|good ?bye)",
    re.IGNORECASE,
)


class RulesBrain:
    """Answers by rule, and says honestly that it is no more than that.

    `clock` returns the aware time that it tells; by default the computer's own.
    """

    speculative: bool = True

    def __init__(self, pool: Pool, *, clock: Callable[[], datetime] | None = None) -> None:
        self._clock = clock or _local_time

    async def warm(self) -> None:
        """Return at once: there is nothing to load."""

    async def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
        """Yield one Call, or the answer sentence by sentence."""
        thought = reply(prompt, self._clock())
        for piece in _SENTENCE.findall(thought) if isinstance(thought, str) else (thought,):
            yield piece


def reply(prompt: Prompt, now: datetime) -> Thought:
    """Return the answer to the last entry of the history; `now` is the time to tell."""
    history = tuple(item for item in prompt.history if not isinstance(item, Message) or item.role != "system")
    match history[-1:]:
        case (ToolResult(),):
            return read_results(history)
        case (Call(name=name),):
            return f"I am still waiting for the tool {plain(name)}."
        case (Message(role="user", text=text),) if not text.strip(" \n\t.,!?"):
            return "I did not catch that."
        case (Message(role="user", text=text),):
            turn = Turn(text.strip()[:_LONGEST_TEXT], history, prompt.tools, now)
            return _use_of_tool(history, prompt.tools) or answer(turn)
        case _ if any(isinstance(item, Message) and item.role == "user" for item in history):
            return "I have nothing to add."
        case _:
            return GREETING


def _local_time() -> datetime:
    return datetime.now().astimezone()


def _use_of_tool(history: Sequence[Item], tools: Sequence[ToolSpec]) -> Thought | None:
    """Return the call that the last message asks for, or the question for what it leaves open."""
    found = _wanted(history, tools)
    if found is None or found.missing:
        return question(found) if found else None
    raw = msgspec.json.encode(found.arguments).decode()
    return Call(f"call_{len(history)}", found.tool.name, found.arguments, raw)


def _wanted(history: Sequence[Item], tools: Sequence[ToolSpec], depth: int = _MOST_QUESTIONS) -> Match | None:
    """Return the tool that the last message asks for, alone or as the reply to a question about a tool."""
    match history:
        case [*_, Message(role="user"), Message(role="assistant", text=asked), Message(text=text)]:
            fresh = choose(text, tools)
            if (fresh and not fresh.missing) or not depth or _BRUSH_OFF.search(text):
                return fresh
            begun = _wanted(history[:-2], tools, depth - 1) if asked.strip().endswith("?") else None
            if begun is None or not begun.missing or question(begun) != asked.strip():
                return fresh
            found = completed(begun, text)
            return fresh if found.missing == begun.missing else found
        case [*_, Message(text=text)]:
            return choose(text, tools)
        case _:
            return None
