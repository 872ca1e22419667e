"""Chooses at most one tool for an utterance by its words, and fills the tool's parameters from them.

All of it is tables and counting: the same utterance and tools give the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from decimal import Decimal
from typing import TypeAlias

import msgspec

from s2s.items import JSON
from s2s.providers.local.arithmetic import read_number
from s2s.tools import ToolSpec


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _pairs(words: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in words.split())


_HEARD_WORD = re.compile(
    r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|[.,;:!?]|(?<!\w)-(?=[0-9])"
)
_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_SENTENCE = re.compile(r"(?:[^.!?]|[.!?](?!\s|$))+")
_LONGEST = 400
_ENOUGH = 3.0

_ENDINGS = (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", ""))
_SYNONYMS = _pairs(
    "go=move going=move drive=move walk=move forwards=forward straight=forward back=backward"
    " backwards=backward reverse=backward metre=meter metres=meter foot=feet rain=weather raining=weather"
    " forecast=weather lamp=light remind=reminder"
)
_OPPOSITES = _pairs("on=off up=down open=close start=stop lock=unlock add=remove enable=disable")
_OPPOSITES |= {other: one for one, other in _OPPOSITES.items()}
_STOP_WORDS = _set(
    "a an the this that these those some any my your our his her its their i you he she it we they me him"
    " us them is are was were be been am do does did have has had can could will would shall should may"
    " might must what what's whats who which when where why how and or but if so as at by for from in into"
    " of off on onto to with about up down out over than then there here please thanks thank okay ok hey hi"
    " hello um uh well just now like tell give let let's want wanna need i'd i'm i'll you're it's that's"
    " kindly today tomorrow tonight yesterday morning afternoon evening later again maybe going looking know"
    " sure yes yeah"
)
_WEAK = _STOP_WORDS | _set("get set make find show check turn look read run start stop add new call send")
_REFUSALS = _set("don't dont not never didn't doesn't won't shouldn't can't cannot")
_ASIDES = _set("hello hi hey okay ok so well um uh yes yeah and but please now then robot computer , .")
_POLITE = _ASIDES | _set("can could would will you")
_TELLING = _set("i i'm i've i'll i'd we we're he she they it it's that that's this my his her why who")
_PAST = _set("did was were had")
_REQUESTING = _set("want need would like i'd please")

_MEASURES = _pairs("second=1 minut=60 hour=3600 day=86400 meter=1 feet=0.3048 inch=0.0254 mil=1609.344")
_OF_TIME = _set("second minut hour day")
_NUMERIC = _set("number integer")
_SWITCHES = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
_SWITCHED = _set("on enabled enable state active power switch value")

_SAYING = ("saying", "says", "say", "that", "about", "to")
_NAMED = ("called", "named", "titled", "labeled")
_AT = ("on", "at", "for", "by")
_CUES = {
    **dict.fromkeys(_set("text message body content note"), _SAYING),
    **dict.fromkeys(_set("name title label"), _NAMED),
    **dict.fromkeys(_set("query topic subject term keyword question"), ("about", "for", "on")),
    **dict.fromkeys(_set("to destination target recipient receiver contact person"), ("to", "for")),
    **dict.fromkeys(_set("from origin source departure"), ("from",)),
    **dict.fromkeys(_set("date day when time"), _AT),
}
_ANY_CUE = ("in", "at", "for", "of", "to", "from", "about", "on", "with", "into", "near")
_DAYS = _set("today tomorrow tonight now monday tuesday wednesday thursday friday saturday sunday next this")
_WHEN = _DAYS | _set("the morning afternoon evening weekend week month year later soon moment on at in")
_STOPS = frozenset(".!?")
_BREAKS = _STOPS | _set(", ; and please saying says that") | _DAYS | {*_ANY_CUE, *_NAMED} - {"of"}
_TRIMMED = _set(", the a an my some is of it's please thanks thank you um uh to in at for")


class Match(msgspec.Struct, frozen=True):
    """A tool that an utterance seems to ask for; callable once nothing is missing."""

    tool: ToolSpec
    arguments: dict[str, JSON]
    missing: tuple[str, ...] = ()
    """Required parameters that the utterance does not fill, in the order of the schema."""


def choose(utterance: str, tools: Sequence[ToolSpec]) -> Match | None:
    """Return the tool that the utterance asks for; None where no tool fits well enough.

    Optional parameters that were not spoken of are left out.
    """
    whole = utterance[:_LONGEST]
    if not _REFUSALS.isdisjoint(_hear(whole).words):
        return None
    parts = (whole, *_SENTENCE.findall(whole))
    fillings = [_Filling(heard, tool) for heard in map(_hear, parts) for tool in tools]
    likely = [filling for filling in fillings if _score(filling) >= _ENOUGH and filling.match()]
    return max(likely, key=_score).match() if likely else None


def completed(found: Match, reply: str) -> Match:
    """Return the match with what is missing filled from the reply to its `question`."""
    asked = _asked(found)
    filling = _Filling(_hear(reply[:_LONGEST]), found.tool, found.arguments)
    if asked.kind == "string" and (asked.name not in filling.values or _SAYING in asked.cues):
        filling.used.clear()
        start, end = _span(filling, 0, _STOPS)
        filling.values |= {asked.name: filling.heard.said(start, end)} if start < end else {}
    arguments = {**found.arguments, **filling.values}
    return Match(found.tool, arguments, tuple(name for name in found.missing if name not in arguments))


def question(found: Match) -> str:
    """Return the question for the first parameter that is missing."""
    asked = _asked(found)
    name = " ".join(asked.words)
    match asked.kind:
        case "enum":
            return f"Which {name}: {', '.join(str(each).replace('_', ' ') for each in asked.choices)}?"
        case "number" | "integer":
            return f"How many {name}?" if asked.stems & _MEASURES.keys() else f"What {name}?"
        case "boolean":
            return f"{name.capitalize()}: yes or no?"
        case _:
            return f"Which {name}?"


def _asked(found: Match) -> _Parameter:
    return next(each for each in _parameters(found.tool) if each.name == found.missing[0])


class _Heard(msgspec.Struct, frozen=True):
    """An utterance word by word: where each stands in the text, in lower case, and stemmed."""

    text: str
    spans: tuple[tuple[int, int], ...]
    words: tuple[str, ...]
    stems: tuple[str, ...]

    def said(self, start: int, end: int) -> str:
        return self.text[self.spans[start][0] : self.spans[end - 1][1]]

    def is_name(self, at: int) -> bool:
        return self.text[self.spans[at][0]].isupper() and self.words[at] not in _STOP_WORDS


class _Parameter(msgspec.Struct, frozen=True):
    name: str
    required: bool
    kind: str
    words: tuple[str, ...]
    stems: frozenset[str]
    choices: tuple[JSON, ...]
    cues: tuple[tuple[str, ...], ...]


_Found: TypeAlias = tuple[JSON, set[int]] | None
"""A parameter's value and the places of the words that it was made of."""


def _hear(text: str) -> _Heard:
    found = tuple(_HEARD_WORD.finditer(text))
    words = tuple(each[0].lower().replace("\u2019", "'").replace(",", "") or "," for each in found)
    return _Heard(text, tuple(each.span() for each in found), words, tuple(map(_stem, words)))


def _split(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _NAME_WORD.findall(name))


def _stem(word: str) -> str:
    word = _SYNONYMS.get(word.removesuffix("'s"), word.removesuffix("'s"))
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word.removesuffix(ending) + instead
    return word


def _parameters(tool: ToolSpec) -> Iterator[_Parameter]:
    required = tool.parameters.get("required", ())
    for name, schema in tool.parameters.get("properties", {}).items():
        plain = _resolved(schema, tool.parameters)
        enum = plain.get("enum", [plain["const"]] if "const" in plain else [])
        choices = tuple(enum) if isinstance(enum, list) else ()
        kind, words = "enum" if choices else str(plain.get("type", "")), _split(name)
        cues = tuple(_CUES[word] for word in words if word in _CUES)
        yield _Parameter(name, name in required, kind, words, frozenset(map(_stem, words)), choices, cues)


def _resolved(schema: JSON, root: dict[str, JSON]) -> dict[str, JSON]:
    """Follow references, and of alternatives take the first that is not null."""
    for _ in range(8):
        match schema:
            case {"$ref": str(path)}:
                schema = root.get("$defs", {}).get(path.rsplit("/", 1)[-1], {})
            case {"anyOf": [*options]} | {"oneOf": [*options]}:
                schema = next((option for option in options if option != {"type": "null"}), {})
            case {"type": [*types]}:
                schema = {**schema, "type": next((kind for kind in types if kind != "null"), "")}
            case _:
                break
    return schema if isinstance(schema, dict) else {}


class _Filling:
    """Values for one tool's parameters, and which words they used up."""

    def __init__(self, heard: _Heard, tool: ToolSpec, known: Collection[str] = ()) -> None:
        self.heard = heard
        self.tool = tool
        self.parameters = tuple(_parameters(tool))
        self.values: dict[str, JSON] = {}
        self.used: set[int] = set()
        names = {_stem(word) for word in _split(tool.name)}
        self.named = {at for at, stem in enumerate(heard.stems) if stem in names}
        for kinds, fill in _FILLERS.items():
            for parameter in self.parameters:
                if parameter.kind in kinds and parameter.name not in known:
                    value, places = fill(self, parameter) or (None, set())
                    if places:
                        self.values[parameter.name] = value
                        self.used |= places

    def match(self) -> Match | None:
        """Return what was found, or None where no question could find the rest."""
        missing = [each for each in self.parameters if each.required and each.name not in self.values]
        found = Match(self.tool, self.values, tuple(each.name for each in missing))
        return found if _KINDS.issuperset(each.kind for each in missing) else None


def _score(filling: _Filling) -> float:
    """Weigh the evidence: words of the tool's name, then its enum values, then its description."""
    heard, name = filling.heard, _split(filling.tool.name)
    opposed = any(_OPPOSITES.get(word) in heard.words and word not in heard.words for word in name)
    if opposed or _is_telling(heard.words):
        return 0.0
    strong = {_stem(word) for word in name if word not in _WEAK}
    weak = {_stem(word) for word in name} - strong
    topics = {_stem(word) for word in _split(filling.tool.description) if word not in _WEAK} - strong - weak
    said = zip(heard.words, heard.stems, strict=True)
    by_name = sum({stem: 2 if word in _SYNONYMS else 3 for word, stem in said if stem in strong}.values())
    by_weak = len(weak.intersection(heard.stems)) * (1.0 if strong else _ENOUGH / max(len(name), 1))
    filled = [each for each in filling.parameters if each.name in filling.values]
    by_choice = 2 * sum(each.kind == "enum" for each in filled)
    by_value = any(each.kind != "enum" and each.required for each in filled)
    if _foreign(filling, strong | weak | topics) > (0.66 if by_name else 0.25):
        return 0.0
    by_topic = min(len(topics.intersection(heard.stems)), 3)
    return by_name + by_weak + by_topic + by_choice + by_value


def _foreign(filling: _Filling, known: set[str]) -> float:
    """Return the share of the meaningful words that have nothing to do with the tool."""
    heard, known = filling.heard, known.union(_MEASURES, *(each.stems for each in filling.parameters))
    content = [at for at, word in enumerate(heard.words) if word not in _WEAK and word[0].isalpha()]
    content = [at for at in content if read_number(heard.words, at) is None]
    foreign = [at for at in content if at not in filling.used and heard.stems[at] not in known]
    return len(foreign) / max(len(content), 1)


def _is_telling(words: tuple[str, ...]) -> bool:
    """Whether these words report, or ask about the past, rather than ask for something."""
    start = next((at for at, word in enumerate(words) if word not in _ASIDES), 0)
    past = not _PAST.isdisjoint(words[start : start + 3])
    begins = past or not _TELLING.isdisjoint(words[start : start + 1])
    return begins and _REQUESTING.isdisjoint(words[start : start + 4])


def _choice(filling: _Filling, parameter: _Parameter) -> _Found:
    """Find the enum value with most words in the utterance, of equals the earliest."""
    heard, found = filling.heard, dict[tuple[int, int], tuple[JSON, set[int]]]()
    for value in parameter.choices:
        stems = tuple(map(_stem, _split(str(value))))
        for at in range(len(heard.stems) - len(stems) + 1):
            places = set(range(at, at + len(stems)))
            if stems and heard.stems[at : at + len(stems)] == stems and not places & filling.used:
                found.setdefault((-len(stems), at), (value, places))
    return found[min(found)] if found else None


def _number(filling: _Filling, parameter: _Parameter) -> _Found:
    """Take the number beside the parameter's name or measure, else the first that is beside no other's."""
    spare: _Found = None
    others = [each.stems for each in filling.parameters if each.kind in _NUMERIC and each is not parameter]
    for told, places, beside in _numbers(filling):
        value = _converted(told, parameter.stems & _MEASURES.keys(), beside & _MEASURES.keys())
        if value is None or (parameter.kind == "integer" and value % 1):
            continue
        found = (float(value) if value % 1 else int(value)), places
        if beside & parameter.stems:
            return found
        if spare is None and not any(beside & stems for stems in others):
            spare = found
    return spare


def _numbers(filling: _Filling) -> Iterator[tuple[Decimal, set[int], set[str]]]:
    """Yield each free number, its places, and the stems of the words around it."""
    words, stems, at = filling.heard.words, filling.heard.stems, 0
    while at < len(words):
        number = read_number(words, at)
        if number is None and words[at] in ("a", "an") and _MEASURES.keys() & {*stems[at + 1 : at + 2]}:
            number = Decimal(1), at + 1
        value, end = number or (None, at + 1)
        if value is not None and at not in filling.used:
            after = end + (words[end : end + 1] in (("a",), ("an",)))
            sign = -1 if words[max(at - 1, 0)] in ("minus", "negative", "-") else 1
            yield sign * value, set(range(at, end)), {*stems[max(at - 2, 0) : at], *stems[after : after + 1]}
        at = end


def _converted(value: Decimal, own: Set[str], told: Set[str]) -> Decimal | None:
    """Change minutes into seconds and so on; None where the one measure is no measure of the other."""
    if not own or not told or own & told:
        return value
    ours, theirs = min(own), min(told)
    if (ours in _OF_TIME) != (theirs in _OF_TIME):
        return None
    return value * Decimal(_MEASURES[theirs]) / Decimal(_MEASURES[ours])


def _truth(filling: _Filling, parameter: _Parameter) -> _Found:
    words = filling.heard.words
    for at, stem in enumerate(filling.heard.stems):
        if stem in parameter.stems:
            return words[max(at - 1, 0)] not in ("no", "without", "off"), {at}
    switched = parameter.required or not _SWITCHED.isdisjoint(parameter.words)
    found = ((_SWITCHES[word], {at}) for at, word in enumerate(words) if switched and word in _SWITCHES)
    return next(found, None)


def _string(filling: _Filling, parameter: _Parameter) -> _Found:
    """Take the words at the likeliest kind of place, there the first proper name before all else."""
    heard = filling.heard
    for starts in _starts(filling, parameter):
        spans = (_span(filling, start, stops) for start, stops in starts)
        meant = [span for span in spans if _is_meant(filling, parameter, *span)]
        if meant:
            start, end = min(meant, key=lambda span: not heard.is_name(span[0]))
            return heard.said(start, end), set(range(start, end))
    return None


def _starts(filling: _Filling, parameter: _Parameter) -> Iterator[list[tuple[int, frozenset[str]]]]:
    """Yield kinds of places where the value may begin, the likeliest first, with the words that end it."""
    heard, named, places = filling.heard, filling.named, range(len(filling.heard.words))
    own = [(at + 1, _BREAKS) for at in places if heard.stems[at] in parameter.stems and at not in named]
    for cues in parameter.cues:
        own += _after(filling, cues, _STOPS if cues in (_SAYING, _NAMED) else _BREAKS)
    own += [(at, _BREAKS - _WHEN) for at in places if heard.words[at] in _DAYS and _AT in parameter.cues]
    yield own
    if parameter.required or sum(each.kind == "string" for each in filling.parameters) == 1:
        yield _after(filling, _NAMED, _STOPS) + _after(filling, _ANY_CUE, _BREAKS)
    if parameter.required:
        yield [(at, _BREAKS | _STOP_WORDS) for at in places[1:] if heard.is_name(at)]
        first = next((at for at in places if heard.words[at] not in _POLITE), -1)
        yield [(at, _BREAKS) for at in places[first + 1 :] if first in named and at not in named][:1]


def _after(filling: _Filling, cues: Sequence[str], stops: frozenset[str]) -> list[tuple[int, frozenset[str]]]:
    words = filling.heard.words
    free = [at for at in range(len(words)) if at not in filling.used]
    return [(at + 1, stops) for cue in cues for at in free if words[at] == cue]


def _span(filling: _Filling, start: int, stops: frozenset[str]) -> tuple[int, int]:
    """Return from where to where a value reaches, articles and the like cut off at both ends."""
    words = filling.heard.words
    ends = (at for at in range(start, len(words)) if words[at] in stops or at in filling.used)
    end = next(ends, len(words))
    kept = [at for at in range(start, end) if words[at] not in _TRIMMED] or [end]
    return kept[0], min(kept[-1] + 1, end)


def _is_meant(filling: _Filling, parameter: _Parameter, start: int, end: int) -> bool:
    words = filling.heard.words[start:end]
    if _AT in parameter.cues:
        return not _STOP_WORDS.issuperset(words) or not _DAYS.isdisjoint(words)
    told = not (_STOP_WORDS | _WHEN).issuperset(words) and not filling.named.issuperset(range(start, end))
    return told and read_number(words, 0) is None


_KINDS = _NUMERIC | _set("enum boolean string")
_FILLERS: dict[frozenset[str], Callable[[_Filling, _Parameter], _Found]] = {
    frozenset({"enum"}): _choice,
    _NUMERIC: _number,
    frozenset({"boolean"}): _truth,
    frozenset({"string"}): _string,
}
