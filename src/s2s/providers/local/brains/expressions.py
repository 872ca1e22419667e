"""Computes a sum that is written word by word, with bounded decimals: "2 plus 3 times square_root_of 4"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from typing import TypeAlias

from s2s.providers.local.brains.numerals import DECIMALS, read_number, word_at

_Binary: TypeAlias = Callable[[Context, Decimal, Decimal], Decimal]
_Unary: TypeAlias = Callable[[Context, Decimal], Decimal]

_SUM, _PRODUCT, _POWER = 1, 2, 4
_BETWEEN: dict[str, tuple[int, _Binary]] = {
    "plus": (_SUM, Context.add),
    "minus": (_SUM, Context.subtract),
    "subtracted_from": (_SUM, lambda c, a, b: c.subtract(b, a)),
    "times": (_PRODUCT, Context.multiply),
    "divided_by": (_PRODUCT, Context.divide),
    "percent_of": (_PRODUCT, lambda c, a, b: c.divide(c.multiply(a, b), 100)),
    "to_the_power_of": (_POWER, Context.power),
}
_BEFORE: dict[str, _Unary] = {
    "minus": Context.minus,
    "negative": Context.minus,
    "square_root_of": Context.sqrt,
    "cube_root_of": lambda c, a: c.power(a.copy_abs(), c.divide(1, 3)).copy_sign(a),
    "half_of": lambda c, a: c.divide(a, 2),
    "a_third_of": lambda c, a: c.divide(a, 3),
    "a_quarter_of": lambda c, a: c.divide(a, 4),
    "twice": lambda c, a: c.multiply(a, 2),
}
_AFTER: dict[str, _Unary] = {
    "percent": lambda c, a: c.divide(a, 100),
    "squared": lambda c, a: c.power(a, 2),
    "cubed": lambda c, a: c.power(a, 3),
}
_NO_OPERATION = {"minus", "negative", "percent"}


class Expression:
    """Reads and computes by precedence climbing from word `at` on, which ends behind the last word used.

    `value` is None where no number begins there; else it may be infinite or no number, and the flags of
    `context` say why. `operations` counts what was computed: a plain number has none.
    """

    def __init__(self, words: Sequence[str], at: int) -> None:
        self.at = at
        self.operations = 0
        self.context = DECIMALS.copy()
        self.context.clear_flags()
        self._words = words
        self.value = self._read()

    def _read(self, least: int = 0) -> Decimal | None:
        """Read operands joined by operations that bind at least this strongly."""
        left = self._operand()
        while left is not None:
            strength, operation = _BETWEEN.get(word_at(self._words, self.at), (-1, Context.add))
            if strength < least:
                break
            start = self.at
            self.at += 1
            right = self._read(strength if strength == _POWER else strength + 1)
            if right is None:
                self.at = start
                break
            if strength == _SUM and self._words[self.at - 1] == "percent":
                right = self.context.multiply(left, right)
            left = operation(self.context, left, right)
            self.operations += 1
        return left

    def _operand(self) -> Decimal | None:
        start = self.at
        word = word_at(self._words, start)
        if before := _BEFORE.get(word):
            self.at += 1
            inner = self._read(_POWER)
            if inner is None:
                self.at = start
                return None
            self.operations += word not in _NO_OPERATION
            return before(self.context, inner)
        number = read_number(self._words, start)
        if number is None:
            return None
        value, self.at = number
        while after := _AFTER.get(word_at(self._words, self.at)):
            value = after(self.context, value)
            self.operations += self._words[self.at] not in _NO_OPERATION
            self.at += 1
        return value
