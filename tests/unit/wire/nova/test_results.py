"""What tools have returned."""

import pytest
from tests.support.nova import (
    HELLO,
    Client,
    Heard,
    answer,
    calls,
    error_of,
    kinds,
    plans,
    results,
    sent,
    texts,
    told,
    user,
)

from s2s.commands import AddItem, Cancel, CreateResponse, SendToolResult
from s2s.errors import LocalProtocolError
from s2s.events import ResponseStarted, ToolCall
from s2s.items import Message

RESULT = SendToolResult("t1", "12 degrees")
QUIET = SendToolResult("t1", "12 degrees", respond=False)
IN_WORDS = 'The result of weather({"city":"Bonn"}): 12 degrees'


def called(*others: str, generation: int = 2) -> Client:
    """Return a client that has been asked for this, and the response is over."""
    made = Client(generation=generation).ready()
    made.hears(calls(city="Bonn"), *(calls("news", each) for each in others))
    made.settles()
    return made


def origin(heard: Heard) -> str:
    return next(each.origin for each in heard if isinstance(each, ResponseStarted))


def test_a_result_is_a_block_of_its_own() -> None:
    made = called()
    assert results(made.says(RESULT)) == [("t1", {"result": "12 degrees"})]
    assert origin(made.hears(answer("Cold."))) == "tool_result"
    assert made.rules.broken == []


def test_a_call_is_answered_once() -> None:
    made = called()
    made.says(RESULT)
    heard = made.says(RESULT, SendToolResult("t9", "?"))
    assert sent(heard) == []
    assert all(isinstance(each.error, LocalProtocolError) for each in told(heard))
    assert len(heard) == 2


def test_an_error_is_told_as_one() -> None:
    made = called()
    heard = made.says(SendToolResult("t1", "no such city", is_error=True))
    assert results(heard) == [("t1", {"error": "no such city"})]


def test_what_nobody_wants_to_hear_of_waits_for_a_question() -> None:
    made = called()
    assert made.says(QUIET) == []
    assert (made.wire.patience_s, made.wire.idle) == (1.0, False)
    heard = made.says(CreateResponse(metadata={"n": "1"}))
    assert (results(heard), texts(heard)) == ([("t1", {"result": "12 degrees"})], [])
    (started, *_) = told(made.hears(answer()))
    assert (started.origin, started.metadata) == ("application", {"n": "1"})


def test_without_a_question_it_is_told_and_not_spoken_of() -> None:
    made = called()
    made.says(QUIET)
    assert results(made.settles()) == [("t1", {"result": "12 degrees"})]
    assert told(made.hears(answer())) == []
    assert origin(made.hears(answer())) == "user_turn"


def test_what_was_said_unheard_is_not_remembered() -> None:
    made = called()
    made.says(QUIET)
    made.settles()
    made.hears(answer("Cold."))
    assert texts(made.moves()) == [("USER", False, IN_WORDS)]


def test_a_question_in_words_goes_after_it() -> None:
    made = called()
    made.says(QUIET)
    heard = made.says(*HELLO)
    assert (len(results(heard)), texts(heard)) == (1, [("USER", True, "Hello.")])
    assert origin(made.hears(answer())) == "application"


def test_an_error_that_nobody_wants_to_hear_of_does_not_wait() -> None:
    made = called()
    assert results(made.says(SendToolResult("t1", "no", is_error=True, respond=False)))
    assert told(made.hears(answer())) == []


def test_a_user_who_speaks_is_answered_all_the_same() -> None:
    made = called()
    made.says(QUIET)
    made.settles()
    made.hears(user("And you?"))
    assert origin(made.hears(answer())) == "user_turn"


def test_where_somebody_waits_for_an_answer_none_is_hidden() -> None:
    made = called()
    made.says(QUIET)
    made.hears(user("And?"))
    made.settles()
    assert origin(made.hears(answer())) == "user_turn"


def test_while_other_calls_are_open_a_result_does_not_wait() -> None:
    made = called("t2")
    assert results(made.says(QUIET)) == [("t1", {"result": "12 degrees"})]
    assert origin(made.hears(plans("One moment."))) == "continuation"


def test_the_next_result_sends_the_one_that_waits() -> None:
    made = called()
    made.says(QUIET)
    made.hears(calls("news", "t2"))
    made.settles()
    assert [each for each, _ in results(made.says(SendToolResult("t2", "none")))] == ["t1", "t2"]


# Over another stream.


def test_a_call_of_another_stream_is_answered_in_words() -> None:
    made = called()
    assert texts(made.moves()) == [
        ("USER", False, 'weather({"city":"Bonn"}) was called and has not returned.')
    ]
    assert texts(made.says(RESULT)) == [("USER", True, IN_WORDS)]
    assert origin(made.hears(answer())) == "tool_result"


def test_in_words_it_waits_for_the_next_question_where_nobody_wants_to_hear_of_it() -> None:
    made = called()
    made.moves()
    assert made.says(QUIET) == []
    assert texts(made.says(*HELLO)) == [("USER", True, f"{IN_WORDS}\nHello.")]


def test_what_waited_as_the_stream_ended_is_said_in_words() -> None:
    made = called()
    made.says(QUIET)
    made.moves()
    assert made.wire.patience_s is None
    assert texts(made.says(*HELLO)) == [("USER", True, f"{IN_WORDS}\nHello.")]


def test_what_waited_as_the_stream_was_given_up_is_said_in_words() -> None:
    made = called("t2")
    made.says(SendToolResult("t2", "none"))
    made.hears(answer("None."))
    made.says(QUIET, Cancel(None, "reset"))
    assert sent(made.says(SendToolResult("t9", "?"))) == []
    made.moves()
    assert texts(made.says(*HELLO)) == [("USER", True, f"{IN_WORDS}\nHello.")]


def test_a_result_that_was_not_answered_is_told_again_in_words() -> None:
    made = called()
    made.says(RESULT)
    assert texts(made.moves()) == [("USER", True, IN_WORDS)]
    assert origin(made.hears(answer())) == "tool_result"


def test_a_result_that_was_answered_is_part_of_the_history() -> None:
    made = called()
    made.says(RESULT)
    made.hears(answer("Cold."))
    assert texts(made.moves()) == [("USER", False, IN_WORDS), ("ASSISTANT", False, "Cold.")]


def test_what_was_held_goes_with_it() -> None:
    made = called()
    made.moves()
    made.says(AddItem(Message("user", "By the way.")))
    assert texts(made.says(RESULT)) == [("USER", True, f"By the way.\n{IN_WORDS}")]


def test_a_call_without_a_name_is_answered_in_words() -> None:
    made = Client().ready()
    (_, call) = told(made.hears(calls(call_id="")))
    assert isinstance(call, ToolCall)
    made.settles()
    assert texts(made.says(SendToolResult(call.call.id, "12"))) == [
        ("USER", True, "The result of weather(): 12")
    ]


@pytest.mark.parametrize("respond", [True, False])
def test_the_first_generation_learns_of_it_with_the_history(respond: bool) -> None:
    made = called(generation=1)
    made.moves()
    assert made.says(SendToolResult("t1", "12 degrees", respond=respond)) == []
    assert texts(made.moves()) == [("USER", False, IN_WORDS)]
    assert made.wire.idle


def test_an_error_says_what_to_do() -> None:
    assert str(error_of(called().says(SendToolResult("t9", "?")))).endswith("by its call.id")
    assert kinds(called().says(SendToolResult("t9", "?"))) == ["error"]
