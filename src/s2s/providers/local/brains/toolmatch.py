"""Chooses at most one tool for an utterance by its words.

All of it is tables and counting: the same utterance and tools give the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from s2s.items import JSON
from s2s.providers.local.brains.filling import Filling
from s2s.providers.local.brains.measures import MEASURES
from s2s.providers.local.brains.numerals import read_number
from s2s.providers.local.brains.parameters import FILLABLE, Parameter, parameters_of, question_for
from s2s.providers.local.brains.utterance import (
    ASIDES,
    STOP_WORDS,
    SYNONYMS,
    stem,
    utterance_of,
    word_map,
    word_set,
    words_of_name,
)
from s2s.tools import ToolSpec

_SENTENCE = re.compile(r"(?:[^.!?]|[.!?](?!\s|$))+")
_LONGEST = 400
_MOST_SENTENCES = 20
_ENOUGH = 3.0
_FOREIGN, _FOREIGN_UNNAMED = 0.66, 0.25

_OPPOSITES = word_map("on=off up=down open=close start=stop lock=unlock add=remove enable=disable")
_OPPOSITES |= {other: one for one, other in _OPPOSITES.items()}
_WEAK = STOP_WORDS | word_set("get set make find show check turn look read run start stop add new call send")
_REFUSALS = word_set("don't dont not never didn't doesn't won't shouldn't can't cannot")
_TELLING = word_set("i i'm i've i'll i'd we we're he she they it it's that that's this my his her why who")
_PAST = word_set("did was were had")
_REQUESTING = word_set("want need would like i'd please")


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
    said = utterance_of(whole)
    if not _REFUSALS.isdisjoint(said.words):
        return None
    best, most = None, 0.0
    for part in (said, *map(utterance_of, _SENTENCE.findall(whole)[:_MOST_SENTENCES])):
        for tool in tools:
            filling = Filling(part, tool)
            score = _score(filling, tool)
            if score >= _ENOUGH and score > most and (found := _match(filling, tool)):
                best, most = found, score
    return best


def completed(found: Match, reply: str) -> Match:
    """Return the match with what is missing filled from the reply to its `question`."""
    filling = Filling(utterance_of(reply[:_LONGEST]), found.tool, found.arguments)
    filling.reply_to(_asked(found))
    arguments = {**found.arguments, **filling.values}
    return Match(found.tool, arguments, tuple(name for name in found.missing if name not in arguments))


def question(found: Match) -> str:
    """Return the question for the first parameter that is missing."""
    return question_for(_asked(found))


def _asked(found: Match) -> Parameter:
    return next(each for each in parameters_of(found.tool) if each.name == found.missing[0])


def _match(filling: Filling, tool: ToolSpec) -> Match | None:
    """Return what was found, or None where no question could find the rest."""
    missing = [each for each in filling.parameters if each.required and each.name not in filling.values]
    found = Match(tool, filling.values, tuple(each.name for each in missing))
    return found if FILLABLE.issuperset(each.kind for each in missing) else None


def _score(filling: Filling, tool: ToolSpec) -> float:
    """Weigh the evidence: words of the tool's name, then its enum values, then its description."""
    said, name = filling.utterance, words_of_name(tool.name)
    opposed = any(_OPPOSITES.get(word) in said.words and word not in said.words for word in name)
    if opposed or _is_telling(said.words):
        return 0.0
    strong = {stem(word) for word in name if word not in _WEAK}
    weak = {stem(word) for word in name} - strong
    topics = {stem(word) for word in words_of_name(tool.description) if word not in _WEAK} - strong - weak
    heard = zip(said.words, said.stems, strict=True)
    by_name = sum({each: 2 if word in SYNONYMS else 3 for word, each in heard if each in strong}.values())
    if _foreign(filling, strong | weak | topics) > (_FOREIGN if by_name else _FOREIGN_UNNAMED):
        return 0.0
    by_weak = len(weak.intersection(said.stems)) * (1.0 if strong else _ENOUGH / max(len(name), 1))
    by_topic = min(len(topics.intersection(said.stems)), 3)
    filled = [each for each in filling.parameters if each.name in filling.values]
    by_choice = 2 * sum(each.kind == "enum" for each in filled)
    by_value = any(each.kind != "enum" and each.required for each in filled)
    return by_name + by_weak + by_topic + by_choice + by_value


def _foreign(filling: Filling, known: set[str]) -> float:
    """Return the share of the meaningful words that have nothing to do with the tool."""
    words, stems = filling.utterance.words, filling.utterance.stems
    known = known.union(MEASURES, *(each.stems for each in filling.parameters))
    content = [at for at, word in enumerate(words) if word not in _WEAK and word[0].isalpha()]
    content = [at for at in content if read_number(words, at) is None]
    foreign = [at for at in content if at not in filling.used and stems[at] not in known]
    return len(foreign) / max(len(content), 1)


def _is_telling(words: Sequence[str]) -> bool:
    """Whether these words report, or ask about the past, rather than ask for something."""
    start = next((at for at, word in enumerate(words) if word not in ASIDES), 0)
    past = not _PAST.isdisjoint(words[start : start + 3])
    begins = past or not _TELLING.isdisjoint(words[start : start + 1])
    return begins and _REQUESTING.isdisjoint(words[start : start + 4])
