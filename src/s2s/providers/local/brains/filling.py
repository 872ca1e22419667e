"""Fills a tool's parameters from an utterance: choices first, then numbers, switches, and texts last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias

from s2s.items import JSON
from s2s.providers.local.brains.measures import MEASURES, converted
from s2s.providers.local.brains.numerals import read_number
from s2s.providers.local.brains.parameters import NUMERIC, Parameter, parameters_of
from s2s.providers.local.brains.utterance import ASIDES, STOP_WORDS, Utterance, stem, word_set, words_of_name
from s2s.tools import ToolSpec

_SWITCHES = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
_SWITCHED = word_set("on enabled enable state active power switch value")

_SAYING = ("saying", "says", "say", "that", "about", "to")
_NAMED = ("called", "named", "titled", "labeled")
_AT = ("on", "at", "for", "by")
_CUES = {
    **dict.fromkeys(word_set("text message body content note"), _SAYING),
    **dict.fromkeys(word_set("name title label"), _NAMED),
    **dict.fromkeys(word_set("query topic subject term keyword question"), ("about", "for", "on")),
    **dict.fromkeys(word_set("to destination target recipient receiver contact person"), ("to", "for")),
    **dict.fromkeys(word_set("from origin source departure"), ("from",)),
    **dict.fromkeys(word_set("date day when time"), _AT),
}
_ANY_CUE = ("in", "at", "for", "of", "to", "from", "about", "on", "with", "into", "near")
_DAYS = word_set(
    "today tomorrow tonight now monday tuesday wednesday thursday friday saturday sunday next this"
)
_WHEN = _DAYS | word_set("the morning afternoon evening weekend week month year later soon moment on at in")
_STOPS = frozenset(".!?")
_BREAKS = _STOPS | word_set(", ; and please saying says that") | _DAYS | {*_ANY_CUE, *_NAMED} - {"of"}
_TRIMMED = word_set(", the a an my some is of it's please thanks thank you um uh to in at for")
_POLITE = ASIDES | word_set("can could would will you")

_Found: TypeAlias = tuple[JSON, Iterable[int]]
"""A parameter's value and the places of the words that it was made of."""
_Start: TypeAlias = tuple[int, frozenset[str]]
"""Where a value may begin, and the words that end it."""


class Filling:
    """Values for one tool's parameters, and which words they used up.

    Parameters that are `known` already, or not spoken of, get no value.
    """

    def __init__(self, utterance: Utterance, tool: ToolSpec, known: Collection[str] = ()) -> None:
        self.utterance = utterance
        self.parameters = parameters_of(tool)
        self.values: dict[str, JSON] = {}
        self.used: set[int] = set()
        name = set(map(stem, words_of_name(tool.name)))
        self.named = {at for at, each in enumerate(utterance.stems) if each in name}
        for kinds, fill in _FILLERS:
            for parameter in self.parameters:
                wanted = parameter.kind in kinds and parameter.name not in known
                if wanted and (found := fill(self, parameter)):
                    self.values[parameter.name] = found[0]
                    self.used.update(found[1])

    def reply_to(self, asked: Parameter) -> None:
        """Take all that was said for this parameter, if it wants words and nothing better was found."""
        if asked.kind != "string" or (asked.name in self.values and _SAYING not in _cues(asked)):
            return
        self.used.clear()
        start, end = _span(self, 0, _STOPS)
        if start < end:
            self.values[asked.name] = self.utterance.said(start, end)


def _choice(filling: Filling, parameter: Parameter) -> _Found | None:
    """Find the enum value with most words in the utterance, of equals the earliest."""
    stems, found = filling.utterance.stems, dict[tuple[int, int], _Found]()
    for value in parameter.choices:
        wanted = tuple(map(stem, words_of_name(str(value))))
        for at in range(len(stems) - len(wanted) + 1):
            places = range(at, at + len(wanted))
            if wanted and stems[at : places.stop] == wanted and filling.used.isdisjoint(places):
                found.setdefault((-len(wanted), at), (value, places))
    return found[min(found)] if found else None


def _number(filling: Filling, parameter: Parameter) -> _Found | None:
    """Take the number beside the parameter's name or measure, else the first that is beside no other's."""
    spare: _Found | None = None
    others = [each.stems for each in filling.parameters if each.kind in NUMERIC and each is not parameter]
    for told, places, beside in _numbers(filling):
        value = converted(told, parameter.stems, beside)
        if value is None:
            continue
        whole = value == value.to_integral_value()
        if parameter.kind == "integer" and not whole:
            continue
        found = (int(value) if whole else float(value)), places
        if beside & parameter.stems:
            return found
        if spare is None and not any(beside & stems for stems in others):
            spare = found
    return spare


def _numbers(filling: Filling) -> Iterator[tuple[Decimal, range, set[str]]]:
    """Yield each free number, its places, and the stems of the words around it."""
    words, stems, at = filling.utterance.words, filling.utterance.stems, 0
    while at < len(words):
        number = read_number(words, at)
        if number is None and words[at] in ("a", "an") and not MEASURES.isdisjoint(stems[at + 1 : at + 2]):
            number = Decimal(1), at + 1
        value, end = number or (None, at + 1)
        if value is not None and at not in filling.used:
            after = end + (words[end : end + 1] in (("a",), ("an",)))
            sign = -1 if words[max(at - 1, 0)] in ("minus", "negative", "-") else 1
            yield sign * value, range(at, end), {*stems[max(at - 2, 0) : at], *stems[after : after + 1]}
        at = end


def _switch(filling: Filling, parameter: Parameter) -> _Found | None:
    """Take a word of the parameter's name for yes, and on or off for a parameter that is such a switch."""
    words = filling.utterance.words
    for at, each in enumerate(filling.utterance.stems):
        if each in parameter.stems:
            return words[max(at - 1, 0)] not in ("no", "without", "off"), {at}
    switched = parameter.required or not _SWITCHED.isdisjoint(parameter.words)
    found = ((_SWITCHES[word], {at}) for at, word in enumerate(words) if switched and word in _SWITCHES)
    return next(found, None)


def _text(filling: Filling, parameter: Parameter) -> _Found | None:
    """Take the words at the likeliest kind of place, there the first proper name before all else."""
    utterance = filling.utterance
    for starts in _starts(filling, parameter):
        spans = (_span(filling, start, stops) for start, stops in starts)
        meant = [span for span in spans if _is_meant(filling, parameter, *span)]
        if meant:
            start, end = min(meant, key=lambda span: not utterance.is_name(span[0]))
            return utterance.said(start, end), range(start, end)
    return None


def _starts(filling: Filling, parameter: Parameter) -> Iterator[list[_Start]]:
    """Yield kinds of places where the value may begin, the likeliest first."""
    utterance, named, cues = filling.utterance, filling.named, _cues(parameter)
    words, places = utterance.words, range(len(utterance.words))
    own = [(at + 1, _BREAKS) for at in places if utterance.stems[at] in parameter.stems and at not in named]
    for each in cues:
        own += _after(filling, each, _STOPS if each in (_SAYING, _NAMED) else _BREAKS)
    own += [(at, _BREAKS - _WHEN) for at in places if words[at] in _DAYS and _AT in cues]
    yield own
    if parameter.required or sum(each.kind == "string" for each in filling.parameters) == 1:
        yield _after(filling, _NAMED, _STOPS) + _after(filling, _ANY_CUE, _BREAKS)
    if parameter.required:
        yield [(at, _BREAKS | STOP_WORDS) for at in places[1:] if utterance.is_name(at)]
        first = next((at for at in places if words[at] not in _POLITE), -1)
        yield [(at, _BREAKS) for at in places[first + 1 :] if first in named and at not in named][:1]


def _cues(parameter: Parameter) -> list[tuple[str, ...]]:
    return [_CUES[word] for word in parameter.words if word in _CUES]


def _after(filling: Filling, cues: Sequence[str], stops: frozenset[str]) -> list[_Start]:
    words = filling.utterance.words
    free = [at for at in range(len(words)) if at not in filling.used]
    return [(at + 1, stops) for cue in cues for at in free if words[at] == cue]


def _span(filling: Filling, start: int, stops: frozenset[str]) -> tuple[int, int]:
    """Return from where to where a value reaches, articles and the like cut off at both ends."""
    words = filling.utterance.words
    ends = (at for at in range(start, len(words)) if words[at] in stops or at in filling.used)
    end = next(ends, len(words))
    kept = [at for at in range(start, end) if words[at] not in _TRIMMED]
    return (kept[0], kept[-1] + 1) if kept else (end, end)


def _is_meant(filling: Filling, parameter: Parameter, start: int, end: int) -> bool:
    words = filling.utterance.words[start:end]
    if _AT in _cues(parameter):
        return not STOP_WORDS.issuperset(words) or not _DAYS.isdisjoint(words)
    told = not (STOP_WORDS | _WHEN).issuperset(words) and not filling.named.issuperset(range(start, end))
    return told and read_number(words, 0) is None


_FILLERS: tuple[tuple[frozenset[str], Callable[[Filling, Parameter], _Found | None]], ...] = (
    (word_set("enum"), _choice),
    (NUMERIC, _number),
    (word_set("boolean"), _switch),
    (word_set("string"), _text),
)
