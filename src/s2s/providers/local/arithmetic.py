"""Spoken sums: found in what somebody said, computed with bounded decimals, answered in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow, Underflow
from typing import TypeAlias

_BOUNDS = Context(prec=40, Emax=999, Emin=-999, traps=[])
_LONGEST_SENTENCE = 60
_LONGEST_UTTERANCE = 1_000
_LONGEST_DIGITS = 30
_DIGITS = re.compile(r"[0-9]{0,15}\.?[0-9]{1,15}")

Binary: TypeAlias = Callable[[Context, Decimal, Decimal], Decimal]
Unary: TypeAlias = Callable[[Context, Decimal], Decimal]

_WORD = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+|[a-z_']+|[^\s.,:$\"\u20ac\u00a3]")
_UNITS = _WORD.findall(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_TENS = _WORD.findall("twenty thirty forty fifty sixty seventy eighty ninety")
_SMALL = {word: n for n, word in enumerate(_UNITS)}
_TEN = {word: 10 * n for n, word in enumerate(_TENS, 2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINALS = dict(
    zip(
        _WORD.findall("first second third fourth fifth sixth seventh eighth ninth tenth"),
        _UNITS[1:11],
        strict=True,
    )
)
_HALF = Decimal("0.5")


def _cardinal(ordinal: re.Match[str]) -> str:
    return f" to_the_power_of {_ORDINALS[ordinal[1]]} "


# One spelling for every way of saying an operation: what follows knows single words only.
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
_SENTENCE_END = re.compile(r"[.?!;]+(?=\s|$)")
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

_BETWEEN: dict[str, tuple[int, Binary]] = {
    "plus": (1, Context.add),
    "minus": (1, Context.subtract),
    "subtracted_from": (1, lambda c, a, b: c.subtract(b, a)),
    "times": (2, Context.multiply),
    "divided_by": (2, Context.divide),
    "percent_of": (2, lambda c, a, b: c.divide(c.multiply(a, b), 100)),
    "to_the_power_of": (4, Context.power),
}
_SUM, _POWER = 1, 4
_TINY, _HUGE = Decimal("0.001"), Decimal(10**15)
_BEFORE: dict[str, Unary] = {
    "minus": Context.minus,
    "negative": Context.minus,
    "square_root_of": Context.sqrt,
    "cube_root_of": lambda c, a: c.power(a.copy_abs(), c.divide(1, 3)).copy_sign(a),
    "half_of": lambda c, a: c.divide(a, 2),
    "a_third_of": lambda c, a: c.divide(a, 3),
    "a_quarter_of": lambda c, a: c.divide(a, 4),
    "twice": lambda c, a: c.multiply(a, 2),
}
_AFTER: dict[str, Unary] = {
    "percent": lambda c, a: c.divide(a, 100),
    "squared": lambda c, a: c.power(a, 2),
    "cubed": lambda c, a: c.power(a, 3),
}
_NO_STEP = {"minus", "negative", "percent"}
_VERBS: dict[str, tuple[set[str], str]] = {
    "add": ({"and", "to"}, "plus"),
    "sum_of": ({"and"}, "plus"),
    "subtract": ({"from"}, "subtracted_from"),
    "difference_between": ({"and"}, "minus"),
    "multiply": ({"by", "and", "with"}, "times"),
    "product_of": ({"and"}, "times"),
    "divide": ({"by"}, "divided_by"),
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


def read_number(words: Sequence[str], at: int) -> tuple[Decimal, int] | None:
    """Return the number, never negative, that begins at this lower-case word, and where its words end.

    Reads digits, number words up to trillions, "three point five", "two and a half", "1.5 million".
    """
    if _word(words, at) == "half":
        return _HALF, at + 1
    total, end, limit = Decimal(0), at, 10**15
    while limit > 1 and (group := _group(words, end + (end > at and _word(words, end) == "and"))):
        value, after = group
        scale = _SCALES.get(_word(words, after), 1)
        if (value := _BOUNDS.multiply(value, scale)) >= limit and total:
            break
        total, end, limit = _BOUNDS.add(total, value), after + (scale > 1), scale
    if end == at:
        return None
    if tuple(words[end : end + 3]) == ("and", "a", "half"):
        return _BOUNDS.add(total, _HALF), end + 3
    return total, end


def _word(words: Sequence[str], at: int) -> str:
    return words[at] if at < len(words) else ""


def _group(words: Sequence[str], at: int) -> tuple[Decimal, int] | None:
    """Read what may stand before "thousand": digits, or words below it, with decimals."""
    value, end = _below_hundred(words, at) or (Decimal(0), at)
    if end > at and _word(words, end) == "hundred":
        value, end = _BOUNDS.multiply(value, 100), end + 1
        rest = _below_hundred(words, end + (_word(words, end) == "and"))
        if rest and rest[0] < 100:
            value, end = _BOUNDS.add(value, rest[0]), rest[1]
    if _word(words, end) == "point" and (decimals := _decimals(words, end + 1)):
        value, end = _BOUNDS.add(value, Decimal(f"0.{decimals[0]}")), decimals[1]
    return (value, end) if end > at else None


def _below_hundred(words: Sequence[str], at: int) -> tuple[Decimal, int] | None:
    match _word(words, at):
        case "a" if _word(words, at + 1) == "hundred" or _word(words, at + 1) in _SCALES:
            return Decimal(1), at + 1
        case word if _DIGITS.fullmatch(word):
            return Decimal(word), at + 1
        case word if word in _SMALL:
            return Decimal(_SMALL[word]), at + 1
        case word if word in _TEN:
            unit = _SMALL.get(_word(words, at + 1), 0)
            return (Decimal(_TEN[word] + unit), at + 2) if 0 < unit < 10 else (Decimal(_TEN[word]), at + 1)
        case _:
            return None


def _decimals(words: Sequence[str], at: int) -> tuple[str, int] | None:
    digits = ""
    while len(digits) < _LONGEST_DIGITS:
        if _word(words, at) in ("oh", "o"):
            digits, at = digits + "0", at + 1
        elif (number := _below_hundred(words, at)) and number[0] == number[0].to_integral_value():
            digits, at = digits + str(number[0]), number[1]
        else:
            break
    return (digits, at) if digits else None


def _spelled(sentence: str) -> str:
    for pattern, replacement in _SPELLINGS:
        sentence = pattern.sub(replacement, sentence)
    return sentence


def _readings(words: list[str]) -> Iterator[tuple[list[str], int]]:
    """Yield the words, then each way to read "add A and B" as "A plus B", the latest "and" first.

    With each comes the first place where the sum may begin.
    """
    yield words, 0
    at = next((at for at, word in enumerate(words) if word in _VERBS), len(words))
    joints, operation = _VERBS.get(_word(words, at), (set(), ""))
    for joint in reversed(range(at + 2, len(words))):
        if words[joint] in joints:
            yield [*words[:at], *words[at + 1 : joint], operation, *words[joint + 1 :]], at
    if joints:
        yield words[:at] + [operation if word in joints else word for word in words[at + 1 :]], at


def _found(words: list[str], start: int) -> str | None:
    while start < len(words):
        reader = _Reader(words, start)
        value = reader.value()
        if value is not None and reader.steps and _is_asked(words[:start], words[reader.at :]):
            return _sentence(words[start : reader.at], value, reader.context)
        start = max(reader.at, start + 1)
    return None


def _is_asked(before: list[str], after: list[str]) -> bool:
    return bool(_QUESTION.search(" ".join(before))) or _FILLERS.issuperset(before + after)


class _Reader:
    """Reads and computes one sum by precedence climbing; `at` is where its words end."""

    def __init__(self, words: Sequence[str], at: int) -> None:
        self.words = words
        self.at = at
        self.steps = 0
        self.context = _BOUNDS.copy()

    def value(self, least: int = 0) -> Decimal | None:
        """Read operands joined by operations that bind at least this strongly."""
        left = self._operand()
        while left is not None:
            strength, operation = _BETWEEN.get(_word(self.words, self.at), (-1, Context.add))
            if strength < least:
                break
            start = self.at
            self.at += 1
            right = self.value(strength if strength == _POWER else strength + 1)
            if right is None:
                self.at = start
                break
            if strength == _SUM and self.words[self.at - 1] == "percent":
                right = self.context.multiply(left, right)
            left = operation(self.context, left, right)
            self.steps += 1
        return left

    def _operand(self) -> Decimal | None:
        start = self.at
        word = _word(self.words, start)
        if before := _BEFORE.get(word):
            self.at += 1
            inner = self.value(_POWER)
            if inner is None:
                self.at = start
                return None
            self.steps += word not in _NO_STEP
            return before(self.context, inner)
        number = read_number(self.words, start)
        if number is None:
            return None
        value, self.at = number
        while after := _AFTER.get(_word(self.words, self.at)):
            value = after(self.context, value)
            self.steps += self.words[self.at] not in _NO_STEP
            self.at += 1
        return value


def _sentence(words: list[str], value: Decimal, context: Context) -> str:
    for trouble, says in _TROUBLE.items():
        if context.flags[trouble]:
            return says
    if not value.is_finite():
        return _TROUBLE[InvalidOperation]
    sum_ = " ".join(words).replace("_", " ")
    return f"{sum_[0].upper()}{sum_[1:]} is {_spoken(value)}."


def _spoken(value: Decimal) -> str:
    """Write a result so that a voice reads it well: grouped digits, few decimals, "minus" as a word."""
    size = value.copy_abs()
    sign = "minus " if value < 0 else ""
    if size and not _TINY <= size < _HUGE:
        exponent = size.adjusted()
        mantissa = size.scaleb(-exponent, _BOUNDS)
        power = f"10 to the power of {'minus ' if exponent < 0 else ''}{abs(exponent)}"
        return f"{_rounded(mantissa, sign)} times {power}"
    return _rounded(size, sign)


def _rounded(size: Decimal, sign: str) -> str:
    exact = size.quantize(Decimal("1e-6"), context=_BOUNDS)
    if _BOUNDS.subtract(size, exact).copy_abs() < Decimal("1e-15"):
        return sign + _plain(exact)
    return f"about {sign}{_plain(size.quantize(Decimal('1e-4'), context=_BOUNDS))}"


def _plain(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
