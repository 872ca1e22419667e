from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.providers.local.clauses import Clauses, speakable

WORDS = st.sampled_from(
    [
        "Yes",
        "no",
        "Dr",
        "3.14",
        "U.S",
        "e.g",
        "well",
        "1",
        "2",
        "**bold**",
        "`code`",
        "# Title",
        "https://a.b/c",
        "\u20ac5",
        "\n",
        " ",
        "",
    ]
)
MARKS = st.sampled_from(
    [
        ". ",
        "! ",
        "? ",
        "... ",
        "\u2026 ",
        ", ",
        "; ",
        ": ",
        " - ",
        " \u2014 ",
        "\n\n",
        " ",
        ".",
        ",",
        '." ',
        "  ",
        "x" * 90,
    ]
)
TEXT = st.one_of(
    st.text(max_size=400),
    st.lists(st.tuples(WORDS, MARKS), max_size=60).map(lambda pairs: "".join(map("".join, pairs))),
)


def whole(text: str) -> list[str]:
    clauses = Clauses()
    return clauses.push(text) + clauses.flush()


def by_letter(text: str) -> list[str]:
    clauses = Clauses()
    return [piece for letter in text for piece in clauses.push(letter)] + clauses.flush()


@given(TEXT, st.lists(st.integers(0, 400), max_size=8))
def test_no_letter_is_lost_wherever_the_text_was_cut_into_deltas(text: str, cuts: list[int]) -> None:
    clauses = Clauses()
    ends = sorted({0, *(min(cut, len(text)) for cut in cuts), len(text)})
    pieces = [piece for a, b in pairwise(ends) for piece in clauses.cut(text[a:b])]
    assert text.startswith("".join(pieces))
    assert all(0 < len(piece) <= 300 for piece in pieces)
    rest = text[len("".join(pieces)) :]
    assert len(rest) <= 300
    assert clauses.flush() == [said for said in [speakable(rest)] if said]


@given(TEXT)
def test_the_pieces_do_not_depend_on_the_deltas(text: str) -> None:
    assert by_letter(text) == whole(text)


@pytest.mark.parametrize(
    "text",
    [
        "Pi is 3.14 and the total is 1,000.50 dollars.",
        "Dr. Smith met Mrs. Jones and Prof. Brown.",
        "We met at 5 p.m. on Jan. 5 at St. James.",
        "Take fruit, e.g. apples, i.e. Granny Smith.",
        "The U.S. Army read J. K. Rowling.",
        "See https://example.com/a.b?c=d,e and mail me.too@example.org now.",
        "It is 10:30, or 7.30 by Sue.",
        "See No. 5 on p. 12 of vol. 3.",
        "Well... maybe not\u2026 who knows.",
        '"Really?" she said.',
        "1. Buy milk",
    ],
)
def test_one_sentence_stays_whole(text: str) -> None:
    assert by_letter(text) == [text]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Sure! It is ten. Bye.", ["Sure! ", "It is ten. ", "Bye."]),
        ("The time is 5 p.m. Go home.", ["The time is 5 p.m. ", "Go home."]),
        ("So do I. No. Thanks.", ["So do I. ", "No. ", "Thanks."]),
        (
            'He said "No." Then he left. (Really.) Yes',
            ['He said "No." ', "Then he left. ", "(Really.) ", "Yes"],
        ),
        ("He waits... Then he goes.", ["He waits... ", "Then he goes."]),
        ("one line\nanother\n\nend", ["one line\n", "another\n\n", "end"]),
        ("", []),
        ("... \u2014 \U0001f600", []),
    ],
)
def test_sentences_are_cut(text: str, pieces: list[str]) -> None:
    assert by_letter(text) == pieces


def test_a_first_clause_is_spoken_before_its_sentence_ends_and_only_the_first() -> None:
    clauses = Clauses()
    opening = "After all that we have heard from the north of the country, "
    assert clauses.push(opening) == []
    assert clauses.push("one") == [opening]
    assert clauses.push(" thing, and this is a second clause of some length, and more, ") == []
    assert clauses.flush() == ["one thing, and this is a second clause of some length, and more, "]


@pytest.mark.parametrize("mark", [", ", "; ", ": ", " - ", " \u2013 ", " \u2014 ", "\u2014"])
def test_a_first_clause_ends_at_each_of_these(mark: str) -> None:
    text = "This is a beginning of more than forty letters" + mark
    assert whole(text + "and on") == [text, "and on"]
    assert whole("Short" + mark + "and on") == ["Short" + mark + "and on"]


def test_text_without_punctuation_is_spoken_in_bounded_pieces() -> None:
    pieces = whole("word " * 200)
    assert "".join(pieces) == "word " * 200
    assert all(len(piece) <= 300 for piece in pieces)
    assert all(piece.endswith("word ") for piece in pieces)
    assert [len(piece) for piece in whole("x" * 700)] == [300, 300, 100]


def test_a_long_sentence_is_cut_at_a_clause_if_it_has_one() -> None:
    pieces = whole("Yes. Now " + "words without a stop " * 10 + "here, " + "words without a stop " * 10)
    assert [piece.endswith(("here, ", "Yes. ")) for piece in pieces] == [True, True, False]


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Bold** and *slanted* and __both__ ~~gone~~", "Bold and slanted and both gone"),
        ("## Heading\n", "Heading\n"),
        ("- item `code`", "item code"),
        ("* item", "item"),
        ("> quoted", "quoted"),
        ("```python\n", ""),
        ("see [the page](https://example.com/a_b) now", "see the page now"),
        ("2 * 3 = 6 and 2*3", "2 * 3 = 6 and 2*3"),
        ("**3** apples", "3 apples"),
        ("snake_case, C# and #1", "snake_case, C# and #1"),
        ("---", ""),
        ("| a | b |", "a   b  "),
    ],
)
def test_markup_is_not_spoken(written: str, spoken: str) -> None:
    assert speakable(written) == spoken
