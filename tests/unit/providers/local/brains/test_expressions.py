from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow, Underflow

import pytest

from s2s.providers.local.brains.expressions import Expression


@pytest.mark.parametrize(
    ("words", "value", "operations"),
    [
        ("five", "5", 0),
        ("minus five", "-5", 0),
        ("15 percent", "0.15", 0),
        ("two plus three times four", "14", 2),
        ("ten minus three minus two", "5", 2),
        ("2 to_the_power_of 3 to_the_power_of 2", "512", 2),
        ("minus 2 squared", "-4", 1),
        ("square_root_of 9 plus 16", "19", 2),
        ("80 plus 15 percent", "92", 1),
        ("80 times 15 percent", "12", 1),
        ("three subtracted_from ten", "7", 1),
        ("twice twenty one", "42", 1),
        ("half_of ten squared", "50", 2),
    ],
)
def test_a_sum_is_computed_by_the_usual_precedence(words: str, value: str, operations: int) -> None:
    sum_ = Expression(words.split(), 0)
    assert sum_.value == Decimal(value)
    assert (sum_.operations, sum_.at) == (operations, len(words.split()))


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ("one plus two and three", 0, 3),
        ("one plus and", 0, 1),
        ("one plus minus", 0, 1),
        ("so one times two", 1, 4),
        ("so one", 0, 0),
        ("square_root_of apples", 0, 0),
        ("one", 1, 1),
    ],
)
def test_it_ends_where_its_words_end(words: str, start: int, end: int) -> None:
    sum_ = Expression(words.split(), start)
    assert sum_.at == end
    assert (sum_.value is None) == (start == end)


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        ("one divided_by zero", DivisionByZero),
        ("square_root_of minus four", InvalidOperation),
        ("9 to_the_power_of 9 to_the_power_of 9", Overflow),
        ("ten to_the_power_of minus two thousand", Underflow),
    ],
)
def test_what_cannot_be_computed_raises_a_flag(words: str, trouble: type[ArithmeticError]) -> None:
    sum_ = Expression(words.split(), 0)
    raised = {flag for flag, is_up in sum_.context.flags.items() if is_up}
    assert raised & {DivisionByZero, InvalidOperation, Overflow, Underflow} == {trouble}


def test_one_sum_leaves_no_flag_to_the_next() -> None:
    Expression(["one", "divided_by", "zero"], 0)
    sum_ = Expression(["one", "plus", "one"], 0)
    assert not any(sum_.context.flags.values())
