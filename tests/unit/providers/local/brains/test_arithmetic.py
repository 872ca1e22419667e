import re
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.effort import calls_made
from tests.support.numbers import in_words

from s2s.providers.local.brains.arithmetic import answer

_SPOKEN = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}


_RESULT = re.compile(
    r" is (?:about )?(minus )?([0-9,.]+?)(?: times 10 to the power of (minus )?([0-9]+))?\.$"
)


def value_of(sentence: str) -> Fraction:
    found = _RESULT.search(sentence)
    assert found, sentence
    exponent = int(found[4] or 0) * (-1 if found[3] else 1)
    return Fraction(found[2].replace(",", "")) * Fraction(10) ** exponent * (-1 if found[1] else 1)


@pytest.mark.parametrize(
    ("utterance", "says"),
    [
        ("what is twelve times seven", "Twelve times seven is 84."),
        ("What's 12 times 7?", "12 times 7 is 84."),
        ("What\u2019s 15 percent of 80?", "15 percent of 80 is 12."),
        ("What's 15% of $80?", "15 percent of 80 is 12."),
        ("2 + 2", "2 plus 2 is 4."),
        ("What is one hundred and five divided by four?", "One hundred and five divided by four is 26.25."),
        ("What's the square root of 81?", "Square root of 81 is 9."),
        ("cube root of minus 27", "Cube root of minus 27 is minus 3."),
        ("two to the power of ten", "Two to the power of ten is 1,024."),
        ("What is two to the tenth power?", "Two to the power of ten is 1,024."),
        ("2 to the 8th", "2 to the power of 8 is 256."),
        ("nine squared plus four cubed", "Nine squared plus four cubed is 145."),
        ("two plus three times four", "Two plus three times four is 14."),
        ("2 to the power of 3 to the power of 2", "2 to the power of 3 to the power of 2 is 512."),
        ("What is minus five plus three?", "Minus five plus three is minus 2."),
        ("ten minus minus three", "Ten minus minus three is 13."),
        ("three point one four times two", "Three point one four times two is 6.28."),
        ("0.1 plus 0.2", "0.1 plus 0.2 is 0.3."),
        ("one divided by three times three", "One divided by three times three is 1."),
        ("What is ten over three?", "Ten divided by three is about 3.3333."),
        ("How much is two and a half times four?", "Two and a half times four is 10."),
        ("a hundred minus one", "A hundred minus one is 99."),
        ("1,000 + 984", "1000 plus 984 is 1,984."),
        ("half of ten", "Half of ten is 5."),
        ("What's 80 plus 15 percent?", "80 plus 15 percent is 92."),
        ("Twenty-one times two.", "Twenty one times two is 42."),
        ("What's 12x7?", "12 times 7 is 84."),
        ("10 - 4", "10 minus 4 is 6."),
        ("add five and one hundred and five", "Five plus one hundred and five is 110."),
        ("Add one and two and three.", "One plus two plus three is 6."),
        ("subtract three from ten please", "Three subtracted from ten is 7."),
        ("multiply 6 by 7", "6 times 7 is 42."),
        ("Divide a hundred by eight.", "A hundred divided by eight is 12.5."),
        ("what is the sum of 2 times 3 and 4", "2 times 3 plus 4 is 10."),
        ("the difference between ten and four", "Ten minus four is 6."),
        ("2 million times 3 trillion", "2 million times 3 trillion is 6 times 10 to the power of 18."),
        ("1 divided by 8000", "1 divided by 8000 is 1.25 times 10 to the power of minus 4."),
        ("Hello. Hey, can you tell me what twelve times seven is?", "Twelve times seven is 84."),
    ],
)
def test_a_sum_is_answered(utterance: str, says: str) -> None:
    assert answer(utterance) == says


@pytest.mark.parametrize(
    ("utterance", "says"),
    [
        ("divide ten by zero", "I cannot divide by zero."),
        ("What is 1 over zero", "I cannot divide by zero."),
        ("what is zero divided by zero", "That has no answer among the real numbers."),
        ("square root of minus four", "That has no answer among the real numbers."),
        (
            "9 to the power of 9 to the power of 9 to the power of 9",
            "That number is too large for me to say.",
        ),
        ("999 trillion to the power of 999 trillion", "That number is too large for me to say."),
        ("ten to the power of minus two thousand", "That number is too small for me to say."),
    ],
)
def test_what_cannot_be_computed_is_said_so(utterance: str, says: str) -> None:
    assert answer(utterance) == says


@pytest.mark.parametrize(
    "utterance",
    [
        "",
        "I have two dogs over three years",
        "Call me at 555 1234.",
        "the one over there",
        "twelve times",
        "Two plus two equals four.",
        "I waited ten minutes and then one more.",
        "five",
        "minus five",
        "What is 50 percent?",
        "What is 2 * (3 + 4)?",
        "What is 2 plus \u00e9?",
        "My daughter is turning five on Friday.",
    ],
)
def test_other_speech_is_no_sum(utterance: str) -> None:
    assert answer(utterance) is None


numbers = st.integers(0, 9_999)
operations = st.sampled_from("+-*/")


@given(numbers, st.lists(st.tuples(operations, numbers), min_size=1, max_size=6), st.booleans())
def test_a_chain_equals_what_python_makes_of_it(
    first: int, rest: list[tuple[str, int]], digits: bool
) -> None:
    spell = str if digits else in_words
    spoken = " ".join([spell(first), *(f"{_SPOKEN[sign]} {spell(number)}" for sign, number in rest)])
    exact = "".join([f"Fraction({first})", *(f"{sign}Fraction({number})" for sign, number in rest)])
    says = answer(f"What is {spoken}?")
    assert says is not None
    try:
        expected = eval(exact, {"Fraction": Fraction})
    except ZeroDivisionError:
        assert says in ("I cannot divide by zero.", "That has no answer among the real numbers.")
    else:
        assert abs(value_of(says) - expected) <= max(abs(expected) * Fraction(1, 10**3), Fraction(1, 10**3))


fragments = st.sampled_from(
    str.split(
        "what is 9 99 trillion zero point one half a hundred and minus plus times x over by to the power of"
        " percent of squared cubed square root of cube root add subtract multiply divide sum of difference"
        " between from - + / * ^ % ** . , ? ' \u221a \u00b2 1e999 0.5 .5 5. twice negative million"
    )
)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=2_000), st.lists(fragments, max_size=400).map(" ".join)))
@example("add 1 and " * 200)
@example("\u221a" * 5_000)
@example("1+" * 5_000)
@example("minus " * 1_000)
@example("9" * 10_000 + " plus 1")
@example("what is " + "9 to the power of " * 30 + "9")
@example("add 1 and 2 point 1.0")
@example(("add " + "and 1 " * 29 + "and. ") * 20)
def test_no_input_raises_or_is_much_work(text: str) -> None:
    says: list[str | None] = []
    assert calls_made(lambda: says.append(answer(text))) < 500_000
    assert says == [None] or str(says[0]).endswith(".")
