"""What the service owes an answer to."""

from s2s.items import Message
from s2s.wire.nova.asks import Ask, Asks

HI, BYE = Message("user", "Hi."), Message("user", "Bye.")
HIDDEN = Ask("tool_result", wanted="hidden")


def written(*asks: Ask) -> Asks:
    made = Asks()
    for each in asks:
        made.write(each)
    return made


def is_due(asks: Asks) -> bool:
    return asks.due


def test_a_question_is_its_words_or_a_nudge() -> None:
    assert Ask("application", said=(HI, Message("user", " "), BYE)).words == "Hi.\nBye."
    assert Ask("application").words == "Go on."


def test_questions_are_asked_one_by_one() -> None:
    first, second = Ask("application", {"n": "1"}, (HI,)), Ask("application", {"n": "2"}, (BYE,))
    asks = written(first, second)
    assert asks.next() is first
    assert not is_due(asks)
    assert asks.take("user_turn") is first
    assert is_due(asks)
    assert asks.next() is second
    assert not asks.none
    assert asks.take("user_turn") is second
    assert asks.none


def test_where_nothing_was_asked_the_origin_is_another() -> None:
    assert Asks().take("continuation") == Ask("continuation")


def test_an_answer_that_is_hidden_holds_nothing_up_and_does_not_outlive_a_question() -> None:
    asks = written(Ask("application", said=(HI,)))
    asks.put(HIDDEN)
    assert (asks.expected, asks.wanted, is_due(asks)) == (True, False, True)
    asks.next()
    assert asks.take("user_turn").said == (HI,)
    assert not asks.expected


def test_as_many_answers_are_hidden_as_nobody_wants() -> None:
    asks = Asks()
    asks.put(HIDDEN)
    asks.put(HIDDEN)
    assert [asks.take("user_turn").wanted for _ in range(3)] == ["hidden", "hidden", "heard"]


def test_a_user_who_speaks_is_answered_whatever_was_not_wanted_before() -> None:
    asks = written(Ask("application", said=(HI,)))
    asks.next()
    asks.unwant()
    asks.put(HIDDEN)
    asks.noticed()
    assert asks.none


def test_what_nobody_wants_ends_though_a_tool_is_answered() -> None:
    asks = written(Ask("application", said=(HI,)))
    asks.next()
    asks.unwant()
    asks.put(Ask("tool_result"))
    assert [asks.take("user_turn").wanted for _ in range(2)] == ["ended", "heard"]


def test_what_was_written_is_known_again_once() -> None:
    asks = written(Ask("application", said=(HI, BYE)))
    assert not asks.echoed("Hi. Bye.")
    asks.next()
    assert asks.echoed(" Hi.  Bye.")
    assert not asks.echoed("Hi. Bye.")


def test_after_the_answer_has_begun_nothing_is_known_again() -> None:
    asks = written(Ask("application", said=(HI,)))
    asks.next()
    asks.take("user_turn")
    assert not asks.echoed("Hi.")


def test_what_nobody_wants_ends_as_it_begins_or_is_not_asked() -> None:
    asks = written(Ask("application", said=(HI,)), Ask("application", said=(BYE,)))
    asks.next()
    assert asks.unwant() == [BYE]
    assert not is_due(asks)
    assert asks.take("user_turn").wanted == "ended"
    assert asks.none


def test_what_has_no_answer_is_asked_again_before_all_else() -> None:
    spoken = Message("user", "Aloud.")
    asks = written(Ask("application", said=(HI,)), Ask("application", said=(BYE,)))
    asks.next()
    assert [*asks.again(spoken)] == [HI, spoken]
    assert [asks.next().said, asks.drop(), asks.next().said, asks.drop(), asks.next().said] == [
        (HI,),
        True,
        (spoken,),
        True,
        (BYE,),
    ]


def test_what_nobody_wants_is_not_asked_again() -> None:
    asks = written(Ask("application", said=(HI,)))
    asks.next()
    asks.unwant()
    assert [*asks.again(None)] == []
    asks.put(HIDDEN)
    assert [*asks.again(None)] == []
    assert asks.none


def test_it_is_full_at_some_time() -> None:
    asks = Asks()
    for _ in range(64):
        assert not asks.full
        asks.write(Ask("application"))
    assert asks.full
