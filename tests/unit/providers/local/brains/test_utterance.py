import pytest

from s2s.providers.local.brains.utterance import stem, utterance_of, words_of_name


def test_words_keep_their_places_in_the_text() -> None:
    said = utterance_of("Don\u2019t go to New York, 1,000.5 miles -5!")
    assert said.words == ("don't", "go", "to", "new", "york", ",", "1000.5", "miles", "-", "5", "!")
    assert said.said(3, 5) == "New York"
    assert said.said(0, 1) == "Don\u2019t"
    assert said.said(6, 7) == "1,000.5"


def test_a_proper_name_has_a_capital_and_is_no_common_word() -> None:
    said = utterance_of("The weather in Paris")
    assert [said.is_name(at) for at in range(4)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("words", "stemmed"),
    [
        ("light lights lighting lamp", "light"),
        ("move moved moving go drive's", "mov"),
        ("city cities", "city"),
        ("bus", "bus"),
        ("meter meters metres", "meter"),
        ("rain weather", "weather"),
    ],
)
def test_forms_and_synonyms_of_a_word_have_one_stem(words: str, stemmed: str) -> None:
    assert {stem(word) for word in words.split()} == {stemmed}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("turn_on_heating", ("turn", "on", "heating")),
        ("openGarageDoor", ("open", "garage", "door")),
        ("getHTTPStatus2", ("get", "http", "status", "2")),
        ("Set a timer.", ("set", "a", "timer")),
        ("", ()),
    ],
)
def test_a_name_is_split_however_it_is_written(name: str, words: tuple[str, ...]) -> None:
    assert words_of_name(name) == words
