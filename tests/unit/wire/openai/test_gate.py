"""One answer at a time, and at most one owed."""

from s2s.items import JSON
from s2s.wire.openai.gate import TAG, Ask, Gate
from s2s.wire.openai.messages import ResponseCancel, ResponseWishes, WireResponse


def ask(origin: JSON = "application", **wishes: JSON) -> Ask:
    return Ask(ResponseWishes(**wishes), origin)


def begun(name: str, response_id: str = "r1", **fields: JSON) -> WireResponse:
    return WireResponse(id=response_id, conversation_id="conv_1", metadata={TAG: name}, **fields)


def by_itself(response_id: str = "r1") -> WireResponse:
    return WireResponse(id=response_id, conversation_id="conv_1")


def test_what_is_wanted_is_asked_for_at_once_where_nothing_is_being_given() -> None:
    (asked,) = Gate(tags=True).want(ask(instructions="Be brief."))
    assert asked.event_id == "create_1"
    assert asked.response == ResponseWishes(instructions="Be brief.", metadata={TAG: "create_1"})


def test_the_metadata_of_the_application_goes_along() -> None:
    (asked,) = Gate(tags=True).want(ask(metadata={"topic": "mood"}))
    assert asked.response is not None
    assert asked.response.metadata == {"topic": "mood", TAG: "create_1"}


def test_a_service_that_gives_no_metadata_back_is_not_given_any() -> None:
    gate = Gate(tags=False)
    (asked,) = gate.want(ask())
    assert asked.response is None
    found = gate.created(WireResponse(id="r1"))
    assert found is not None
    assert found.origin == "application"


def test_while_an_answer_is_asked_for_or_given_the_next_one_is_owed_once() -> None:
    gate = Gate(tags=True)
    gate.want(ask())
    assert gate.want(ask(instructions="one")) == []
    gate.created(begun("create_1"))
    assert gate.want(ask(instructions="two")) == []
    (paid,) = gate.done("r1")
    assert paid.response is not None
    assert paid.response.instructions == "two"
    gate.created(begun("create_2", "r2"))
    assert gate.done("r2") == []


def test_an_answer_that_the_service_began_by_itself_counts_too() -> None:
    gate = Gate(tags=True)
    assert gate.created(by_itself()) is None
    assert gate.active == "r1"
    assert gate.want(ask()) == []
    assert len(gate.done("r1")) == 1


def test_what_was_refused_for_an_answer_that_came_first_is_asked_for_after_it() -> None:
    gate = Gate(tags=True)
    gate.want(ask(instructions="mine"))
    gate.created(by_itself())
    assert gate.refused("create_1")
    (again,) = gate.done("r1")
    assert again.response is not None
    assert again.response.instructions == "mine"


def test_a_refusal_that_names_nobody_is_of_the_oldest() -> None:
    gate = Gate(tags=True)
    assert not gate.refused("")
    gate.want(ask())
    assert gate.refused("")
    assert len(gate.done("r0")) == 1


def test_a_commit_that_the_service_answered_itself_is_not_answered_twice() -> None:
    gate = Gate(tags=True)
    gate.want(Ask(ResponseWishes(), "user_turn", repeats=False))
    gate.created(by_itself())
    assert gate.refused("create_1")
    assert gate.done("r1") == []


def test_a_service_that_loses_metadata_does_not_jam_the_gate() -> None:
    gate = Gate(tags=True)
    gate.want(ask())
    assert gate.created(WireResponse(id="r1")) is None
    assert gate.want(ask(instructions="next")) == []
    (paid,) = gate.done("r1")
    assert paid.response is not None
    assert paid.response.instructions == "next"


def test_out_of_band_responses_pass_at_any_time() -> None:
    gate = Gate(tags=True)
    gate.created(by_itself())
    (aside,) = gate.want(ask("out_of_band", conversation="none"))
    found = gate.created(WireResponse(id="r2", conversation_id=None, metadata={TAG: aside.event_id}))
    assert found is not None
    assert found.origin == "out_of_band"
    assert gate.active == "r1"
    assert gate.done("r2") == []
    assert gate.active == "r1"


def test_an_answer_outside_of_the_conversation_that_nobody_asked_for_here_is_out_of_band() -> None:
    gate = Gate(tags=True)
    gate.created(by_itself())
    gate.done("r1")
    found = gate.created(WireResponse(id="r2", conversation_id=None))
    assert found is not None
    assert found.origin == "out_of_band"


def test_null_means_nothing_in_the_mouth_of_a_service_that_names_no_conversation() -> None:
    gate = Gate(tags=True)
    assert gate.created(WireResponse(id="r1", conversation_id=None)) is None
    assert gate.active == "r1"


def test_cancelling_names_the_response() -> None:
    gate = Gate(tags=True)
    gate.created(by_itself())
    assert gate.cancel(None, ["r1"]) == [ResponseCancel(response_id="r1")]
    assert gate.cancel("r1", ["r1"]) == [ResponseCancel(response_id="r1")]


def test_what_is_over_is_not_cancelled() -> None:
    gate = Gate(tags=True)
    assert gate.cancel("r1", []) == []
    assert gate.cancel(None, []) == []


def test_cancelling_takes_back_what_is_owed() -> None:
    gate = Gate(tags=True)
    gate.created(by_itself())
    gate.want(ask())
    gate.cancel(None, ["r1"])
    assert gate.done("r1") == []


def test_cancelling_an_out_of_band_response_leaves_what_is_owed() -> None:
    gate = Gate(tags=True)
    gate.created(by_itself())
    gate.want(ask())
    assert gate.cancel("r2", ["r1", "r2"]) == [ResponseCancel(response_id="r2")]
    assert len(gate.done("r1")) == 1


def test_what_was_cancelled_before_it_began_is_known_when_it_begins() -> None:
    gate = Gate(tags=True)
    gate.want(ask())
    assert gate.cancel(None, []) == []
    found = gate.created(begun("create_1"))
    assert found is not None
    assert found.cancelled


def test_the_result_of_a_tool_waits_for_the_user_and_is_left_to_the_answer_that_comes() -> None:
    gate = Gate(tags=True)
    gate.user_began(answered=True)
    assert gate.want(ask("tool_result")) == []
    gate.user_ended()
    gate.created(by_itself())
    assert gate.done("r1") == []


def test_an_answer_that_is_asked_for_while_the_user_speaks_is_asked_for() -> None:
    gate = Gate(tags=True)
    gate.user_began(answered=True)
    assert len(gate.want(ask())) == 1


def test_what_is_owed_is_covered_by_the_answer_to_the_user() -> None:
    gate = Gate(tags=True)
    gate.created(by_itself())
    gate.want(ask())
    gate.user_began(answered=True)
    assert gate.done("r1") == []


def test_what_is_owed_stays_owed_where_the_user_is_not_answered() -> None:
    gate = Gate(tags=True)
    gate.created(by_itself())
    gate.want(ask())
    gate.user_began(answered=False)
    assert len(gate.done("r1")) == 1


def test_what_the_service_will_not_give_makes_room_for_the_next() -> None:
    gate = Gate(tags=True)
    gate.want(ask())
    gate.want(ask(instructions="next"))
    assert len(gate.failed("create_1")) == 1
    assert gate.failed("create_1") == []
