import pytest

from s2s.cli.asking.standing import Floor, Standing
from s2s.events import (
    AudioOutput,
    Event,
    Reconnected,
    Reconnecting,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    TurnEnd,
)

ONSET, END = SpeechStarted("u1", 0), SpeechStopped("u1", 900)
SAID, UNSAID = Transcript("hello", "u1", final=True), Transcript("", "u1", final=True)
ANSWER, OVER = ResponseStarted("r1"), TurnEnd("hello", "hi", "hi", "completed")


def after(*events: Event) -> Standing:
    floor = Floor()
    for event in events:
        floor.standing = floor.after(event)
    return floor.standing


@pytest.mark.parametrize(
    ("events", "standing"),
    [
        ((), Standing.IDLE),
        ((ONSET,), Standing.USER),
        ((ONSET, Transcript("hel", "u1")), Standing.USER),
        ((ONSET, END), Standing.AGENT),
        ((ONSET, END, UNSAID), Standing.IDLE),
        ((ONSET, END, SAID, ANSWER), Standing.AGENT),
        ((ONSET, END, SAID, ANSWER, OVER), Standing.IDLE),
        ((ONSET, END, SAID, ANSWER, ONSET, OVER), Standing.USER),
        ((ONSET, END, ANSWER, OVER, SAID), Standing.IDLE),
    ],
    ids=["start", "onset", "partial", "end", "no words", "answer", "over", "barge-in", "late transcript"],
)
def test_the_turn_goes_back_and_forth(events: tuple[Event, ...], standing: Standing) -> None:
    assert after(*events) is standing


AWAY, BACK = Reconnecting("the line is dead", 1), Reconnected("replayed")


@pytest.mark.parametrize(
    ("events", "standing"),
    [
        ((AWAY,), Standing.AWAY),
        ((AWAY, AWAY), Standing.AWAY),
        ((AWAY, BACK), Standing.IDLE),
        ((ONSET, END, AWAY), Standing.AGENT),
        ((ONSET, END, AWAY, BACK), Standing.AGENT),
        ((ONSET, AWAY, BACK), Standing.USER),
    ],
    ids=["away", "still", "back", "owes", "owes still", "speaks still"],
)
def test_while_there_is_no_connection_nobody_owes_more_than_before(
    events: tuple[Event, ...], standing: Standing
) -> None:
    assert after(*events) is standing


def test_an_engine_that_tells_no_speech_owes_an_answer_once_it_has_words() -> None:
    assert after(Transcript("hel", "u1")) is Standing.AGENT
    assert after(Transcript("hel", "u1"), SAID, ANSWER, OVER, SAID) is Standing.IDLE


def test_an_engine_that_tells_nothing_of_the_user_owes_the_answer_that_it_begins() -> None:
    assert after(ANSWER, AudioOutput(b"", 24_000, "r1", "i1")) is Standing.AGENT
    assert after(ANSWER, OVER) is Standing.IDLE
