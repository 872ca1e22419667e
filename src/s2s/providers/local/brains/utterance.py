"""An utterance as words: in lower case and stemmed, each with its place in the text."""

from __future__ import annotations

import re

import msgspec

_WORD = re.compile(
    r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|[.,;:!?]|(?<!\w)-(?=[0-9])"
)
_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_ENDINGS = (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", ""))


def word_set(words: str) -> frozenset[str]:
    """Return the words of this line."""
    return frozenset(words.split())


def word_map(pairs: str) -> dict[str, str]:
    """Return what "key=value key=value" says."""
    return dict(pair.split("=", 1) for pair in pairs.split())


SYNONYMS = word_map(
    "go=move going=move drive=move walk=move forwards=forward straight=forward back=backward"
    " backwards=backward reverse=backward metre=meter metres=meter foot=feet rain=weather raining=weather"
    " forecast=weather lamp=light remind=reminder"
)
STOP_WORDS = word_set(
    "a an the this that these those some any my your our his her its their i you he she it we they me him"
    " us them is are was were be been am do does did have has had can could will would shall should may"
    " might must what what's whats who which when where why how and or but if so as at by for from in into"
    " of off on onto to with about up down out over than then there here please thanks thank okay ok hey hi"
    " hello um uh well just now like tell give let let's want wanna need i'd i'm i'll you're it's that's"
    " kindly today tomorrow tonight yesterday morning afternoon evening later again maybe going looking know"
    " sure yes yeah"
)
ASIDES = word_set("hello hi hey okay ok so well um uh yes yeah and but please now then robot computer , .")
"""What people say before they come to the point."""


class Utterance(msgspec.Struct, frozen=True):
    """What somebody said; `spans`, `words` and `stems` have an entry for each word and punctuation mark."""

    text: str
    spans: tuple[tuple[int, int], ...]
    words: tuple[str, ...]
    stems: tuple[str, ...]

    def said(self, start: int, end: int) -> str:
        """Return these words as they stand in the text."""
        return self.text[self.spans[start][0] : self.spans[end - 1][1]]

    def is_name(self, at: int) -> bool:
        """Whether this word looks like a proper name."""
        return self.text[self.spans[at][0]].isupper() and self.words[at] not in STOP_WORDS


def utterance_of(text: str) -> Utterance:
    """Take the text apart."""
    found = tuple(_WORD.finditer(text))
    words = tuple(each[0].lower().replace("\u2019", "'").replace(",", "") or "," for each in found)
    return Utterance(text, tuple(each.span() for each in found), words, tuple(map(stem, words)))


def stem(word: str) -> str:
    """Return what a lower-case word has in common with its other forms and its synonyms."""
    word = SYNONYMS.get(word.removesuffix("'s"), word.removesuffix("'s"))
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word.removesuffix(ending) + instead
    return word


def words_of_name(name: str) -> tuple[str, ...]:
    """Split snake_case, camelCase and plain text into lower-case words."""
    return tuple(word.lower() for word in _NAME_WORD.findall(name))
