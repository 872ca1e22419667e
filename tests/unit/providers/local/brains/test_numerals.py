from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.numbers import in_words

from s2s.providers.local.brains.numerals import read_number, say_number


@given(st.integers(0, 10**15 - 1))
@example(100_005)
def test_number_words_are_read(number: int) -> None:
    words = in_words(number).split()
    assert read_number(words, 0) == (Decimal(number), len(words))


@pytest.mark.parametrize(
    ("words", "value", "end"),
    [
        ("three point oh five meters", "3.05", 4),
        ("point five", "0.5", 2),
        ("two point twenty five", "2.25", 4),
        ("1.5 million people", "1500000", 2),
        ("half a mile", "0.5", 1),
        ("two thousand and five", "2005", 4),
        ("five zero", "5", 1),
        ("two million three million", "2000000", 2),
    ],
)
def test_spoken_forms_of_numbers_are_read(words: str, value: str, end: int) -> None:
    found = read_number(words.split(), 0)
    assert found is not None
    assert (Fraction(found[0]), found[1]) == (Fraction(value), end)


@pytest.mark.parametrize(
    "words", ["", "and five", "meters", "a mile", "minus five", "hundred", "point", "point .5"]
)
def test_other_words_are_no_number(words: str) -> None:
    assert read_number(words.split(), 0) is None


def test_a_decimal_behind_a_point_is_not_a_digit_of_it() -> None:
    assert read_number(["two", "point", "1.0"], 0) == (Decimal(2), 1)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("0", "0"),
        ("84.000", "84"),
        ("1234567.5", "1,234,567.5"),
        ("-3", "minus 3"),
        ("0.125", "0.125"),
        ("3.33333333333", "about 3.3333"),
        ("-0.66666666666", "about minus 0.6667"),
        ("6e18", "6 times 10 to the power of 18"),
        ("-0.000125", "minus 1.25 times 10 to the power of minus 4"),
        ("999999999999999", "999,999,999,999,999"),
    ],
)
def test_a_number_is_said_so_that_a_voice_reads_it_well(value: str, says: str) -> None:
    assert say_number(Decimal(value)) == says
