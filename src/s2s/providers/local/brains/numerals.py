"""Numbers in speech: read from number words, and written so that a voice reads them well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Context, Decimal

DECIMALS = Context(prec=40, Emax=999, Emin=-999, traps=[])
"""Decimal arithmetic of bounded size, which never raises."""

_LONGEST_FRACTION = 30
_DIGITS = re.compile(r"[0-9]{0,15}\.?[0-9]{1,15}")
_UNITS = str.split(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_UNIT = {word: number for number, word in enumerate(_UNITS)}
_TENS = str.split("twenty thirty forty fifty sixty seventy eighty ninety")
_TEN = {word: 10 * number for number, word in enumerate(_TENS, 2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_BEYOND = 10**15
_HALF = Decimal("0.5")
_TINY, _HUGE = Decimal("0.001"), Decimal(_BEYOND)


def word_at(words: Sequence[str], at: int) -> str:
    """Return this word; nothing behind the last one."""
    return words[at] if at < len(words) else ""


def read_number(words: Sequence[str], at: int) -> tuple[Decimal, int] | None:
    """Return the number, never negative, that begins at this lower-case word, and where its words end.

    Reads digits, number words up to trillions, "three point five", "two and a half", "1.5 million".
    """
    if word_at(words, at) == "half":
        return _HALF, at + 1
    total, end, limit = Decimal(0), at, _BEYOND
    while limit > 1 and (group := _group(words, end + (end > at and word_at(words, end) == "and"))):
        value, after = group
        scale = _SCALES.get(word_at(words, after), 1)
        if (value := DECIMALS.multiply(value, scale)) >= limit and total:
            break
        total, end, limit = DECIMALS.add(total, value), after + (scale > 1), scale
    if end == at:
        return None
    if tuple(words[end : end + 3]) == ("and", "a", "half"):
        return DECIMALS.add(total, _HALF), end + 3
    return total, end


def say_number(value: Decimal) -> str:
    """Write a finite number: grouped digits, few decimals, "minus" as a word, "about" where it is rounded."""
    size = value.copy_abs()
    sign = "minus " if value < 0 else ""
    if not size or _TINY <= size < _HUGE:
        return _rounded(size, sign)
    exponent = size.adjusted()
    power = f"10 to the power of {'minus ' if exponent < 0 else ''}{abs(exponent)}"
    return f"{_rounded(size.scaleb(-exponent, DECIMALS), sign)} times {power}"


def _group(words: Sequence[str], at: int) -> tuple[Decimal, int] | None:
    """Read what may stand before "thousand": digits, or words below it, with decimals."""
    value, end = _below_hundred(words, at) or (Decimal(0), at)
    if end > at and word_at(words, end) == "hundred":
        value, end = DECIMALS.multiply(value, 100), end + 1
        rest = _below_hundred(words, end + (word_at(words, end) == "and"))
        if rest and rest[0] < 100:
            value, end = DECIMALS.add(value, rest[0]), rest[1]
    if word_at(words, end) == "point" and (fraction := _fraction(words, end + 1)):
        value, end = DECIMALS.add(value, fraction[0]), fraction[1]
    return (value, end) if end > at else None


def _below_hundred(words: Sequence[str], at: int) -> tuple[Decimal, int] | None:
    word, after = word_at(words, at), word_at(words, at + 1)
    if word == "a" and (after == "hundred" or after in _SCALES):
        return Decimal(1), at + 1
    if _DIGITS.fullmatch(word):
        return Decimal(word), at + 1
    if word in _UNIT:
        return Decimal(_UNIT[word]), at + 1
    if word in _TEN:
        unit = _UNIT.get(after, 0)
        return (Decimal(_TEN[word] + unit), at + 2) if 0 < unit < 10 else (Decimal(_TEN[word]), at + 1)
    return None


def _fraction(words: Sequence[str], at: int) -> tuple[Decimal, int] | None:
    """Read what stands behind "point": digits one by one, "oh" for a zero, or "twenty five"."""
    digits = ""
    while len(digits) < _LONGEST_FRACTION:
        if word_at(words, at) in ("oh", "o"):
            digits, at = digits + "0", at + 1
        elif (number := _below_hundred(words, at)) and "." not in words[at]:
            digits, at = digits + str(number[0]), number[1]
        else:
            break
    return (Decimal(f"0.{digits}"), at) if digits else None


def _rounded(size: Decimal, sign: str) -> str:
    exact = size.quantize(Decimal("1e-6"), context=DECIMALS)
    if DECIMALS.subtract(size, exact).copy_abs() < Decimal("1e-15"):
        return sign + _grouped(exact)
    return f"about {sign}{_grouped(size.quantize(Decimal('1e-4'), context=DECIMALS))}"


def _grouped(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
