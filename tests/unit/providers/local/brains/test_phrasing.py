import pytest

from s2s.providers.local.brains.phrasing import listing, plain, quoted, sentence


def test_names_become_words() -> None:
    assert plain("get_weather-now") == "get weather now"


@pytest.mark.parametrize(
    ("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_listed(words: list[str], text: str) -> None:
    assert listing(words) == text


def test_a_sentence_has_a_capital_and_an_end() -> None:
    assert sentence(" it is sunny") == "It is sunny."
    assert sentence("Is it?") == "Is it?"
    assert sentence("word " * 1_000).endswith("word, and there is more.")


def test_a_quotation_has_no_end_and_no_quotes_of_its_own() -> None:
    assert quoted('I like "trains".') == "I like trains"
    assert quoted("word " * 1_000).endswith("word and so on")
    assert len(quoted("x" * 1_000)) < 400
