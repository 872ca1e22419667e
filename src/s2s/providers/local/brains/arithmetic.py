"""Spoken sums: found in what somebody said and answered in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import DivisionByZero, InvalidOperation, Overflow, Underflow

from s2s.providers.local.brains.expressions import Expression
from s2s.providers.local.brains.numerals import say_number

_LONGEST_UTTERANCE = 1_000
_LONGEST_SENTENCE = 60

_WORD = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+|[a-z_']+|[^\s.,:$\"\u20ac\u00a3]")
_SENTENCE_END = re.compile(r"[.?!;]+(?=\s|$)")
_ORDINALS = {
    **{"first": "one", "second": "two", "third": "three", "fourth": "four", "fifth": "five"},
    **{"sixth": "six", "seventh": "seven", "eighth": "eight", "ninth": "nine", "tenth": "ten"},
}


def _cardinal(ordinal: re.Match[str]) -> str:
    return f" to_the_power_of {_ORDINALS[ordinal[1]]} "


# One spelling for every way of saying an operation: expressions know single words only.
_SPELLINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[\u2019`]", "'"),
        (r"(?<=[0-9]),(?=[0-9]{3}\b)", ""),
        (r"(?<=[a-z])-(?=[a-z])", " "),
        (r"\*\*|\^", " to_the_power_of "),
        (r"\b(?:raised )?to the power(?: of)?\b", " to_the_power_of "),
        (rf"\b(?:raised )?to the ({'|'.join(_ORDINALS)})\b(?: power)?", _cardinal),
        (r"\b(?:raised )?to the ([0-9]+)(?:st|nd|rd|th)(?: power)?\b", r" to_the_power_of \1 "),
        (r"²", " squared "),
        (r"³", " cubed "),
        (r"√|\bsquare root(?: of)?\b", " square_root_of "),
        (r"\bcube root(?: of)?\b", " cube_root_of "),
        (r"\bhalf of\b", " half_of "),
        (r"\b(?:a|one) third of\b", " a_third_of "),
        (r"\b(?:a|one) quarter of\b", " a_quarter_of "),
        (r"(?:%|\bper ?cent) of\b", " percent_of "),
        (r"%|\bper cent\b", " percent "),
        (r"\u00d7|\*|\bmultiplied (?:by|with)\b|\bx\b|(?<=[0-9])x(?=[0-9])", " times "),
        (r"÷|/|\bdivided by\b|\bover\b", " divided_by "),
        (r"\b(?:sum|total) of\b", " sum_of "),
        (r"\bproduct of\b", " product_of "),
        (r"\bdifference (?:of|between)\b", " difference_between "),
        (r"\bsubtracted from\b", " subtracted_from "),
        (r"\btake away\b", " minus "),
        (r"\+|\badded to\b", " plus "),
        (r"[-\u2212\u2013]", " minus "),
    )
)  # fmt: skip
_QUESTION = re.compile(
    r"(?:what's|whats|what is|what are|what does|how much is|how much's|calculate|compute|evaluate|work out)"
    r"(?: the)?$"
)
_FILLERS = frozenset(
    _WORD.findall(
        "what what's whats is are how much many calculate compute evaluate tell me please can could you do"
        " does i know need want to the a result of answer equals equal work out so now okay ok hey hi hello"
        " um uh well then and give get would be will if for computer robot solve it's that's makes make"
    )
)
_VERBS: dict[str, tuple[frozenset[str], str]] = {
    "add": (frozenset({"and", "to"}), "plus"),
    "sum_of": (frozenset({"and"}), "plus"),
    "subtract": (frozenset({"from"}), "subtracted_from"),
    "difference_between": (frozenset({"and"}), "minus"),
    "multiply": (frozenset({"by", "and", "with"}), "times"),
    "product_of": (frozenset({"and"}), "times"),
    "divide": (frozenset({"by"}), "divided_by"),
}
_TROUBLE = {
    DivisionByZero: "I cannot divide by zero.",
    Overflow: "That number is too large for me to say.",
    Underflow: "That number is too small for me to say.",
    InvalidOperation: "That has no answer among the real numbers.",
}


def answer(utterance: str) -> str | None:
    """Return a sentence with the result of the sum that this utterance asks for; None where it asks for none.

    Never raises; what cannot be computed, such as a division by zero, has a sentence of its own.
    """
    for sentence in _SENTENCE_END.split(utterance[:_LONGEST_UTTERANCE].lower()):
        words = _WORD.findall(_spelled(sentence))
        if len(words) > _LONGEST_SENTENCE:
            continue
        for reading, start in _readings(words):
            if found := _found(reading, start):
                return found
    return None


def _spelled(sentence: str) -> str:
    for pattern, replacement in _SPELLINGS:
        sentence = pattern.sub(replacement, sentence)
    return sentence


def _readings(words: list[str]) -> Iterator[tuple[list[str], int]]:
    """Yield the words, then each way to read "add A and B" as "A plus B", the latest "and" first.

    With each comes the first place where the sum may begin.
    """
    yield words, 0
    at = next((at for at, word in enumerate(words) if word in _VERBS), None)
    if at is None:
        return
    joints, operation = _VERBS[words[at]]
    for joint in reversed(range(at + 2, len(words))):
        if words[joint] in joints:
            yield [*words[:at], *words[at + 1 : joint], operation, *words[joint + 1 :]], at
    yield words[:at] + [operation if word in joints else word for word in words[at + 1 :]], at


def _found(words: list[str], start: int) -> str | None:
    while start < len(words):
        sum_ = Expression(words, start)
        if sum_.operations and _is_asked(words[:start], words[sum_.at :]):
            return _sentence(words[start : sum_.at], sum_)
        start = max(sum_.at, start + 1)
    return None


def _is_asked(before: Sequence[str], after: Sequence[str]) -> bool:
    return bool(_QUESTION.search(" ".join(before))) or _FILLERS.issuperset((*before, *after))


def _sentence(words: Sequence[str], sum_: Expression) -> str:
    for trouble, says in _TROUBLE.items():
        if sum_.context.flags[trouble]:
            return says
    if sum_.value is None or not sum_.value.is_finite():
        return _TROUBLE[InvalidOperation]
    spoken = " ".join(words).replace("_", " ")
    return f"{spoken[0].upper()}{spoken[1:]} is {say_number(sum_.value)}."
