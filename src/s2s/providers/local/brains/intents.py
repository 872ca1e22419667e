"""What the rule-based brain understands without a tool: a table of patterns and the answer to each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from s2s.items import Item, Message, Role
from s2s.providers.local.brains import arithmetic
from s2s.providers.local.brains.numerals import read_number
from s2s.providers.local.brains.phrasing import listing, plain, quoted, sentence
from s2s.tools import ToolSpec

_WORD = re.compile(r"[a-z]+|[0-9]+(?:\.[0-9]+)?")
_MOST_NUMBERS = 100
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

GREETING = "Hello! What can I do for you?"
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


class Turn(msgspec.Struct, frozen=True):
    """What an answer may depend on: the last text, the history that ends with it, the tools, and the time."""

    text: str
    history: tuple[Item, ...]
    tools: tuple[ToolSpec, ...]
    now: datetime

    def earlier(self, role: Role) -> str:
        """Return what this side said last before now."""
        items = (item for item in reversed(self.history[:-1]) if isinstance(item, Message))
        return next((item.text.strip() for item in items if item.role == role and item.text.strip()), "")


def answer(turn: Turn) -> str:
    """Return the first answer that the table has, or an admission that it has none."""
    for pattern, intent in _INTENTS:
        said = pattern.search(turn.text)
        if said and (found := intent(turn, said)):
            return found
    return f'You said: "{quoted(turn.text)}". I am a small rule-based brain and have no better answer.'


_Intent: TypeAlias = Callable[[Turn, "re.Match[str]"], str | None]


def _sum(turn: Turn, said: re.Match[str]) -> str | None:
    return arithmetic.answer(turn.text)


def _what_you_said(turn: Turn, said: re.Match[str]) -> str:
    earlier = turn.earlier("user")
    return f'You said: "{quoted(earlier)}".' if earlier else "You have said nothing before this."


def _what_i_said(turn: Turn, said: re.Match[str]) -> str:
    return turn.earlier("assistant") or "I have said nothing yet."


def _echo(turn: Turn, said: re.Match[str]) -> str:
    return sentence(said[1])


def _abilities(turn: Turn, said: re.Match[str]) -> str:
    match [plain(tool.name) for tool in turn.tools]:
        case []:
            return _ABILITIES
        case [name]:
            return f"{_ABILITIES} I can also use one tool: {name}."
        case names:
            return f"{_ABILITIES} I can also use these tools: {listing(names)}."


def _time(turn: Turn, said: re.Match[str]) -> str:
    clock = f"{turn.now.hour % 12 or 12}:{turn.now.minute:02} {'AM' if turn.now.hour < 12 else 'PM'}"
    return f"I only know the time where I run: it is {clock}." if said["place"] else f"It is {clock}."


def _date(turn: Turn, said: re.Match[str]) -> str:
    day = f"{_DAYS[turn.now.weekday()]}, {_MONTHS[turn.now.month - 1]} {turn.now.day}, {turn.now.year}"
    return f"Today is {day}."


def _day(turn: Turn, said: re.Match[str]) -> str:
    return f"Today is {_DAYS[turn.now.weekday()]}."


def _month(turn: Turn, said: re.Match[str]) -> str:
    return f"It is {_MONTHS[turn.now.month - 1]}."


def _year(turn: Turn, said: re.Match[str]) -> str:
    return f"It is the year {turn.now.year}."


def _count(turn: Turn, said: re.Match[str]) -> str | None:
    first, last = _number(said["first"] or "one"), _number(said["last"] or "one")
    if first is None or last is None or not (said["first"] or said["last"]):
        return None
    numbers = range(first, last + 1) if first <= last else range(first, last - 1, -1)
    if len(numbers) > _MOST_NUMBERS:
        return f"I count at most {_MOST_NUMBERS} numbers at a time."
    fives: list[Sequence[int]] = [numbers[at : at + 5] for at in range(0, len(numbers), 5)]
    return " ".join(f"{', '.join(map(str, five))}." for five in fives)


def _number(text: str) -> int | None:
    read = read_number(_WORD.findall(text.lower()), 0)
    return int(read[0]) if read else None


def _says(text: str) -> _Intent:
    return lambda turn, said: text


def _table(*rows: tuple[str, _Intent]) -> tuple[tuple[re.Pattern[str], _Intent], ...]:
    rows = tuple((pattern.replace("'", "['\u2019]?"), intent) for pattern, intent in rows)
    return tuple((re.compile(pattern, re.IGNORECASE), intent) for pattern, intent in rows)


_PLACE = r"(?:.*\b(?:in|at) (?P<place>\w+))?"
_INTENTS = _table(
    (r"\b(?:repeat|say) after me\W+(.+)", _echo),
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
    (r"^\W*(?:hello|hi|hey|greetings|good (?:morning|afternoon|evening)|greet)\b", _says(GREETING)),
    (r"^\W*(?:never ?mind|cancel|forget (?:it|that)|stop)\b", _says("All right.")),
    (r"^\W*(?:yes|yeah|yep|sure|okay|ok|right|all right)\W*$", _says("All right.")),
    (r"^\W*(?:no|nope|no way)\W*$", _says("All right, then not.")),
)
