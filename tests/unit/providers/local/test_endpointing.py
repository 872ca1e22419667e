import pytest

from s2s.config import TurnDetection
from s2s.providers.local.endpointing import Endpointing, endpointing_for

COMPLETE, BRIEF, INCOMPLETE = 160.0, 320.0, 800.0


@pytest.mark.parametrize(
    ("text", "hold_ms"),
    [
        ("What is the time in London?", COMPLETE),
        ("Who are you talking to?", COMPLETE),
        ("What is that good for?", COMPLETE),
        ("Please turn the light off.", COMPLETE),
        ("Stop it right now!", COMPLETE),
        ('She said "I will be there."', COMPLETE),
        ("(Not that it matters now.)", COMPLETE),
        ("I'm not sure I'm done.", COMPLETE),
        ("Yes.", BRIEF),
        ("Thank you.", BRIEF),
        ("Who are you?", BRIEF),
        ("Let me see...", INCOMPLETE),
        ("Well, let me see..", INCOMPLETE),
        ("I would like a table for.", INCOMPLETE),
        ("I would like to book the.", INCOMPLETE),
        ("And then we went home and.", INCOMPLETE),
        ("What I want to do is, um.", INCOMPLETE),
        ("Is it a cat or?", INCOMPLETE),
        ("Do you know when?", COMPLETE),
        ("I would like a table", INCOMPLETE),
        ("I would like a table,", INCOMPLETE),
        ("There are three things:", INCOMPLETE),
        ("That was good \u2014", INCOMPLETE),
        ("...", INCOMPLETE),
        ("?", INCOMPLETE),
        ("", INCOMPLETE),
        ("   ", INCOMPLETE),
    ],
)
def test_the_words_decide_how_much_silence_ends_a_turn(text: str, hold_ms: float) -> None:
    assert Endpointing().hold_ms(text) == hold_ms


@pytest.mark.parametrize("text", ["What is the time in London?", "Yes.", "I would like a", ""])
@pytest.mark.parametrize("silence_ms", [0, 40, 300, 2_000])
def test_a_fixed_silence_ends_any_turn(text: str, silence_ms: int) -> None:
    assert endpointing_for(TurnDetection(silence_ms=silence_ms)).hold_ms(text) == silence_ms


@pytest.mark.parametrize("silence_ms", [0, 40, 300, 2_000])
def test_guessing_never_begins_after_a_fixed_silence(silence_ms: int) -> None:
    assert endpointing_for(TurnDetection(silence_ms=silence_ms)).guess_ms == min(64, silence_ms)


def test_a_turn_that_ended_by_a_fixed_silence_is_not_reopened() -> None:
    assert endpointing_for(TurnDetection(silence_ms=300)).reopen_ms == 0


def test_the_less_eager_the_longer_the_silence() -> None:
    by_eagerness = [endpointing_for(TurnDetection(eagerness=each)) for each in ("high", "medium", "low")]
    for text in ("What is the time in London?", "Yes.", "I would like a"):
        holds = [each.hold_ms(text) for each in by_eagerness]
        assert holds == sorted(holds)
        assert len(set(holds)) == 3


def test_by_itself_the_engine_is_as_eager_as_it_can_be() -> None:
    assert endpointing_for(TurnDetection()) == endpointing_for(TurnDetection(eagerness="high"))


@pytest.mark.parametrize("eagerness", ["high", "medium", "low", "auto"])
def test_no_silence_that_ends_a_turn_is_shorter_than_the_one_that_begins_a_guess(eagerness: str) -> None:
    made = endpointing_for(TurnDetection(eagerness=eagerness))  # type: ignore[arg-type]  # one of the four
    assert made.guess_ms <= made.complete_ms <= made.brief_ms <= made.incomplete_ms
