"""What is owed an answer, and by what an answer is told to be one."""

from s2s.items import Message
from s2s.wire.gemini.asks import Ask, Asks

HELLO, MORE = Message("user", "Hello."), Message("user", "More.")


def asked(*waiting: Ask) -> Asks:
    asks = Asks()
    for each in waiting:
        asks.put(each)
    return asks


def due(asks: Asks) -> tuple[bool, bool]:
    return asks.due, asks.expected


def test_the_oldest_question_is_answered_first() -> None:
    first, second = Ask("application", {"n": "1"}), Ask("tool_result")
    asks = asked(first, second)
    assert asks.take(goes_on=False) is first
    assert asks.take(goes_on=True) is second
    assert not asks


def test_where_nothing_was_asked_it_is_the_user_who_is_answered() -> None:
    assert Asks().take(goes_on=False) == Ask("user_turn")


def test_while_calls_are_open_the_model_goes_on_unless_the_user_spoke() -> None:
    asks = Asks()
    assert asks.take(goes_on=True) == Ask("continuation")
    asks.noticed()
    assert asks.take(goes_on=True) == Ask("user_turn")
    assert asks.take(goes_on=True) == Ask("continuation")


def test_an_answer_must_come_to_a_question_and_to_speech_that_is_over() -> None:
    asks = Asks()
    assert due(asks) == (False, False)
    asks.noticed()
    assert due(asks) == (False, True)
    asks.turned()
    asks.noticed()
    assert due(asks) == (True, True)
    asks.answered()
    assert due(asks) == (False, False)
    asks.put(Ask("application"))
    assert due(asks) == (True, True)


def test_what_nobody_wants_ends_as_it_begins() -> None:
    asks = asked(Ask("application", {"n": "1"}, (HELLO,)))
    before = asks.missed
    asks.unwant()
    assert [before, asks.missed] == [True, False]
    assert asks.said == []
    assert asks.take(goes_on=False).wanted == "ended"


def test_what_nobody_wants_and_did_not_come_is_forgotten() -> None:
    wanted = Ask("application")
    for forget in (Asks.passed, Asks.turned):
        asks = asked(Ask("tool_result", wanted="hidden"), wanted, Ask("application", wanted="ended"))
        forget(asks)
        assert len(asks) == 1
        assert asks.take(goes_on=False) is wanted


def test_who_speaks_is_not_left_without_an_answer_for_one_that_was_to_be_hidden() -> None:
    asks = asked(Ask("tool_result", wanted="hidden"), Ask("application", wanted="ended"))
    asks.noticed()
    assert asks.take(goes_on=False).wanted == "ended"
    assert not asks


def test_a_question_of_the_user_is_none_of_ours() -> None:
    assert not asked(Ask("user_turn")).ours
    assert asked(Ask("user_turn"), Ask("tool_result")).ours


def test_over_another_connection_everything_is_asked_once_and_together() -> None:
    asks = asked(
        Ask("user_turn"),
        Ask("application", {"n": "1"}, (HELLO,)),
        Ask("tool_result", wanted="hidden"),
        Ask("application", {"n": "2"}, (MORE,)),
    )
    again = Ask("application", {"n": "2"}, (HELLO, MORE))
    assert asks.again() == again
    assert len(asks) == 1
    assert asks.take(goes_on=False) == again


ALOUD = Ask("user_turn", said=None)


def test_what_the_user_spoke_is_asked_again_in_its_words() -> None:
    for asks in (asked(ALOUD), asked()):
        asks.turned()
        assert asks.spoken(HELLO)
        assert asks.again() == Ask("user_turn", said=(HELLO,))
        assert asks.spoken(HELLO)
        assert asks.again() == Ask("user_turn", said=(HELLO,))


def test_what_was_asked_of_it_is_not_forgotten() -> None:
    asks = asked(Ask("application", {"n": "1"}, None))
    assert asks.spoken(HELLO)
    assert asks.again() == Ask("application", {"n": "1"}, (HELLO,))


def test_what_the_user_spoke_and_nobody_understood_is_heard_again_after_what_is_asked() -> None:
    typed = Ask("application", {"n": "1"}, (HELLO,))
    asks = asked(Ask("application", said=None), typed, Ask("application", said=None, wanted="ended"))
    assert not asks.spoken(None)
    assert asks.again() == typed
    assert [asks.take(goes_on=False) for _ in range(len(asks))] == [typed, Ask("application", said=None)]


def test_or_it_is_lost() -> None:
    asks = asked(ALOUD, Ask("application", said=(HELLO,), wanted="ended"))
    asks.turned()
    assert not asks.spoken(None)
    asks.unheard()
    assert asks.again() is None
    assert not asks
    assert not asks.expected


def test_words_that_are_asked_anyway_are_asked_once() -> None:
    typed = Ask("application", said=(HELLO,))
    asks = asked(ALOUD, typed)
    assert asks.spoken(HELLO)
    assert asks.again() == typed


def test_words_that_may_be_late_or_that_nobody_wants_answered_are_not_asked() -> None:
    asks = asked(Ask("user_turn", said=None, wanted="ended"))
    asks.noticed()
    assert asks.spoken(HELLO)
    assert asks.again() is None
    assert asks.spoken(None)
