from s2s.commands import SendToolResult
from s2s.items import ToolResult
from s2s.wire.openai.answers import Answers


def answered(answers: Answers, *call_ids: str) -> list[str]:
    return [told.call_id for call_id in call_ids for told in answers.answer(SendToolResult(call_id, "out"))]


def asked(*call_ids: str, response_id: str = "r1") -> Answers:
    answers = Answers()
    for call_id in call_ids:
        answers.asked(response_id, call_id)
    return answers


def test_results_are_told_in_the_order_of_the_calls() -> None:
    answers = asked("a", "b", "c")
    assert answered(answers, "c") == []
    assert answered(answers, "a") == ["a"]
    assert answered(answers, "b") == ["b", "c"]


def test_calls_of_other_responses_do_not_wait_for_each_other() -> None:
    answers = asked("a")
    answers.asked("r2", "b")
    assert answered(answers, "b", "a") == ["b", "a"]


def test_a_response_that_begins_gets_to_know_what_is_known() -> None:
    answers = asked("slow", "fast")
    assert answered(answers, "fast") == []
    assert [each.call_id for each in answers.release()] == ["fast"]
    assert answers.release() == []
    assert answered(answers, "slow") == ["slow"]


def test_a_result_to_a_call_of_another_connection_is_told_at_once() -> None:
    told = Answers().answer(SendToolResult("old", "out", is_error=True))
    assert told == [ToolResult("old", "out", is_error=True)]
