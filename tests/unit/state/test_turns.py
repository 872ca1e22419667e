from s2s.events import ResponseDone, Timings, Tokens, Usage
from s2s.state.turns import Turns


def test_what_the_user_says_belongs_to_the_turn_that_answers_it() -> None:
    turns = Turns()
    turns.user_spoke("u1")
    turns.user_spoke("u1")
    turns.started("r1")
    turns.user_spoke("u2")
    assert (turns.turn.user_items, turns.coming.user_items) == (["u1"], ["u2"])


def test_a_second_response_of_a_turn_takes_nothing_new_into_it() -> None:
    turns = Turns()
    turns.started("r1")
    turns.done(ResponseDone("r1"))
    turns.user_spoke("u2")
    turns.started("r2")
    assert (turns.turn.responses, turns.turn.user_items, list(turns.open)) == (2, [], ["r2"])


def test_an_item_that_goes_on_belongs_to_both_turns() -> None:
    turns = Turns()
    turns.user_spoke("u")
    turns.started("r1")
    turns.user_spoke("u")
    assert turns.close().user_items == ["u"]
    turns.started("r2")
    assert turns.turn.user_items == ["u"]


def test_times_count_from_the_end_of_what_the_user_said() -> None:
    turns = Turns()
    turns.asked(10.0)
    turns.started("r")
    turns.text("a", 10.1)
    turns.audio("a", 10.25)
    turns.text("a", 10.3)
    turns.audio("a", 10.4)
    turns.done(ResponseDone("r", stages={"stt": 40.0}))
    assert turns.turn.timings(11.0) == Timings(250.0, 100.0, 1000.0, {"stt": 40.0})


def test_without_a_question_there_is_nothing_to_count_from() -> None:
    turns = Turns()
    turns.started("r")
    turns.audio("a", 10.25)
    assert turns.turn.timings(11.0) == Timings()


def test_the_usage_and_the_stages_of_a_turns_responses_come_together() -> None:
    turns = Turns()
    turns.started("r1")
    turns.done(ResponseDone("r1", usage=Usage(Tokens(1)), stages={"stt": 1.0, "tts": 2.0}))
    turns.started("r2")
    turns.done(ResponseDone("r2"))
    turns.started("r3")
    turns.done(ResponseDone("r3", "incomplete", Usage(Tokens(2)), stages={"tts": 3.0}))
    ended = turns.close()
    assert (ended.usage, ended.stages, ended.status) == (
        Usage(Tokens(3)),
        {"stt": 1.0, "tts": 3.0},
        "incomplete",
    )


def test_items_of_the_answer_are_listed_once_in_order() -> None:
    turns = Turns()
    turns.started("r")
    for item_id in ("a", "a", "b"):
        turns.audio(item_id, 0)
        turns.text(item_id, 0)
    assert turns.turn.agent_items == ["a", "b"]


def test_a_response_that_starts_is_owed_no_more() -> None:
    turns = Turns()
    turns.owed = True
    turns.started("r")
    assert turns.owed is False
    turns.owed = True
    turns.close()
    assert turns.owed is False
