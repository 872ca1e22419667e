"""The brain that needs no language model: a table of intents, arithmetic and the session's tools."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from s2s.items import JSON, Call, Item, Message, Role, ToolResult
from s2s.providers.local import arithmetic
from s2s.providers.local.pool import Pool
from s2s.providers.local.stages import Prompt, Thought
from s2s.providers.local.toolmatch import Match, choose, completed, question
from s2s.tools import ToolSpec

_PIECE = re.compile(r".+?(?:[.!?][\"']?\s+|$)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+|[0-9]+(?:\.[0-9]+)?")
_FACT = re.compile(r"\s*([A-Za-z][A-Za-z _-]*):\s*([^:]+)")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MOST_NUMBERS = 100
_MOST_FACTS = 8
_DEEPEST_FACT = 3
_LONGEST_TEXT = 1_000
_LONGEST_QUOTE = 300
_LONGEST_RESULT = 600
_LONGEST_CHAIN = 4

_GREETING = "Hello! What can I do for you?"
_ABILITIES = (
    "I am a small rule-based brain without a language model. I can tell the time and the date, do arithmetic,"
    " repeat what you said, count, and tell a story."
)
_STORY = (
    "On a small grey island, a lighthouse keeper talked to the fog every night, for nobody else was there."
    " The fog never answered, but it listened so closely that it forgot to drift away."
    " One evening a boat came too near the rocks, and its crew could see neither the land nor the lamp."
    " The keeper leaned out of the window and asked the fog, very politely, to step aside."
    " For a moment nothing moved, not even the gulls."
    " Then the fog drew itself up like a curtain, and a narrow road of clear water opened to the harbour."
    " The crew came ashore with wet boots and a basket of oranges, and asked whom they had to thank."
    " The keeper pointed at the sea, where a thin white cloud was bowing, and put an orange on the sill."
)
_BRUSH_OFF = re.compile(
    r"\?\s*$|^\W*(?:never ?mind|cancel|forget|stop|thank|no,? thank|hello|hi\b|hey\b|what|who|how|why|when"
    r"|where|can you|tell me|sorry|i don'?t|nothing|bye|good ?bye)",
    re.IGNORECASE,
)
_PLACE = r"(?:.*\b(?:in|at) (?P<place>\w+))?"


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
        for piece in _PIECE.findall(thought) if isinstance(thought, str) else (thought,):
            yield piece


def reply(prompt: Prompt, now: datetime) -> Thought:
    """Return the answer to the last entry of the history; `now` is the time to tell."""
    history = tuple(item for item in prompt.history if not isinstance(item, Message) or item.role != "system")
    match history[-1:]:
        case (ToolResult(),):
            return _results(history)
        case (Call(name=name),):
            return f"I am still waiting for the tool {_plain(name)}."
        case (Message(role="user", text=text),) if not text.strip(" \n\t.,!?"):
            return "I did not catch that."
        case (Message(role="user", text=text),):
            return _answer(_Turn(text.strip()[:_LONGEST_TEXT], history, prompt.tools, now))
        case _ if any(isinstance(item, Message) and item.role == "user" for item in history):
            return "I have nothing to add."
        case _:
            return _GREETING


def _local_time() -> datetime:
    return datetime.now().astimezone()


class _Turn(msgspec.Struct, frozen=True):
    """What a rule may look at: the last text, the history that ends with it, the tools, and the time."""

    text: str
    history: tuple[Item, ...]
    tools: tuple[ToolSpec, ...]
    now: datetime

    def earlier(self, role: Role) -> str:
        """Return what this side said last before now."""
        items = (item for item in reversed(self.history[:-1]) if isinstance(item, Message))
        return next((item.text.strip() for item in items if item.role == role and item.text.strip()), "")


_Rule: TypeAlias = Callable[[_Turn, "re.Match[str]"], Thought | None]


def _answer(turn: _Turn) -> Thought:
    found = ((rule, pattern.search(turn.text)) for pattern, rule in _RULES)
    thoughts = (rule(turn, said) for rule, said in found if said)
    unknown = f'You said: "{_quoted(turn.text)}". I am a small rule-based brain and have no better answer.'
    return next((thought for thought in thoughts if thought is not None), unknown)


def _tool(turn: _Turn, said: re.Match[str]) -> Thought | None:
    found = _wanted(turn.history, turn.tools)
    if found is None or found.missing:
        return question(found) if found else None
    raw = msgspec.json.encode(found.arguments).decode()
    return Call(f"call_{len(turn.history)}", found.tool.name, found.arguments, raw)


def _wanted(history: Sequence[Item], tools: Sequence[ToolSpec], depth: int = _LONGEST_CHAIN) -> Match | None:
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


def _sum(turn: _Turn, said: re.Match[str]) -> Thought | None:
    return arithmetic.answer(turn.text)


def _what_you_said(turn: _Turn, said: re.Match[str]) -> Thought | None:
    earlier = turn.earlier("user")
    return f'You said: "{_quoted(earlier)}".' if earlier else "You have said nothing before this."


def _what_i_said(turn: _Turn, said: re.Match[str]) -> Thought | None:
    return turn.earlier("assistant") or "I have said nothing yet."


def _parrot(turn: _Turn, said: re.Match[str]) -> Thought | None:
    return _sentence(said[1])


def _abilities(turn: _Turn, said: re.Match[str]) -> Thought | None:
    match [_plain(tool.name) for tool in turn.tools]:
        case []:
            return _ABILITIES
        case [name]:
            return f"{_ABILITIES} I can also use one tool: {name}."
        case names:
            return f"{_ABILITIES} I can also use these tools: {listing(names)}."


def _time(turn: _Turn, said: re.Match[str]) -> Thought | None:
    clock = f"{turn.now.hour % 12 or 12}:{turn.now.minute:02} {'AM' if turn.now.hour < 12 else 'PM'}"
    return f"I only know the time where I run: it is {clock}." if said["place"] else f"It is {clock}."


def _date(turn: _Turn, said: re.Match[str]) -> Thought | None:
    day = f"{_DAYS[turn.now.weekday()]}, {_MONTHS[turn.now.month - 1]} {turn.now.day}, {turn.now.year}"
    return f"Today is {day}."


def _day(turn: _Turn, said: re.Match[str]) -> Thought | None:
    return f"Today is {_DAYS[turn.now.weekday()]}."


def _month(turn: _Turn, said: re.Match[str]) -> Thought | None:
    return f"It is {_MONTHS[turn.now.month - 1]}."


def _year(turn: _Turn, said: re.Match[str]) -> Thought | None:
    return f"It is the year {turn.now.year}."


def _count(turn: _Turn, said: re.Match[str]) -> Thought | None:
    last = _number(said["last"] or "one")
    first = _number(said["first"] or "one")
    if last is None or first is None or not (said["last"] or said["first"]):
        return None
    numbers = range(first, last + 1) if first <= last else range(first, last - 1, -1)
    if len(numbers) > _MOST_NUMBERS:
        return f"I count at most {_MOST_NUMBERS} numbers at a time."
    texts = [str(number) for number in numbers]
    return " ".join(f"{', '.join(texts[at : at + 5])}." for at in range(0, len(texts), 5))


def _number(text: str) -> int | None:
    read = arithmetic.read_number([word.lower() for word in _WORD.findall(text)], 0)
    return int(read[0]) if read else None


def _says(text: str) -> _Rule:
    return lambda turn, said: text


def _rules(*rows: tuple[str, _Rule]) -> tuple[tuple[re.Pattern[str], _Rule], ...]:
    rows = tuple((pattern.replace("'", "['\u2019]?"), rule) for pattern, rule in rows)
    return tuple((re.compile(pattern, re.IGNORECASE), rule) for pattern, rule in rows)


_RULES = _rules(
    (r"", _tool),
    (r"\b(?:repeat|say) after me\W+(.+)", _parrot),
    (r"\bwhat (?:did|have) (?:i (?:just )?(?:say|said|tell)|you (?:just )?hear)", _what_you_said),
    (r"\brepeat (?:that|it|what i)\b|\bdid you hear me\b", _what_you_said),
    (r"\bwhat did you (?:just )?say\b|\bsay (?:that|it) again\b|\brepeat yourself\b", _what_i_said),
    (r"^\W*(?:pardon|come again)\b", _what_i_said),
    (r"\bwhat (?:can|do) you do\b|\bwh(?:o|at) are you\b|\bwhat's your name\b|^\W*help\b", _abilities),
    (r"\bare you (?:an? )?(?:\w+ )?(?:robot|human|person|ai|machine|computer|model|real)\b", _abilities),
    (r"\bcount (?:up |down |backwards? )?(?:from (?P<first>.+?) ?)?(?:to (?P<last>.+))?\W*$", _count),
    (r"\b(?:tell|read|give) (?:me |us )?(?:a|an|another|some|the) (?:\w+ )?stor(?:y|ies)\b", _says(_STORY)),
    (r"\b(?:speak|talk) for a (?:while|bit|minute)\b|\bkeep (?:talking|speaking)\b", _says(_STORY)),
    (rf"\b(?:what|the) time (?:is it|it is)\b{_PLACE}", _time),
    (rf"\b(?:what's|what is|tell me|know|have) the (?:current )?time\b{_PLACE}", _time),
    (r"\b(?:what's|what is|tell me) (?:the |today's )(?:current )?date\b", _date),
    (r"\bwhat day (?:is it|it is|is today|of the week)|\bwhat(?:'s| is) today\W*$", _day),
    (r"\bwhat month (?:is it|it is|is this|are we)\b", _month),
    (r"\bwhat year (?:is it|it is|is this|are we)\b", _year),
    (r"", _sum),
    (r"\bhow are you\b|\bhow's it going\b", _says("I am a program, and I am working.")),
    (r"\bthank(?:s| you)\b", _says("You are welcome.")),
    (r"^\W*(?:good ?bye|bye|see you|good ?night)\b|\bgood ?bye\W*$", _says("Goodbye!")),
    (r"^\W*(?:hello|hi|hey|greetings|good (?:morning|afternoon|evening)|greet)\b", _says(_GREETING)),
    (r"^\W*(?:never ?mind|cancel|forget (?:it|that)|stop)\b", _says("All right.")),
    (r"^\W*(?:yes|yeah|yep|sure|okay|ok|right|all right)\W*$", _says("All right.")),
    (r"^\W*(?:no|nope|no way)\W*$", _says("All right, then not.")),
)


def _results(history: Sequence[Item]) -> str:
    """Say every result at the end of the history, each with its tool's name where there are several."""
    names = {item.id: _plain(item.name) for item in history if isinstance(item, Call)}
    calls = len(history)
    while calls and isinstance(history[calls - 1], ToolResult):
        calls -= 1
    results = [item for item in history[calls:] if isinstance(item, ToolResult)]
    told = [(names.get(result.call_id, "unknown"), result) for result in results]
    if len(told) == 1 or any(result.is_error for _, result in told):
        return " ".join(_result(result, name) for name, result in told)
    return " ".join(f"{name.capitalize()}: {_result(result, name)}" for name, result in told)


def _result(result: ToolResult, name: str) -> str:
    try:
        value = msgspec.json.decode(result.output)
    except (msgspec.DecodeError, RecursionError):
        value = result.output
    if result.is_error:
        reason = value.get("error", value) if isinstance(value, dict) else value
        return _sentence(f"The tool {name} failed: {_fact(reason) or 'it gave no reason'}")
    return _read_out(value)


def _read_out(value: JSON) -> str:
    match value:
        case None | "":
            return "Done."
        case bool():
            return "Yes." if value else "No."
        case int() | float():
            return f"The answer is {_fact(value)}."
        case str() if facts := _facts(value):
            return _read_out(facts)
        case str():
            return _sentence(value)
        case list() | dict() if not value:
            return "There is nothing."
        case _:
            return _sentence(_fact(value))


def _facts(text: str) -> dict[str, str]:
    """Read "temperature: 22, sky: clear"; empty for any other text."""
    found = [_FACT.fullmatch(part) for part in re.split(r"[,;\n]", text.strip().rstrip("."))]
    return {fact[1]: fact[2].strip() for fact in found if fact} if len(found) > 1 and all(found) else {}


def _fact(value: JSON, depth: int = _DEEPEST_FACT) -> str:
    """Return JSON as words: no braces, no underscores, at most a few entries."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:,}" if abs(value) >= 10_000 else str(value)
        case str():
            return value.strip()
        case _ if not depth:
            return "something longer"
        case dict():
            texts = [f"{_plain(key)} is {_fact(each, depth - 1)}" for key, each in value.items()]
        case _:
            texts = [_fact(each, depth - 1) for each in value]
    shown = texts[:_MOST_FACTS] + [f"{len(texts) - _MOST_FACTS} more"] * (len(texts) > _MOST_FACTS)
    return "; ".join(shown) if any(" and " in text for text in shown) else listing(shown)


def listing(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _plain(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def _quoted(text: str) -> str:
    short = text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE].rsplit(" ", 1)[0] + " and so on"
    return short.rstrip(" .!?,").replace('"', "")


def _sentence(text: str) -> str:
    text = text.strip()
    if len(text) > _LONGEST_RESULT:
        text = text[:_LONGEST_RESULT].rsplit(" ", 1)[0] + ", and there is more."
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
